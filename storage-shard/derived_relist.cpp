// What left a community's file, was undone or was brought back, in what is derived from it. See
// derived.h.
#include "storage-shard/derived.h"

namespace warren::shard {

Result<bool> Derived::relist(const CommunityId& community, const std::vector<Relisted>& changed) {
    std::vector<Judged> judged;
    std::vector<WrittenRow> gone;
    for (const auto& one : changed) {
        const bool shown = !one.packet.empty() && !one.undone;
        judged.push_back({one.ref, shown ? one.packet : Bytes{}});
        if (!one.packet.empty()) continue;
        WARREN_TRY(auto author, find_author_.number(protocol::member_id(one.author.view())));
        if (author)
            gone.push_back({*author, sql_time(one.prev.time), head_of(one.prev.id), one.ref});
    }
    WARREN_TRY(bool anew, judge(community, judged));
    WARREN_TRY_VOID(remove(community, gone));
    return anew;
}

}  // namespace warren::shard
