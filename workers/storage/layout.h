// Where files lie: STATE/shards/SLOT/COMMUNITY.shard, one derived file beside them,
// STATE/shards/node. A community is joined when its file is there, and left when the file is called
// .left; so nothing else has to agree with the files after a crash. Blocking: pool threads only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/process/roster.h"
#include "storage-shard/shard.h"

namespace warren::storage {

enum class Presence { Unknown, Joined, Left };

struct FileOnDisk {
    CommunityId community;
    Presence presence = Presence::Unknown;
    std::uint64_t bytes = 0;
    bool unclean = false;  // a log lies beside it: its last opener was killed, or has it open
};

class Layout {
public:
    explicit Layout(std::string state_dir) : root_(std::move(state_dir) + "/shards") {}

    Result<void> prepare() const;  // the folders
    std::string folder(std::uint8_t slot) const;
    std::string intake_folder() const { return root_ + "/intake"; }
    std::string node_file() const { return root_ + "/node"; }
    std::string shard_file(const CommunityId& community) const;
    std::string left_file(const CommunityId& community) const;
    std::string derived_file(std::uint8_t slot) const { return folder(slot) + "/derived"; }

    Presence presence(const CommunityId& community) const;
    std::vector<FileOnDisk> list() const;                         // all slots, whoever serves them
    std::vector<CommunityId> joined_in(std::uint8_t slot) const;  // in order

    // Exactly one file appears, whoever else tries at the same time. True: it was not there before.
    Result<bool> join(const CommunityId& community,
                      const std::optional<shard::Founder>& founder) const;
    // The file must be closed. True: it was joined before.
    Result<bool> leave(const CommunityId& community) const;

private:
    std::string root_;
};

}  // namespace warren::storage
