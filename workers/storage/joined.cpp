// See joined.h.
#include "workers/storage/joined.h"

#include <sys/stat.h>

#include "base/clock.h"

namespace warren::storage {

namespace {

// File systems count time in ticks: a folder that changed just now may change again unseen.
constexpr std::int64_t tick_ns = 50'000'000;

std::int64_t changed_ns(const std::string& folder) {
    struct stat facts {};
    if (::stat(folder.c_str(), &facts) != 0) return -1;
    return std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
}

}  // namespace

bool Joined::look_at(std::uint8_t slot) {
    auto& folder = folders_[slot];
    const auto changed = changed_ns(layout_.folder(slot));
    if (changed == folder.changed_ns && changed >= 0) return false;
    const bool settled = changed + tick_ns < wall_now_ms() * 1'000'000;
    folder.changed_ns = settled ? changed : -1;
    auto now = layout_.joined_in(slot);
    if (now == folder.joined) return false;
    folder.joined = std::move(now);
    return true;
}

std::shared_ptr<const Communities> Joined::look() {
    bool changed = false;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot)
        changed = look_at(static_cast<std::uint8_t>(slot)) || changed;
    if (!changed) return all_;
    auto out = std::make_shared<Communities>();
    for (const auto& folder : folders_)
        out->insert(folder.joined.begin(), folder.joined.end());
    all_ = out;
    return all_;
}

}  // namespace warren::storage
