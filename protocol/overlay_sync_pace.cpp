// Reconciliation: when sessions begin, and what roots say.
#include <algorithm>

#include "protocol/overlay_sync.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds backoff_most = 30'000'000'000;
constexpr Nanoseconds first_contact = 200'000'000, yield_time = 700'000'000;
constexpr Nanoseconds catching_up = 300'000'000;  // since its last FETCH
constexpr Nanoseconds look_gap = 50'000'000;      // between looks through all partners
constexpr Nanoseconds look_gap_each = 250'000, look_gap_most = 250'000'000;
constexpr Nanoseconds look_at_least = 1'000'000'000;
constexpr Nanoseconds root_gap = 100'000'000, root_life = 600'000'000'000;

}  // namespace

void Synchroniser::on_root(Nanoseconds now, const CommunityId& community, Peer& peer) {
    if (!keeps_records(community)) return;
    PartnerKey key{community, peer.member};
    auto [at, fresh] = partners_.try_emplace(key);
    auto& partner = at->second;
    if (fresh) {
        partner.next = now + (hub_.own < peer.member ? first_contact : yield_time);
        partner.backoff = hub_.settings.sync_interval;
        due_ = std::min(due_, partner.next);
    }
    auto* state = hub_.community(community);
    auto* membership = peer.in(community);
    if (state == nullptr || !state->root_known || !membership->root || partner.session) return;
    partner.agrees = state->root == *membership->root;
    if (partner.agrees) return set_in_sync(now, key, peer, true);
    // It lacks what is on its way to it; if it stays so, it sees our root and leads.
    partner.agrees = state->was_ours(now, *membership->root);
    if (partner.agrees) return;
    if (partner.stuck && *partner.stuck == std::pair(state->root, *membership->root)) return;
    // What it has and we lack is on its way to us, unless that takes too long. A session repairs
    // both sides, so one of the two leads and the other gives it a moment.
    auto wait = hub_.own < peer.member ? Nanoseconds{0} : yield_time;
    partner.next = std::min(partner.next, now + CommunityState::news_time + wait);
    due_ = std::min(due_, partner.next);
}

// The wait until the next session; doubles while nothing changes.
Nanoseconds Synchroniser::pace(Partner& partner) {
    auto wait = std::max(partner.backoff, hub_.settings.sync_interval);
    partner.backoff = std::min(2 * wait, std::max(backoff_most, hub_.settings.sync_interval));
    return wait;
}

void Synchroniser::own_root(Nanoseconds now, Token token, const CommunityRoot& root) {
    auto community = roots_.take(token);
    if (!community) return;
    auto* state = hub_.community(*community);
    if (state == nullptr) return;
    bool changed = !state->root_known || state->root != root;
    if (!changed) return;
    state->set_root(now, root);
    for (auto* peer : hub_.peers.partners_of(*community)) {
        // Who agreed when it last told is not taken for one that differs because we have news.
        const auto at = partners_.find({*community, peer->member});
        const bool agreed = at != partners_.end() && at->second.agrees;
        if (peer->in(*community)->root && !agreed) on_root(now, *community, *peer);
    }
}

void Synchroniser::refresh_roots(Nanoseconds now) {
    roots_.clear_expired(now);
    for (auto& [community, state] : hub_.communities) {
        if (!keeps_records(community)) continue;
        auto age = now - state.root_asked;
        bool due = state.root_asked == 0 || (state.root_stale && age >= root_gap) ||
                   age >= root_life || (!state.root_known && age >= 1'000'000'000);
        if (!due || roots_.full()) continue;
        state.root_asked = now;
        state.root_stale = false;
        auto token = hub_.next_token();
        roots_.add(now, token, community);
        hub_.emit(GetRoot{token, community});
    }
}

Nanoseconds Synchroniser::tick(Nanoseconds now) {
    // All partners of all communities are looked through, so not each time that something came, and
    // the less often the more there are.
    const auto gap = std::clamp(static_cast<Nanoseconds>(partners_.size()) * look_gap_each,
                                look_gap, look_gap_most);
    if (leading_ == 0 && now < looked_ + gap) return looked_ + gap;
    looked_ = now;
    refresh_roots(now);
    while (auto expired = work_.take_expired(now)) {
        auto at = partners_.find(expired->key);
        if (at == partners_.end()) continue;
        if (expired->side == SyncSide::Responder)
            at->second.answered();
        else if (at->second.session && at->second.session->id == expired->session)
            at->second.session.reset();
    }
    if (leading_ > 0 || due_ <= now) due_ = look(now);
    auto next = due_;
    for (const auto& [community, state] : hub_.communities)
        if (state.root_stale) next = std::min(next, now + root_gap);
    return next;
}

// Through all partners: who leads goes on, whose time has come begins. When to look again.
Nanoseconds Synchroniser::look(Nanoseconds now) {
    auto next = now + look_at_least;
    leading_ = sessions();
    for (auto at = partners_.begin(); at != partners_.end();) {
        auto& [key, partner] = *at;
        if (!partner.session && partner.next > now) {  // most of them, most of the time
            next = std::min(next, partner.next);
            ++at;
            continue;
        }
        auto* peer = hub_.peers.by_member(key.member);
        auto* membership = peer == nullptr ? nullptr : peer->in(key.community);
        if (membership == nullptr || hub_.community(key.community) == nullptr) {
            at = partners_.erase(at);
            continue;
        }
        ++at;
        if (partner.session) {
            lead(now, key, partner, *peer);
            next = std::min(next, now + look_gap);
            continue;
        }
        // Who still fetches from us would be offered the same once more.
        bool fetches = membership->fetched_from_us + catching_up > now;
        bool able = peer->proven && membership->trusts_us && !fetcher_.busy(key) && !fetches;
        bool yields = peer->member < hub_.own && now - partner.served < yield_time;
        // What walk messages told is enough when both sides hold the same: then nothing more is
        // sent. What came since is on its way to it too, or it will tell.
        if (able && partner.next <= now && partner.agrees) {
            set_in_sync(now, key, *peer, true);
            partner.next = now + pace(partner);
        }
        if (able && !yields && partner.next <= now && leading_ < hub_.settings.sessions_max) {
            ++leading_;
            start(now, key, partner, *peer);
        }
        next = std::min(next, std::max(partner.next, now + look_gap));
    }
    return next;
}

void Synchroniser::leave(const CommunityId& community) {
    std::erase_if(partners_, [&](const auto& entry) { return entry.first.community == community; });
    rounds_.erase(community);
}

}  // namespace warren::protocol
