// A file that is damaged: put aside, made again from its good rows, told about. What is
// still missing then comes back from peers by reconciliation. Blocking: pool threads only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage-shard/node_shard.h"
#include "storage-shard/rebuild.h"

namespace warren::storage {

struct Damage {
    std::string shard;  // a community, or "node"
    std::string fault;
    bool rebuilt = false;
    shard::Rebuilt saved;
};
using OnDamage = std::function<void(const Damage&)>;

struct DamagedFile {
    std::string path;
    CommunityId community;
    shard::Epoch epoch;
};
Result<shard::Rebuilt> rebuild_damaged(const DamagedFile& file, const std::string& fault,
                                       const OnDamage& tell);
// Opens a file, also one whose damage shows at opening.
Result<std::unique_ptr<shard::Shard>> open_or_rebuild(const std::string& path,
                                                      const CommunityId& community,
                                                      const shard::ShardOptions& options,
                                                      const OnDamage& tell);
// The same of the node's own file.
Result<std::unique_ptr<shard::NodeShard>> open_or_rebuild_node(const std::string& path,
                                                               const shard::Epoch& epoch,
                                                               shard::Check check,
                                                               const OnDamage& tell);

}  // namespace warren::storage
