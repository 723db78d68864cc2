// A community's file that is damaged is put aside whole, and one is made from its good rows
// (R-D5): each record must decode, be of this community and fit its check value. What is missing
// then comes back from peers by ordinary reconciliation. Blocking; nobody has the file open.
#pragma once

#include <string>

#include "storage-shard/shard.h"

namespace warren::shard {

struct Rebuilt {
    std::uint64_t records = 0;
    std::uint64_t refused = 0;  // read, but not acceptable: of another community, or no founder
    std::string set_aside;      // where the damaged file lies now
};
Result<Rebuilt> rebuild(const std::string& path, const CommunityId& community);

// Ends a rebuild that a crash cut short between its steps. Before each opening; quick when there is
// nothing to do.
Result<void> finish_rebuild(const std::string& path);

}  // namespace warren::shard
