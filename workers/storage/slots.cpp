// Writing derived files, and listings. See slots.h.
#include "workers/storage/slots.h"

#include <algorithm>
#include <map>

#include "workers/storage/gather.h"
#include "workers/storage/slots_read.h"

namespace warren::storage {

namespace {

constexpr shard::Slice step{512, 0};
constexpr Nanoseconds step_time = 20_ms;
constexpr std::size_t forget_rows = 512;
constexpr std::size_t page_max = 1000;          // tables in a message
constexpr std::size_t page_bytes = 512 * 1024;  // text in a message
constexpr Nanoseconds close_time_max = 10_s;

}  // namespace

Slots::Slots(asio::io_context& loop, Executor& executor, const Layout& layout)
    : loop_(loop), executor_(executor), layout_(layout) {
    for (std::size_t i = 0; i < process::slot_count; ++i)
        slots_.push_back({Executor::make_strand("derived of slot " + std::to_string(i)),
                          Executor::make_strand("derived of slot " + std::to_string(i)),
                          std::make_shared<Cell<shard::Derived>>(),
                          std::make_shared<Cell<shard::DerivedReader>>()});
}

Task<Result<shard::CaughtUp>> Slots::catch_up(ShardUse use, Shards::Opening opening,
                                              Executor::Terms terms) {
    auto number = process::slot_of(use->id);
    auto& slot = slots_[number];
    std::function<Result<shard::CaughtUp>()> job =
        [opening = std::move(opening), path = layout_.derived_file(number), derived = slot.derived,
         records = use->indexed]() -> Result<shard::CaughtUp> {
        if (!derived->it) {
            WARREN_TRY(derived->it, shard::Derived::open(path));
        }
        WARREN_TRY_VOID(Shards::ensure_reader(*records, opening));
        auto slice = step;
        slice.until = monotonic_now() + step_time;
        auto out = derived->it->catch_up(opening.community, *records->it, slice);
        // After a failure in the file system nothing here is trusted: opened anew, made anew if
        // need be.
        if (!out && (out.error().kind == ErrorKind::Io || out.error().kind == ErrorKind::Damaged)) {
            derived->it.reset();
            records->it.reset();
        }
        if (out) (void)derived->it->maintain();
        return out;
    };
    auto out = co_await executor_.run<shard::CaughtUp>(slot.writes, std::move(job), terms);
    slots_[number].known = false;
    co_return out;
}

Task<Result<void>> Slots::forget(CommunityId community, shard::Derived::Then then,
                                 Nanoseconds deadline) {
    auto number = process::slot_of(community);
    auto& slot = slots_[number];
    bool more = true;
    while (more) {
        std::function<Result<bool>()> job = [community, then, path = layout_.derived_file(number),
                                             derived = slot.derived]() -> Result<bool> {
            if (!derived->it) {
                WARREN_TRY(derived->it, shard::Derived::open(path));
            }
            return derived->it->forget(community, then, forget_rows);
        };
        auto forgotten = co_await executor_.run<bool>(slot.writes, std::move(job), deadline);
        slots_[number].known = false;
        if (!forgotten) co_return std::move(forgotten.error());
        more = *forgotten;
    }
    co_return Result<void>{};
}

// What changed since the last look, of all slots at once. A slot that does not answer stays as it
// was: listings are made behind the commits anyway.
Task<void> Slots::refresh(const Numbers& own, Nanoseconds deadline) {
    std::vector<std::uint8_t> asked;
    std::vector<shard::Seen> since;
    std::vector<Task<Result<shard::Changes>>> questions;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const auto number = static_cast<std::uint8_t>(i);
        const bool ours = std::ranges::find(own, number) != own.end();
        if (ours && slots_[i].known) continue;
        slots_[i].known = ours;
        const auto seen = listings_.seen(number);
        asked.push_back(number);
        since.push_back(seen);
        std::function<Result<shard::Changes>(shard::DerivedReader&)> work =
            [seen](shard::DerivedReader& reader) { return reader.changes(seen); };
        questions.push_back(read<shard::Changes>(number, std::move(work), deadline));
    }
    auto answers = co_await gather<shard::Changes>(loop_, std::move(questions), deadline);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (answers[i] && answers[i]->ok()) {
            listings_.apply(asked[i], since[i], std::move(**answers[i]));
            continue;
        }
        slots_[asked[i]].known = false;
        // No file: nothing is listed there.
        if (answers[i] && answers[i]->error().kind == ErrorKind::NotFound)
            listings_.apply(asked[i], since[i], {{}, true, {}, {}});
    }
}

Task<Result<ChannelPage>> Slots::channels(const Numbers& own,
                                          std::optional<shard::ChannelCursor> after,
                                          std::size_t limit, Nanoseconds deadline) {
    co_await refresh(own, deadline);
    co_return listings_.page(after, std::clamp<std::size_t>(limit, 1, page_max), page_bytes);
}

Task<Result<std::vector<shard::ListedChannel>>> Slots::announced(Nanoseconds deadline) {
    std::function<Result<shard::Changes>(shard::DerivedReader&)> work =
        [](shard::DerivedReader& reader) { return reader.changes(shard::Seen{}); };
    auto slot = process::slot_of(protocol::directory_community());
    auto all = co_await read<shard::Changes>(slot, std::move(work), deadline);
    if (!all && all.error().kind == ErrorKind::NotFound)
        co_return std::vector<shard::ListedChannel>{};
    if (!all) co_return std::move(all.error());
    co_return std::move(all->announced);
}

Task<Result<std::vector<Slots::Described>>> Slots::describe(std::vector<CommunityId> communities,
                                                            Nanoseconds deadline) {
    std::map<std::uint8_t, std::vector<CommunityId>> by_slot;
    for (const auto& community : communities)
        by_slot[process::slot_of(community)].push_back(community);
    using Rows = std::vector<Described>;
    std::vector<Task<Result<Rows>>> questions;
    for (auto& [slot, members] : by_slot) {
        std::function<Result<Rows>(shard::DerivedReader&)> work =
            [members = std::move(members)](shard::DerivedReader& reader) -> Result<Rows> {
            Rows out;
            for (const auto& community : members) {
                WARREN_TRY(auto channel, reader.channel(community));
                WARREN_TRY(auto records, reader.indexed(community));
                out.push_back({community, channel ? channel->name : std::string(), records});
            }
            return out;
        };
        questions.push_back(read<Rows>(slot, std::move(work), deadline));
    }
    auto answers = co_await gather<Rows>(loop_, std::move(questions), deadline);
    Rows out;
    for (auto& answer : answers)
        if (answer && answer->ok()) std::ranges::move(**answer, std::back_inserter(out));
    co_return std::move(out);
}

Task<void> Slots::close(std::uint8_t number) {
    auto& slot = slots_[number];
    slot.known = false;
    auto deadline = monotonic_now() + close_time_max;
    std::function<Result<void>()> close_reader = [cell = slot.reader]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    std::function<Result<void>()> close_writer = [cell = slot.derived]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    auto terms = Executor::Terms::always(deadline);
    (void)co_await executor_.run<void>(slot.reads, std::move(close_reader), terms);
    (void)co_await executor_.run<void>(slot.writes, std::move(close_writer), terms);
}

}  // namespace warren::storage
