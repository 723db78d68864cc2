// What is written is read back; every kind of damage is refused, with its place.
#include "base/stream_file.h"

#include <gtest/gtest.h>

using namespace warren;

namespace {

struct Read {
    StreamHead head;
    std::vector<Bytes> items;
    std::string error;
};

Read read(ByteView file) {
    Read out;
    StreamDecoder decoder;
    while (!decoder.ended()) {
        auto left = file.subspan(static_cast<std::size_t>(decoder.offset()));
        if (left.size() < decoder.needs()) {
            out.error = decoder.truncated(left.size()).text;
            return out;
        }
        auto step = decoder.take(left.first(decoder.needs()));
        if (!step) {
            out.error = step.error().text;
            return out;
        }
        if (step->head) out.head = *step->head;
        for (auto item : step->items)
            out.items.push_back(to_bytes(item));
    }
    return out;
}

const std::vector<Bytes> first{{1, 2, 3}, {}, {4}};
const std::vector<Bytes> second{Bytes(1000, 7)};

Bytes sample() {
    StreamEncoder encoder;
    CommunityId community{{9, 8, 7}};
    auto out = encoder.head({StreamKind::Records, community, {5, 5}});
    append(out, encoder.block(first));
    append(out, encoder.block(second));
    append(out, encoder.tail());
    return out;
}

}  // namespace

TEST(StreamFile, IsReadBackAsItWasWritten) {
    auto back = read(sample());
    EXPECT_EQ(back.error, "");
    EXPECT_EQ(back.head.kind, StreamKind::Records);
    EXPECT_EQ(back.head.community, (CommunityId{{9, 8, 7}}));
    EXPECT_EQ(back.head.details, (Bytes{5, 5}));
    EXPECT_EQ(back.items, (std::vector<Bytes>{first[0], first[1], first[2], second[0]}));
}

TEST(StreamFile, BothSidesNameTheSameDigest) {
    auto file = sample();
    StreamEncoder encoder;
    (void)encoder.head({StreamKind::Records, CommunityId{{9, 8, 7}}, {5, 5}});
    (void)encoder.block(first);
    (void)encoder.block(second);
    StreamDecoder decoder;
    while (!decoder.ended()) {
        auto at = ByteView(file).subspan(static_cast<std::size_t>(decoder.offset()));
        ASSERT_TRUE(decoder.take(at.first(decoder.needs())));
    }
    EXPECT_EQ(decoder.digest(), encoder.digest());
    EXPECT_EQ(decoder.items(), 4u);
}

TEST(StreamFile, EveryTruncationIsRefusedWithItsPlace) {
    auto file = sample();
    for (std::size_t size = 0; size < file.size(); ++size) {
        auto back = read(ByteView(file).first(size));
        EXPECT_TRUE(back.error.starts_with("at byte " + std::to_string(size) + ": the file ends"))
            << size << " gave " << back.error;
    }
}

TEST(StreamFile, EveryFlippedByteIsRefused) {
    auto file = sample();
    for (std::size_t at = 0; at < file.size(); ++at) {
        auto bad = file;
        bad[at] ^= 0x20;
        EXPECT_NE(read(bad).error, "") << "byte " << at;
    }
}

TEST(StreamFile, SaysWhatItIsNot) {
    auto newer = sample();
    newer[9] = 2;
    EXPECT_EQ(read(newer).error, "at byte 0: version 2; this program reads version 1");
    EXPECT_EQ(read(Bytes(100, 'x')).error, "at byte 0: this is not a Warren stream file");
    auto kind = sample();
    kind[10] = 9;
    EXPECT_EQ(read(kind).error, "at byte 0: unknown kind 9");
}

TEST(StreamFile, BlocksLeftOutOrSwappedAreNoticed) {
    StreamEncoder encoder;
    auto head = encoder.head({});
    auto one = encoder.block(first);
    auto two = encoder.block(second);
    auto tail = encoder.tail();
    auto joined = [](std::initializer_list<Bytes> parts) {
        Bytes out;
        for (const auto& part : parts)
            append(out, part);
        return out;
    };
    EXPECT_EQ(read(joined({head, one, two, tail})).error, "");
    EXPECT_NE(read(joined({head, two, one, tail})).error, "");
    EXPECT_NE(read(joined({head, one, tail})).error.find("the tail counts 4 items"),
              std::string::npos);
}
