// Which records are undone, as the table of undos that were accepted says. Author and moderators
// each have their own say: the newest of theirs, and of one time an undo.
#pragma once

#include <vector>

#include "storage-shard/shard_file.h"

namespace warren::shard {

class Undone {
public:
    Result<void> prepare(Connection& connection);
    // Whether there are undos at all, so that most communities pay nothing.
    Result<bool> any();
    Result<bool> is_undone(const protocol::RecordView& record);
    // The undos and restores that decide; none: nobody ever said anything.
    Result<std::vector<RecordRef>> because(const protocol::RecordView& record);

private:
    struct Say {
        RecordRef by;
        bool undoes = false;
    };
    Result<std::vector<Say>> says(const protocol::RecordView& record);
    Statement any_, by_author_, by_others_;
};

}  // namespace warren::shard
