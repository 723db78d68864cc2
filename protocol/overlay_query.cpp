// See overlay_query.h.
#include "protocol/overlay_query.h"

#include <algorithm>

#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds again_after = second, patience = 5 * second;
constexpr std::size_t serving_max = 8;        // questions of neighbours that are with storage
constexpr std::size_t communities_max = 256;  // that one answer looks through
constexpr std::size_t answer_records_max = 2 * query_limit_max;  // torrents, and edits of them
constexpr Rate questions_of_one{0.5, 6};

// Searched for, or changes what is.
bool is_answer(RecordKind kind) {
    return kind == RecordKind::Torrent || kind == RecordKind::TorrentEdit;
}

bool contains(const std::vector<CommunityId>& list, const CommunityId& community) {
    return std::ranges::find(list, community) != list.end();
}

}  // namespace

std::vector<CommunityId> shared_with(const Peer& peer) {
    std::vector<CommunityId> out;
    for (const auto& [community, membership] : peer.communities)
        if (membership.slot && keeps_records(community)) out.push_back(community);
    return out;
}

Queries::Queries(Hub& hub) : hub_(hub), serving_(serving_max, patience) {}

// ---- asking

Result<std::size_t> Queries::ask(Nanoseconds now, Wish wish) {
    if (sent_.size() >= sent_max) return unavailable("too many searches are on their way");
    if (wish.text.empty() || wish.text.size() > query_text_bytes_max || !is_utf8(wish.text))
        return bad_input("the search text is empty, longer than 512 bytes, or not UTF-8");
    if (wish.communities.size() > query_communities_max)
        return bad_input("more communities than a query names");
    wish.limit = std::clamp<std::size_t>(wish.limit, 1, query_limit_max);
    wish.deadline = std::min(wish.deadline, now + life);
    std::map<MemberId, CommunityId> via;
    std::vector<Peer*> there;
    for (auto& [member, peer] : hub_.peers.all()) {
        if (!peer.proven) continue;
        const auto way = std::ranges::find_if(peer.communities, [&](const auto& entry) {
            const bool asked = wish.communities.empty() || contains(wish.communities, entry.first);
            return entry.second.slot && entry.second.trusts_us && keeps_records(entry.first) &&
                   asked;
        });
        if (way == peer.communities.end()) continue;
        via[member] = way->first;
        there.push_back(&peer);
    }
    const auto id = std::max<QueryId>(hub_.random.next(), 1);
    auto& query = sent_[id];
    query.wish = std::move(wish);
    query.again_at = now + again_after;
    for (const auto* peer : sample(hub_.random, std::move(there), peers_max)) {
        query.asked[peer->member].via = via[peer->member];
        send(id, query, peer->member, via[peer->member]);
    }
    query.waiting = query.asked.size();
    const auto count = query.waiting;
    if (count == 0) end(sent_.find(id));
    return count;
}

void Queries::send(QueryId id, const Sent& query, const MemberId& member, const CommunityId& via) {
    const auto* peer = hub_.peers.by_member(member);
    if (peer == nullptr || !peer->proven) return;
    ++hub_.counters.queries_sent;
    const auto limit = static_cast<std::uint8_t>(query.wish.limit);
    hub_.send_bare(via, *peer, OverlayMessage::Query,
                   encode(Query{id, limit, query.wish.communities, query.wish.text}));
}

bool Queries::wanted(const Peer& peer, const Wish& wish, ByteView packet) {
    const auto record = decode_record(packet);
    if (!record || !is_answer(record->kind)) return false;
    const auto& named = wish.communities;
    return (named.empty() || contains(named, record->community)) &&
           hub_.community(record->community) != nullptr &&
           contains(shared_with(peer), record->community);
}

std::vector<Bytes> Queries::take(Nanoseconds now, const Peer& peer, const SyncRecords& message,
                                 const Wish& wish, Asked& from) {
    std::vector<Bytes> out;
    const auto add = [&](ByteView packet) {
        from.bytes += packet.size();
        ++from.records;
        const bool fits =
            from.records <= answer_records_max && from.bytes <= query_answer_bytes_max;
        if (fits && wanted(peer, wish, packet)) return out.push_back(to_bytes(packet));
        ++hub_.counters.dropped_unsolicited;
    };
    for (const auto packet : message.packets)
        add(packet);
    if (!message.fragment) return out;
    ++hub_.counters.fragments_received;
    if (const auto whole = assembly_.add(now, peer.member, *message.fragment)) add(*whole);
    return out;
}

void Queries::on_answer(Nanoseconds now, const Peer& peer, const SyncRecords& message) {
    const auto at = sent_.find(message.session);
    if (at == sent_.end()) return void(++hub_.counters.dropped_unsolicited);
    auto& query = at->second;
    const auto found = query.asked.find(peer.member);
    if (found == query.asked.end()) return void(++hub_.counters.dropped_unsolicited);
    auto& asked = found->second;
    const auto part = std::uint64_t{1} << message.part;
    if (asked.done || (asked.parts_seen & part) != 0)
        return void(++hub_.counters.dropped_duplicate);
    asked.parts_seen |= part;
    auto packets = take(now, peer, message, query.wish, asked);
    if (!packets.empty()) hub_.emit(QueryAnswered{query.wish.ref, peer.member, std::move(packets)});
    if (asked.parts_seen != full_mask(message.parts)) return;
    ++hub_.counters.query_answers_received;
    asked.done = true;
    if (--query.waiting == 0) end(at);
}

void Queries::forged(Nanoseconds now, const MemberId& member) {
    if (hub_.peers.blame(now, member)) ++hub_.counters.peers_banned;
}

void Queries::end(std::map<QueryId, Sent>::iterator at) {
    hub_.emit(QueryEnded{at->second.wish.ref});
    sent_.erase(at);
}

// ---- answering

void Queries::on_query(Nanoseconds now, Peer& peer, const CommunityId& community,
                       const Query& message) {
    auto& counters = hub_.counters;
    if (serving_.full()) return void(++counters.dropped_busy);
    auto& budget = budgets_.try_emplace(peer.member, questions_of_one).first->second;
    if (!peer.replies.positive(now) || !budget.take(now, 1))
        return void(++counters.dropped_reply_budget);
    auto communities = shared_with(peer);
    if (!message.communities.empty())
        std::erase_if(communities,
                      [&](const auto& id) { return !contains(message.communities, id); });
    if (communities.size() > communities_max) communities.resize(communities_max);
    if (communities.empty()) return void(++counters.dropped_unsolicited);
    const auto token = hub_.next_token();
    serving_.add(now, token, {message.id, peer.member, community});
    hub_.emit(FindRecords{token, std::move(communities), std::string(message.text), message.limit,
                          query_answer_bytes_max});
}

// Having nothing is an answer too: whoever asked need not wait.
void Queries::found(Nanoseconds now, Token token, const FetchedRecords& found) {
    const auto serving = serving_.take(token);
    auto* peer = serving ? hub_.peers.by_member(serving->member) : nullptr;
    if (peer == nullptr || !peer->proven) return;
    ++hub_.counters.queries_answered;
    for (const auto& body : pack_records(serving->query, 0, found)) {
        peer->replies.charge(now, static_cast<double>(body.size()));
        hub_.send_bare(serving->via, *peer, OverlayMessage::QueryAnswer, body);
    }
}

Nanoseconds Queries::tick(Nanoseconds now) {
    serving_.clear_expired(now);
    std::erase_if(budgets_,
                  [&](const auto& entry) { return hub_.peers.by_member(entry.first) == nullptr; });
    auto next = now + second;
    for (auto at = sent_.begin(); at != sent_.end();) {
        const auto here = at++;
        auto& [id, query] = *here;
        if (query.wish.deadline <= now) {
            end(here);
            continue;
        }
        next = std::min(next, query.wish.deadline);
        if (query.again_at > now) {
            next = std::min(next, query.again_at);
            continue;
        }
        query.again_at = query.wish.deadline;
        for (const auto& [member, asked] : query.asked)
            if (asked.parts_seen == 0) send(id, query, member, asked.via);
    }
    return next;
}

}  // namespace warren::protocol
