// How alive torrents are, as this node counted them or its neighbours say. Bounded; what nobody
// renews is forgotten first, and what was only heard before what was counted here. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "storage-shard/search_rank.h"

namespace warren::shard {

class SwarmHealths {
public:
    static constexpr std::size_t max = 50'000;
    static constexpr std::uint32_t members_max = 10'000'000;  // of a swarm; more is a lie
    static constexpr std::int64_t clocks_differ_ms = 60'000;
    // For so long what was counted here stands against what others say, and is passed on.
    static constexpr std::int64_t own_counts_ms = 4 * 3'600'000;
    static constexpr std::int64_t popular_ms = 24 * 3'600'000;

    // By this node, now.
    void count(const Infohash& infohash, Health health);
    // Of a neighbour's torrent, in this community. False: not believed.
    bool hear(const Infohash& infohash, const CommunityId& community, Health health,
              std::int64_t now_ms);

    const Health* find(const Infohash& infohash) const;
    std::size_t size() const { return swarms_.size(); }

    // The most alive of those checked in the last day; where they were heard of.
    struct Alive {
        Infohash infohash;
        std::optional<CommunityId> community;
    };
    std::vector<Alive> most_alive(std::int64_t now_ms, std::size_t count) const;
    // Counted here lately, with seeders; beginning behind this one, going round.
    std::vector<Infohash> own_alive(std::int64_t now_ms, const Infohash& after,
                                    std::size_t count) const;

private:
    struct Swarm {
        Health health;
        std::optional<CommunityId> community;
    };
    using Members = std::pair<std::uint32_t, std::uint32_t>;
    static Members members(const Health& health) { return {health.seeders, health.leechers}; }
    void put(const Infohash& infohash, Swarm swarm);
    void unlink(const Infohash& infohash, const Swarm& swarm);

    std::unordered_map<Infohash, Swarm> swarms_;
    std::set<std::pair<std::int64_t, Infohash>> own_, heard_;  // by time
    std::set<std::pair<Members, Infohash>> by_members_;
    std::set<Infohash> counted_;
};

}  // namespace warren::shard
