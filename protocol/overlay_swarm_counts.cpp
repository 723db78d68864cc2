// See overlay_swarm_counts.h.
#include "protocol/overlay_swarm_counts.h"

#include <algorithm>

#include "protocol/record.h"

namespace warren::protocol {

namespace {
constexpr Rate counts_of_one{0.5, 4};
constexpr Nanoseconds patience = 5'000'000'000;
}  // namespace

SwarmGossip::SwarmGossip(Hub& hub) : hub_(hub), asked_(4, patience) {}

// A neighbour at random, and one of the communities that we share; the directory has no torrents.
void SwarmGossip::choose(Nanoseconds now) {
    const auto told_in = [](const auto& entry) {
        const auto& [community, membership] = entry;
        return membership.slot && membership.trusts_us && keeps_records(community) &&
               community != directory_community();
    };
    std::vector<Peer*> there;
    for (auto& [member, peer] : hub_.peers.all())
        if (peer.proven && std::ranges::any_of(peer.communities, told_in)) there.push_back(&peer);
    if (there.empty()) return;
    const auto* peer = there[hub_.random.below(there.size())];
    std::vector<CommunityId> shared;
    for (const auto& entry : peer->communities)
        if (told_in(entry)) shared.push_back(entry.first);
    const auto community = shared[hub_.random.below(shared.size())];
    const auto token = hub_.next_token();
    asked_.add(now, token, {community, peer->member});
    hub_.emit(CountSwarms{token, community});
}

void SwarmGossip::counted(Token token, std::vector<SwarmCount> swarms) {
    const auto asked = asked_.take(token);
    const auto* peer = asked ? hub_.peers.by_member(asked->member) : nullptr;
    const auto unfit = [](const SwarmCount& swarm) {
        return swarm.seeders == 0 || swarm.seeders > swarm_members_max ||
               swarm.leechers > swarm_members_max || swarm.age_s > swarm_age_s_max;
    };
    std::erase_if(swarms, unfit);
    if (peer == nullptr || !peer->proven || swarms.empty()) return;
    if (swarms.size() > swarm_counts_max) swarms.resize(swarm_counts_max);
    hub_.counters.swarm_counts_sent += swarms.size();
    hub_.send_bare(asked->community, *peer, OverlayMessage::SwarmCounts,
                   encode(SwarmCounts{std::move(swarms)}));
}

void SwarmGossip::on_counts(Nanoseconds now, const Peer& peer, const CommunityId& community,
                            SwarmCounts message) {
    auto& budget = budgets_.try_emplace(peer.member, counts_of_one).first->second;
    if (!budget.take(now, 1)) return void(++hub_.counters.dropped_busy);
    hub_.counters.swarm_counts_received += message.swarms.size();
    hub_.emit(SwarmsCounted{community, std::move(message.swarms)});
}

Nanoseconds SwarmGossip::tick(Nanoseconds now) {
    asked_.clear_expired(now);
    if (next_ > now) return next_;
    std::erase_if(budgets_,
                  [&](const auto& entry) { return hub_.peers.by_member(entry.first) == nullptr; });
    next_ = now + interval;
    if (!asked_.full()) choose(now);
    return next_;
}

}  // namespace warren::protocol
