// Peers kept across restarts: what is written is read; whatever else is there does no harm.
#include "protocol/cached_peers.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace warren::protocol {
namespace {

std::vector<CachedPeer> some_peers(Random& random, std::size_t count) {
    std::vector<CachedPeer> out;
    for (std::size_t i = 0; i < count; ++i) {
        auto& peer = out.emplace_back();
        peer.address.v6 = random.below(2) == 0;
        random.fill(std::span(peer.address.address).first(peer.address.v6 ? 16 : 4));
        peer.address.port = static_cast<std::uint16_t>(random.next());
        for (auto left = random.below(17); left > 0; --left)
            peer.communities.push_back(random.id<CommunityId>());
    }
    return out;
}

TEST(CachedPeers, RoundTripUpToTheBound) {
    SeededRandom random(1);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, cached_peers_max}) {
        const auto peers = some_peers(random, count);
        const auto read = decode_cached_peers(encode(peers));
        ASSERT_TRUE(read.ok()) << count;
        EXPECT_EQ(*read, peers);
    }
    EXPECT_FALSE(decode_cached_peers(encode(some_peers(random, cached_peers_max + 1))).ok());
}

TEST(CachedPeers, CutShortTooLongOrStrange) {
    SeededRandom random(2);
    const auto bytes = encode(some_peers(random, 3));
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_cached_peers(ByteView(bytes).first(size)).ok()) << size;
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_cached_peers(longer).ok());
    for (int i = 0; i < 20'000; ++i) {
        Bytes noise(random.below(200));
        random.fill(noise);
        if (!noise.empty() && random.below(2) == 0) noise[0] = 1;
        (void)decode_cached_peers(noise);
    }
}

}  // namespace
}  // namespace warren::protocol
