// Slots answer when what dead workers' logs hold for them is in their shards (intake.h).
#include <algorithm>

#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds replay_time_max = 10_s;
constexpr Nanoseconds try_again = 10_s;

}  // namespace

Task<bool> StorageWorker::restored(std::uint8_t slot, Nanoseconds deadline) {
    bool in_time = true;
    while (in_time && slot < restoring_.size() && restoring_.test(slot))
        in_time = co_await restored_.wait(deadline);
    co_return in_time;
}

// One community whose disk hangs or whose log cannot be read does not keep the others waiting.
Task<void> StorageWorker::restore(std::vector<std::uint8_t> slots) {
    for (auto slot : slots)
        restoring_.set(slot);
    const bool complete = co_await restore_once(slots);
    for (auto slot : slots)
        restoring_.reset(slot);
    restored_.notify();
    if (!complete) pipe::spawn(host_.io(), restore_rest(std::move(slots)));
}

Task<bool> StorageWorker::restore_once(std::vector<std::uint8_t> slots) {
    auto replayed = co_await intake_.replay(std::move(slots), monotonic_now() + replay_time_max);
    for (const auto& community : replayed.grown)
        index_soon(shards_.use(community));
    co_return replayed.complete;
}

Task<void> StorageWorker::restore_rest(std::vector<std::uint8_t> slots) {
    bool complete = false;
    while (!complete) {
        (void)co_await restored_.wait(monotonic_now() + try_again);
        if (draining_) co_return;
        std::erase_if(slots, [this](std::uint8_t slot) { return !owns(slot); });
        complete = co_await restore_once(slots);
    }
}

}  // namespace warren::storage
