// Reconciliation: pace, the leading side and the answering side.
#include "protocol/overlay_sync.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr std::size_t own_elements_max = 65'536;  // in one answer of our own storage
constexpr std::size_t in_flight_max = 16, open_max = 1024;
constexpr unsigned tries_max = 4;
constexpr std::size_t answering_max = 32;  // requests of one partner that wait for storage
constexpr Nanoseconds resend_least = 200'000'000;
constexpr Nanoseconds backoff_most = 60'000'000'000;
constexpr Nanoseconds again_soon = 100'000'000, again_after_offer = 500'000'000;
constexpr Nanoseconds first_contact = 200'000'000, yield_time = 700'000'000;
constexpr Nanoseconds catching_up = 300'000'000;  // since its last FETCH
constexpr Nanoseconds silence = 3'000'000'000, round_life = 60'000'000'000;
constexpr Nanoseconds look_gap = 50'000'000;  // between looks through all partners
constexpr Nanoseconds look_gap_each = 250'000, look_gap_most = 250'000'000;
constexpr Nanoseconds root_gap = 100'000'000, root_life = 600'000'000'000;
constexpr Nanoseconds work_patience = 15'000'000'000, root_patience = 10'000'000'000;

}  // namespace

Synchroniser::Synchroniser(Hub& hub, Fetcher& fetcher)
    : hub_(hub), fetcher_(fetcher), work_(4096, work_patience), roots_(4096, root_patience) {}

std::size_t Synchroniser::sessions() const {
    return static_cast<std::size_t>(
        std::count_if(partners_.begin(), partners_.end(),
                      [](const auto& entry) { return entry.second.session.has_value(); }));
}

std::uint64_t Synchroniser::session_id(Nanoseconds now, const CommunityId& community) {
    auto& round = rounds_[community];
    if (round.id == 0 || now - round.since > round_life) round = {hub_.random.next() | 1, now};
    return round.id;
}

void Synchroniser::set_in_sync(Nanoseconds now, const PartnerKey& key, Peer& peer, bool in_sync) {
    auto* membership = peer.in(key.community);
    auto* state = hub_.community(key.community);
    if (membership == nullptr || state == nullptr) return;
    if (in_sync) state->last_in_sync = now;
    if (in_sync && !membership->in_sync)
        hub_.emit(InSync{key.community, key.member, state->root.sum.count});
    membership->in_sync = in_sync;
}

void Synchroniser::on_root(Nanoseconds now, const CommunityId& community, Peer& peer) {
    if (!keeps_records(community)) return;
    PartnerKey key{community, peer.member};
    auto [at, fresh] = partners_.try_emplace(key);
    auto& partner = at->second;
    if (fresh) {
        partner.next = now + (hub_.own < peer.member ? first_contact : yield_time);
        partner.backoff = hub_.settings.sync_interval;
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
}

// The wait until the next session; doubles while nothing changes.
Nanoseconds Synchroniser::pace(Partner& partner) {
    auto wait = std::max(partner.backoff, hub_.settings.sync_interval);
    partner.backoff = std::min(2 * wait, std::max(backoff_most, hub_.settings.sync_interval));
    return wait;
}

// ---- the leading side

void Synchroniser::start(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer) {
    if (work_.full()) return;
    partner.session.emplace();
    partner.session->id = session_id(now, key.community);
    partner.session->heard = now;
    partner.session->reconciling = 1;
    ++hub_.counters.sync_sessions;
    auto token = hub_.next_token();
    work_.add(now, token, {key, SyncSide::Initiator, partner.session->id, 0});
    auto* membership = peer.in(key.community);
    auto their_floor = membership != nullptr && membership->root ? membership->root->floor : 0;
    hub_.emit(Reconcile{token, key.community, partner.session->id, {}, true, false, their_floor});
}

void Synchroniser::send_ranges(const PartnerKey& key, Peer& peer, const Session& session,
                               std::uint32_t sequence, const Sent& sent) {
    ++hub_.counters.sync_ranges_sent;
    hub_.send_bare(
        key.community, peer, OverlayMessage::SyncRanges,
        encode(SyncRanges{session.id, SyncDirection::Request, sequence, 0, 1, sent.elements}));
}

void Synchroniser::pump(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer) {
    while (!session.open.empty() && session.sent.size() < session.window) {
        auto sequence = ++last_sequence_;
        auto& sent = session.sent[sequence];
        sent.elements = std::move(session.open.back());
        sent.at = now;
        session.open.pop_back();
        send_ranges(key, peer, session, sequence, sent);
    }
}

void Synchroniser::resend(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer) {
    auto least = std::max(resend_least, 2 * peer.round_trip);
    for (auto at = session.sent.begin(); at != session.sent.end();) {
        auto& [sequence, sent] = *at;
        if (now - sent.at < least * (1 << (sent.tries - 1))) {
            ++at;
            continue;
        }
        session.window = std::max<std::size_t>(session.window / 2, 1);
        if (sent.tries >= tries_max) {
            ++hub_.counters.sync_ranges_given_up;
            session.cut_short = true;
            at = session.sent.erase(at);
            continue;
        }
        ++sent.tries;
        sent.at = now;
        ++hub_.counters.sync_ranges_resent;
        send_ranges(key, peer, session, sequence, sent);
        ++at;
    }
}

void Synchroniser::lead(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer) {
    auto& session = *partner.session;
    resend(now, key, session, peer);
    pump(now, key, session, peer);
    if (now - session.heard > silence && !session.sent.empty()) {
        // Nothing at all: it may have restarted and forgotten who we are.
        partner.session.reset();
        partner.next = now + pace(partner);
        silent_.push_back(key);
        return;
    }
    bool done = session.opened && session.open.empty() && session.sent.empty() &&
                session.reconciling == 0 && !fetcher_.busy(key);
    if (done) end(now, key, partner, peer);
}

void Synchroniser::end(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer) {
    auto session = std::move(*partner.session);
    partner.session.reset();
    auto accepted = fetcher_.take_accepted(key);
    auto* membership = peer.in(key.community);
    auto* state = hub_.community(key.community);
    if (!session.differed && !session.cut_short) {
        ++hub_.counters.sync_sessions_equal;
        partner.stuck.reset();
        set_in_sync(now, key, peer, true);
        partner.next = now + pace(partner);
        return;
    }
    set_in_sync(now, key, peer, false);
    if (state != nullptr) state->root_stale = true;
    bool progress = accepted > 0 || session.cut_short;
    if (progress || (session.offered > 0 && !partner.stuck)) {
        // Compared again until equal: that is the proof that all arrived.
        auto jitter = static_cast<Nanoseconds>(hub_.random.below(50'000'000));
        partner.next = now + jitter + (progress ? again_soon : again_after_offer);
        partner.backoff = hub_.settings.sync_interval;
    } else {
        partner.next = now + pace(partner);
    }
    // Offers that change nothing (they refuse what we hold) count as progress once only.
    partner.stuck.reset();
    if (!progress && state != nullptr && membership != nullptr && membership->root)
        partner.stuck = std::pair(state->root, *membership->root);
}

void Synchroniser::led(Nanoseconds now, const Work& work, const Outcome& outcome) {
    auto at = partners_.find(work.key);
    auto* peer = hub_.peers.by_member(work.key.member);
    if (at == partners_.end() || !at->second.session || peer == nullptr) return;
    auto& session = *at->second.session;
    if (session.id != work.session) return;
    session.reconciling -= std::min<std::size_t>(session.reconciling, 1);
    auto answers = decode_sync_body(outcome.answers, own_elements_max);
    auto wants = decode_selections(outcome.wants, own_elements_max);
    auto offers = decode_selections(outcome.offers, own_elements_max);
    if (!answers || !wants || !offers) return;
    if (session.opened && !(answers->elements.empty() && wants->empty() && offers->empty()))
        session.differed = true;
    session.opened = true;
    for (auto& body : cut(*answers, sync_datagram_bytes)) {
        if (session.open.size() < open_max)
            session.open.push_back(std::move(body));
        else
            session.cut_short = true;
    }
    if (!offers->empty())
        for (const auto& body : cut(*offers, sync_datagram_bytes)) {
            ++session.offered;
            hub_.send_bare(work.key.community, *peer, OverlayMessage::SyncOffer,
                           encode(SyncOffer{session.id, body}));
        }
    fetcher_.want(now, work.key, session.id, *wants, Fetcher::Origin::Repair);
    lead(now, work.key, at->second, *peer);
}

// ---- both sides

void Synchroniser::on_ranges(Nanoseconds now, Peer& peer, const CommunityId& community,
                             const SyncRanges& message) {
    PartnerKey key{community, peer.member};
    auto& partner = partners_[key];
    if (work_.full()) return void(++hub_.counters.dropped_busy);
    if (message.direction == SyncDirection::Request) {
        if (!peer.replies.positive(now)) return void(++hub_.counters.dropped_reply_budget);
        if (partner.answering >= answering_max) return void(++hub_.counters.dropped_busy);
        ++partner.answering;
        partner.served = now;
        auto token = hub_.next_token();
        work_.add(now, token, {key, SyncSide::Responder, message.session, message.sequence});
        hub_.emit(
            Reconcile{token, community, message.session, to_bytes(message.elements), false, true});
        return;
    }
    if (!partner.session || partner.session->id != message.session)
        return void(++hub_.counters.dropped_unsolicited);
    auto& session = *partner.session;
    auto sent = session.sent.find(message.sequence);
    if (sent == session.sent.end()) return void(++hub_.counters.dropped_unsolicited);
    session.heard = now;
    auto part = std::uint64_t{1} << message.part;
    if ((sent->second.parts_seen & part) != 0) return;
    sent->second.parts_seen |= part;
    sent->second.at = now;  // more parts may be on their way
    if (sent->second.parts_seen == full_mask(message.parts)) {
        if (sent->second.tries == 1) session.window = std::min(session.window + 1, in_flight_max);
        session.sent.erase(sent);
    }
    ++session.reconciling;
    auto token = hub_.next_token();
    work_.add(now, token, {key, SyncSide::Initiator, session.id, message.sequence});
    hub_.emit(Reconcile{token, community, session.id, to_bytes(message.elements), false, false});
    pump(now, key, session, peer);
}

void Synchroniser::answer(Nanoseconds now, const Work& work, const Outcome& outcome) {
    if (auto at = partners_.find(work.key); at != partners_.end())
        at->second.answering -= std::min<std::size_t>(at->second.answering, 1);
    auto* peer = hub_.peers.by_member(work.key.member);
    auto answers = decode_sync_body(outcome.answers, own_elements_max);
    if (peer == nullptr || !peer->proven || !answers) return;
    auto bodies = cut(*answers, sync_datagram_bytes);
    if (bodies.empty()) bodies.push_back(encode(*answers));
    if (bodies.size() > parts_max) bodies.resize(parts_max);
    auto parts = static_cast<std::uint8_t>(bodies.size());
    for (std::uint8_t part = 0; part < parts; ++part) {
        auto body = encode(SyncRanges{work.session, SyncDirection::Answer, work.sequence, part,
                                      parts, bodies[part]});
        ++hub_.counters.sync_ranges_answered;
        peer->replies.charge(now, static_cast<double>(body.size()));
        hub_.send_bare(work.key.community, *peer, OverlayMessage::SyncRanges, body);
    }
}

void Synchroniser::reconciled(Nanoseconds now, Token token, const Outcome& outcome) {
    auto work = work_.take(token);
    if (!work) return;
    if (work->side == SyncSide::Responder) return answer(now, *work, outcome);
    led(now, *work, outcome);
}

void Synchroniser::failed(Nanoseconds now, Token token) {
    roots_.take(token);
    auto work = work_.take(token);
    if (!work) return;
    auto at = partners_.find(work->key);
    if (at == partners_.end()) return;
    auto& partner = at->second;
    if (work->side == SyncSide::Responder) {
        partner.answering -= std::min<std::size_t>(partner.answering, 1);
        return;
    }
    if (!partner.session || partner.session->id != work->session) return;
    partner.session.reset();
    partner.next = now + pace(partner);
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

// ---- time

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
            at->second.answering -= std::min<std::size_t>(at->second.answering, 1);
        else if (at->second.session && at->second.session->id == expired->session)
            at->second.session.reset();
    }
    auto next = now + 1'000'000'000;
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
    for (const auto& [community, state] : hub_.communities)
        if (state.root_stale) next = std::min(next, now + root_gap);
    return next;
}

void Synchroniser::leave(const CommunityId& community) {
    std::erase_if(partners_, [&](const auto& entry) { return entry.first.community == community; });
    rounds_.erase(community);
}

}  // namespace warren::protocol
