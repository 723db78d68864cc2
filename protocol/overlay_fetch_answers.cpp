// Fetching: what comes for a request, and what storage says to it.
#include <algorithm>

#include "protocol/overlay_fetch.h"
#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds gap_patience = 100'000'000;

bool contains(const SyncRange& range, const RecordRef& ref) {
    return range.lower <= ref && ref < range.upper;
}

Bytes coming(const MemberId& member, std::uint64_t session, ByteView packet) {
    return Writer().bytes(member.view()).u64(session).bytes(packet).take();
}

}  // namespace

bool Fetcher::asked_for(const Request& request, const CommunityId& community,
                        const RecordRef& ref) {
    const auto& job = request.job;
    if (job.whole())
        return std::ranges::any_of(job.selections, [&](const Selection& selection) {
            return contains(selection.range, ref);
        });
    return request.missing.contains(short_id(session_key(community, job.session), ref.id));
}

std::optional<RecordRef> Fetcher::accept(const CommunityId& community, ByteView bytes,
                                         Request& request, Arrived& to) {
    auto record = decode_record(bytes);
    if (!record || record->community != community) {
        ++hub_.counters.dropped_malformed;
        return std::nullopt;
    }
    if (!asked_for(request, community, record->ref())) {
        ++hub_.counters.dropped_unsolicited;
        return std::nullopt;
    }
    if (!request.job.whole()) {
        const auto id = short_id(session_key(community, request.job.session), record->id);
        request.missing.erase(id);
        to.flights.emplace_back(request.job.session, id);
    }
    request.got_any = true;
    to.packets.push_back(to_bytes(bytes));
    return record->ref();
}

Fetcher::Arrived Fetcher::take(Nanoseconds now, const PartnerKey& key, const SyncRecords& message,
                               Request& request) {
    Arrived out;
    std::optional<SyncRange> span;  // with its upper bound
    for (auto packet : message.packets) {
        const auto ref = accept(key.community, packet, request, out);
        if (!ref) continue;
        if (!span) span = {*ref, *ref};
        span->upper = *ref;
    }
    if (span) request.arrivals.add(message.part, message.part, span->lower, span->upper);
    if (!message.fragment || !asked_for(request, key.community, message.fragment->ref)) return out;
    const auto& fragment = *message.fragment;
    ++hub_.counters.fragments_received;
    request.got_any = true;
    const auto whole = assembly_.add(now, key.member, fragment);
    if (!whole || fragment.index > message.part) return out;
    const auto first = static_cast<std::uint8_t>(message.part - fragment.index);
    const auto last = static_cast<std::uint8_t>(first + fragment.total - 1);
    if (const auto ref = accept(key.community, *whole, request, out))
        request.arrivals.add(first, last, *ref, *ref);
    return out;
}

void Fetcher::on_records(Nanoseconds now, Peer& peer, const CommunityId& community,
                         const SyncRecords& message) {
    PartnerKey key{community, peer.member};
    auto at = lines_.find(key);
    if (at == lines_.end()) return void(++hub_.counters.dropped_unsolicited);
    auto& line = at->second;
    auto found = line.requests.find(message.request);
    if (found == line.requests.end() || found->second.job.session != message.session)
        return void(++hub_.counters.dropped_unsolicited);
    auto& request = found->second;
    const auto part = std::uint64_t{1} << message.part;
    if ((request.parts_seen & part) != 0) return void(++hub_.counters.dropped_duplicate);
    request.parts_seen |= part;
    request.arrivals.note_end(message.parts, message.cut);
    auto arrived = take(now, key, message, request);
    request.deadline = now + std::max(fetch_patience, 4 * peer.round_trip);
    if (message.part + 1 == message.parts) request.deadline = now + gap_patience;
    store(now, key, line, request, std::move(arrived));
    const bool all_ids = !request.job.whole() && request.missing.empty();
    if (all_ids || request.parts_seen == full_mask(message.parts)) finish(line, found);
    pump(now, key);
}

void Fetcher::store(Nanoseconds now, const PartnerKey& key, Line& line, const Request& request,
                    Arrived arrived) {
    auto& packets = arrived.packets;
    if (packets.empty()) return;
    auto* peer = hub_.peers.by_member(key.member);
    if (auto* membership = peer == nullptr ? nullptr : peer->in(key.community))
        membership->gave_us = now;
    if (storing_.full()) {
        land(arrived.flights);
        return void(++hub_.counters.dropped_busy);
    }
    Storing storing{key, 0, {}, std::move(arrived.flights)};
    for (const auto& packet : packets) {
        storing.bytes += packet.size();
        const auto digest = came_.digest(coming(key.member, request.job.session, packet));
        if (!came_.seen(now, digest)) came_.insert(digest);
    }
    if (request.job.origin == Origin::News) storing.news = packets;
    line.storing += storing.bytes;
    ++line.stores;
    hub_.counters.records_fetched += packets.size();
    auto token = hub_.next_token();
    storing_.add(now, token, std::move(storing));
    hub_.emit(StoreRecords{token, key.community, std::move(packets), true,
                           peer == nullptr ? 0 : source_number(peer->address)});
}

bool Fetcher::came_from(Nanoseconds now, const MemberId& member, std::uint64_t session,
                        ByteView packet) {
    return came_.size() > 0 && came_.seen(now, came_.digest(coming(member, session, packet)));
}

void Fetcher::land(const std::vector<FlightKey>& flights) {
    for (const auto& flight : flights)
        in_flight_.erase(flight);
}

// What other partners were still to be asked for.
void Fetcher::forget_wanted(const Storing& storing, const std::vector<RecordVerdict>& verdicts) {
    each_line(storing.key.community, [&](const PartnerKey&, Line& line) {
        for (std::size_t i = 0; i < std::min(verdicts.size(), storing.flights.size()); ++i)
            if (verdicts[i] != RecordVerdict::BadSignature &&
                verdicts[i] != RecordVerdict::NotStored)
                line.queued.erase(storing.flights[i]);
    });
}

void Fetcher::settle(Nanoseconds now, const Storing& storing,
                     const std::vector<RecordVerdict>& verdicts) {
    land(storing.flights);
    forget_wanted(storing, verdicts);
    // A line that was left and joined again does not know the stores of its former life.
    if (auto at = lines_.find(storing.key); at != lines_.end() && at->second.stores > 0) {
        at->second.storing -= std::min(at->second.storing, storing.bytes);
        --at->second.stores;
    }
    std::uint64_t accepted = 0;
    bool forged = false;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        forged = forged || verdicts[i] == RecordVerdict::BadSignature;
        if (verdicts[i] == RecordVerdict::Accepted) {
            ++accepted;
            if (i < storing.news.size())
                gossip_.forward(now, storing.key.community, storing.news[i], storing.key.member);
        } else if (verdicts[i] != RecordVerdict::Known) {
            ++hub_.counters.records_refused;
            // What was compared comes with all that it needs.
            if (verdicts[i] == RecordVerdict::Waiting && i < storing.news.size())
                proofs_.waits(now, storing.key.community, storing.news[i], storing.key.member);
        }
    }
    hub_.counters.records_accepted += accepted;
    auto* state = hub_.community(storing.key.community);
    if (accepted > 0 && state != nullptr) state->root_stale = true;
    if (auto at = lines_.find(storing.key); at != lines_.end()) at->second.accepted += accepted;
    if (forged && hub_.peers.blame(now, storing.key.member)) ++hub_.counters.peers_banned;
    pump(now, storing.key);
}

bool Fetcher::stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts) {
    auto storing = storing_.take(token);
    if (!storing) return false;
    settle(now, *storing, verdicts);
    return true;
}

void Fetcher::on_offer(Nanoseconds now, Peer& peer, const CommunityId& community,
                       const SyncOffer& message) {
    auto selections = decode_selections(message.selections);
    if (!selections) return void(++hub_.counters.dropped_malformed);
    want(now, {community, peer.member}, message.session, *selections, Origin::Repair);
}

void Fetcher::on_record_offer(Nanoseconds now, Peer& peer, const CommunityId& community,
                              const RecordOffer& message) {
    auto session = hub_.random.next();
    auto key = session_key(community, session);
    const std::set<RecordRef> refs(message.refs.begin(), message.refs.end());
    std::vector<Selection> selections;
    for (const auto& ref : refs)
        selections.push_back({{ref, next_ref(ref)}, {short_id(key, ref.id)}});
    want(now, {community, peer.member}, session, selections, Origin::News);
}

void Fetcher::failed(Nanoseconds now, Token token) {
    if (auto storing = storing_.take(token)) settle(now, *storing, {});
}

Nanoseconds Fetcher::tick(Nanoseconds now) {
    while (auto storing = storing_.take_expired(now))
        settle(now, *storing, {});
    auto next = now + 1'000'000'000;
    for (auto at = lines_.begin(); at != lines_.end();) {
        auto& line = at->second;
        for (auto request = line.requests.begin(); request != line.requests.end();) {
            auto expired = request++;
            if (expired->second.deadline <= now)
                finish(line, expired);
            else
                next = std::min(next, expired->second.deadline);
        }
        bool gone = hub_.peers.by_member(at->first.member) == nullptr;
        if (gone) {
            line.jobs.clear();
            line.queued.clear();
        }
        bool idle = line.jobs.empty() && line.requests.empty() && line.stores == 0;
        if (!idle) pump(now, at->first);  // most are idle where there are many communities
        at = idle && (gone || line.accepted == 0) ? lines_.erase(at) : std::next(at);
    }
    return next;
}

void Fetcher::leave(const CommunityId& community) {
    for (auto at = lines_.begin(); at != lines_.end();) {
        auto next = std::next(at);
        if (at->first.community == community) {
            for (const auto& [number, request] : at->second.requests)
                for (auto id : request.missing)
                    in_flight_.erase({request.job.session, id});
            lines_.erase(at);
        }
        at = next;
    }
}

}  // namespace warren::protocol
