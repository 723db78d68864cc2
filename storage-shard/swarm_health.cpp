// See swarm_health.h.
#include "storage-shard/swarm_health.h"

namespace warren::shard {

const Health* SwarmHealths::find(const Infohash& infohash) const {
    const auto found = swarms_.find(infohash);
    return found == swarms_.end() ? nullptr : &found->second.health;
}

void SwarmHealths::count(const Infohash& infohash, Health health) {
    health.counted_here = true;
    const auto found = swarms_.find(infohash);
    const auto community = found == swarms_.end() ? std::nullopt : found->second.community;
    put(infohash, {health, community});
}

// Newer beats older; of about one age the larger, for each sees a part of the swarm.
bool SwarmHealths::hear(const Infohash& infohash, const CommunityId& community, Health health,
                        std::int64_t now_ms) {
    health.counted_here = false;
    if (health.seeders > members_max || health.leechers > members_max) return false;
    if (health.checked_ms > now_ms + clocks_differ_ms || health.checked_ms < now_ms - popular_ms)
        return false;
    if (const auto* known = find(infohash)) {
        if (known->counted_here && known->checked_ms > now_ms - own_counts_ms) return false;
        if (health.checked_ms < known->checked_ms - clocks_differ_ms) return false;
        const bool outdated = health.checked_ms > known->checked_ms + own_counts_ms;
        if (!outdated && members(health) <= members(*known)) return false;
    }
    put(infohash, {health, community});
    return true;
}

void SwarmHealths::unlink(const Infohash& infohash, const Swarm& swarm) {
    auto& times = swarm.health.counted_here ? own_ : heard_;
    times.erase({swarm.health.checked_ms, infohash});
    by_members_.erase({members(swarm.health), infohash});
    counted_.erase(infohash);
}

void SwarmHealths::put(const Infohash& infohash, Swarm swarm) {
    if (const auto found = swarms_.find(infohash); found != swarms_.end()) {
        unlink(infohash, found->second);
    } else if (swarms_.size() >= max) {
        const auto oldest = heard_.empty() ? own_.begin()->second : heard_.begin()->second;
        unlink(oldest, swarms_.at(oldest));
        swarms_.erase(oldest);
    }
    (swarm.health.counted_here ? own_ : heard_).emplace(swarm.health.checked_ms, infohash);
    by_members_.emplace(members(swarm.health), infohash);
    if (swarm.health.counted_here) counted_.insert(infohash);
    swarms_[infohash] = std::move(swarm);
}

std::vector<SwarmHealths::Alive> SwarmHealths::most_alive(std::int64_t now_ms,
                                                          std::size_t count) const {
    std::vector<Alive> out;
    for (auto at = by_members_.rbegin(); at != by_members_.rend() && out.size() < count; ++at) {
        if (at->first.first == 0) break;
        const auto& swarm = swarms_.at(at->second);
        if (swarm.health.checked_ms > now_ms - popular_ms)
            out.push_back({at->second, swarm.community});
    }
    return out;
}

std::vector<Infohash> SwarmHealths::own_alive(std::int64_t now_ms, const Infohash& after,
                                              std::size_t count) const {
    std::vector<Infohash> out;
    auto at = counted_.upper_bound(after);
    for (std::size_t seen = 0; seen < counted_.size() && out.size() < count; ++seen, ++at) {
        if (at == counted_.end()) at = counted_.begin();
        const auto& health = *find(*at);
        if (health.seeders > 0 && health.checked_ms > now_ms - own_counts_ms) out.push_back(*at);
    }
    return out;
}

}  // namespace warren::shard
