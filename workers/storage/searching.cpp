// Questions to all slots of this worker at once: search, and who wrote what. See slots.h.
#include <algorithm>
#include <set>

#include "workers/storage/gather.h"
#include "workers/storage/slots.h"
#include "workers/storage/slots_read.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds search_time_max = 30_ms;  // to look; who asks is answered within 50
// The newest matches, over all slots: what is ranked.
constexpr std::size_t candidates_max = 2048, candidates_min = 32, candidates_enough = 512;
constexpr std::size_t limit_max = 100;
// Beside the newest, what is popular: swarms that neighbours tell of lie in one slot, those that
// this node counted may lie in any.
constexpr std::size_t alive_max = 512, own_alive_max = 64;

SlotSet set_of(const Slots::Numbers& slots) {
    SlotSet out;
    for (auto slot : slots)
        out.set(slot);
    return out;
}

// The newest, and the most alive that are not among them.
Result<shard::Found> popular_of(shard::DerivedReader& reader, const std::vector<Infohash>& alive,
                                const shard::SearchBounds& bounds) {
    WARREN_TRY(auto found, reader.newest(bounds));
    std::set<RecordRef> there;
    for (const auto& torrent : found.torrents)
        there.insert(torrent.ref);
    WARREN_TRY(auto more, reader.of_swarms(alive));
    for (auto& torrent : more)
        if (there.insert(torrent.ref).second) found.torrents.push_back(std::move(torrent));
    return found;
}

}  // namespace

std::optional<shard::Health> Slots::health_of(const Infohash& infohash) const {
    const auto* known = swarm_healths_.find(infohash);
    return known ? std::optional(*known) : std::nullopt;
}

Slots::SwarmsBySlot Slots::alive_swarms(const Numbers& slots) const {
    SwarmsBySlot out;
    std::size_t anywhere = 0;
    for (const auto& swarm : swarm_healths_.most_alive(wall_now_ms(), alive_max)) {
        if (swarm.community) {
            out[process::slot_of(*swarm.community)].push_back(swarm.infohash);
        } else if (++anywhere <= own_alive_max) {
            for (const auto slot : slots)
                out[slot].push_back(swarm.infohash);
        }
    }
    return out;
}

SearchResult Slots::ranked(std::vector<shard::FoundTorrent> found, std::size_t limit) const {
    SearchResult out;
    out.torrents.reserve(found.size());
    const auto now = wall_now_ms();
    for (auto& torrent : found) {
        RankedTorrent one{std::move(torrent), std::nullopt, {}};
        one.health = health_of(one.torrent.infohash);
        one.score = shard::score_of(one.torrent.text, one.torrent.created_ms, one.health, now);
        out.torrents.push_back(std::move(one));
    }
    const auto keep = std::min({limit, limit_max, out.torrents.size()});
    std::ranges::partial_sort(out.torrents,
                              out.torrents.begin() + static_cast<std::ptrdiff_t>(keep),
                              [](const RankedTorrent& a, const RankedTorrent& b) {
                                  const auto left = a.score.total(), right = b.score.total();
                                  if (left != right) return left > right;
                                  return a.torrent.ref > b.torrent.ref;
                              });
    out.torrents.resize(keep);
    return out;
}

// Into what is known of each slot; false: a slot did not answer in time.
Task<Result<bool>> Slots::search_once(Numbers slots, const SearchQuestion& question,
                                      shard::SearchBounds bounds, FoundBySlot& into) {
    std::vector<Task<Result<shard::Found>>> questions;
    auto alive = question.kind == SearchKind::Popular ? alive_swarms(slots) : SwarmsBySlot{};
    for (auto slot : slots) {
        std::function<Result<shard::Found>(shard::DerivedReader&)> work =
            [text = question.text, kind = question.kind, swarms = std::move(alive[slot]),
             bounds](shard::DerivedReader& reader) {
                return kind == SearchKind::Popular ? popular_of(reader, swarms, bounds)
                                                   : reader.search(text, bounds);
            };
        questions.push_back(read<shard::Found>(slot, std::move(work), bounds.until));
    }
    auto answers =
        co_await gather<shard::Found>(loop_, std::move(questions), bounds.until, read_width);
    bool complete = true;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        auto& answer = answers[i];
        if (answer && answer->ok()) {
            complete = complete && (**answer).in_time;
            into[slots[i]] = std::move(**answer);
            continue;
        }
        if (answer && answer->error().kind == ErrorKind::BadInput)
            co_return std::move(answer->error());
        complete = complete && answer && answer->error().kind == ErrorKind::NotFound;
    }
    co_return complete;
}

// First a few of each slot, however many there are. When they are few altogether, the slots that
// may hold more give what is missing: one channel may have them all.
Task<Result<SearchResult>> Slots::search(Numbers slots, SearchQuestion question,
                                         Nanoseconds deadline) {
    shard::SearchBounds bounds;
    bounds.until = std::min(deadline, monotonic_now() + search_time_max);
    bounds.candidates = std::clamp(candidates_max / std::max<std::size_t>(slots.size(), 1),
                                   candidates_min, candidates_max);
    std::erase_if(slots,
                  [&](std::uint8_t slot) { return slot % question.groups != question.group; });
    const auto asked = set_of(slots);
    const std::set<CommunityId> only(question.communities.begin(), question.communities.end());
    SlotSet theirs;
    for (const auto& community : only)
        theirs.set(process::slot_of(community));
    if (!only.empty()) std::erase_if(slots, [&](std::uint8_t slot) { return !theirs.test(slot); });
    FoundBySlot found;
    auto complete = co_await search_once(std::move(slots), question, bounds, found);
    if (!complete) co_return std::move(complete.error());
    std::size_t count = 0;
    Numbers more;
    for (const auto& [slot, part] : found) {
        count += part.torrents.size();
        if (!part.all) more.push_back(slot);
    }
    if (count < candidates_enough && !more.empty()) {
        bounds.candidates = candidates_max / more.size();
        auto rest = co_await search_once(std::move(more), question, bounds, found);
        complete = *complete && rest && *rest;
    }
    std::vector<shard::FoundTorrent> all;
    for (auto& [slot, part] : found)
        std::ranges::move(part.torrents, std::back_inserter(all));
    if (!only.empty())
        std::erase_if(all, [&](const auto& torrent) { return !only.contains(torrent.community); });
    auto out = ranked(std::move(all), question.limit);
    out.complete = *complete;
    out.slots = asked;
    co_return std::move(out);
}

Task<Result<std::vector<Infohash>>>
Slots::swarms_in(CommunityId community, std::vector<Infohash> infohashes, Nanoseconds deadline) {
    using Those = std::vector<Infohash>;
    std::function<Result<Those>(shard::DerivedReader&)> work =
        [community,
         infohashes = std::move(infohashes)](shard::DerivedReader& reader) -> Result<Those> {
        Those out;
        for (const auto& infohash : infohashes) {
            WARREN_TRY(bool there, reader.has_swarm(community, infohash));
            if (there) out.push_back(infohash);
        }
        return out;
    };
    co_return co_await read<Those>(process::slot_of(community), std::move(work), deadline);
}

Task<Result<AuthorRecords>> Slots::author(Numbers slots, MemberId member,
                                          std::optional<shard::AuthorCursor> after,
                                          std::size_t limit, Nanoseconds deadline) {
    using Page = std::optional<shard::AuthorPage>;
    std::vector<Task<Result<Page>>> questions;
    for (auto slot : slots) {
        std::function<Result<Page>(shard::DerivedReader&)> work =
            [member, after, limit](shard::DerivedReader& reader) {
                return reader.author(member, after, limit + 1);
            };
        questions.push_back(read<Page>(slot, std::move(work), deadline));
    }
    auto answers = co_await gather<Page>(loop_, std::move(questions), deadline, read_width);
    AuthorRecords out;
    out.slots = set_of(slots);
    for (auto& answer : answers) {
        if (!answer || !answer->ok()) {
            out.complete = out.complete && answer && answer->error().kind == ErrorKind::NotFound;
            continue;
        }
        auto& page = **answer;
        if (!page) continue;
        out.key = page->key;
        out.records += page->records;
        out.forks += page->forks;
        std::ranges::move(page->rows, std::back_inserter(out.rows));
    }
    std::ranges::sort(out.rows, std::greater{}, &shard::AuthoredRecord::at);
    out.more = out.rows.size() > limit;
    if (out.more) out.rows.resize(limit);
    co_return std::move(out);
}

}  // namespace warren::storage
