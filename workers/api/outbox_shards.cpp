// What operators ask of storage, and records that come from a file (through network and verify).
#include "ipc-schema/network_generated.h"
#include "workers/api/outbox_storage_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using namespace wire::storage;
using pipe::Message;
using pipe::Target;
using process::Role;
namespace N = ipc::network;

// By S::TaskKind.
constexpr std::string_view task_kinds[] = {"check",  "compact", "prune",
                                           "backup", "restore", "rebuild"};

std::string_view name_of(S::ShardState state) {
    switch (state) {
    case S::ShardState::Closed: return "closed";
    case S::ShardState::Open: return "open";
    case S::ShardState::Left: return "left";
    case S::ShardState::Damaged: return "damaged";
    }
    return "closed";
}

Shard shard_of(const S::ShardRow& from, std::uint16_t worker) {
    Shard out;
    out.community = from_wire<CommunityId>(from.community());
    out.state = name_of(from.state());
    out.slot = from.slot();
    out.worker = worker;
    out.records = from.records();
    out.bytes = from.bytes();
    out.log_bytes = from.log_bytes();
    out.bytes_max = from.bytes_max();
    out.oldest = from.oldest();
    out.newest = from.newest();
    out.floor = from.floor();
    out.checked_ms = from.checked_ms();
    if (const auto* rule = from.own_rule())
        out.own_rule = RetentionRule{rule->age_ms(), rule->records(), rule->bytes()};
    return out;
}

}  // namespace

Outbox::Asked<Nothing> Outbox::next_shards(Errand& errand, std::uint16_t worker, ShardList& into) {
    CommunityId after;
    for (bool more = true; more;) {
        Builder builder;
        const auto id = to_wire<ipc::CommunityId>(after);
        const bool first = after.is_zero();
        auto message = request(builder, S::CreateListShards(builder, first ? nullptr : &id));
        auto got = co_await asking_.ask(errand, Role::Storage, Target::instance(worker),
                                        std::move(message));
        if (!got) co_return std::move(got.problem());
        const auto* list = reply<S::ListShardsReply>(*got);
        if (!list) co_return strange();
        if (const auto* usage = list->usage())
            into.usage = {usage->shards(),  usage->left(), usage->logs(),
                          usage->derived(), usage->node(), usage->backups(),
                          usage->other(),   usage->free(), usage->set_aside()};
        more = list->more() && list->shards() && list->shards()->size() > 0;
        if (!list->shards()) continue;
        for (const auto* from : *list->shards())
            into.shards.push_back(shard_of(*from, worker));
        if (!into.shards.empty()) after = into.shards.back().community;
    }
    co_return Nothing{};
}

Outbox::Asked<ShardList> Outbox::list_shards(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Storage)) co_return std::move(*wrong);
    while (true) {
        ShardList out;
        const auto workers = asking_.ready(Role::Storage);
        for (const auto worker : workers) {
            auto done = co_await next_shards(errand, worker, out);
            if (done) continue;
            // One that went meanwhile gave its slots to others.
            if (asking_.ready(Role::Storage) == workers) co_return std::move(done.problem());
            break;
        }
        if (asking_.ready(Role::Storage) == workers) co_return out;
        if (monotonic_now() >= errand.deadline())
            co_return role_unavailable("storage", "storage: workers came and went meanwhile");
    }
}

Outbox::Asked<RetentionInForce> Outbox::get_retention(Errand& errand, CommunityId community) {
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateGetRetention(builder, &id));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* found = reply<S::GetRetentionReply>(*got);
    const auto* rule = found ? found->rule() : nullptr;
    if (!rule) co_return strange();
    co_return RetentionInForce{{rule->age_ms(), rule->records(), rule->bytes()}, found->own()};
}

Outbox::Asked<Nothing> Outbox::set_retention(Errand& errand, CommunityId community,
                                             std::optional<RetentionRule> rule) {
    Builder builder;
    flatbuffers::Offset<S::Retention> wire_rule;
    if (rule) wire_rule = S::CreateRetention(builder, rule->age_ms, rule->records, rule->bytes);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateSetRetention(builder, &id, wire_rule));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    if (!reply<S::Done>(*got)) co_return strange();
    co_return Nothing{};
}

Outbox::Asked<Nothing> Outbox::start_shard_task(Errand& errand, CommunityId community,
                                                std::string task) {
    Builder builder;
    const auto named = std::ranges::find(task_kinds, task);
    if (named == std::end(task_kinds)) co_return invalid("not a kind of task", {});
    const auto kind = static_cast<S::TaskKind>(named - std::begin(task_kinds));
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateStartTask(builder, kind, &id));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return Nothing{};
}

// Each storage worker has its part in it.
Outbox::Asked<Nothing> Outbox::start_backup_task(Errand& errand, std::string task,
                                                 std::string name) {
    Builder builder;
    const auto kind = task == "restore" ? S::TaskKind::Restore : S::TaskKind::Backup;
    const auto text = builder.CreateString(name);
    const auto message = request(builder, S::CreateStartTask(builder, kind, nullptr, text));
    auto answers = co_await asking_.ask_all(errand, Role::Storage, message);
    if (answers.empty()) co_return role_unavailable("storage", "storage: no worker is ready");
    for (auto& answer : answers)
        if (!answer) co_return std::move(answer.problem());
    co_return Nothing{};
}

Outbox::Asked<std::vector<NodeTask>> Outbox::list_tasks(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Storage)) co_return std::move(*wrong);
    constexpr std::string_view states[] = {"running", "done", "failed"};
    Builder builder;
    const auto message = request(builder, S::CreateListTasks(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Storage, message);
    std::vector<NodeTask> out;
    for (auto& answer : answers) {
        const auto* list = answer ? reply<S::ListTasksReply>(*answer) : nullptr;
        if (!list || !list->tasks()) continue;
        for (const auto* from : *list->tasks()) {
            const auto kind = static_cast<std::size_t>(from->kind());
            const auto state = static_cast<std::size_t>(from->state());
            if (kind >= std::size(task_kinds) || state >= std::size(states)) co_return strange();
            out.push_back({std::string(task_kinds[kind]), text_of(from->subject()),
                           std::string(states[state]), from->done(), from->total(),
                           text_of(from->found())});
        }
    }
    co_return out;
}

Outbox::Asked<ExportedRecords> Outbox::export_records(Errand& errand, CommunityId community,
                                                      RecordRef after) {
    constexpr std::uint32_t bytes_max = 192 * 1024;
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto ref = to_wire(after);
    auto message = request(builder, S::CreateExportRecords(builder, &id, &ref, bytes_max));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* part = reply<S::ExportRecordsReply>(*got);
    if (!part) co_return strange();
    ExportedRecords out;
    out.details = bytes_of(part->details());
    out.damaged = part->damaged();
    out.more = part->more();
    out.last = from_wire_ref(part->last());
    auto blob = pipe::join_blobs(got->blobs);
    Reader in(blob);
    if (part->sizes())
        for (auto size : *part->sizes())
            out.packets.push_back(to_bytes(in.take(size)));
    if (!in.done()) co_return strange();
    co_return out;
}

Outbox::Asked<Nothing> Outbox::join_with_details(Errand& errand, CommunityId community,
                                                 Bytes details) {
    Builder builder;
    const auto bytes = builder.CreateVector(details);
    const auto id = to_wire<ipc::CommunityId>(community);
    auto message = request(builder, S::CreateJoinCommunity(builder, &id, bytes));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return Nothing{};
}

Outbox::Asked<ImportCounts> Outbox::import_records(Errand& errand, CommunityId community,
                                                   std::vector<Bytes> packets) {
    Builder builder;
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& packet : packets) {
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    const auto list = builder.CreateVector(sizes);
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto body = N::CreateImportRecords(builder, &id, list);
    Message message{
        pipe::finish(builder, N::CreateRequest(builder, N::Inbox::ImportRecords, body.Union())),
        {}};
    pipe::add_blobs(message, blob);
    auto got = co_await asking_.ask(errand, Role::Network, Target::any(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* reply = reply_of<N::Answer, N::ImportRecordsReply>(*got);
    if (!reply || reply->verdicts()->size() != packets.size()) co_return strange_reply("network");
    ImportCounts out;
    for (const auto verdict : *reply->verdicts()) {
        switch (static_cast<ipc::Verdict>(verdict)) {
        case ipc::Verdict::Accepted: ++out.stored; break;
        case ipc::Verdict::Known: ++out.known; break;
        case ipc::Verdict::Waiting: ++out.waiting; break;
        case ipc::Verdict::Refused: ++out.refused; break;
        case ipc::Verdict::BadSignature: ++out.bad_signature; break;
        case ipc::Verdict::NotStored: ++out.not_stored; break;
        }
    }
    co_return out;
}

Outbox::Asked<std::vector<Backup>> Outbox::list_backups(Errand& errand) {
    Builder builder;
    auto message = request(builder, S::CreateListBackups(builder));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::slot(process::node_slot),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* list = reply<S::ListBackupsReply>(*got);
    if (!list) co_return strange();
    std::vector<Backup> out;
    if (list->backups())
        for (const auto* from : *list->backups())
            out.push_back({text_of(from->name()), from->created_ms(), from->communities(),
                           from->records(), from->bytes(), from->damaged(), from->whole()});
    co_return out;
}

Outbox::Asked<Nothing> Outbox::delete_backup(Errand& errand, std::string name) {
    Builder builder;
    const auto text = builder.CreateString(name);
    auto message = request(builder, S::CreateDeleteBackup(builder, text));
    auto got = co_await asking_.ask(errand, Role::Storage, Target::slot(process::node_slot),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return Nothing{};
}

}  // namespace warren::api
