// See undone.h.
#include "storage-shard/undone.h"

#include <algorithm>

namespace warren::shard {

namespace {

// 210: undo own, 211: undo other; action 1: undo, 2: restore.
constexpr std::string_view by_author_sql =
    "SELECT time, id, action FROM undo WHERE target_time = ?1 AND target = ?2 AND by = 210 AND "
    "kind = ?3 AND author = ?4 ORDER BY time DESC, action LIMIT 1";
constexpr std::string_view by_others_sql =
    "SELECT time, id, action FROM undo WHERE target_time = ?1 AND target = ?2 AND by = 211 AND "
    "kind = ?3 ORDER BY time DESC, action LIMIT 1";

}  // namespace

Result<void> Undone::prepare(Connection& connection) {
    WARREN_TRY(any_, connection.prepare("SELECT EXISTS(SELECT 1 FROM undo)"));
    WARREN_TRY(by_author_, connection.prepare(by_author_sql));
    WARREN_TRY(by_others_, connection.prepare(by_others_sql));
    return {};
}

Result<bool> Undone::any() {
    WARREN_TRY(auto some, any_.number());
    return some == 1;
}

Result<std::vector<Undone::Say>> Undone::says(const protocol::RecordView& record) {
    std::vector<Say> out;
    const auto kind = static_cast<std::int64_t>(record.kind);
    for (bool own : {true, false}) {
        Rows rows = own ? by_author_.rows(sql_time(record.time), record.id, kind, record.author)
                        : by_others_.rows(sql_time(record.time), record.id, kind);
        WARREN_TRY(bool found, rows.next());
        if (found)
            out.push_back({{time_of(rows.integer(0)), rows.id<RecordId>(1)}, rows.integer(2) == 1});
    }
    return out;
}

Result<bool> Undone::is_undone(const protocol::RecordView& record) {
    WARREN_TRY(auto all, says(record));
    return std::ranges::any_of(all, &Say::undoes);
}

Result<std::vector<RecordRef>> Undone::because(const protocol::RecordView& record) {
    WARREN_TRY(auto all, says(record));
    std::vector<RecordRef> out;
    for (const auto& say : all)
        out.push_back(say.by);
    return out;
}

}  // namespace warren::shard
