// Fetching, the other side: a partner asks for records and gets them, by its credit and our budget.
#include <algorithm>

#include "protocol/overlay_fetch.h"

namespace warren::protocol {

namespace {
constexpr std::uint32_t reply_bytes_max = 16 * 1024;
constexpr unsigned serving_max = 32;  // requests of one partner that wait for storage
}  // namespace

void Fetcher::on_fetch(Nanoseconds now, Peer& peer, const CommunityId& community,
                       const SyncFetch& message) {
    if (!decode_selections(message.selections)) return void(++hub_.counters.dropped_malformed);
    if (auto* membership = peer.in(community)) membership->fetched_from_us = now;
    if (!peer.replies.positive(now)) return void(++hub_.counters.dropped_reply_budget);
    auto& waiting = serving_of_[peer.member];
    if (serving_.full() || waiting >= serving_max) return void(++hub_.counters.dropped_busy);
    ++waiting;
    auto token = hub_.next_token();
    serving_.add(now, token, {{community, peer.member}, message.session, message.request});
    hub_.emit(FetchRecords{token, community, message.session, to_bytes(message.selections),
                           std::min(message.bytes_max, reply_bytes_max)});
}

void Fetcher::fetched(Nanoseconds now, Token token, const std::vector<Bytes>& packets) {
    auto serving = serving_.take(token);
    if (!serving) return;
    if (auto at = serving_of_.find(serving->key.member); at != serving_of_.end())
        if (--at->second == 0) serving_of_.erase(at);
    auto* peer = hub_.peers.by_member(serving->key.member);
    if (peer == nullptr || !peer->proven) return;
    hub_.counters.records_served += packets.size();
    for (const auto& body : pack_records(serving->session, serving->request, packets)) {
        peer->replies.charge(now, static_cast<double>(body.size()));
        hub_.send_bare(serving->key.community, *peer, OverlayMessage::SyncRecords, body);
    }
}

void Fetcher::failed(Nanoseconds now, Token token) {
    if (auto storing = storing_.take(token)) return settle(now, *storing, {});
    auto serving = serving_.take(token);
    if (!serving) return;
    if (auto at = serving_of_.find(serving->key.member); at != serving_of_.end())
        if (--at->second == 0) serving_of_.erase(at);
}

}  // namespace warren::protocol
