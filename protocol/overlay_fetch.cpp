// Fetching: the queue of wants, and requests out of it.
#include "protocol/overlay_fetch.h"

#include <algorithm>

#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr std::size_t ids_bytes = 16 * 1024, ranges_bytes = 48 * 1024;  // of one FETCH, at most
constexpr std::size_t record_bytes_guess = 512;
constexpr std::size_t ids_max = 8192;     // wanted of one partner; the rest comes next time
constexpr std::size_t jobs_max = 16'384;  // so many ranges
constexpr std::uint64_t job_records = 128;
constexpr std::size_t job_ranges = 12;
constexpr std::size_t selection_bytes = 1100;
constexpr unsigned tries_max = 6;
constexpr Nanoseconds news_patience = 250'000'000;
constexpr Nanoseconds store_patience = 30'000'000'000;

}  // namespace

void Fetcher::Job::drop(const std::function<bool(std::uint64_t)>& which) {
    for (auto& selection : selections)
        std::erase_if(selection.ids, which);
    std::erase_if(selections, [](const Selection& s) { return s.ids.empty() && s.all == 0; });
}

std::size_t Fetcher::Job::credit() const {
    std::size_t ids = 0;
    std::uint64_t records = 0;
    for (const auto& selection : selections) {
        ids += selection.ids.size();
        records += std::min<std::uint64_t>(selection.all, ranges_bytes);
    }
    if (ids > 0) return std::min(ids_bytes, ids * record_bytes_max);
    return std::clamp<std::size_t>(records * record_bytes_guess, record_bytes_max, ranges_bytes);
}

Fetcher::Fetcher(Hub& hub, Gossip& gossip, Proofs& proofs)
    : hub_(hub), gossip_(gossip), proofs_(proofs), storing_(16'384, store_patience),
      came_(hub.random, hub.settings.duplicates_max) {}

void Fetcher::each_line(const CommunityId& community,
                        const std::function<void(const PartnerKey&, Line&)>& visit) {
    for (auto at = lines_.lower_bound({community, {}});
         at != lines_.end() && at->first.community == community; ++at)
        visit(at->first, at->second);
}

Fetcher::Line& Fetcher::line_of(const PartnerKey& key) {
    if (const auto at = lines_.find(key); at != lines_.end()) return at->second;
    std::set<std::size_t> ranks;
    each_line(key.community, [&](const PartnerKey&, Line& line) { ranks.insert(line.rank); });
    auto& line = lines_[key];
    while (ranks.contains(line.rank))
        ++line.rank;
    line.window = hub_.settings.fetch_window_bytes;
    return line;
}

// Ranges on their way from any partner of the community, and those that this one will be asked for.
std::vector<SyncRange> Fetcher::streamed(const PartnerKey& key) {
    std::vector<SyncRange> out;
    const auto add = [&](const Job& job) {
        for (const auto& selection : job.selections)
            if (selection.all > 0) out.push_back(selection.range);
    };
    each_line(key.community, [&](const PartnerKey& at, Line& line) {
        for (const auto& [number, request] : line.requests)
            add(request.job);
        for (const auto& job : line.jobs)
            if (job.begun || at == key) add(job);
    });
    return out;
}

// A partner that leads offers again what we have not committed yet: that is wanted once.
void Fetcher::want_ids(Line& line, Job job, const std::vector<SyncRange>& streamed) {
    std::erase_if(job.selections, [&](const Selection& selection) {
        return without(selection.range, streamed).empty();
    });
    job.drop([&](std::uint64_t id) {
        return in_flight_.contains({job.session, id}) || line.queued.contains({job.session, id});
    });
    for (const auto& selection : job.selections)
        for (auto id : selection.ids)
            line.queued.insert({job.session, id});
    if (!job.selections.empty()) line.jobs.push_back(std::move(job));
}

// Little in each job: what is still in the queue may come from another partner.
void Fetcher::want_ranges(Line& line, Job job, const std::vector<SyncRange>& streamed) {
    const auto wanted = std::exchange(job.selections, {});
    std::uint64_t records = 0;
    const auto flush = [&] {
        if (!job.selections.empty()) line.jobs.push_back(job);
        job.selections.clear();
        records = 0;
    };
    for (const auto& selection : wanted) {
        for (const auto& range : without(selection.range, streamed)) {
            const auto more = std::min(selection.all, job_records);
            if (records + more > job_records || job.selections.size() == job_ranges) flush();
            job.selections.push_back({range, {}, selection.lasting, selection.all});
            records += more;
        }
    }
    flush();
}

void Fetcher::want(Nanoseconds now, const PartnerKey& key, std::uint64_t session,
                   const std::vector<Selection>& selections, Origin origin) {
    if (selections.empty()) return;
    auto& line = line_of(key);
    const auto on_their_way = streamed(key);
    Job ranges{session, {}, origin, 0, false};
    std::vector<Selection> ids;
    for (const auto& selection : selections)
        (selection.all > 0 ? ranges.selections : ids).push_back(selection);
    for (const auto& body : cut(ids, selection_bytes)) {
        auto part = decode_selections(body);
        if (!part || line.queued.size() >= ids_max) break;
        want_ids(line, Job{session, std::move(*part), origin, 0, false}, on_their_way);
    }
    if (line.jobs.size() < jobs_max) want_ranges(line, std::move(ranges), on_their_way);
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

// What is begun goes on, once the answers that were on their way with it are there: what they lost
// is asked for together. Else the first partner goes through its jobs from the beginning, the
// second from the middle, the next from the quarters: so they meet late.
std::optional<std::size_t> Fetcher::next_place(const Line& line) {
    const auto& jobs = line.jobs;
    const auto fresh = std::ranges::find(jobs, false, &Job::begun);
    const auto rests = static_cast<std::size_t>(fresh - jobs.begin());
    const auto oldest = line.requests.empty() ? 0 : line.requests.begin()->first;
    if (rests > 0 && (line.requests.empty() || oldest > jobs.front().behind ||
                      jobs.front().selections.size() >= job_ranges))
        return 0;
    if (fresh == jobs.end()) return std::nullopt;
    double at = 0, step = 0.5;
    for (auto rank = line.rank; rank > 0; rank /= 2, step /= 2)
        at += rank % 2 == 1 ? step : 0;
    return rests + static_cast<std::size_t>(at * static_cast<double>(jobs.size() - rests));
}

void Fetcher::add_rest(Line& line, Job job) {
    auto& jobs = line.jobs;
    const bool joins = !jobs.empty() && jobs.front().begun && jobs.front().session == job.session &&
                       jobs.front().selections.size() + job.selections.size() <= job_ranges;
    if (!joins) return jobs.push_front(std::move(job));
    auto& rest = jobs.front();
    rest.tries = std::max(rest.tries, job.tries);
    std::ranges::move(job.selections, std::back_inserter(rest.selections));
    std::ranges::sort(rest.selections, {},
                      [](const Selection& selection) { return selection.range.lower; });
}

void Fetcher::pump(Nanoseconds now, const PartnerKey& key) {
    auto found = lines_.find(key);
    auto* peer = hub_.peers.by_member(key.member);
    if (found == lines_.end() || peer == nullptr) return;
    auto& line = found->second;
    while (!line.jobs.empty()) {
        const auto place = next_place(line);
        if (!place) return;
        const auto at = line.jobs.begin() + static_cast<std::ptrdiff_t>(*place);
        if (line.reserved + line.storing + at->credit() > line.window) return;
        auto job = std::move(*at);
        line.jobs.erase(at);
        // What another partner gave meanwhile, or is giving, is not asked for.
        job.drop([&](std::uint64_t id) {
            const FlightKey flight{job.session, id};
            return line.queued.erase(flight) == 0 || in_flight_.contains(flight);
        });
        if (!job.selections.empty()) send(now, key, line, *peer, std::move(job));
    }
}

void Fetcher::claim(const PartnerKey& key, const Job& job) {
    std::vector<SyncRange> mine;
    for (const auto& selection : job.selections)
        mine.push_back(selection.range);
    each_line(key.community, [&](const PartnerKey& other, Line& line) {
        if (other == key) return;
        for (auto& theirs : line.jobs) {
            if (!theirs.whole() || theirs.begun) continue;
            const auto all = std::exchange(theirs.selections, {});
            for (const auto& selection : all)
                for (const auto& rest : without(selection.range, mine))
                    theirs.selections.push_back({rest, {}, selection.lasting, selection.all});
        }
        std::erase_if(line.jobs, [](const Job& one) { return one.selections.empty(); });
    });
}

void Fetcher::send(Nanoseconds now, const PartnerKey& key, Line& line, Peer& peer, Job job) {
    if (job.whole() && !job.begun) claim(key, job);
    Request request;
    for (const auto& selection : job.selections)
        for (auto id : selection.ids) {
            request.missing.insert(id);
            in_flight_.insert({job.session, id});
        }
    request.bytes_max = job.credit();
    // News is short, and all are waiting for it.
    const bool brief = job.origin == Origin::News && peer.round_trip > 0;
    const auto patience = brief ? std::max(news_patience, 2 * peer.round_trip)
                                : std::max(fetch_patience, 4 * peer.round_trip);
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
    const auto grown = line.window + request.bytes_max / 4;
    line.window = request.arrivals.complete(request.parts_seen)
                      ? std::min(grown, hub_.settings.fetch_window_max)
                      : std::max(line.window / 2, hub_.settings.fetch_window_bytes);
    auto& job = request.job;
    for (auto id : request.missing)
        in_flight_.erase({job.session, id});
    job.tries = request.got_any ? 0 : job.tries + 1;
    if (job.tries >= tries_max) return;
    if (job.whole()) {
        job.begun = true;
        job.behind = last_request_;
        const auto all = std::exchange(job.selections, {});
        for (const auto& selection : all)
            for (const auto& rest : request.arrivals.rest_of(selection.range))
                job.selections.push_back({rest, {}, selection.lasting, selection.all});
        if (!job.selections.empty()) add_rest(line, std::move(job));
        return;
    }
    job.drop([&](std::uint64_t id) { return !request.missing.contains(id); });
    for (auto id : request.missing)
        line.queued.insert({job.session, id});
    if (!job.selections.empty()) line.jobs.push_front(std::move(job));
}

}  // namespace warren::protocol
