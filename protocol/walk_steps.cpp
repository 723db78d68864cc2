// Steps: whom to ask next, how soon, and who is gone.
#include <algorithm>
#include <bit>

#include "protocol/overlay_sync.h"
#include "protocol/walk.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds request_life = 10 * second, untrusted_life = 30 * second;
constexpr Nanoseconds quiet_wait = 120 * second, kept_wait = 2 * second;
constexpr Nanoseconds steps_pause = 50'000'000;  // until the budget has some again
constexpr Nanoseconds bootstrap_soon = second / 2, bootstrap_later = 30 * second;
constexpr Nanoseconds candidate_life = 57'500'000'000;  // of those who answered or asked
constexpr Nanoseconds introducer_life = 300 * second;
constexpr Nanoseconds brief_session = 600 * second;
constexpr Nanoseconds edge_timeout = 3 * second, unanswering_for = 10 * second;
constexpr std::size_t walk_window = 5, lost_max = 16;
constexpr unsigned edge_length = 4, unanswered_max = 5, pings_max = 3;
constexpr std::uint64_t fresh_of_256 = 206, heal_one_in = 20;
constexpr Nanoseconds fast_steps = 8;  // so many in a walk interval while most peers are missing

// A little later, at a time that many share: what is taken together costs one waking-up, one batch
// to sign and one to check.
Nanoseconds shared_time(Nanoseconds now, Nanoseconds wait) {
    const auto grid =
        static_cast<Nanoseconds>(std::bit_floor(static_cast<std::uint64_t>(wait / 32) | 1));
    return (now + wait + grid - 1) / grid * grid;
}

}  // namespace

// ---- when

void Walk::schedule(const CommunityId& community, State& state, Nanoseconds when) {
    queue_.erase({state.next_step, community});
    state.next_step = when;
    queue_.insert({when, community});
}

// Something came that a step can use.
void Walk::hurry(Nanoseconds now, const CommunityId& community, State& state) {
    state.wait = hub_.settings.walk_interval;
    auto soon = now + hub_.settings.walk_interval / fast_steps;
    if (state.next_step > soon) schedule(community, state, soon);
}

void Walk::wake(Nanoseconds now, const CommunityId& community) {
    auto at = states_.find(community);
    if (at == states_.end()) return;
    auto& state = at->second;
    state.wait = std::min(state.wait, kept_wait);
    if (state.next_step > now + kept_wait) schedule(community, state, now + kept_wait);
}

// ---- whom

void Walk::bootstrap(Nanoseconds now, const CommunityId& community, State& state) {
    if (now < state.next_bootstrap) return;
    // The first datagram may be lost, so the second comes soon; a silent server is left alone.
    state.bootstrap_wait = std::clamp(2 * state.bootstrap_wait, bootstrap_soon, bootstrap_later);
    bool young = state.bootstrap_wait < bootstrap_later;
    state.next_bootstrap = now + state.bootstrap_wait;
    std::vector<Endpoint> all(bootstrap_.begin(), bootstrap_.end());
    std::erase_if(all, [&](const Endpoint& at) { return own_addresses_.contains(at); });
    // All of them at first; later one after the other.
    if (!young && all.size() > 1) all = {all[hub_.random.below(all.size())]};
    for (const auto& address : all)
        ask(now, community, address, With::Trailer);
    std::vector<Peer*> elsewhere;
    for (auto& [member, peer] : hub_.peers.all())
        if (peer.proven && !bootstrap_.contains(peer.address)) elsewhere.push_back(&peer);
    for (auto* peer : sample(hub_.random, std::move(elsewhere), 2))
        ask(now, community, peer->address, With::Trailer);
}

// Now and then along an edge, else one that answered or one that asked us (a fair coin), the one
// that was not asked for longest.
Peer* Walk::neighbour_to_ask(Nanoseconds now, const CommunityId& community, State& state,
                             Nanoseconds gap) {
    if (state.edge) {
        auto* head = hub_.peers.by_member(state.edge->head);
        auto* membership = head == nullptr ? nullptr : head->in(community);
        bool grows = membership != nullptr && membership->slot && now - membership->asked >= gap;
        if (grows && hub_.random.below(2) == 0) return head;
        if (now - state.edge->since > edge_timeout || state.edge->length >= edge_length)
            state.edge.reset();
    }
    bool walked = hub_.random.below(2) == 0;
    const auto other_kind = [&](const Membership& m) {
        bool answered = m.replied != 0 && now - m.replied < candidate_life;
        return answered != walked;
    };
    Peer* best = nullptr;
    for (auto* peer : hub_.peers.of(community)) {
        const auto& m = *peer->in(community);
        if (m.asked != 0 && now - m.asked < gap) continue;
        const auto rank = [&](Peer* p) {
            const auto& of = *p->in(community);
            return std::pair(other_kind(of), of.asked);
        };
        if (best == nullptr || rank(peer) < rank(best)) best = peer;
    }
    if (best != nullptr && !state.edge) state.edge = Edge{best->member, 1, now};
    return best;
}

bool Walk::ask_neighbour(Nanoseconds now, const CommunityId& community, State& state,
                         Nanoseconds gap) {
    // A partition heals only if somebody outside of it is asked.
    if (hub_.random.below(heal_one_in) == 0) {
        std::vector<Endpoint> outside(state.lost.begin(), state.lost.end());
        outside.insert(outside.end(), bootstrap_.begin(), bootstrap_.end());
        std::erase_if(outside, [&](const Endpoint& at) { return !walkable(community, at); });
        if (!outside.empty()) {
            ask(now, community, outside[hub_.random.below(outside.size())], With::Trailer);
            return true;
        }
    }
    auto* peer = neighbour_to_ask(now, community, state, gap);
    if (peer == nullptr) return false;
    auto& membership = *peer->in(community);
    membership.asked = now;
    ++membership.unanswered;
    ask(now, community, peer->address, With::Trailer);
    return true;
}

// ---- a step

void Walk::step(Nanoseconds now, const CommunityId& community, State& state) {
    const auto interval = hub_.settings.walk_interval;
    const auto target = hub_.settings.peers_target;
    state.candidates.expire(now);
    std::erase_if(state.requests,
                  [&](const auto& r) { return now - r.second.sent > request_life; });
    drop_unanswering(now, community);
    const auto count = hub_.peers.count_of(community);
    if (count != state.neighbours) state.wait = interval;
    if (count > 0) state.bootstrap_wait = 0;
    state.neighbours = count;
    bool hungry = count < target, starving = 2 * count < target;
    bool fresh = hungry && state.candidates.waiting(now);
    bool room = state.candidates.outstanding(now) < walk_window;
    if (count == 0) bootstrap(now, community, state);
    if (fresh && room && (count == 0 || hub_.random.below(256) < fresh_of_256)) {
        if (auto address = state.candidates.take(now, hub_.random))
            ask(now, community, *address, With::Trailer);
    } else if (count > 0) {
        if (hungry && !fresh && !state.lost.empty() && hub_.random.below(4) == 0)
            ask(now, community, state.lost[hub_.random.below(state.lost.size())], With::Trailer);
        else
            ask_neighbour(now, community, state, hungry ? interval : kept_wait);
    }
    // Quick while there is something to gain; ever more quiet while nothing changes.
    const auto least = hungry ? interval : std::max(interval, kept_wait);
    state.wait = std::clamp(state.wait, least, std::max(quiet_wait, interval));
    auto wait = state.wait;
    if (starving && state.wait <= 2 * interval && (fresh || count > 0))
        wait = interval / fast_steps;
    else if (fresh)
        wait = interval;
    else if (count == 0 && !bootstrap_.empty())
        wait = std::min(wait, std::max(state.next_bootstrap - now, interval));
    auto grown = state.wait + (wait < state.wait ? wait / 2 : state.wait / 2);
    state.wait = std::min(grown, std::max(quiet_wait, interval));
    schedule(community, state, shared_time(now, wait));
}

// Who still talks in other communities but not in this one has left it.
void Walk::drop_unanswering(Nanoseconds now, const CommunityId& community) {
    const auto all = hub_.peers.of(community);
    for (auto* peer : all) {
        const auto& m = *peer->in(community);
        auto heard = std::max({m.replied, m.requested, m.since});
        if (m.unanswered >= unanswered_max && now - heard > unanswering_for)
            hub_.peers.release(community, *peer);
    }
}

// ---- churn

void Walk::lose(Peer& peer) {
    for (auto& [community, membership] : peer.communities) {
        auto state = states_.find(community);
        if (state == states_.end() || !membership.slot) continue;
        auto& lost = state->second.lost;
        std::erase(lost, peer.address);
        lost.push_back(peer.address);
        if (lost.size() > lost_max) lost.pop_front();
    }
    if (peer.trusted() && peer.announced) {
        // Who only had to give up its slots has not left.
        if (!peer.communities.empty()) sessions_.lost();
        ++hub_.counters.peers_lost;
        hub_.emit(PeerLost{peer.member, peer.address});
    }
    hub_.peers.remove(MemberId(peer.member));
}

void Walk::churn(Nanoseconds now) {
    sessions_.second_passed();
    hub_.peers.set_brief_sessions(sessions_.mean() < brief_session);
    std::vector<Peer*> gone;
    for (auto& [member, peer] : hub_.peers.all()) {
        if (peer.last_seen > peer.last_counted) {
            if (peer.trusted()) sessions_.heard(peer.last_seen - peer.last_counted);
            peer.last_counted = peer.last_seen;
            peer.pings = 0;
        }
        auto silent = now - peer.last_seen;
        bool dead = silent > sessions_.drop_after() && peer.pings >= pings_max;
        bool stranger = !peer.trusted() && now - peer.met > untrusted_life;
        // A bootstrap node is nobody's neighbour, but its puncture requests are honoured.
        bool idle = peer.communities.empty();
        bool introducer = idle && from_bootstrap(peer.address) && silent <= introducer_life;
        if (dead || stranger || (idle && !introducer)) {
            gone.push_back(&peer);
            continue;
        }
        if (idle) continue;
        bool due =
            silent > sessions_.ping_after() && now - peer.last_ping >= sessions_.ping_interval();
        if (!peer.trusted() || !due) continue;
        peer.last_ping = now;
        ++peer.pings;
        // Where we know least of it.
        auto& where = *std::min_element(
            peer.communities.begin(), peer.communities.end(),
            [](const auto& a, const auto& b) { return a.second.asked < b.second.asked; });
        where.second.asked = now;
        ask(now, where.first, peer.address, With::Trailer);
    }
    for (auto* peer : gone) {
        std::vector<CommunityId> of_it;
        for (const auto& [community, membership] : peer->communities)
            if (membership.slot) of_it.push_back(community);
        lose(*peer);
        for (const auto& community : of_it)
            if (auto state = states_.find(community); state != states_.end())
                hurry(now, community, state->second);
    }
}

Nanoseconds Walk::tick(Nanoseconds now) {
    checks_.clear_expired(now);
    checks_of_strangers_.clear_expired(now);
    signings_.clear_expired(now);
    if (now >= next_churn_) {
        next_churn_ = now + second;
        if (now >= anchors_until_) anchors_.clear();
        churn(now);
    }
    while (!queue_.empty() && queue_.begin()->first <= now) {
        if (!steps_.take(now, 1)) return std::min(next_churn_, now + steps_pause);
        const auto community = queue_.begin()->second;
        step(now, community, states_.at(community));
    }
    return queue_.empty() ? next_churn_ : std::min(next_churn_, queue_.begin()->first);
}

}  // namespace warren::protocol
