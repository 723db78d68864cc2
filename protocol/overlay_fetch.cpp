// Fetching: queue of wants, requests in flight, reassembly, commit as credit.
#include "protocol/overlay_fetch.h"

#include <algorithm>

#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr std::size_t request_bytes = 16 * 1024;  // of one FETCH
constexpr std::size_t ids_max = 8192;             // wanted of one partner; the rest comes next time
constexpr std::size_t selection_bytes = 1100;
constexpr unsigned tries_max = 6;
constexpr Nanoseconds request_patience = 500'000'000, gap_patience = 100'000'000;
constexpr Nanoseconds store_patience = 30'000'000'000;
constexpr Nanoseconds ban_time = 600'000'000'000;
constexpr std::size_t assembly_bytes_max = 4 * 1024 * 1024;
constexpr Nanoseconds assembly_life = 30'000'000'000;

std::uint64_t full_mask(std::uint8_t parts) {
    return parts >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << parts) - 1;
}

}  // namespace

// ---- fragments

void Assembly::forget(std::map<Key, Piece>::iterator at) {
    bytes_ -= at->second.bytes;
    pieces_.erase(at);
}

std::optional<Bytes> Assembly::add(Nanoseconds now, const MemberId& from,
                                   const Fragment& fragment) {
    for (auto at = pieces_.begin(); at != pieces_.end();) {
        auto next = std::next(at);
        if (at->second.expires <= now) forget(at);
        at = next;
    }
    if (bytes_ + fragment.bytes.size() > assembly_bytes_max) return std::nullopt;
    auto at = pieces_.try_emplace({from, fragment.ref}).first;
    auto& piece = at->second;
    if (piece.parts.empty()) piece.parts.resize(fragment.total);
    piece.expires = now + assembly_life;
    if (piece.parts.size() != fragment.total) {
        forget(at);
        return std::nullopt;
    }
    auto& part = piece.parts[fragment.index];
    if (!part.empty()) return std::nullopt;
    part = to_bytes(fragment.bytes);
    piece.bytes += part.size();
    bytes_ += part.size();
    if (++piece.have < piece.parts.size()) return std::nullopt;
    Bytes whole;
    for (const auto& bytes : piece.parts)
        append(whole, bytes);
    forget(at);
    return whole;
}

// ---- wants

std::size_t Fetcher::Job::ids() const {
    std::size_t out = 0;
    for (const auto& selection : selections)
        out += selection.ids.size();
    return out;
}

void Fetcher::Job::drop(const std::function<bool(std::uint64_t)>& which) {
    for (auto& selection : selections)
        std::erase_if(selection.ids, which);
    std::erase_if(selections, [](const Selection& s) { return s.ids.empty(); });
}

Fetcher::Fetcher(Hub& hub, Gossip& gossip)
    : hub_(hub), gossip_(gossip), storing_(16'384, store_patience) {}

// A partner that leads offers again what we have not committed yet: that is wanted once.
void Fetcher::enqueue(Line& line, Job job) {
    job.drop([&](std::uint64_t id) {
        return in_flight_.contains({job.session, id}) || line.queued.contains({job.session, id});
    });
    if (job.selections.empty() || line.queued.size() + job.ids() > ids_max) return;
    for (const auto& selection : job.selections)
        for (auto id : selection.ids)
            line.queued.insert({job.session, id});
    line.jobs.push_back(std::move(job));
}

void Fetcher::want(Nanoseconds now, const PartnerKey& key, std::uint64_t session,
                   const std::vector<Selection>& selections, Origin origin) {
    if (selections.empty()) return;
    auto& line = lines_[key];
    for (const auto& body : cut(selections, selection_bytes)) {
        auto part = decode_selections(body);
        if (part) enqueue(line, Job{session, std::move(*part), origin, 0});
    }
    pump(now, key);
}

bool Fetcher::busy(const PartnerKey& key) const {
    auto at = lines_.find(key);
    if (at == lines_.end()) return false;
    const auto& line = at->second;
    return !line.jobs.empty() || !line.requests.empty() || line.stores > 0;
}

std::uint64_t Fetcher::take_accepted(const PartnerKey& key) {
    auto at = lines_.find(key);
    return at == lines_.end() ? 0 : std::exchange(at->second.accepted, 0);
}

void Fetcher::pump(Nanoseconds now, const PartnerKey& key) {
    auto at = lines_.find(key);
    auto* peer = hub_.peers.by_member(key.member);
    if (at == lines_.end() || peer == nullptr) return;
    auto& line = at->second;
    auto window = std::max(hub_.settings.fetch_window_bytes, request_bytes);
    while (!line.jobs.empty() && line.reserved + line.storing + request_bytes <= window) {
        auto job = std::move(line.jobs.front());
        line.jobs.pop_front();
        for (const auto& selection : job.selections)
            for (auto id : selection.ids)
                line.queued.erase({job.session, id});
        // What another partner is sending already need not be asked twice.
        job.drop([&](std::uint64_t id) { return in_flight_.contains({job.session, id}); });
        if (!job.selections.empty()) send(now, key, line, *peer, std::move(job));
    }
}

void Fetcher::send(Nanoseconds now, const PartnerKey& key, Line& line, Peer& peer, Job job) {
    Request request;
    for (const auto& selection : job.selections)
        for (auto id : selection.ids) {
            request.missing.insert(id);
            in_flight_.insert({job.session, id});
        }
    request.bytes_max = std::min(request_bytes, request.missing.size() * record_bytes_max);
    auto patience = std::max(request_patience, 4 * peer.round_trip);
    request.deadline = now + patience * (1 << std::min(job.tries, 3U));
    line.reserved += request.bytes_max;
    auto selections = encode_selections(job.selections);
    auto number = ++last_request_;
    ++hub_.counters.fetches_sent;
    if (job.tries > 0) ++hub_.counters.fetches_resent;
    auto body = encode(
        SyncFetch{job.session, number, static_cast<std::uint32_t>(request.bytes_max), selections});
    request.job = std::move(job);
    line.requests.emplace(number, std::move(request));
    hub_.send_bare(key.community, peer, OverlayMessage::SyncFetch, body);
}

// The request is over, with or without all it asked for; what is missing is asked again.
void Fetcher::finish(Line& line, std::map<std::uint32_t, Request>::iterator at) {
    auto request = std::move(at->second);
    line.requests.erase(at);
    line.reserved -= request.bytes_max;
    auto& job = request.job;
    for (auto id : request.missing)
        in_flight_.erase({job.session, id});
    job.tries = request.got_any ? 0 : job.tries + 1;
    if (request.missing.empty() || job.tries >= tries_max) return;
    job.drop([&](std::uint64_t id) { return !request.missing.contains(id); });
    for (auto id : request.missing)
        line.queued.insert({job.session, id});
    line.jobs.push_front(std::move(job));
}

// ---- in

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
    auto short_key = session_key(community, message.session);
    Arrived arrived;
    auto take = [&](ByteView bytes) {
        auto record = decode_record(bytes);
        if (!record || record->community != community)
            return void(++hub_.counters.dropped_malformed);
        auto id = short_id(short_key, record->id);
        if (request.missing.erase(id) == 0) return void(++hub_.counters.dropped_unsolicited);
        request.got_any = true;
        arrived.packets.push_back(to_bytes(bytes));
        arrived.flights.emplace_back(message.session, id);
    };
    for (auto packet : message.packets)
        take(packet);
    if (message.fragment &&
        request.missing.contains(short_id(short_key, message.fragment->ref.id))) {
        ++hub_.counters.fragments_received;
        request.got_any = true;
        if (auto whole = assembly_.add(now, peer.member, *message.fragment)) take(*whole);
    }
    request.parts_seen |= std::uint64_t{1} << message.part;
    request.deadline = now + std::max(request_patience, 4 * peer.round_trip);
    if (message.part + 1 == message.parts) request.deadline = now + gap_patience;
    store(now, key, line, request, std::move(arrived));
    if (request.missing.empty() || request.parts_seen == full_mask(message.parts))
        finish(line, found);
    pump(now, key);
}

void Fetcher::store(Nanoseconds now, const PartnerKey& key, Line& line, const Request& request,
                    Arrived arrived) {
    auto& packets = arrived.packets;
    if (packets.empty()) return;
    if (storing_.full()) {
        land(arrived.flights);
        return void(++hub_.counters.dropped_busy);
    }
    Storing storing{key, 0, {}, std::move(arrived.flights)};
    for (const auto& packet : packets)
        storing.bytes += packet.size();
    if (request.job.origin == Origin::News) storing.news = packets;
    line.storing += storing.bytes;
    ++line.stores;
    hub_.counters.records_fetched += packets.size();
    auto token = hub_.next_token();
    storing_.add(now, token, std::move(storing));
    hub_.emit(StoreRecords{token, key.community, std::move(packets), true});
}

void Fetcher::land(const std::vector<FlightKey>& flights) {
    for (const auto& flight : flights)
        in_flight_.erase(flight);
}

void Fetcher::settle(Nanoseconds now, const Storing& storing,
                     const std::vector<RecordVerdict>& verdicts) {
    land(storing.flights);
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
        }
    }
    hub_.counters.records_accepted += accepted;
    auto* state = hub_.community(storing.key.community);
    if (accepted > 0 && state != nullptr) state->root_stale = true;
    if (auto at = lines_.find(storing.key); at != lines_.end()) at->second.accepted += accepted;
    if (forged) {
        ++hub_.counters.peers_banned;
        hub_.peers.ban(now + ban_time, storing.key.member);
        hub_.peers.remove(storing.key.member);
    }
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
    for (const auto& ref : message.refs) {
        Selection selection{{ref, next_ref(ref)}, {short_id(key, ref.id)}};
        want(now, {community, peer.member}, session, {selection}, Origin::News);
    }
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
