// Properties of the IPv8 codecs: round trips, strictness, and sanity on any bytes.
#include "protocol/ipv8.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace warren::protocol {
namespace {

Endpoint random_endpoint(Random& random, Style style) {
    Endpoint out;
    out.v6 = style == Style::New && random.below(2) == 0;
    random.fill(std::span(out.address).first(out.v6 ? 16 : 4));
    out.port = static_cast<std::uint16_t>(random.next());
    return out;
}

PublicKey random_key(Random& random) {
    PublicKey out = random.id<PublicKey>();
    const auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), out.bytes.begin());
    return out;
}

Bytes random_bytes(Random& random, std::size_t count) {
    Bytes out(count);
    random.fill(out);
    return out;
}

TEST(Ipv8, RequestRoundTrips) {
    SeededRandom random(1);
    for (int i = 0; i < 2000; ++i) {
        const auto extra = random_bytes(random, random.below(20));
        IntroductionRequest message;
        message.style = random.below(2) == 0 ? Style::Old : Style::New;
        message.destination = random_endpoint(random, message.style);
        message.source_lan = random_endpoint(random, message.style);
        message.source_wan = random_endpoint(random, message.style);
        message.connection = ConnectionType::SymmetricNat;
        message.supports_new_style = random.below(2) == 0;
        message.advice = random.below(2) == 0;
        message.identifier = static_cast<std::uint16_t>(random.next());
        message.extra = extra;
        const auto bytes = encode(message);
        const auto got = decode_introduction_request(bytes, message.style);
        ASSERT_TRUE(got.ok());
        EXPECT_EQ(got->destination, message.destination);
        EXPECT_EQ(got->source_wan, message.source_wan);
        EXPECT_EQ(got->identifier, message.identifier);
        EXPECT_EQ(to_bytes(got->extra), extra);
        if (message.style == Style::Old) {
            EXPECT_EQ(got->connection, message.connection);
            EXPECT_EQ(got->supports_new_style, message.supports_new_style);
            EXPECT_EQ(got->advice, message.advice);
        } else {
            EXPECT_TRUE(got->supports_new_style);
        }
        EXPECT_EQ(encode(*got), bytes);
    }
}

TEST(Ipv8, NewStyleRequestSendsZeroFlags) {
    IntroductionRequest message;
    message.style = Style::New;
    EXPECT_EQ(encode(message).back(), 0);
}

TEST(Ipv8, EveryOldFlagByteIsWrittenBack) {
    for (unsigned flags = 0; flags < 256; ++flags) {
        Bytes request(21), response(33);
        request[18] = response[30] = static_cast<std::uint8_t>(flags);
        const auto a = decode_introduction_request(request, Style::Old);
        const auto b = decode_introduction_response(response, Style::Old);
        ASSERT_TRUE(a.ok() && b.ok());
        EXPECT_EQ(encode(*a), request);
        EXPECT_EQ(encode(*b), response);
    }
}

TEST(Ipv8, OldStyleCannotCarryIpv6) {
    Puncture message;
    message.second = Endpoint::parse("[2001:db8::1]:9").value();
    const auto got = decode_puncture(encode(message), Style::Old);
    ASSERT_TRUE(got.ok());
    EXPECT_TRUE(got->second.is_zero());
}

// Valid at its length, refused one byte shorter and one longer.
TEST(Ipv8, LengthsAreExact) {
    for (const auto style : {Style::Old, Style::New}) {
        Puncture puncture;
        puncture.style = style;
        PunctureRequest request;
        request.style = style;
        const auto a = Writer().bytes(encode(puncture)).u8(0).take();
        const auto b = Writer().bytes(encode(request)).u8(0).take();
        for (const std::size_t extra : {0u, 1u, 2u}) {
            const bool exact = extra == 1;
            EXPECT_EQ(decode_puncture(ByteView(a).first(a.size() - extra), style).ok(), exact);
            EXPECT_EQ(decode_puncture_request(ByteView(b).first(b.size() - extra), style).ok(),
                      exact);
        }
    }
    EXPECT_FALSE(decode_introduction_request(Bytes(20), Style::Old).ok());
    EXPECT_FALSE(decode_introduction_response(Bytes(32), Style::Old).ok());
}

TEST(Ipv8, HeaderBounds) {
    const auto packet = frame_bare({}, 9, Bytes(datagram_bytes_max - 23));
    EXPECT_TRUE(decode_header(packet).ok());
    EXPECT_FALSE(decode_header(frame_bare({}, 9, Bytes(datagram_bytes_max - 22))).ok());
    EXPECT_FALSE(decode_header(ByteView(packet).first(22)).ok());
    EXPECT_TRUE(decode_header(ByteView(packet).first(23)).ok());
    auto other = packet;
    other[0] = 1;
    EXPECT_FALSE(decode_header(other).ok());
}

TEST(Ipv8, SignedShapeBounds) {
    SeededRandom random(2);
    const auto key = random_key(random);
    auto packet = frame_signed(random.id<CommunityId>(), 8, key, 77, {});
    append(packet, random_bytes(random, signature_bytes));
    const auto got = decode_signed(packet, WithGlobalTime::Yes);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->global_time, 77u);
    EXPECT_TRUE(got->payload.empty());
    packet.pop_back();
    EXPECT_FALSE(decode_signed(packet, WithGlobalTime::Yes).ok());
    EXPECT_TRUE(decode_signed(packet, WithGlobalTime::No).ok());  // shape A: time is payload

    auto long_key = packet;
    long_key[23] = 0xff;  // key length beyond the end
    EXPECT_FALSE(decode_signed(long_key, WithGlobalTime::Yes).ok());
    auto other_tag = packet;
    other_tag[25] ^= 1;
    EXPECT_FALSE(decode_signed(other_tag, WithGlobalTime::No).ok());
}

TEST(Ipv8, AnyBytesAreSafe) {
    SeededRandom random(3);
    for (int i = 0; i < 20000; ++i) {
        auto bytes = random_bytes(random, random.below(120));
        for (const auto style : {Style::Old, Style::New}) {
            if (const auto got = decode_introduction_response(bytes, style); got.ok()) {
                EXPECT_LE(encode(*got).size(), bytes.size());
            }
            if (const auto got = decode_puncture(bytes, style); got.ok()) {
                EXPECT_LE(encode(*got).size(), bytes.size());
            }
        }
        if (const auto got = decode_signed(bytes, WithGlobalTime::Yes); got.ok()) {
            EXPECT_EQ(got->signed_bytes.size() + got->signature.size(), bytes.size());
        }
    }
}

}  // namespace
}  // namespace warren::protocol
