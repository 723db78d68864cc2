// Made-up records of a channel: exactly 300 bytes, right in form and permission, signed with noise,
// since signatures were checked before storage sees a record. The same seed gives the same bytes.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "protocol/record.h"
#include "storage-shard/shard_file.h"

namespace warren::bench {

inline constexpr std::size_t record_bytes = 300;

class Channel {
public:
    explicit Channel(std::uint64_t seed);
    Channel(std::uint64_t seed, const protocol::PublicKey& founder);

    const CommunityId& community() const { return community_; }
    const shard::Founder& founder() const { return founder_; }
    Bytes torrent(GlobalTime time);
    // Of the founder: another member may write torrents.
    Bytes authorize(GlobalTime time);

private:
    SeededRandom random_;
    shard::Founder founder_;
    CommunityId community_;
};

// In which order a channel's records come: most of them newest last, `late_share` of them from
// anywhere in the history so far.
class Arrivals {
public:
    Arrivals(std::uint64_t seed, double late_share) : channel_(seed), late_share_(late_share) {}

    Channel& channel() { return channel_; }
    Bytes next();
    std::vector<Bytes> next(std::size_t count);

private:
    Channel channel_;
    SeededRandom dice_{1};
    double late_share_;
    GlobalTime newest_ = 2;
};

std::vector<ByteView> views_of(const std::vector<Bytes>& packets);

}  // namespace warren::bench
