// Writing derived files, and listings. See slots.h.
#include "workers/storage/slots.h"

#include <algorithm>
#include <map>

#include "runtime/process/log.h"
#include "workers/storage/gather.h"
#include "workers/storage/slots_read.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds step_time = 20_ms;
constexpr std::size_t forget_rows = 512;
constexpr std::size_t page_max = 1000;          // tables in a message
constexpr std::size_t page_bytes = 512 * 1024;  // text in a message
constexpr Nanoseconds close_time_max = 10_s;
constexpr Nanoseconds remake_interval = 60_s;

}  // namespace

Slots::Slots(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics,
             const Layout& layout, CacheKib cache)
    : loop_(loop), executor_(executor), metrics_(metrics), layout_(layout), cache_(cache) {
    for (std::size_t i = 0; i < process::slot_count; ++i)
        slots_.push_back({Executor::make_strand("derived of slot " + std::to_string(i)),
                          Executor::make_strand("derived of slot " + std::to_string(i)),
                          std::make_shared<Cell<shard::Derived>>(),
                          std::make_shared<Cell<shard::DerivedReader>>()});
}

template <typename T>
Task<Result<T>> Slots::write(std::uint8_t number, std::function<Result<T>(shard::Derived&)> work,
                             Executor::Terms terms) {
    auto& slot = slots_[number];
    auto replaced = [this, number](const Error& why) {  // on a thread of the pool
        asio::post(loop_, [this, number, why] { note_replaced(number, why); });
    };
    std::function<Result<T>()> job = [path = layout_.derived_file(number), derived = slot.derived,
                                      replaced, kib = cache_.writer,
                                      work = std::move(work)]() -> Result<T> {
        if (!derived->it) {
            WARREN_TRY(derived->it, shard::Derived::open(path, replaced));
            WARREN_TRY_VOID(derived->it->set_cache_kib(kib));
        }
        auto out = work(*derived->it);
        // After a failure in the file system nothing here is trusted: opened anew, made anew if
        // need be.
        if (!out && shard::is_of_the_disk(out.error())) derived->it.reset();
        return out;
    };
    auto out = co_await executor_.run<T>(slot.writes, std::move(job), terms);
    if (!out) note_damage(number, out.error());
    co_return out;
}

Task<std::set<std::uint8_t>> Slots::present(Numbers slots, Nanoseconds deadline) {
    std::set<std::uint8_t> out;
    for (auto slot : slots) {
        std::function<Result<bool>()> look = [path = layout_.derived_file(slot)]() -> Result<bool> {
            return shard::Derived::is_there(path);
        };
        auto there = co_await executor_.run<bool>(slots_[slot].writes, std::move(look), deadline);
        if (!there || *there) out.insert(slot);  // nobody knows: a later start sees it
    }
    co_return std::move(out);
}

// Once a minute: a disk that damages what is written is no reason to write for ever.
void Slots::note_damage(std::uint8_t number, const Error& error) {
    auto& slot = slots_[number];
    const auto now = monotonic_now();
    if (error.kind != ErrorKind::Damaged) return;
    if (slot.damaged_at != 0 && now < slot.damaged_at + remake_interval) return;
    slot.damaged_at = now;
    process::log::broken("event=index.damaged slot={} then=\"its worker makes it anew\" "
                         "reason=\"{}\"",
                         number, error.text);
    if (tell_damaged_) tell_damaged_(number);
}

// A file of an older version was right in its time; any other one was not.
void Slots::note_replaced(std::uint8_t number, const Error& why) {
    ++metrics_.counter("storage_indexes_replaced_total");
    constexpr auto form =
        "event=index.replaced slot={} reason=\"{}\" then=\"all of the slot is indexed again\"";
    if (why.kind == ErrorKind::Environment)
        process::log::info(form, number, why.text);
    else
        process::log::broken(form, number, why.text);
    slots_[number].listed = false;
    if (tell_replaced_) tell_replaced_(number);
}

Task<Result<void>> Slots::begin_anew(std::uint8_t number) {
    auto& slot = slots_[number];
    std::function<Result<void>()> job = [path = layout_.derived_file(number),
                                         derived = slot.derived]() -> Result<void> {
        derived->it.reset();
        shard::remove_database(path);
        WARREN_TRY(auto made, shard::Derived::open(path));
        made.reset();  // the next step opens it
        return {};
    };
    auto terms = Executor::Terms::always(monotonic_now() + close_time_max);
    auto gone = co_await executor_.run<void>(slot.writes, std::move(job), terms);
    slot.listed = false;
    if (gone) ++metrics_.counter("storage_indexes_replaced_total");
    co_return gone;
}

Task<Result<shard::IndexMark>> Slots::mark(CommunityId community, Executor::Terms terms) {
    std::function<Result<shard::IndexMark>(shard::Derived&)> work =
        [community](shard::Derived& derived) { return derived.mark(community); };
    co_return co_await write<shard::IndexMark>(process::slot_of(community), std::move(work), terms);
}

Task<Result<shard::CaughtUp>> Slots::catch_up(CommunityId community, shard::Unindexed read,
                                              Executor::Terms terms) {
    std::function<Result<shard::CaughtUp>(shard::Derived&)> work =
        [community, read = std::move(read)](shard::Derived& derived) {
            auto slice = shard::Slice{index_step_records, monotonic_now() + step_time};
            auto out = derived.catch_up(community, read, slice);
            if (out) (void)derived.maintain();
            return out;
        };
    co_return co_await write<shard::CaughtUp>(process::slot_of(community), std::move(work), terms);
}

Task<Result<void>> Slots::forget(CommunityId community, shard::Derived::Then then,
                                 Nanoseconds deadline) {
    bool more = true;
    while (more) {
        std::function<Result<bool>(shard::Derived&)> work = [community,
                                                             then](shard::Derived& derived) {
            return derived.forget(community, then, forget_rows);
        };
        Executor::Terms terms(deadline);
        auto forgotten = co_await write<bool>(process::slot_of(community), std::move(work), terms);
        if (!forgotten) co_return std::move(forgotten.error());
        more = *forgotten;
    }
    Numbers changed{process::slot_of(community)};
    co_await list(std::move(changed), deadline);
    co_return Result<void>{};
}

Task<Result<std::vector<shard::WrittenRow>>> Slots::written_below(CommunityId community,
                                                                  GlobalTime floor,
                                                                  shard::WrittenRow after,
                                                                  Executor::Terms terms) {
    using Rows = std::vector<shard::WrittenRow>;
    std::function<Result<Rows>(shard::Derived&)> work = [community, floor,
                                                         after](shard::Derived& derived) {
        return derived.written_below(community, floor, after, removal_step_records);
    };
    co_return co_await write<Rows>(process::slot_of(community), std::move(work), terms);
}

Task<Result<void>> Slots::remove(CommunityId community, std::vector<shard::WrittenRow> rows,
                                 Executor::Terms terms) {
    std::function<Result<void>(shard::Derived&)> work =
        [community, rows = std::move(rows)](shard::Derived& derived) -> Result<void> {
        WARREN_TRY_VOID(derived.remove(community, rows));
        return derived.maintain();
    };
    co_return co_await write<void>(process::slot_of(community), std::move(work), terms);
}

Task<Result<bool>> Slots::relist(CommunityId community, std::vector<shard::Relisted> changed,
                                 Executor::Terms terms) {
    std::function<Result<bool>(shard::Derived&)> work =
        [community, changed = std::move(changed)](shard::Derived& derived) -> Result<bool> {
        WARREN_TRY(bool anew, derived.relist(community, changed));
        WARREN_TRY_VOID(derived.maintain());
        return anew;
    };
    co_return co_await write<bool>(process::slot_of(community), std::move(work), terms);
}

// What changed since the last look. Of two looks at once the later begins again: it may know more
// than was applied. A slot that does not answer stays as it was.
Task<void> Slots::list(Numbers slots, Nanoseconds deadline) {
    while (!slots.empty()) {
        std::vector<shard::Seen> since;
        std::vector<Task<Result<shard::Changes>>> questions;
        for (auto slot : slots) {
            const auto seen = listings_.seen(slot);
            since.push_back(seen);
            std::function<Result<shard::Changes>(shard::DerivedReader&)> work =
                [seen](shard::DerivedReader& reader) { return reader.changes(seen); };
            questions.push_back(read<shard::Changes>(slot, std::move(work), deadline));
        }
        auto answers =
            co_await gather<shard::Changes>(loop_, std::move(questions), deadline, read_width);
        Numbers again;
        for (std::size_t i = 0; i < slots.size(); ++i) {
            auto& answer = answers[i];
            // No file: nothing is listed there.
            if (answer && !answer->ok() && answer->error().kind == ErrorKind::NotFound)
                answer.emplace(shard::Changes{{}, true, {}, {}, {}});
            if (!answer || !answer->ok()) continue;
            slots_[slots[i]].listed = true;
            if (!listings_.apply(slots[i], since[i], std::move(**answer), wall_now_ms()))
                again.push_back(slots[i]);
        }
        slots = std::move(again);
    }
}

// Before an answer: slots that nobody looked at yet, and those of other workers, which change
// without a word.
Task<void> Slots::refresh(const Numbers& own, Nanoseconds deadline) {
    Numbers asked;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        const auto number = static_cast<std::uint8_t>(i);
        const bool ours = std::ranges::find(own, number) != own.end();
        if (!ours || !slots_[i].listed) asked.push_back(number);
    }
    co_await list(std::move(asked), deadline);
}

Task<Result<ChannelPage>> Slots::channels(const Numbers& own, ChannelQuestion question,
                                          Nanoseconds deadline) {
    if (!question.after) co_await refresh(own, deadline);  // further pages go on from what it saw
    question.limit = std::clamp<std::size_t>(question.limit, 1, page_max);
    question.bytes = page_bytes;
    co_return listings_.page(question);
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
    auto answers = co_await gather<Rows>(loop_, std::move(questions), deadline, read_width);
    Rows out;
    for (auto& answer : answers)
        if (answer && answer->ok()) std::ranges::move(**answer, std::back_inserter(out));
    co_return std::move(out);
}

Task<void> Slots::close(std::uint8_t number) {
    auto& slot = slots_[number];
    slot.listed = false;
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
