// Reconciliation: the leading side and the answering side.
#include "protocol/overlay_sync.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr std::size_t own_elements_max = 65'536;  // in one answer of our own storage
constexpr std::size_t in_flight_max = 16, open_max = 1024;
constexpr unsigned tries_max = 4;
constexpr std::size_t answering_max = 32;  // requests of one partner that wait for storage
constexpr Nanoseconds resend_least = 200'000'000;
constexpr unsigned offers_max = 3;  // of the same
constexpr Nanoseconds offer_patience = 400'000'000;
constexpr Nanoseconds again_soon = 100'000'000, again_after_offer = 500'000'000;
constexpr Nanoseconds silence = 3'000'000'000, round_life = 60'000'000'000;
constexpr Nanoseconds work_patience = 15'000'000'000, root_patience = 10'000'000'000;

// By more than a tenth, as for a new member.
bool has_many_more(std::uint64_t theirs, std::uint64_t ours) {
    return theirs > ours && theirs - ours > ours / 10;
}

// What an answer cost storage, about: a sum for each of its ranges, and the records read for ids
// and symbols.
double work_us(const SyncBody& answers) {
    constexpr double sum_us = 15, id_us = 0.25;
    double out = 0;
    for (const auto& element : answers.elements) {
        out += sum_us + static_cast<double>(element.ids.size()) * id_us;
        if (!element.symbols.empty())
            out += static_cast<double>(element.symbols.front().count) * id_us;
    }
    return out;
}

bool is_within(const std::vector<SyncElement>& elements, const std::vector<SyncRange>& answered) {
    return std::ranges::all_of(elements, [&](const SyncElement& element) {
        return without(element.range, answered).empty();
    });
}

void note_answered(const std::vector<SyncElement>& elements, std::vector<SyncRange>& answered) {
    for (const auto& element : elements)
        if (!answered.empty() && answered.back().upper == element.range.lower)
            answered.back().upper = element.range.upper;
        else
            answered.push_back(element.range);
}

// A question without what was answered: a datagram that is lost costs what it held, not more. Of a
// range that was answered in part the rest is asked for, in whatever way the other side likes.
Bytes still_open(const Bytes& elements, const std::vector<SyncRange>& answered) {
    auto body = decode_sync_body(elements);
    if (!body) return {};
    SyncBody rest{body->epoch, {}};
    for (auto& element : body->elements) {
        const auto ranges = without(element.range, answered);
        if (ranges == std::vector{element.range}) {
            rest.elements.push_back(std::move(element));
            continue;
        }
        for (const auto& range : ranges)
            rest.elements.push_back(
                {.range = range, .mode = SyncMode::AskSymbols, .lasting = element.lasting});
    }
    return rest.elements.empty() ? Bytes{} : encode(rest);
}

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

// ---- the leading side

void Synchroniser::start(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer) {
    if (work_.full()) return;
    partner.session.emplace();
    partner.session->id = session_id(now, key.community);
    partner.session->heard = now;
    partner.session->reconciling = 1;
    ++hub_.counters.sync_sessions;
    auto token = hub_.next_token();
    work_.add(now, token, {key, SyncSide::Initiator, partner.session->id, 0, 0});
    auto* membership = peer.in(key.community);
    auto* state = hub_.community(key.community);
    if (membership != nullptr && membership->root && state != nullptr)
        partner.session->bulk = has_many_more(membership->root->sum.count, state->root.sum.count);
    auto their_floor = membership != nullptr && membership->root ? membership->root->floor : 0;
    hub_.emit(Reconcile{token, key.community, partner.session->id, {}, true, false, their_floor});
}

void Synchroniser::send_ranges(const PartnerKey& key, Peer& peer, const Session& session,
                               std::uint32_t sequence, const Sent& sent) {
    ++hub_.counters.sync_ranges_sent;
    hub_.send_bare(
        key.community, peer, OverlayMessage::SyncRanges,
        encode(SyncRanges{session.id, SyncDirection::Request, sequence, 0, 1, sent.open.elements}));
}

void Synchroniser::pump(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer) {
    while (!session.open.empty() && session.sent.size() < session.window) {
        auto sequence = ++last_sequence_;
        auto& sent = session.sent[sequence];
        sent.open = std::move(session.open.back());
        session.rounds = std::max(session.rounds, sent.open.round);
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
        sent.open.elements = still_open(sent.open.elements, sent.answered);
        ++hub_.counters.sync_ranges_resent;
        send_ranges(key, peer, session, sequence, sent);
        ++at;
    }
}

// Offers are answered by FETCH, in the partner's time. Once it has been quiet for a while, what it
// took nothing of was lost; or it has it.
void Synchroniser::offer(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer) {
    const auto* membership = peer.in(key.community);
    const auto fetched = membership != nullptr ? membership->fetched_from_us : 0;
    const auto patience = std::max(offer_patience, 4 * peer.round_trip);
    std::erase_if(session.offers, [&](Offered& offered) {
        if (now - std::max(offered.at, fetched) < patience) return false;
        if (++offered.tries > offers_max) return true;
        offered.at = now;
        hub_.send_bare(key.community, peer, OverlayMessage::SyncOffer,
                       encode(SyncOffer{session.id, offered.selections}));
        return false;
    });
}

void Synchroniser::on_fetch(const Peer& peer, const CommunityId& community,
                            const SyncFetch& message) {
    const auto at = partners_.find({community, peer.member});
    if (at == partners_.end() || !at->second.session) return;
    auto& session = *at->second.session;
    const auto fetched = decode_selections(message.selections);
    if (session.id != message.session || session.offers.empty() || !fetched) return;
    std::vector<SyncRange> ranges;
    for (const auto& selection : *fetched)
        ranges.push_back(selection.range);
    std::erase_if(session.offers, [&](const Offered& offered) {
        const auto selections = decode_selections(offered.selections);
        return !selections || std::ranges::any_of(*selections, [&](const Selection& selection) {
            return without(selection.range, ranges) != std::vector<SyncRange>{selection.range};
        });
    });
}

void Synchroniser::lead(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer) {
    auto& session = *partner.session;
    resend(now, key, session, peer);
    pump(now, key, session, peer);
    offer(now, key, session, peer);
    if (now - session.heard > silence && !session.sent.empty()) {
        // Nothing at all: it may have restarted and forgotten who we are.
        partner.session.reset();
        partner.next = now + pace(partner);
        silent_.push_back(key);
        return;
    }
    bool done = session.opened && session.open.empty() && session.sent.empty() &&
                session.reconciling == 0 && session.offers.empty() && !fetcher_.busy(key);
    if (done) end(now, key, partner, peer);
}

void Synchroniser::end(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer) {
    auto session = std::move(*partner.session);
    partner.session.reset();
    auto accepted = fetcher_.take_accepted(key);
    auto* membership = peer.in(key.community);
    auto* state = hub_.community(key.community);
    const bool equal = !session.differed && !session.cut_short;
    hub_.emit(SyncEnded{key.community, key.member, session.rounds, equal});
    if (equal) {
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

// The next one last: the newest, or of a new member the oldest, for what comes later rests on it.
void Synchroniser::open_more(Session& session, const SyncBody& body, unsigned round) {
    auto pieces = cut(body, sync_datagram_bytes);
    if (session.bulk) std::ranges::reverse(pieces);
    for (auto& piece : pieces) {
        if (session.open.size() < open_max)
            session.open.push_back({std::move(piece), round});
        else
            session.cut_short = true;
    }
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
    open_more(session, *answers, work.round + 1);
    for (auto& body : cut(*offers, sync_datagram_bytes)) {
        ++session.offered;
        hub_.send_bare(work.key.community, *peer, OverlayMessage::SyncOffer,
                       encode(SyncOffer{session.id, body}));
        if (session.offers.size() < open_max) session.offers.push_back({std::move(body), now});
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
        const bool may = peer.replies.positive(now) && peer.work_us.positive(now);
        if (!may) return void(++hub_.counters.dropped_reply_budget);
        if (partner.answering >= answering_max) return void(++hub_.counters.dropped_busy);
        ++partner.answering;
        partner.served = now;
        auto token = hub_.next_token();
        work_.add(now, token, {key, SyncSide::Responder, message.session, message.sequence, 0});
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
    const auto body = decode_sync_body(message.elements);
    if (!body) return void(++hub_.counters.dropped_malformed);
    auto& [open, at, tries, answered] = sent->second;
    if (!body->elements.empty() && is_within(body->elements, answered))
        return void(++hub_.counters.dropped_duplicate);
    note_answered(body->elements, answered);
    at = now;  // more parts may be on their way
    const auto round = open.round;
    if (body->elements.empty() || still_open(open.elements, answered).empty()) {
        if (tries == 1) session.window = std::min(session.window + 1, in_flight_max);
        session.sent.erase(sent);
    }
    ++session.reconciling;
    auto token = hub_.next_token();
    work_.add(now, token, {key, SyncSide::Initiator, session.id, message.sequence, round});
    hub_.emit(Reconcile{token, community, session.id, to_bytes(message.elements), false, false});
    pump(now, key, session, peer);
}

void Synchroniser::answer(Nanoseconds now, const Work& work, const Outcome& outcome) {
    if (auto at = partners_.find(work.key); at != partners_.end()) at->second.answered();
    auto* peer = hub_.peers.by_member(work.key.member);
    auto answers = decode_sync_body(outcome.answers, own_elements_max);
    if (peer == nullptr || !peer->proven || !answers) return;
    peer->work_us.charge(now, work_us(*answers));
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
    if (work->side == SyncSide::Responder) return partner.answered();
    if (!partner.session || partner.session->id != work->session) return;
    partner.session.reset();
    partner.next = now + pace(partner);
}

}  // namespace warren::protocol
