// The storage worker's inbox: one switch. Generated types stop here.
#include <algorithm>

#include "ipc-schema/storage_generated.h"
#include "protocol/community/message_type.h"
#include "runtime/pipe/wire.h"
#include "workers/storage/inbox_searches.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"
#include "workers/storage/tool_replies.h"

namespace warren::storage {

namespace S = ipc::storage;
using pipe::wire::from_wire;
using pipe::wire::text_of;

namespace {

constexpr Nanoseconds patience_default = 10_s;
constexpr std::size_t page_max = 100;
constexpr std::size_t channels_max = 1000;
constexpr std::size_t permissions_max = 500;
constexpr std::size_t proof_records_max = 64;

Call to_call(const pipe::Request& request) {
    auto fallback = monotonic_now() + patience_default;
    return {request.id, request.deadline > 0 ? request.deadline : fallback};
}

pipe::Frame first_blob(const pipe::Request& request) {
    return request.message.blobs.empty() ? pipe::Frame() : request.message.blobs.front();
}

ListPage to_page(const flatbuffers::String* after, std::uint32_t limit,
                 std::size_t limit_max = page_max) {
    auto wanted = limit == 0 ? page_default : std::size_t{limit};
    return {text_of(after), std::min(wanted, limit_max)};
}

ChannelList to_domain(const S::ListChannels& from) {
    return {to_page(from.after(), from.limit(), channels_max),
            static_cast<std::uint8_t>(from.order()),
            from.subscribed() ? Subscribed::Only : Subscribed::Any};
}

RecordRef to_ref(const ipc::RecordRef& ref) {
    return {ref.time(), from_wire<RecordId>(&ref.id())};
}
RecordRef ref_of(const ipc::RecordRef* from) {
    return from ? to_ref(*from) : RecordRef{};
}

ItemList to_domain(const S::ListItems& from) {
    ItemList out{from_wire<CommunityId>(*from.community()), {}};
    out.question.kind = static_cast<protocol::RecordKind>(from.kind());
    if (out.question.kind == protocol::RecordKind::Comment)
        out.question.key = protocol::key_of(ref_of(from.about()));
    if (from.after()) out.question.after = ref_of(from.after());
    out.question.order =
        from.newest_first() ? shard::ItemOrder::NewestFirst : shard::ItemOrder::OldestFirst;
    out.question.limit =
        from.limit() == 0 ? page_default : std::min<std::size_t>(from.limit(), page_max);
    return out;
}

// The blob, cut by sizes; all of it must be named.
Result<StoreRecords> to_domain(const S::StoreRecords& from, const pipe::Request& request) {
    StoreRecords out{from_wire<CommunityId>(*from.community()),
                     {},
                     first_blob(request),
                     from.durable(),
                     from.pushed()};
    Reader blob(out.keep.view());
    for (auto size : *from.sizes())
        out.packets.push_back(blob.take(size));
    if (!blob.done()) return bad_input("storage: the blob does not match its sizes");
    if (from.sources()) out.sources.assign(from.sources()->begin(), from.sources()->end());
    if (!out.sources.empty() && out.sources.size() != out.packets.size())
        return bad_input("storage: not one source for each record");
    return out;
}

shard::StoredDownload to_domain(const S::PutDownload& from, const pipe::Request& request) {
    shard::StoredDownload out;
    out.infohash = from_wire<Infohash>(*from.infohash());
    out.name = text_of(from.name());
    out.magnet = text_of(from.magnet());
    out.path = text_of(from.path());
    out.root = text_of(from.root());
    out.paused = from.paused();
    out.added_ms = from.added_ms();
    out.torrent = pipe::join_blobs(request.message.blobs);
    return out;
}

Result<Publication> to_domain(const S::PublishRecord& from, const pipe::Request& request) {
    if (!protocol::is_record_kind(from.message_id()) ||
        protocol::is_two_party_kind(from.message_id()))
        return bad_input("not a kind of record that one member signs");
    return Publication{request.id, from_wire<CommunityId>(*from.community()),
                       static_cast<protocol::RecordKind>(from.message_id()),
                       Bytes(from.payload()->begin(), from.payload()->end()), request.trace};
}

Result<PairDraft> to_domain(const S::DraftPair& from) {
    const auto second = protocol::PublicKey::from({from.second()->data(), from.second()->size()});
    if (!second || !protocol::is_curve25519_key(second->view()))
        return bad_input("the second signer's key is none");
    if (!protocol::is_two_party_kind(from.message_id()))
        return bad_input("not a kind of record that two members sign");
    return PairDraft{from_wire<CommunityId>(*from.community()),
                     static_cast<protocol::RecordKind>(from.message_id()), *second,
                     Bytes(from.payload()->begin(), from.payload()->end())};
}

NewInvitation to_domain(const S::MakeInvitation& from) {
    NewInvitation out;
    out.community = from_wire<CommunityId>(*from.community());
    out.expires_s = from.expires_s();
    out.name = text_of(from.name());
    if (from.grants()) out.grants.assign(from.grants()->begin(), from.grants()->end());
    if (!from.peers()) return out;
    for (const auto* peer : *from.peers()) {
        Endpoint endpoint;
        std::copy_n(peer->address()->data(), endpoint.address.size(), endpoint.address.begin());
        endpoint.port = peer->port();
        endpoint.v6 = peer->v6() != 0;
        out.peers.push_back(endpoint);
    }
    return out;
}

Reconcile to_domain(const S::Reconcile& from, const pipe::Request& request) {
    return {from_wire<CommunityId>(*from.community()),
            from.session(),
            from.opening() ? SyncOpening::Yes : SyncOpening::No,
            from.responder() ? protocol::SyncSide::Responder : protocol::SyncSide::Initiator,
            from.their_floor(),
            first_blob(request)};
}

FetchRecords to_domain(const S::FetchRecords& from, const pipe::Request& request) {
    return {from_wire<CommunityId>(*from.community()), from.session(), from.bytes_max(),
            first_blob(request)};
}

Result<GetProofs> to_domain(const S::GetProofs& from) {
    GetProofs out{from_wire<CommunityId>(*from.community()), {}, {}};
    if (from.bytes_max() > 0)
        out.bytes_max = std::min<std::size_t>(from.bytes_max(), out.bytes_max);
    if (from.questions()) {
        WARREN_TRY(out.questions, protocol::decode_questions(
                                      {from.questions()->data(), from.questions()->size()}));
    }
    if (from.records() && from.records()->size() > proof_records_max)
        return bad_input("proofs of too many records at once");
    for (std::uint32_t i = 0; from.records() && i < from.records()->size(); ++i)
        out.records.push_back(to_ref(*from.records()->Get(i)));
    return out;
}

std::optional<shard::Retention> rule_of(const S::Retention* rule) {
    if (!rule) return std::nullopt;
    return shard::Retention{rule->age_ms(), rule->records(), rule->bytes()};
}

// The slot whose worker must answer; nothing: any worker may.
std::optional<std::uint8_t> slot_for(const S::Request& root, const RequestId& request) {
    auto of = [](const ipc::CommunityId* id) {
        return process::slot_of(from_wire<CommunityId>(*id));
    };
    switch (root.body_type()) {
    case S::Inbox::StoreRecords: return of(root.body_as_StoreRecords()->community());
    case S::Inbox::PublishRecord: return of(root.body_as_PublishRecord()->community());
    case S::Inbox::JoinCommunity: return of(root.body_as_JoinCommunity()->community());
    case S::Inbox::LeaveCommunity: return of(root.body_as_LeaveCommunity()->community());
    case S::Inbox::ListContents: return of(root.body_as_ListContents()->community());
    case S::Inbox::ListItems: return of(root.body_as_ListItems()->community());
    case S::Inbox::GetRecord: return of(root.body_as_GetRecord()->community());
    case S::Inbox::Reconcile: return of(root.body_as_Reconcile()->community());
    case S::Inbox::GetRoot: return of(root.body_as_GetRoot()->community());
    case S::Inbox::FetchRecords: return of(root.body_as_FetchRecords()->community());
    case S::Inbox::DraftPair: return of(root.body_as_DraftPair()->community());
    case S::Inbox::JudgePair: return of(root.body_as_JudgePair()->community());
    case S::Inbox::MakeInvitation: return of(root.body_as_MakeInvitation()->community());
    case S::Inbox::FoundChannel: return process::founding_slot(request);
    case S::Inbox::PutDownload:
    case S::Inbox::PutResume:
    case S::Inbox::ForgetDownload:
    case S::Inbox::ListStoredDownloads:
    case S::Inbox::PutPeers:
    case S::Inbox::GetPeers: return process::node_slot;
    case S::Inbox::SetRetention: return of(root.body_as_SetRetention()->community());
    case S::Inbox::GetRetention: return of(root.body_as_GetRetention()->community());
    case S::Inbox::ExportRecords: return of(root.body_as_ExportRecords()->community());
    case S::Inbox::GetProofs: return of(root.body_as_GetProofs()->community());
    case S::Inbox::ListPermissions: return of(root.body_as_ListPermissions()->community());
    case S::Inbox::ExplainRecord: return of(root.body_as_ExplainRecord()->community());
    case S::Inbox::ListControls: return of(root.body_as_ListControls()->community());
    case S::Inbox::ListForks: return of(root.body_as_ListForks()->community());
    case S::Inbox::RankRecords: return of(root.body_as_RankRecords()->community());
    case S::Inbox::ListHealth: return of(root.body_as_ListHealth()->community());
    case S::Inbox::PutHealth:
        if (root.body_as_PutHealth()->community()) return of(root.body_as_PutHealth()->community());
        return std::nullopt;
    case S::Inbox::StartTask:
        if (root.body_as_StartTask()->community()) return of(root.body_as_StartTask()->community());
        return std::nullopt;
    case S::Inbox::ListCommunities:
    case S::Inbox::ListChannels:
    case S::Inbox::Search:
    case S::Inbox::ListShards:
    case S::Inbox::ListTasks:
    case S::Inbox::ListBackups:
    case S::Inbox::DeleteBackup:
    case S::Inbox::ListAuthored:
    case S::Inbox::FindRecords:
    case S::Inbox::NONE: return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

Task<pipe::Answer> StorageWorker::on_request(pipe::Request request) {
    const auto* root = pipe::verified_root<S::Request>(request.message.body);
    if (!root) co_return pipe::unknown_message();
    const auto call = to_call(request);
    if (auto slot = slot_for(*root, request.id)) {
        const bool there = co_await restored(*slot, call.deadline);
        if (!there) co_return unavailable("what power loss left is being put right");
        if (!owns(*slot)) co_return replies::moved();
    }
    switch (root->body_type()) {
    case S::Inbox::StoreRecords: {
        auto command = to_domain(*root->body_as_StoreRecords(), request);
        if (!command) co_return command.error();
        co_return co_await on_store_records(call, std::move(*command));
    }
    case S::Inbox::PublishRecord: {
        auto publication = to_domain(*root->body_as_PublishRecord(), request);
        if (!publication) co_return publication.error();
        co_return co_await on_publish_record(call, std::move(*publication));
    }
    case S::Inbox::FoundChannel: {
        const auto* found = root->body_as_FoundChannel();
        NewChannel channel{text_of(found->name()), text_of(found->description())};
        co_return co_await on_found_channel(call, std::move(channel));
    }
    case S::Inbox::JoinCommunity: {
        auto community = from_wire<CommunityId>(*root->body_as_JoinCommunity()->community());
        if (const auto* invitation = root->body_as_JoinCommunity()->invitation()) {
            Bytes packet(invitation->begin(), invitation->end());
            co_return co_await on_join_by_invitation(call, std::move(packet));
        }
        const auto* details = root->body_as_JoinCommunity()->details();
        if (!details) co_return co_await on_join_community(call, community);
        Bytes bytes(details->begin(), details->end());
        co_return co_await on_join_with_details(call, community, std::move(bytes));
    }
    case S::Inbox::LeaveCommunity: {
        auto community = from_wire<CommunityId>(*root->body_as_LeaveCommunity()->community());
        co_return co_await on_leave_community(call, community);
    }
    case S::Inbox::DraftPair: {
        auto draft = to_domain(*root->body_as_DraftPair());
        if (!draft) co_return draft.error();
        co_return co_await on_draft_pair(call, std::move(*draft));
    }
    case S::Inbox::JudgePair: {
        const auto* pair = root->body_as_JudgePair();
        auto community = from_wire<CommunityId>(*pair->community());
        auto half = pipe::join_blobs(request.message.blobs);
        co_return co_await on_judge_pair(call, community, std::move(half), pair->sign());
    }
    case S::Inbox::MakeInvitation: {
        auto wish = to_domain(*root->body_as_MakeInvitation());
        co_return co_await on_make_invitation(call, std::move(wish));
    }
    case S::Inbox::ListCommunities: co_return co_await on_list_communities(call);
    case S::Inbox::ListChannels:
        co_return co_await on_list_channels(call, to_domain(*root->body_as_ListChannels()));
    case S::Inbox::ListContents: {
        const auto* list = root->body_as_ListContents();
        auto page = to_page(list->after(), list->limit());
        co_return co_await on_list_contents(call, from_wire<CommunityId>(*list->community()),
                                            std::move(page));
    }
    case S::Inbox::ListItems:
        co_return co_await on_list_items(call, to_domain(*root->body_as_ListItems()));
    case S::Inbox::GetRecord: {
        const auto* get = root->body_as_GetRecord();
        const auto ref = ref_of(get->record());
        co_return co_await on_get_record(call, from_wire<CommunityId>(*get->community()), ref);
    }
    case S::Inbox::Search: {
        auto question = to_domain(*root->body_as_Search());
        co_return co_await on_search(call, std::move(question));
    }
    case S::Inbox::ListAuthored: {
        const auto* list = root->body_as_ListAuthored();
        auto page = to_page(list->after(), list->limit());
        auto member = from_wire<MemberId>(*list->member());
        co_return co_await on_list_authored(call, member, std::move(page));
    }
    case S::Inbox::PutHealth: {
        const auto* put = root->body_as_PutHealth();
        auto swarms = to_domain(*put);
        if (!put->community()) co_return on_put_health(swarms);
        co_return co_await on_hear_health(call, from_wire<CommunityId>(*put->community()),
                                          std::move(swarms));
    }
    case S::Inbox::ListHealth: {
        const auto* list = root->body_as_ListHealth();
        const auto limit = std::min<std::size_t>(list->limit(), page_max);
        co_return co_await on_list_health(call, from_wire<CommunityId>(*list->community()), limit);
    }
    case S::Inbox::FindRecords: {
        auto command = to_domain(*root->body_as_FindRecords());
        co_return co_await on_find_records(call, std::move(command));
    }
    case S::Inbox::RankRecords: {
        auto command = to_domain(*root->body_as_RankRecords(), request);
        if (!command) co_return command.error();
        co_return co_await on_rank_records(call, std::move(*command));
    }
    case S::Inbox::Reconcile:
        co_return co_await on_reconcile(call, to_domain(*root->body_as_Reconcile(), request));
    case S::Inbox::GetRoot:
        co_return co_await on_get_root(
            call, from_wire<CommunityId>(*root->body_as_GetRoot()->community()));
    case S::Inbox::FetchRecords:
        co_return co_await on_fetch_records(call,
                                            to_domain(*root->body_as_FetchRecords(), request));
    case S::Inbox::PutDownload:
        co_return co_await on_put_download(call, to_domain(*root->body_as_PutDownload(), request));
    case S::Inbox::PutResume: {
        const auto* put = root->body_as_PutResume();
        co_return co_await on_put_resume(call, from_wire<Infohash>(*put->infohash()), put->paused(),
                                         pipe::join_blobs(request.message.blobs));
    }
    case S::Inbox::ForgetDownload:
        co_return co_await on_forget_download(
            call, from_wire<Infohash>(*root->body_as_ForgetDownload()->infohash()));
    case S::Inbox::ListStoredDownloads: {
        // Not within the co_await: g++ 12 evaluates both sides of a condition there.
        const auto* after = root->body_as_ListStoredDownloads()->after();
        const auto behind = after ? from_wire<Infohash>(*after) : Infohash{};
        co_return co_await on_list_stored_downloads(call, behind);
    }
    case S::Inbox::PutPeers:
        co_return co_await on_put_peers(call, root->body_as_PutPeers()->worker(),
                                        pipe::join_blobs(request.message.blobs));
    case S::Inbox::GetPeers: co_return co_await on_get_peers(call);
    case S::Inbox::ListShards: {
        const auto* after = root->body_as_ListShards()->after();
        const auto behind = after ? from_wire<CommunityId>(*after) : CommunityId{};
        co_return co_await on_list_shards(call, behind);
    }
    case S::Inbox::SetRetention: {
        const auto* set = root->body_as_SetRetention();
        co_return co_await on_set_retention(call, from_wire<CommunityId>(*set->community()),
                                            rule_of(set->rule()));
    }
    case S::Inbox::StartTask: {
        const auto* start = root->body_as_StartTask();
        const auto* id = start->community();
        const auto community = id ? from_wire<CommunityId>(*id) : CommunityId{};
        auto kind = static_cast<TaskKind>(start->kind());
        if (kind > TaskKind::Rebuild) co_return bad_input("not a kind of task");
        co_return on_start_task(kind, community, text_of(start->name()));
    }
    case S::Inbox::ListTasks: co_return replies::tasks(tools_.tasks());
    case S::Inbox::ExportRecords: {
        const auto* part = root->body_as_ExportRecords();
        const auto after = ref_of(part->after());
        co_return co_await on_export_records(call, from_wire<CommunityId>(*part->community()),
                                             after, part->bytes_max());
    }
    case S::Inbox::ListBackups: co_return co_await on_list_backups(call);
    case S::Inbox::DeleteBackup: {
        auto name = text_of(root->body_as_DeleteBackup()->name());
        co_return co_await on_delete_backup(call, std::move(name));
    }
    case S::Inbox::GetRetention:
        co_return co_await on_get_retention(
            call, from_wire<CommunityId>(*root->body_as_GetRetention()->community()));
    case S::Inbox::GetProofs: {
        auto command = to_domain(*root->body_as_GetProofs());
        if (!command) co_return command.error();
        co_return co_await on_get_proofs(call, std::move(*command));
    }
    case S::Inbox::ListPermissions: {
        const auto* list = root->body_as_ListPermissions();
        auto page = to_page(list->after(), list->limit(), permissions_max);
        co_return co_await on_list_permissions(call, from_wire<CommunityId>(*list->community()),
                                               std::move(page));
    }
    case S::Inbox::ExplainRecord: {
        const auto* explain = root->body_as_ExplainRecord();
        const auto record = to_ref(*explain->record());
        co_return co_await on_explain_record(call, from_wire<CommunityId>(*explain->community()),
                                             record);
    }
    case S::Inbox::ListControls: {
        const auto* list = root->body_as_ListControls();
        const auto page = to_page(nullptr, list->limit());
        const auto before = list->before() ? to_ref(*list->before()) : protocol::sync_end();
        co_return co_await on_list_controls(call, from_wire<CommunityId>(*list->community()),
                                            before, page.limit);
    }
    case S::Inbox::ListForks:
        co_return co_await on_list_forks(
            call, from_wire<CommunityId>(*root->body_as_ListForks()->community()));
    case S::Inbox::NONE: break;
    }
    co_return pipe::unknown_message();
}

}  // namespace warren::storage
