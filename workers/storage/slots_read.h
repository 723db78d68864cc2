// A read of one slot's derived file, between the files of slots.h only.
#pragma once

#include <filesystem>

#include "workers/storage/slots.h"

namespace warren::storage {

// Slots that one question reads at a time: a thread of the pool is left to others.
inline constexpr std::size_t read_width = 3;

template <typename T>
Task<Result<T>> Slots::read(std::uint8_t number,
                            std::function<Result<T>(shard::DerivedReader&)> work,
                            Nanoseconds deadline) {
    auto& slot = slots_[number];
    std::function<Result<T>()> job = [cell = slot.reader, path = layout_.derived_file(number),
                                      kib = cache_.reader, work = std::move(work)]() -> Result<T> {
        // It may have been thrown away and made anew, here or by another worker.
        if (cell->it && !cell->it->is_current()) cell->it.reset();
        if (!cell->it) {
            if (!std::filesystem::exists(path)) return not_found("nothing is indexed there");
            WARREN_TRY(cell->it, shard::DerivedReader::open(path));
            WARREN_TRY_VOID(cell->it->set_cache_kib(kib));
        }
        auto out = work(*cell->it);
        if (!out && (out.error().kind == ErrorKind::Io || out.error().kind == ErrorKind::Damaged))
            cell->it.reset();
        return out;
    };
    auto out = co_await executor_.run<T>(slot.reads, std::move(job), deadline);
    if (!out) note_damage(number, out.error());
    co_return out;
}

}  // namespace warren::storage
