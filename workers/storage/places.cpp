// Which files may be open: few at a time. Who waits for a place gets it in order of asking, and of
// all that wait only that one is woken. See shards.h.
#include <algorithm>

#include "workers/storage/shards.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds look_again =
    250_ms;  // a shard that hangs gives its place up and tells nobody
// People pass what can wait, but nothing waits for ever.
constexpr Nanoseconds passed_by_for = 1_s;

}  // namespace

void Shards::place(OpenShard& shard) {
    shard.placed = true;
    metrics_.gauge("storage_open_shards") = static_cast<std::int64_t>(++placed_);
}

void Shards::unplace(OpenShard& shard) {
    shard.placed = false;
    metrics_.gauge("storage_open_shards") = static_cast<std::int64_t>(--placed_);
}

Task<bool> Shards::take_place(ShardUse use, Nanoseconds deadline, Priority asker) {
    if (use->placed) co_return true;
    const bool for_people = asker == Priority::Interactive;
    auto granted = std::make_shared<pipe::Promise<bool>>(loop_);
    if (use->seeking.empty())
        seekers_.push_back({use.share(), for_people, monotonic_now()});
    else if (for_people)
        std::ranges::find(seekers_, use.share(), &Seeker::shard)->for_people = true;
    use->seeking.push_back(granted);
    while (give_next()) {
    }
    while (close_unused()) {
    }
    if (!use->placed && !std::exchange(giving_, true)) pipe::spawn(loop_, give_places());
    (void)co_await granted->wait(deadline);
    if (!use->placed && std::erase(use->seeking, granted) > 0 && use->seeking.empty())
        stop_seeking(use.share());
    co_return use->placed;
}

void Shards::stop_seeking(const std::shared_ptr<OpenShard>& shard) {
    std::erase_if(seekers_, [&](const Seeker& seeker) { return seeker.shard == shard; });
}

// One for all that wait: it looks when a use or a closing ended.
Task<void> Shards::give_places() {
    while (!seekers_.empty()) {
        (void)co_await freed_->wait(monotonic_now() + look_again);
        while (give_next()) {
        }
        while (close_unused()) {
        }
    }
    giving_ = false;
}

// Shards whose disk hangs cannot be closed, and take no place.
std::size_t Shards::hung() const {
    return static_cast<std::size_t>(std::ranges::count_if(open_, [](const auto& entry) {
        return entry.second->placed && Executor::is_hung(entry.second->writes);
    }));
}

// People's calls may open half as many more, so that they never wait for a round of catching up.
bool Shards::give_next() {
    if (seekers_.empty()) return false;
    const auto most = limits_.open_max + (placed_ < limits_.open_max ? 0 : hung());
    if (placed_ >= most + limits_.open_max / 2) return false;
    const auto waits_long = monotonic_now() - passed_by_for;
    auto next = std::ranges::find_if(seekers_, [&](const Seeker& seeker) {
        return placed_ < most || seeker.for_people || seeker.since < waits_long;
    });
    if (next == seekers_.end()) return false;
    auto shard = std::move(next->shard);
    seekers_.erase(next);
    place(*shard);
    for (auto& call : std::exchange(shard->seeking, {}))
        call->set(true);
    return true;
}

// One, the least recently used, while more are open or sought than may be.
bool Shards::close_unused() {
    if (placed_ + seekers_.size() <= limits_.open_max + closing_) return false;
    std::shared_ptr<OpenShard> oldest;
    for (const auto& [id, shard] : open_) {
        if (shard->users > 0 || shard->closing || !shard->placed) continue;
        if (!oldest || shard->used_at < oldest->used_at) oldest = shard;
    }
    if (!oldest) return false;
    begin_closing(*oldest);  // now, for the coroutine begins later
    pipe::spawn(loop_, finish_closing(std::move(oldest)));
    return true;
}

}  // namespace warren::storage
