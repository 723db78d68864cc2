// Long work that an operator started: what runs, how far it is, how it ended. Of the loop.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace warren::storage {

enum class TaskKind : std::uint8_t { Check, Compact, Prune, Backup, Restore, Rebuild };
enum class TaskState : std::uint8_t { Running, Done, Failed };

struct TaskRow {
    TaskKind kind = TaskKind::Check;
    std::string subject;  // a community, or a backup's name
    TaskState state = TaskState::Running;
    std::uint64_t done = 0, total = 0;
    std::string found;  // in words, at the end
    std::uint64_t id = 0;

    void finish(std::string what) {
        state = TaskState::Done;
        found = std::move(what);
    }
    void fail(std::string why) {
        state = TaskState::Failed;
        found = std::move(why);
    }
};
using Tracked = std::shared_ptr<TaskRow>;

class TaskList {
public:
    // One of a kind and subject at a time.
    Result<Tracked> begin(TaskKind kind, const std::string& subject) {
        for (const auto& row : rows_)
            if (row->kind == kind && row->subject == subject && row->state == TaskState::Running)
                return Error{ErrorKind::Exists, "this is under way already"};
        std::erase_if(rows_, [&](const Tracked& row) {
            return row->kind == kind && row->subject == subject;
        });
        if (rows_.size() >= rows_max) {
            auto old = std::find_if(rows_.begin(), rows_.end(), [](const Tracked& row) {
                return row->state != TaskState::Running;
            });
            if (old == rows_.end()) return unavailable("too much is under way already");
            rows_.erase(old);
        }
        auto row = std::make_shared<TaskRow>();
        row->kind = kind;
        row->subject = subject;
        row->id = ++last_id_;
        rows_.push_back(row);
        return row;
    }
    const std::list<Tracked>& rows() const { return rows_; }

private:
    static constexpr std::size_t rows_max = 128;
    std::list<Tracked> rows_;
    std::uint64_t last_id_ = 0;
};

}  // namespace warren::storage
