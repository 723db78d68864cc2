// Which communities are joined, as their files say; a folder is read again only when it changed.
// Blocking: on the strand of the folders.
#pragma once

#include <array>
#include <memory>
#include <unordered_set>

#include "workers/storage/layout.h"

namespace warren::storage {

using Communities = std::unordered_set<CommunityId>;

class Joined {
public:
    explicit Joined(const Layout& layout) : layout_(layout) {}
    std::shared_ptr<const Communities> look();

private:
    struct Folder {
        std::int64_t changed_ns = -1;
        std::vector<CommunityId> joined;
    };
    bool look_at(std::uint8_t slot);

    const Layout& layout_;
    std::array<Folder, process::slot_count> folders_{};
    std::shared_ptr<const Communities> all_ = std::make_shared<Communities>();
};

}  // namespace warren::storage
