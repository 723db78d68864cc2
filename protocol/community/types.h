// The community types of this program. A new one: a folder beside this file, and a word in the
// list.
#pragma once

#include <array>

#include "protocol/community/channel/channel_type.h"
#include "protocol/community/directory/directory_type.h"

namespace warren::protocol {

inline constexpr std::array community_types{&directory_type, &channel_type};
static_assert(flaw(community_types).empty());

// Any id but the directory's is that of a channel: its genesis proves it.
inline const CommunityType& type_of(const CommunityId& community) {
    return community == directory_community() ? directory_type : channel_type;
}

}  // namespace warren::protocol
