// Questions to all slots of this worker at once: search, and who wrote what. See slots.h.
#include <algorithm>

#include "workers/storage/gather.h"
#include "workers/storage/slots.h"
#include "workers/storage/slots_read.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds search_time_max = 30_ms;  // to look; who asks is answered within 50
// The newest matches, over all slots: what is ranked.
constexpr std::size_t candidates_max = 2048, candidates_min = 32, candidates_enough = 512;
constexpr std::size_t limit_max = 100;
constexpr std::size_t health_max = 100'000;

SlotSet set_of(const Slots::Numbers& slots) {
    SlotSet out;
    for (auto slot : slots)
        out.set(slot);
    return out;
}

}  // namespace

void Slots::put_health(const Infohash& infohash, const shard::Health& health) {
    if (health_.size() >= health_max && !health_.contains(infohash)) health_.erase(health_.begin());
    health_[infohash] = health;
}

SearchResult Slots::ranked(std::vector<shard::FoundTorrent> found, std::size_t limit) const {
    SearchResult out;
    out.torrents.reserve(found.size());
    const auto now = wall_now_ms();
    for (auto& torrent : found) {
        RankedTorrent one{std::move(torrent), std::nullopt, {}};
        const auto known = health_.find(one.torrent.infohash);
        if (known != health_.end()) one.health = known->second;
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
    for (auto slot : slots) {
        std::function<Result<shard::Found>(shard::DerivedReader&)> work =
            [text = question.text, kind = question.kind, bounds](shard::DerivedReader& reader) {
                return kind == SearchKind::Popular ? reader.newest(bounds)
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
    auto out = ranked(std::move(all), question.limit);
    out.complete = *complete;
    out.slots = asked;
    co_return std::move(out);
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
