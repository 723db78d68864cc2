// A file that is damaged is put aside whole, and one is made from its good rows (R-D5). Of a
// community: each record must decode, be of this community and fit its check value. What is missing
// then comes back from peers by ordinary reconciliation. Blocking; nobody has the file open.
#pragma once

#include <string>

#include "storage-shard/shard.h"

namespace warren::shard {

struct Rebuilt {
    std::uint64_t records = 0;  // or downloads
    std::uint64_t refused = 0;  // read, but not acceptable: of another community, or no founder
    std::string set_aside;      // where the damaged file lies now
};
Result<Rebuilt> rebuild(const std::string& path, const CommunityId& community, const Epoch& epoch);
// The node's own file: its downloads and facts. Resume data stay behind, for nothing proves them:
// what was downloaded is checked again.
Result<Rebuilt> rebuild_node(const std::string& path);

// Of one that replaces PATH: where it is filled, and the steps that put it in PATH's place, and
// PATH aside, whatever crashes between them. Where PATH's file lies then.
std::string filling_name(const std::string& path);
Result<std::string> put_in_place(const std::string& path);

// Ends a rebuild that a crash cut short between its steps. Before each opening; quick when there is
// nothing to do.
Result<void> finish_rebuild(const std::string& path);

}  // namespace warren::shard
