// Turns, and what becomes of a question.
#include "protocol/overlay_serve.h"

#include <algorithm>

#include "protocol/overlay_fetch.h"

namespace warren::protocol {

namespace {
constexpr std::uint32_t reply_bytes_max = 64 * 1024;
constexpr std::size_t queue_bytes_max = 256 * 1024;    // of the answers to one partner
constexpr std::size_t queue_max = 256;                 // of them, however little they ask for
constexpr std::size_t asked_max = 16, asked_each = 4;  // with storage: in all, of one partner
constexpr Nanoseconds patience = 10'000'000'000;
constexpr Nanoseconds echo_time = 60'000'000'000;
}  // namespace

Serving::Serving(Hub& hub, Fetcher& fetcher)
    : hub_(hub), fetcher_(fetcher), asked_(asked_max, patience) {}

void Serving::on_fetch(Nanoseconds now, Peer& peer, const CommunityId& community,
                       const SyncFetch& message) {
    const auto selections = decode_selections(message.selections);
    if (!selections) return void(++hub_.counters.dropped_malformed);
    bool echoes = false;
    if (auto* membership = peer.in(community)) {
        membership->fetched_from_us = now;
        const bool whole =
            std::ranges::any_of(*selections, [](const auto& one) { return one.all > 0; });
        echoes = whole && membership->gave_us + echo_time > now;
    }
    queue(now, peer,
          {community, message.session, message.request, false, to_bytes(message.selections),
           message.bytes_max, echoes});
}

void Serving::on_proof_request(Nanoseconds now, Peer& peer, const CommunityId& community,
                               const ProofRequest& message) {
    queue(now, peer,
          {community, message.session, message.request, true, to_bytes(message.questions),
           message.bytes_max});
}

void Serving::queue(Nanoseconds now, Peer& peer, Question question) {
    if (!peer.replies.positive(now)) return void(++hub_.counters.dropped_reply_budget);
    question.bytes_max = std::min(question.bytes_max, reply_bytes_max);
    auto& line = lines_[peer.member];
    if (line.bytes + question.bytes_max > queue_bytes_max || line.queue.size() >= queue_max)
        return void(++hub_.counters.dropped_busy);
    if (line.queue.empty()) turns_.push_back(peer.member);
    line.bytes += question.bytes_max;
    line.queue.push_back(std::move(question));
    serve(now);
}

void Serving::serve(Nanoseconds now) {
    std::size_t skipped = 0;  // one after the other
    while (!asked_.full() && skipped < turns_.size()) {
        const auto member = turns_.front();
        turns_.pop_front();
        auto& line = lines_.at(member);
        ++skipped;
        if (line.asked < asked_each) {
            ask(now, member, line);
            skipped = 0;
        }
        if (!line.queue.empty()) turns_.push_back(member);
    }
}

void Serving::ask(Nanoseconds now, const MemberId& member, Line& line) {
    auto question = std::move(line.queue.front());
    line.queue.pop_front();
    line.bytes -= question.bytes_max;
    ++line.asked;
    const auto token = hub_.next_token();
    asked_.add(now, token,
               {member, question.community, question.session, question.request, question.bytes_max,
                question.echoes});
    const auto read_max = question.echoes ? 2 * question.bytes_max : question.bytes_max;
    if (question.proof)
        hub_.emit(GetProof{token, question.community, std::move(question.wanted), read_max});
    else
        hub_.emit(FetchRecords{token, question.community, question.session,
                               std::move(question.wanted), read_max});
}

void Serving::settle(Nanoseconds now, const MemberId& member) {
    auto at = lines_.find(member);
    if (--at->second.asked == 0 && at->second.queue.empty()) lines_.erase(at);
    serve(now);
}

// Where both sides lack a part of a range, each asks for all of it, and what one gave a moment ago
// would come back: so more is read than may be sent, and that left out. The last one goes even so
// if more is to come: it says how far this went.
FetchedRecords Serving::without_theirs(Nanoseconds now, const Asked& asked,
                                       const FetchedRecords& fetched) {
    FetchedRecords out{{}, fetched.cut};
    std::size_t bytes = 0;
    for (const auto& packet : fetched.packets) {
        const bool says_how_far = fetched.cut && &packet == &fetched.packets.back();
        if (!says_how_far && fetcher_.came_from(now, asked.member, asked.session, packet)) continue;
        bytes += packet.size();
        if (!out.packets.empty() && bytes > asked.bytes_max) {
            out.cut = true;
            break;
        }
        out.packets.push_back(packet);
    }
    return out;
}

void Serving::fetched(Nanoseconds now, Token token, const FetchedRecords& fetched) {
    const auto asked = asked_.take(token);
    if (!asked) return;
    auto* peer = hub_.peers.by_member(asked->member);
    if (peer != nullptr && peer->proven) {
        const auto out = asked->echoes ? without_theirs(now, *asked, fetched) : fetched;
        hub_.counters.records_served += out.packets.size();
        for (const auto& body : pack_records(asked->session, asked->request, out)) {
            peer->replies.charge(now, static_cast<double>(body.size()));
            hub_.send_bare(asked->community, *peer, OverlayMessage::SyncRecords, body);
        }
    }
    settle(now, asked->member);
}

void Serving::failed(Nanoseconds now, Token token) {
    if (const auto asked = asked_.take(token)) settle(now, asked->member);
}

void Serving::tick(Nanoseconds now) {
    while (const auto expired = asked_.take_expired(now))
        settle(now, expired->member);
}

}  // namespace warren::protocol
