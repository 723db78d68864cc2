// Turns, and what becomes of a question.
#include "protocol/overlay_serve.h"

#include <algorithm>

#include "protocol/overlay_fetch.h"

namespace warren::protocol {

namespace {
constexpr std::uint32_t reply_bytes_max = 64 * 1024;
constexpr std::size_t queue_bytes_max = 256 * 1024;    // of the answers to one partner
constexpr std::size_t asked_max = 16, asked_each = 4;  // with storage: in all, of one partner
constexpr Nanoseconds patience = 10'000'000'000;
}  // namespace

Serving::Serving(Hub& hub) : hub_(hub), asked_(asked_max, patience) {}

void Serving::on_fetch(Nanoseconds now, Peer& peer, const CommunityId& community,
                       const SyncFetch& message) {
    if (!decode_selections(message.selections)) return void(++hub_.counters.dropped_malformed);
    if (auto* membership = peer.in(community)) membership->fetched_from_us = now;
    if (!peer.replies.positive(now)) return void(++hub_.counters.dropped_reply_budget);
    const auto bytes = std::min(message.bytes_max, reply_bytes_max);
    auto& line = lines_[peer.member];
    if (line.bytes + bytes > queue_bytes_max) return void(++hub_.counters.dropped_busy);
    if (line.queue.empty()) turns_.push_back(peer.member);
    line.bytes += bytes;
    line.queue.push_back(
        {community, message.session, message.request, to_bytes(message.selections), bytes});
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
    asked_.add(now, token, {member, question.community, question.session, question.request});
    hub_.emit(FetchRecords{token, question.community, question.session,
                           std::move(question.selections), question.bytes_max});
}

void Serving::settle(Nanoseconds now, const MemberId& member) {
    auto at = lines_.find(member);
    if (--at->second.asked == 0 && at->second.queue.empty()) lines_.erase(at);
    serve(now);
}

void Serving::fetched(Nanoseconds now, Token token, const FetchedRecords& fetched) {
    const auto asked = asked_.take(token);
    if (!asked) return;
    auto* peer = hub_.peers.by_member(asked->member);
    if (peer != nullptr && peer->proven) {
        hub_.counters.records_served += fetched.packets.size();
        for (const auto& body : pack_records(asked->session, asked->request, fetched)) {
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
