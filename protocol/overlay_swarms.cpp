// Queries for torrents among partners.
#include "protocol/overlay_swarms.h"

#include <algorithm>

namespace warren::protocol {

namespace {
constexpr Nanoseconds ask_interval = 5'000'000'000, answer_interval = 1'000'000'000;
constexpr Nanoseconds patience = 10'000'000'000;
}  // namespace

Swarms::Swarms(Hub& hub) : hub_(hub), asked_(512, patience), asked_of_us_(256, patience) {}

void Swarms::wanted(Nanoseconds now, const std::vector<Infohash>& infohashes) {
    if (infohashes.empty()) return;
    std::vector<Infohash> some;
    auto count = std::min(infohashes.size(), infohashes_max);
    for (std::size_t i = 0; i < count; ++i)
        some.push_back(infohashes[(offset_ + i) % infohashes.size()]);
    offset_ = (offset_ + count) % infohashes.size();
    for (auto& [member, peer] : hub_.peers.all()) {
        if (!peer.proven || asked_.full()) continue;
        // Where partners' messages are spoken: not in IPv8's own communities.
        auto via = std::ranges::find_if(peer.communities, [](const auto& entry) {
            return entry.second.trusts_us && keeps_records(entry.first);
        });
        if (via == peer.communities.end()) continue;
        auto [last, fresh] = last_asked_.try_emplace(member, now);
        if (!fresh && now - last->second < ask_interval) continue;
        last->second = now;
        auto token = hub_.next_token();
        asked_.add(now, token, {member, some});
        ++hub_.counters.swarm_queries;
        hub_.send_bare(via->first, peer, OverlayMessage::SwarmQuery,
                       encode(SwarmQuery{static_cast<std::uint32_t>(token), some}));
    }
}

void Swarms::on_query(Nanoseconds now, Peer& peer, const CommunityId& community,
                      const SwarmQuery& message) {
    auto [last, fresh] = last_answered_.try_emplace(peer.member, now);
    if ((!fresh && now - last->second < answer_interval) || asked_of_us_.full())
        return void(++hub_.counters.dropped_reply_budget);
    last->second = now;
    auto token = hub_.next_token();
    asked_of_us_.add(now, token, {community, peer.member, message.request});
    hub_.emit(FindSwarm{token, message.infohashes});
}

void Swarms::have(Token token, std::uint32_t bitmap, std::uint16_t port) {
    auto asked = asked_of_us_.take(token);
    if (!asked || bitmap == 0 || port == 0) return;
    auto* peer = hub_.peers.by_member(asked->member);
    if (peer == nullptr || !peer->proven) return;
    ++hub_.counters.swarm_replies;
    hub_.send_bare(asked->community, *peer, OverlayMessage::SwarmReply,
                   encode(SwarmReply{asked->request, bitmap, port}));
}

void Swarms::on_reply(Nanoseconds now, Peer& peer, const SwarmReply& message) {
    (void)now;
    auto asked = asked_.take(message.request);
    if (!asked || asked->member != peer.member) return void(++hub_.counters.dropped_unsolicited);
    auto at = peer.address;
    at.port = message.port;
    if (at.port == 0) return;
    for (std::size_t i = 0; i < asked->infohashes.size(); ++i)
        if ((message.bitmap >> i & 1) != 0) hub_.emit(AddTorrentPeers{asked->infohashes[i], {at}});
}

void Swarms::tick(Nanoseconds now) {
    asked_.clear_expired(now);
    asked_of_us_.clear_expired(now);
    auto forget = [&](auto& times) {
        std::erase_if(
            times, [&](const auto& entry) { return hub_.peers.by_member(entry.first) == nullptr; });
    };
    forget(last_asked_);
    forget(last_answered_);
}

}  // namespace warren::protocol
