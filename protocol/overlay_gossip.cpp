// Pushing, forwarding and offering of records.
#include "protocol/overlay_gossip.h"

#include <algorithm>

#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr std::size_t storing_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t news_max = 16'384, asked_max = 4096, holders_max = 32, others_max = 3;
constexpr Nanoseconds patience = 30'000'000'000;
// Long enough for the pushes to have gone through the crowd; spread, so that of two neighbours
// one is first and the other need not.
constexpr Nanoseconds offer_wait = 300'000'000, offer_spread = 1'000'000'000;
constexpr Nanoseconds ask_patience = 500'000'000;  // then the next one is asked

void note(std::vector<MemberId>& members, const MemberId& member, std::size_t most) {
    if (members.size() < most && std::ranges::find(members, member) == members.end())
        members.push_back(member);
}

}  // namespace

Gossip::Gossip(Hub& hub, Proofs& proofs)
    : hub_(hub), proofs_(proofs), seen_(hub.random, hub.settings.duplicates_max),
      known_(hub.random, hub.settings.duplicates_max), storing_(news_max, patience) {}

// ---- whom

std::vector<Peer*> Gossip::ranked(const CommunityId& community, const RecordRef& ref) {
    SipKey key{};
    std::copy_n(ref.id.bytes.begin(), key.size(), key.begin());
    std::vector<std::pair<std::uint64_t, Peer*>> ranks;
    for (auto* peer : hub_.peers.partners_of(community)) {
        const auto& [low, high] = std::minmax(hub_.own, peer->member);
        Bytes pair = to_bytes(low.view());
        append(pair, high.view());
        ranks.emplace_back(siphash(key, pair), peer);
    }
    std::ranges::sort(ranks, {}, &std::pair<std::uint64_t, Peer*>::first);
    std::vector<Peer*> out;
    for (const auto& [rank, peer] : ranks)
        out.push_back(peer);
    return out;
}

// ---- out

void Gossip::spread(const CommunityId& community, ByteView packet, const std::vector<Peer*>& to) {
    if (packet.size() <= record_datagram_bytes) {
        for (auto* peer : to) {
            if (auto* state = hub_.community(community)) state->bytes_out += packet.size();
            hub_.send(peer->address, to_bytes(packet));
        }
        return;
    }
    auto record = decode_record(packet);
    if (!record) return;
    for (auto* peer : to)
        send_offers(community, peer->member, {record->ref()});
}

void Gossip::send_offers(const CommunityId& community, const MemberId& to,
                         const std::vector<RecordRef>& refs) {
    auto* peer = hub_.peers.by_member(to);
    if (peer == nullptr) return;
    for (std::size_t at = 0; at < refs.size(); at += record_offers_max) {
        const auto end = std::min(refs.size(), at + record_offers_max);
        RecordOffer offer;
        offer.refs.assign(refs.begin() + static_cast<std::ptrdiff_t>(at),
                          refs.begin() + static_cast<std::ptrdiff_t>(end));
        hub_.counters.records_offered += offer.refs.size();
        hub_.send_bare(community, *peer, OverlayMessage::RecordOffer, encode(offer));
    }
}

// To the first of the ranking now; who wants offers gets one later.
std::size_t Gossip::pass_on(Nanoseconds now, News news, ByteView packet, std::size_t fan_out) {
    const auto record = known_.digest(news.ref.id.view());
    known_.seen(now, record);
    known_.insert(record);
    auto to = ranked(news.community, news.ref);
    if (to.size() > fan_out) to.resize(fan_out);
    std::erase_if(to, [&](const Peer* peer) {
        return std::ranges::find(news.holders, peer->member) != news.holders.end();
    });
    spread(news.community, packet, to);
    for (const auto* peer : to)
        note(news.holders, peer->member, holders_max);
    if (offers_due_.size() >= news_max || !(news_.contains(record) || news_.size() < news_max))
        return forget(record), to.size();
    packets_[news.packet] = record;
    news_.insert_or_assign(record, std::move(news));
    // All wait equally long behind each other, so that what is due is at the front.
    const auto last = offers_due_.empty() ? Nanoseconds{0} : offers_due_.back().at;
    const auto jitter =
        static_cast<Nanoseconds>(hub_.random.below(static_cast<std::uint64_t>(offer_spread)));
    offers_due_.push_back({std::max(last, now + offer_wait + jitter), record});
    return to.size();
}

std::size_t Gossip::push(Nanoseconds now, const CommunityId& community,
                         const std::vector<Bytes>& packets) {
    auto* state = hub_.community(community);
    if (state == nullptr) return 0;
    state->root_stale = true;
    std::size_t most = 0;
    for (const auto& packet : packets) {
        const auto record = decode_record(packet);
        if (!record) continue;
        const auto digest = seen_.digest(packet);
        seen_.seen(now, digest);
        seen_.insert(digest);
        const auto sent =
            pass_on(now, {community, record->ref(), digest, {}}, packet, 2 * hub_.settings.fan_out);
        hub_.counters.records_pushed += sent;
        most = std::max(most, sent);
    }
    return most;
}

void Gossip::forward(Nanoseconds now, const CommunityId& community, ByteView packet,
                     const MemberId& except) {
    const auto record = decode_record(packet);
    if (!record) return;
    const auto digest = seen_.digest(packet);
    seen_.seen(now, digest);
    seen_.insert(digest);
    const auto at = asked_.find(known_.digest(record->id.view()));
    News news{community, record->ref(), digest, {except}};
    if (at != asked_.end()) {
        for (const auto& other : at->second.others)
            note(news.holders, other, holders_max);
        asked_.erase(at);
    }
    hub_.counters.records_forwarded += pass_on(now, std::move(news), packet, hub_.settings.fan_out);
}

// ---- in

void Gossip::on_push(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram) {
    auto& counters = hub_.counters;
    const auto digest = seen_.digest(datagram);
    if (seen_.seen(now, digest)) {
        if (const auto at = packets_.find(digest); at != packets_.end())
            note(news_.at(at->second).holders, peer.member, holders_max);
        return void(++counters.dropped_duplicate);
    }
    const auto record = decode_record(datagram);
    if (!record || datagram.size() > record_datagram_bytes)
        return void(++counters.dropped_malformed);
    if (storing_.full() || storing_bytes_ + datagram.size() > storing_bytes_max)
        return void(++counters.dropped_busy);
    seen_.insert(digest);
    ++counters.records_received;
    const auto of_record = known_.digest(record->id.view());
    if (news_.size() < news_max &&
        news_.try_emplace(of_record, News{header.community, record->ref(), digest, {peer.member}})
            .second)
        packets_[digest] = of_record;
    const auto token = hub_.next_token();
    storing_bytes_ += datagram.size();
    storing_.add(now, token, {header.community, peer.member, to_bytes(datagram), of_record});
    hub_.emit(StoreRecords{
        token, header.community, {to_bytes(datagram)}, false, source_number(peer.address)});
}

void Gossip::on_offer(Nanoseconds now, const Peer& peer, const CommunityId& community,
                      const RecordOffer& offer) {
    Want want{community, peer.member, {}};
    for (const auto& ref : offer.refs) {
        const auto record = known_.digest(ref.id.view());
        if (const auto at = news_.find(record); at != news_.end()) {
            note(at->second.holders, peer.member, holders_max);
            continue;
        }
        if (known_.seen(now, record)) continue;
        if (const auto at = asked_.find(record); at != asked_.end()) {
            note(at->second.others, peer.member, others_max);
            continue;
        }
        if (asked_.size() >= asked_max) {
            ++hub_.counters.dropped_busy;
            continue;
        }
        asked_.emplace(record, Asked{ref, community, {}});
        asked_until_.push_back({now + ask_patience, record});
        want.refs.push_back(ref);
    }
    if (!want.refs.empty()) wants_.push_back(std::move(want));
}

// ---- what became of it

void Gossip::forget(Digest record) {
    const auto at = news_.find(record);
    if (at == news_.end()) return;
    packets_.erase(at->second.packet);
    news_.erase(at);
}

void Gossip::drop(const std::optional<Storing>& storing) {
    if (!storing) return;
    storing_bytes_ -= storing->packet.size();
    forget(storing->record);
}

std::optional<CommunityId> Gossip::stored(Nanoseconds now, Token token,
                                          const std::vector<RecordVerdict>& verdicts) {
    auto storing = storing_.take(token);
    if (!storing) return std::nullopt;
    if (verdicts.empty() || verdicts.front() != RecordVerdict::Accepted) drop(storing);
    if (verdicts.empty() || verdicts.front() == RecordVerdict::Known) return std::nullopt;
    if (verdicts.front() == RecordVerdict::Accepted) {
        ++hub_.counters.records_accepted;
        storing_bytes_ -= storing->packet.size();
        if (auto* peer = hub_.peers.by_member(storing->from))
            if (auto* membership = peer->in(storing->community)) ++membership->useful;
        if (auto* state = hub_.community(storing->community)) state->root_stale = true;
        const auto at = news_.find(storing->record);
        auto news = at != news_.end()
                        ? at->second
                        : News{storing->community, {}, seen_.digest(storing->packet), {}};
        if (at == news_.end()) {  // there was no room for it when it came
            const auto record = decode_record(storing->packet);
            if (!record) return std::nullopt;
            news.ref = record->ref();
            news.holders = {storing->from};
        }
        hub_.counters.records_forwarded +=
            pass_on(now, std::move(news), storing->packet, hub_.settings.fan_out);
        return storing->community;
    }
    if (verdicts.front() == RecordVerdict::Waiting)
        proofs_.waits(now, storing->community, storing->packet, storing->from);
    ++hub_.counters.records_refused;
    const bool forged = verdicts.front() == RecordVerdict::BadSignature;
    if (forged && hub_.peers.blame(now, storing->from)) ++hub_.counters.peers_banned;
    return std::nullopt;
}

void Gossip::failed(Token token) {
    drop(storing_.take(token));
}

// ---- time

void Gossip::offer_rest(const News& news, std::map<MemberId, std::vector<RecordRef>>& offers) {
    for (const auto* peer : hub_.peers.partners_of(news.community)) {
        const bool wants = peer->communities.at(news.community).wants_offers;
        if (wants && std::ranges::find(news.holders, peer->member) == news.holders.end())
            offers[peer->member].push_back(news.ref);
    }
}

void Gossip::ask_others(Nanoseconds now) {
    while (!asked_until_.empty() && asked_until_.front().at <= now) {
        const auto record = asked_until_.front().record;
        asked_until_.pop_front();
        const auto at = asked_.find(record);
        if (at == asked_.end()) continue;
        auto& asked = at->second;
        if (known_.seen(now, record) || asked.others.empty()) {
            asked_.erase(at);
            continue;
        }
        wants_.push_back({asked.community, asked.others.back(), {asked.ref}});
        asked.others.pop_back();
        asked_until_.push_back({now + ask_patience, record});
    }
}

Nanoseconds Gossip::tick(Nanoseconds now) {
    while (auto expired = storing_.take_expired(now))
        drop(expired);
    ask_others(now);
    // What is due for one neighbour goes in one datagram.
    std::map<CommunityId, std::map<MemberId, std::vector<RecordRef>>> offers;
    while (!offers_due_.empty() && offers_due_.front().at <= now) {
        const auto record = offers_due_.front().record;
        offers_due_.pop_front();
        if (const auto at = news_.find(record); at != news_.end())
            offer_rest(at->second, offers[at->second.community]);
        forget(record);
    }
    for (const auto& [community, of_community] : offers)
        for (const auto& [member, refs] : of_community)
            send_offers(community, member, refs);
    auto next = now + 1'000'000'000;
    if (!offers_due_.empty()) next = std::min(next, offers_due_.front().at);
    if (!asked_until_.empty()) next = std::min(next, asked_until_.front().at);
    return next;
}

}  // namespace warren::protocol
