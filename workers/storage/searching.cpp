// Questions to all slots of this worker at once: search, and who wrote what. See slots.h.
#include <algorithm>

#include "workers/storage/gather.h"
#include "workers/storage/slots.h"
#include "workers/storage/slots_read.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds search_time_max = 50_ms;
// The newest matches, over all slots: what is ranked. Each slot gives a full answer, as one may
// hold them all.
constexpr std::size_t candidates_max = 2048, candidates_min = 100;
constexpr std::size_t limit_max = 100;
constexpr std::size_t health_max = 100'000;

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
        RankedTorrent one{std::move(torrent), std::nullopt, 0};
        const auto known = health_.find(one.torrent.infohash);
        if (known != health_.end()) one.health = known->second;
        one.score = shard::score_of(one.torrent.text, one.torrent.created_ms, one.health, now);
        out.torrents.push_back(std::move(one));
    }
    const auto keep = std::min({limit, limit_max, out.torrents.size()});
    std::ranges::partial_sort(out.torrents,
                              out.torrents.begin() + static_cast<std::ptrdiff_t>(keep),
                              [](const RankedTorrent& a, const RankedTorrent& b) {
                                  if (a.score != b.score) return a.score > b.score;
                                  return a.torrent.ref > b.torrent.ref;
                              });
    out.torrents.resize(keep);
    return out;
}

Task<Result<SearchResult>> Slots::search(Numbers slots, std::string text, std::size_t limit,
                                         Nanoseconds deadline) {
    shard::SearchBounds bounds;
    bounds.until = std::min(deadline, monotonic_now() + search_time_max);
    bounds.candidates = std::clamp(candidates_max / std::max<std::size_t>(slots.size(), 1),
                                   candidates_min, candidates_max);
    std::vector<Task<Result<shard::Found>>> questions;
    for (auto slot : slots) {
        std::function<Result<shard::Found>(shard::DerivedReader&)> work =
            [text, bounds](shard::DerivedReader& reader) { return reader.search(text, bounds); };
        questions.push_back(read<shard::Found>(slot, std::move(work), bounds.until));
    }
    auto answers = co_await gather<shard::Found>(loop_, std::move(questions), bounds.until);
    std::vector<shard::FoundTorrent> all;
    bool complete = true;
    for (auto& answer : answers) {
        if (answer && answer->ok()) {
            complete = complete && (**answer).in_time;
            std::ranges::move((**answer).torrents, std::back_inserter(all));
            continue;
        }
        if (answer && answer->error().kind == ErrorKind::BadInput)
            co_return std::move(answer->error());
        complete = complete && answer && answer->error().kind == ErrorKind::NotFound;
    }
    auto out = ranked(std::move(all), limit);
    out.complete = complete;
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
    auto answers = co_await gather<Page>(loop_, std::move(questions), deadline);
    AuthorRecords out;
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
