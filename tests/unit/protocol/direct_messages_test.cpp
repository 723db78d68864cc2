// Direct messages: one form each, all fields within their bounds.
#include "protocol/direct_messages.h"

#include <gtest/gtest.h>

namespace warren::protocol {
namespace {

TEST(DirectMessages, RoundTrip) {
    const Bytes piece(pair_piece_bytes, 7);
    PairRequest request{1, 60, {{5, {}}, 2, 3, piece}};
    request.piece.ref.id.bytes[1] = 9;
    const auto body = encode(request);
    const auto got = decode_pair_request(body);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(encode(*got), body);
    EXPECT_LE(body.size() + prefix_bytes + 1, overlay_datagram_bytes);
    for (const auto answer : {PairAnswer::Considered, PairAnswer::Signed, PairAnswer::Refused}) {
        PairReply reply{2, {}, answer, {}, {}};
        if (answer == PairAnswer::Signed) reply.signature.bytes[5] = 6;
        if (answer == PairAnswer::Refused) reply.reason = "no";
        const auto bytes = encode(reply);
        const auto back = decode_pair_reply(bytes);
        ASSERT_TRUE(back.ok());
        EXPECT_EQ(encode(*back), bytes);
        EXPECT_EQ(back->reason, reply.reason);
    }
    const auto letter = encode(Letter{{}, "text"});
    EXPECT_EQ(decode_letter(letter)->text, "text");
    const auto ack = encode(LetterReply{3, LetterAnswer::TooMany});
    EXPECT_EQ(decode_letter_reply(ack)->answer, LetterAnswer::TooMany);
}

TEST(DirectMessages, BoundsAreKept) {
    const Bytes piece(10, 7);
    const auto is_taken = [&](std::uint8_t index, std::uint8_t total, ByteView bytes) {
        return decode_pair_request(encode(PairRequest{1, 60, {{5, {}}, index, total, bytes}})).ok();
    };
    EXPECT_TRUE(is_taken(0, 1, piece));
    EXPECT_TRUE(is_taken(8, 9, piece));
    EXPECT_FALSE(is_taken(0, 0, piece));
    EXPECT_FALSE(is_taken(1, 1, piece));
    EXPECT_FALSE(is_taken(0, 10, piece));
    EXPECT_FALSE(is_taken(0, 1, {}));
    EXPECT_FALSE(is_taken(0, 1, Bytes(pair_piece_bytes + 1)));
    const std::string long_reason(pair_reason_bytes_max + 1, 'x');
    EXPECT_FALSE(
        decode_pair_reply(encode(PairReply{1, {}, PairAnswer::Refused, {}, long_reason})).ok());
    EXPECT_FALSE(decode_pair_reply(encode(PairReply{1, {}, PairAnswer::Refused, {}, "\xff"})).ok());
    for (auto bytes : {encode(PairReply{1, {}, PairAnswer::Signed, {}, {}}),
                       encode(LetterReply{1, LetterAnswer::Delivered})}) {
        bytes.push_back(0);
        EXPECT_FALSE(decode_pair_reply(bytes).ok());
        EXPECT_FALSE(decode_letter_reply(bytes).ok());
    }
    EXPECT_FALSE(decode_letter(encode(Letter{{}, ""})).ok());
    const std::string long_text(letter_text_bytes_max + 1, 'x');
    EXPECT_FALSE(decode_letter(encode(Letter{{}, long_text})).ok());
    EXPECT_FALSE(decode_letter(Bytes(20)).ok());
}

}  // namespace
}  // namespace warren::protocol
