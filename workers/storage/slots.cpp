// See slots.h.
#include "workers/storage/slots.h"

#include <algorithm>
#include <map>
#include <unordered_set>

namespace warren::storage {

namespace {

constexpr std::size_t catch_up_records = 256;
constexpr std::size_t page_max = 100;
constexpr Nanoseconds close_time_max = 10_s;

using Readers = std::vector<std::unique_ptr<shard::DerivedReader>>;

// A file that cannot be read now is left out: listings are made again behind the commits.
Readers open_all(const Layout& layout) {
    Readers out;
    for (auto slot : layout.slots_with_derived()) {
        auto reader = shard::DerivedReader::open(layout.derived_file(slot));
        if (reader) out.push_back(std::move(*reader));
    }
    return out;
}

bool in_order(const shard::ListedChannel& a, const shard::ListedChannel& b) {
    if (a.sort_key != b.sort_key) return a.sort_key < b.sort_key;
    return a.id < b.id;
}

void put(std::map<CommunityId, shard::ListedChannel>& into,
         std::vector<shard::ListedChannel> channels) {
    for (auto& channel : channels)
        into.emplace(channel.id, std::move(channel));
}

// Merges the files' pages. What a channel says of itself goes before what the directory says of it.
Result<ChannelPage> merge(const Layout& layout, const std::optional<shard::ChannelCursor>& after,
                          std::size_t limit) {
    auto readers = open_all(layout);
    std::map<CommunityId, shard::ListedChannel> found;
    for (const auto& reader : readers) {
        WARREN_TRY(auto channels, reader->channels(after, limit + 1));
        put(found, std::move(channels));
    }
    for (const auto& reader : readers) {
        WARREN_TRY(auto announced, reader->announced(after, limit + 1));
        put(found, std::move(announced));
    }
    ChannelPage out;
    for (auto& [id, channel] : found)
        out.channels.push_back(std::move(channel));
    std::ranges::sort(out.channels, in_order);
    out.more = out.channels.size() > limit;
    if (!out.more) return out;
    out.channels.resize(limit);
    out.next = shard::cursor_text(
        shard::ChannelCursor{out.channels.back().sort_key, out.channels.back().id});
    return out;
}

Result<std::vector<shard::ListedChannel>> all_announced(const Layout& layout) {
    std::vector<shard::ListedChannel> out;
    for (const auto& reader : open_all(layout)) {
        std::optional<shard::ChannelCursor> after;
        while (true) {
            WARREN_TRY(auto page, reader->announced(after, page_max));
            if (page.empty()) break;
            after = shard::ChannelCursor{page.back().sort_key, page.back().id};
            std::ranges::move(page, std::back_inserter(out));
        }
    }
    return out;
}

Result<std::vector<Slots::Described>> describe_all(const Layout& layout,
                                                   const std::vector<CommunityId>& communities) {
    std::map<std::uint8_t, std::vector<CommunityId>> by_slot;
    for (const auto& community : communities)
        by_slot[process::slot_of(community)].push_back(community);
    std::vector<Slots::Described> out;
    for (const auto& [slot, members] : by_slot) {
        auto reader = shard::DerivedReader::open(layout.derived_file(slot));
        if (!reader) continue;
        for (const auto& community : members) {
            WARREN_TRY(auto channel, (*reader)->channel(community));
            WARREN_TRY(auto records, (*reader)->indexed(community));
            out.push_back({community, channel ? channel->name : std::string(), records});
        }
    }
    return out;
}

}  // namespace

Slots::Slots(Executor& executor, const Layout& layout)
    : executor_(executor), layout_(layout), listings_(executor.make_strand()) {
    for (std::size_t i = 0; i < process::slot_count; ++i)
        slots_.push_back({executor.make_strand(), executor.make_strand(),
                          std::make_shared<Cell<shard::Derived>>(),
                          std::make_shared<Cell<shard::DerivedReader>>()});
}

Result<void> Slots::ensure_reader(Cell<shard::DerivedReader>& cell, const std::string& path) {
    if (cell.it) return {};
    WARREN_TRY(cell.it, shard::DerivedReader::open(path));
    return {};
}

Task<Result<shard::CaughtUp>> Slots::catch_up(ShardUse use, Shards::Opening opening,
                                              Nanoseconds deadline) {
    auto number = process::slot_of(use->id);
    auto& slot = slots_[number];
    std::function<Result<shard::CaughtUp>()> job =
        [opening = std::move(opening), path = layout_.derived_file(number), derived = slot.derived,
         records = use->indexed, reads = slot.reads,
         reader = slot.reader]() -> Result<shard::CaughtUp> {
        if (!derived->it) {
            WARREN_TRY(derived->it, shard::Derived::open(path));
            // It may be another file than the one that was read so far.
            asio::post(reads, [reader] { reader->it.reset(); });
        }
        WARREN_TRY_VOID(Shards::ensure_reader(*records, opening));
        auto out = derived->it->catch_up(opening.community, *records->it, catch_up_records);
        // After a failure in the file system nothing here is trusted: opened anew, made anew if
        // need be.
        if (!out && out.error().kind == ErrorKind::Io) {
            derived->it.reset();
            records->it.reset();
        }
        if (out) (void)derived->it->maintain();
        return out;
    };
    co_return co_await executor_.run<shard::CaughtUp>(slot.writes, std::move(job), deadline);
}

Task<Result<void>> Slots::forget(CommunityId community, Nanoseconds deadline) {
    auto number = process::slot_of(community);
    auto& slot = slots_[number];
    std::function<Result<void>()> job = [community, path = layout_.derived_file(number),
                                         derived = slot.derived]() -> Result<void> {
        if (!derived->it) {
            WARREN_TRY(derived->it, shard::Derived::open(path));
        }
        return derived->it->forget(community);
    };
    co_return co_await executor_.run<void>(slot.writes, std::move(job), deadline);
}

Task<Result<std::vector<shard::FoundTorrent>>> Slots::search(std::vector<std::uint8_t> slots,
                                                             std::string text, std::size_t limit,
                                                             Nanoseconds deadline) {
    using Found = std::vector<shard::FoundTorrent>;
    std::function<Result<std::vector<std::uint8_t>>()> present =
        [&layout = layout_]() -> Result<std::vector<std::uint8_t>> {
        return layout.slots_with_derived();
    };
    auto there =
        co_await executor_.run<std::vector<std::uint8_t>>(listings_, std::move(present), deadline);
    if (!there) co_return std::move(there.error());
    Found all;
    for (auto number : slots) {
        if (std::ranges::find(*there, number) == there->end()) continue;
        auto& slot = slots_[number];
        std::function<Result<Found>()> job = [path = layout_.derived_file(number),
                                              reader = slot.reader, text,
                                              limit]() -> Result<Found> {
            WARREN_TRY_VOID(ensure_reader(*reader, path));
            return reader->it->search(text, limit);
        };
        auto found = co_await executor_.run<Found>(slot.reads, std::move(job), deadline);
        if (!found) co_return std::move(found.error());
        std::ranges::move(*found, std::back_inserter(all));
    }
    std::ranges::stable_sort(all, {}, &shard::FoundTorrent::rank);
    if (all.size() > limit) all.resize(limit);
    co_return all;
}

Task<Result<ChannelPage>> Slots::channels(std::optional<shard::ChannelCursor> after,
                                          std::size_t limit, Nanoseconds deadline) {
    std::function<Result<ChannelPage>()> job = [&layout = layout_, after = std::move(after),
                                                limit] {
        return merge(layout, after, std::clamp<std::size_t>(limit, 1, page_max));
    };
    co_return co_await executor_.run<ChannelPage>(listings_, std::move(job), deadline);
}

Task<Result<std::vector<shard::ListedChannel>>> Slots::announced(Nanoseconds deadline) {
    using Channels = std::vector<shard::ListedChannel>;
    std::function<Result<Channels>()> job = [&layout = layout_] { return all_announced(layout); };
    co_return co_await executor_.run<Channels>(listings_, std::move(job), deadline);
}

Task<Result<std::vector<Slots::Described>>> Slots::describe(std::vector<CommunityId> communities,
                                                            Nanoseconds deadline) {
    std::function<Result<std::vector<Described>>()> job = [&layout = layout_,
                                                           communities = std::move(communities)] {
        return describe_all(layout, communities);
    };
    co_return co_await executor_.run<std::vector<Described>>(listings_, std::move(job), deadline);
}

Task<void> Slots::close(std::uint8_t number) {
    auto& slot = slots_[number];
    auto deadline = monotonic_now() + close_time_max;
    std::function<Result<void>()> close_reader = [cell = slot.reader]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    std::function<Result<void>()> close_writer = [cell = slot.derived]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    (void)co_await executor_.run<void>(slot.reads, std::move(close_reader), deadline);
    (void)co_await executor_.run<void>(slot.writes, std::move(close_writer), deadline);
}

}  // namespace warren::storage
