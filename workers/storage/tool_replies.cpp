// See tool_replies.h.
#include "workers/storage/tool_replies.h"

#include "workers/storage/replies_shared.h"

namespace warren::storage::replies {

namespace {

static_assert(static_cast<int>(TaskKind::Rebuild) == static_cast<int>(S::TaskKind::Rebuild));
static_assert(static_cast<int>(TaskState::Failed) == static_cast<int>(S::TaskState::Failed));
static_assert(static_cast<int>(ShardState::Damaged) == static_cast<int>(S::ShardState::Damaged));

flatbuffers::Offset<S::ShardRow> row_of(Builder& builder, const ShardRow& row) {
    flatbuffers::Offset<S::Retention> rule;
    if (row.facts.rule)
        rule = S::CreateRetention(builder, row.facts.rule->age_ms, row.facts.rule->records,
                                  row.facts.rule->bytes);
    auto id = to_wire<ipc::CommunityId>(row.community);
    return S::CreateShardRow(builder, &id, static_cast<S::ShardState>(row.state),
                             process::slot_of(row.community), row.facts.records, row.bytes,
                             row.log_bytes, row.bytes_max, row.facts.oldest, row.facts.newest,
                             row.facts.floor, rule, row.facts.checked_ms);
}

}  // namespace

pipe::Answer shards(const ShardPage& page) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::ShardRow>> all;
    for (const auto& row : page.rows)
        all.push_back(row_of(builder, row));
    flatbuffers::Offset<S::DiskUsage> usage;
    if (page.usage) {
        const auto& from = *page.usage;
        usage = S::CreateDiskUsage(builder, from.shards, from.left, from.logs, from.derived,
                                   from.node, from.backups, from.other, from.free, from.set_aside);
    }
    auto list = builder.CreateVector(all);
    return answer(builder, S::CreateListShardsReply(builder, list, page.more, usage));
}

pipe::Answer retention(const RetentionInForce& found) {
    Builder builder;
    const auto rule =
        S::CreateRetention(builder, found.rule.age_ms, found.rule.records, found.rule.bytes);
    return answer(builder, S::CreateGetRetentionReply(builder, rule, found.own));
}

pipe::Answer tasks(const std::list<Tracked>& tasks) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::TaskRow>> all;
    for (const auto& task : tasks) {
        auto subject = builder.CreateString(task->subject);
        auto found = builder.CreateString(task->found);
        all.push_back(S::CreateTaskRow(builder, static_cast<S::TaskKind>(task->kind), subject,
                                       static_cast<S::TaskState>(task->state), task->done,
                                       task->total, found, task->id));
    }
    auto list = builder.CreateVector(all);
    return answer(builder, S::CreateListTasksReply(builder, list));
}

pipe::Answer exported(const ExportPart& part) {
    Builder builder;
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& packet : part.part.records) {
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    auto list = builder.CreateVector(sizes);
    auto details = builder.CreateVector(part.details);
    auto last = to_wire(part.part.last);
    pipe::Message message{
        answer(builder, S::CreateExportRecordsReply(builder, list, &last, part.part.more,
                                                    part.part.damaged, details)),
        {}};
    pipe::add_blobs(message, blob);
    return message;
}

pipe::Answer backups(const std::vector<BackupRow>& rows) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::BackupRow>> all;
    for (const auto& row : rows) {
        auto name = builder.CreateString(row.name);
        all.push_back(S::CreateBackupRow(builder, name, row.created_ms, row.communities,
                                         row.records, row.bytes, row.damaged, row.whole));
    }
    auto list = builder.CreateVector(all);
    return answer(builder, S::CreateListBackupsReply(builder, list));
}

}  // namespace warren::storage::replies
