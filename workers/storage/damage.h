// A community's file that is damaged: put aside, made again from its good rows, told about. What is
// still missing then comes back from peers by reconciliation. Blocking: pool threads only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage-shard/rebuild.h"

namespace warren::storage {

struct Damage {
    CommunityId community;
    std::string fault;
    bool rebuilt = false;
    shard::Rebuilt saved;
};
using OnDamage = std::function<void(const Damage&)>;

struct DamagedFile {
    std::string path;
    CommunityId community;
};
Result<void> rebuild_damaged(const DamagedFile& file, const std::string& fault,
                             const OnDamage& tell);
// Opens a file, also one whose damage shows at opening.
Result<std::unique_ptr<shard::Shard>>
open_or_rebuild(const DamagedFile& file, const shard::ShardOptions& options, const OnDamage& tell);

}  // namespace warren::storage
