// Hostile FlatBuffers: what verifies but expands, and what does not verify.
#include <gtest/gtest.h>

#include "ipc-schema/storage_generated.h"
#include "ipc-schema/torrent_generated.h"
#include "runtime/pipe/frame.h"

namespace warren::test {
namespace {

// A listing whose entries all point at one string: small on the wire, huge when copied out.
pipe::Frame alias_bomb(std::size_t string_bytes, std::size_t entries) {
    flatbuffers::FlatBufferBuilder builder;
    const auto shared = builder.CreateString(std::string(string_bytes, 'a'));
    std::vector<flatbuffers::Offset<ipc::storage::Channel>> channels;
    for (std::size_t i = 0; i < entries; ++i) {
        ipc::storage::ChannelBuilder channel(builder);
        channel.add_name(shared);
        channel.add_description(shared);
        channels.push_back(channel.Finish());
    }
    const auto body =
        ipc::storage::CreateListChannelsReply(builder, builder.CreateVector(channels));
    return pipe::finish(
        builder,
        ipc::storage::CreateAnswer(builder, ipc::storage::Reply::ListChannelsReply, body.Union()));
}

TEST(Frame, HonestBuffersPass) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<flatbuffers::Offset<ipc::storage::Channel>> channels;
    for (int i = 0; i < 100; ++i)
        channels.push_back(ipc::storage::CreateChannelDirect(
            builder, nullptr, ("channel " + std::to_string(i)).c_str()));
    const auto body =
        ipc::storage::CreateListChannelsReply(builder, builder.CreateVector(channels));
    const auto frame = pipe::finish(
        builder,
        ipc::storage::CreateAnswer(builder, ipc::storage::Reply::ListChannelsReply, body.Union()));
    EXPECT_NE(pipe::verified_root<ipc::storage::Answer>(frame), nullptr);
}

TEST(Frame, AliasBombIsRefused) {
    const auto bomb = alias_bomb(60'000, 500);
    EXPECT_LT(bomb.size(), 100'000u);
    flatbuffers::Verifier lenient(bomb.view().data(), bomb.size());
    EXPECT_TRUE(lenient.VerifyBuffer<ipc::storage::Answer>(nullptr))
        << "the bomb must verify, else this tests nothing";
    EXPECT_EQ(pipe::verified_root<ipc::storage::Answer>(bomb), nullptr);
}

TEST(Frame, TooManyTablesAreRefused) {
    EXPECT_EQ(pipe::verified_root<ipc::storage::Answer>(alias_bomb(1, 2000)), nullptr);
}

TEST(Frame, EveryTruncationIsRefusedOrHarmless) {
    const auto whole = alias_bomb(10, 3);
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto cut = pipe::Frame::copy_of(whole.view().first(length));
        if (const auto* root = pipe::verified_root<ipc::storage::Answer>(cut)) {
            EXPECT_LE(static_cast<unsigned>(root->body_type()), 255u);
        }
    }
    EXPECT_EQ(
        pipe::verified_root<ipc::storage::Answer>(pipe::Frame::copy_of(whole.view().first(8))),
        nullptr);
}

TEST(Frame, LongBytesTravelInPieces) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, pipe::piece_bytes_max,
                                   pipe::piece_bytes_max + 1, std::size_t{4} << 20}) {
        Bytes bytes(size);
        for (std::size_t i = 0; i < size; ++i)
            bytes[i] = static_cast<std::uint8_t>(i * 31 >> 8);
        pipe::Message message;
        pipe::add_blobs(message, bytes);
        EXPECT_EQ(message.blobs.size(), (size + pipe::piece_bytes_max - 1) / pipe::piece_bytes_max);
        for (const auto& blob : message.blobs)
            EXPECT_LE(blob.size(), pipe::piece_bytes_max);
        EXPECT_EQ(pipe::join_blobs(message.blobs), bytes);
    }
}

}  // namespace
}  // namespace warren::test
