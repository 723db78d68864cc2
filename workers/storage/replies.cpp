// See replies.h.
#include "workers/storage/replies.h"

#include "workers/storage/replies_shared.h"

namespace warren::storage::replies {

namespace {

flatbuffers::Offset<S::Torrent> torrent(Builder& builder, const RankedTorrent& ranked) {
    const auto& from = ranked.torrent;
    const auto health = ranked.health.value_or(shard::Health{});
    auto name = builder.CreateString(from.name);
    auto tags = builder.CreateString(from.tags);
    auto channel = builder.CreateString(from.channel);
    auto community = to_wire<ipc::CommunityId>(from.community);
    auto record = to_wire(from.ref);
    auto infohash = to_wire<ipc::Infohash>(from.infohash);
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> trackers;
    if (!from.extras.trackers.empty())
        trackers = builder.CreateVectorOfStrings(from.extras.trackers);
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> thumbnail;
    if (from.extras.thumbnail)
        thumbnail =
            builder.CreateVector(from.extras.thumbnail->bytes.data(), protocol::ContentHash::size);
    return S::CreateTorrent(builder, &community, &record, &infohash, name, from.size, from.files,
                            tags, from.created_ms, channel, -ranked.score.total(), health.seeders,
                            health.leechers, health.checked_ms, ranked.score.text,
                            ranked.score.health, ranked.score.freshness, trackers, thumbnail,
                            from.edited, health.counted_here, from.here);
}

flatbuffers::Offset<S::Item> item(Builder& builder, protocol::RecordKind kind,
                                  const shard::ItemRow& from) {
    const auto ref = to_wire(from.ref);
    const auto author = builder.CreateVector(from.author.bytes.data(), from.author.bytes.size());
    const auto payload = builder.CreateVector(from.payload);
    const auto edited = builder.CreateVector(from.edited);
    const auto edit = to_wire(from.edit.value_or(RecordRef{}));
    return S::CreateItem(builder, &ref, static_cast<std::uint8_t>(kind), author, payload,
                         from.edit ? &edit : nullptr, edited);
}

S::RecordState to_wire_state(shard::Explanation::State state) {
    using State = shard::Explanation::State;
    switch (state) {
    case State::Accepted: return S::RecordState::Accepted;
    case State::Undone: return S::RecordState::Undone;
    case State::Waiting: return S::RecordState::Waiting;
    case State::Refused: return S::RecordState::Refused;
    case State::Unknown: break;
    }
    return S::RecordState::Unknown;
}

auto control_records(Builder& builder, const std::vector<Bytes>& packets) {
    std::vector<flatbuffers::Offset<S::ControlRecord>> all;
    for (const auto& packet : packets) {
        auto record = protocol::decode_record(packet);
        if (!record) continue;
        auto author = builder.CreateVector(to_bytes(record->author.view()));
        auto payload = builder.CreateVector(to_bytes(record->payload));
        auto ref = to_wire(record->ref());
        all.push_back(S::CreateControlRecord(builder, &ref, static_cast<std::uint8_t>(record->kind),
                                             author, payload));
    }
    return builder.CreateVector(all);
}

// A reply whose blob is cut by its sizes.
template <typename Create>
pipe::Answer cut_blob(const std::vector<Bytes>& parts, const Create& create) {
    Builder builder;
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& part : parts) {
        sizes.push_back(static_cast<std::uint16_t>(part.size()));
        append(blob, part);
    }
    pipe::Message message{answer(builder, create(builder, builder.CreateVector(sizes))), {}};
    message.blobs.emplace_back(std::move(blob));
    return message;
}

}  // namespace

pipe::Answer stored(const std::vector<shard::Verdict>& verdicts) {
    Builder builder;
    std::vector<ipc::Verdict> all;
    for (auto verdict : verdicts)
        all.push_back(to_wire_verdict(verdict));
    auto list = builder.CreateVector(all);
    return answer(builder, S::CreateStoreRecordsReply(builder, list));
}

pipe::Answer published(const RecordRef& record) {
    Builder builder;
    auto ref = to_wire(record);
    return answer(builder, S::CreatePublishRecordReply(builder, &ref));
}

pipe::Answer founded(const FoundedChannel& channel) {
    Builder builder;
    auto id = to_wire<ipc::CommunityId>(channel.community);
    auto ref = to_wire(channel.genesis);
    auto announcement = builder.CreateVector(channel.announcement);
    return answer(builder, S::CreateFoundChannelReply(builder, &id, &ref, announcement));
}

pipe::Answer drafted(const DraftedPair& pair) {
    Builder builder;
    auto ref = to_wire(pair.record);
    pipe::Message out{answer(builder, S::CreateDraftPairReply(builder, &ref)), {}};
    out.blobs.emplace_back(to_bytes(pair.half));
    return out;
}

pipe::Answer judged(const PairJudgement& judgement) {
    Builder builder;
    auto refusal = builder.CreateString(judgement.refusal);
    flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> signature;
    if (judgement.signature)
        signature = builder.CreateVector(judgement.signature->bytes.data(),
                                         judgement.signature->bytes.size());
    return answer(builder, S::CreateJudgePairReply(builder, refusal, signature));
}

pipe::Answer invited(const RecordRef& grants, Bytes invitation) {
    Builder builder;
    auto ref = to_wire(grants);
    pipe::Message out{answer(builder, S::CreateMakeInvitationReply(builder, &ref)), {}};
    out.blobs.emplace_back(std::move(invitation));
    return out;
}

pipe::Answer done() {
    Builder builder;
    return answer(builder, S::CreateDone(builder));
}

pipe::Answer communities(const std::vector<CommunityRow>& rows) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Community>> all;
    for (const auto& row : rows) {
        auto name = builder.CreateString(row.name);
        auto id = to_wire<ipc::CommunityId>(row.id);
        bool directory = row.id == protocol::directory_community();
        auto kind = directory ? S::CommunityKind::Directory : S::CommunityKind::Channel;
        all.push_back(S::CreateCommunity(builder, &id, kind, true, row.records, name, row.bytes));
    }
    auto list = builder.CreateVector(all);
    return answer(builder, S::CreateListCommunitiesReply(builder, list));
}

pipe::Answer channels(const ChannelRows& rows) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Channel>> all;
    for (const auto& row : rows.rows) {
        auto name = builder.CreateString(row.listed.name);
        auto description = builder.CreateString(row.listed.description);
        const auto& key = row.listed.founder.bytes;
        auto founder = builder.CreateVector(key.data(), key.size());
        auto id = to_wire<ipc::CommunityId>(row.listed.id);
        all.push_back(S::CreateChannel(builder, &id, name, description, founder,
                                       row.listed.torrents, row.joined, row.own,
                                       row.listed.updated_ms, row.listed.standing.up,
                                       row.listed.standing.down, row.listed.standing.subscribers,
                                       row.popularity, static_cast<std::uint8_t>(row.said.vote),
                                       row.said.subscribed == protocol::Subscribed::Yes));
    }
    auto list = builder.CreateVector(all);
    auto next = builder.CreateString(rows.next);
    return answer(builder, S::CreateListChannelsReply(builder, list, rows.more, next));
}

pipe::Answer contents(const Contents& contents) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Torrent>> all;
    for (std::size_t i = 0; i < contents.page.rows.size(); ++i) {
        const auto& row = contents.page.rows[i];
        const auto created = shard::shown_ms(row.entry.created_s);
        RankedTorrent one;
        one.health = contents.healths[i];
        one.torrent = {contents.community, row.ref,
                       row.entry.infohash, row.entry.name,
                       row.entry.size,     row.entry.files,
                       row.entry.tags,     created,
                       contents.channel,   0,
                       row.edited,         row.entry.extras};
        all.push_back(torrent(builder, one));
    }
    auto list = builder.CreateVector(all);
    auto next = builder.CreateString(contents.page.next);
    return answer(builder, S::CreateListContentsReply(builder, list, contents.page.more, next));
}

pipe::Answer items(protocol::RecordKind kind, const shard::ItemPage& page) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Item>> all;
    for (const auto& row : page.rows)
        all.push_back(item(builder, kind, row));
    const auto list = builder.CreateVector(all);
    return answer(builder, S::CreateListItemsReply(builder, list, page.more));
}

pipe::Answer record(const RecordAndShown& record) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Torrent>> all;
    for (const auto& one : record.torrents)
        all.push_back(torrent(builder, one));
    const auto list = builder.CreateVector(all);
    const auto what = item(builder, record.kind, record.item);
    return answer(builder, S::CreateGetRecordReply(builder, what, list, record.shown));
}

pipe::Answer found(const SearchResult& result) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Torrent>> all;
    for (const auto& row : result.torrents)
        all.push_back(torrent(builder, row));
    auto list = builder.CreateVector(all);
    return answer(builder,
                  S::CreateSearchReply(builder, list, !result.complete, result.slots.to_ullong()));
}

pipe::Answer found_records(const std::vector<Bytes>& packets) {
    return cut_blob(packets, S::CreateFindRecordsReply);
}

pipe::Answer swarms(const std::vector<SwarmRow>& rows) {
    Builder builder;
    std::vector<S::SwarmHealth> all;
    for (const auto& row : rows)
        all.emplace_back(row.health.checked_ms, row.health.seeders, row.health.leechers,
                         to_wire<ipc::Infohash>(row.infohash));
    const auto list = builder.CreateVectorOfStructs(all);
    return answer(builder, S::CreateListHealthReply(builder, list));
}

pipe::Answer authored(const AuthorRecords& records) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Authored>> all;
    for (const auto& row : records.rows) {
        auto cursor = builder.CreateString(shard::cursor_text(row.at));
        auto community = to_wire<ipc::CommunityId>(row.at.community);
        auto ref = to_wire(row.at.ref);
        all.push_back(S::CreateAuthored(builder, &community, &ref,
                                        static_cast<std::uint8_t>(row.kind), row.forked, cursor));
    }
    auto list = builder.CreateVector(all);
    auto bytes = records.key ? to_bytes(records.key->view()) : Bytes();
    auto key = builder.CreateVector(bytes);
    return answer(builder, S::CreateListAuthoredReply(builder, list, records.more, records.records,
                                                      records.forks, key, !records.complete,
                                                      records.slots.to_ullong()));
}

pipe::Answer reconciled(ReconcileResult result) {
    Builder builder;
    auto body = answer(builder, S::CreateReconcileReply(builder, result.in_sync));
    pipe::Message message{std::move(body), {}};
    message.blobs.emplace_back(std::move(result.answers));
    message.blobs.emplace_back(std::move(result.wants));
    message.blobs.emplace_back(std::move(result.offers));
    return message;
}

pipe::Answer root(const shard::ShardRoot& root) {
    Builder builder;
    auto bytes = Writer().u64(root.sum.high).u64(root.sum.low).take();
    auto fingerprint = builder.CreateVector(bytes);
    return answer(builder, S::CreateGetRootReply(builder, root.count, root.newest, fingerprint,
                                                 root.epoch, root.floor));
}

pipe::Answer fetched(const shard::Fetched& fetched) {
    return cut_blob(fetched.packets, [&](Builder& builder, auto sizes) {
        return S::CreateFetchRecordsReply(builder, sizes, fetched.cut);
    });
}

pipe::Answer proofs(const std::vector<Bytes>& packets) {
    return cut_blob(packets, S::CreateGetProofsReply);
}

pipe::Answer forks(const std::vector<Bytes>& proofs) {
    return cut_blob(proofs, S::CreateListForksReply);
}

pipe::Answer permissions(const Permissions& from) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::Permission>> all;
    for (const auto& row : from.governance.standings) {
        const bool of_all = row.member == protocol::everyone;
        auto member = of_all ? 0 : builder.CreateVector(to_bytes(row.member.view()));
        auto record = to_wire(row.by);
        all.push_back(S::CreatePermission(builder, member, row.kind, row.right, row.held, row.since,
                                          &record));
    }
    auto list = builder.CreateVector(all);
    auto next = builder.CreateString(from.next);
    const auto& founded = from.governance.founder;
    auto founder = founded ? builder.CreateVector(to_bytes(founded->key.view())) : 0;
    auto own = from.own ? builder.CreateVector(to_bytes(from.own->view())) : 0;
    const auto end = to_wire(from.governance.end.value_or(RecordRef{}));
    return answer(builder,
                  S::CreateListPermissionsReply(builder, list, from.more, next, founder,
                                                from.governance.end ? &end : nullptr, own));
}

pipe::Answer explained(const Explained& from) {
    Builder builder;
    auto because = control_records(builder, from.because);
    return answer(builder,
                  S::CreateExplainRecordReply(builder, to_wire_state(from.state), because));
}

pipe::Answer controls(const std::vector<Bytes>& packets, bool more) {
    Builder builder;
    auto records = control_records(builder, packets);
    return answer(builder, S::CreateListControlsReply(builder, records, more));
}

pipe::Answer download_put(shard::Put put) {
    Builder builder;
    return answer(builder, S::CreatePutDownloadReply(builder, put == shard::Put::Created));
}

pipe::Answer downloads(const shard::DownloadPage& page) {
    Builder builder;
    std::vector<flatbuffers::Offset<S::StoredDownload>> all;
    Bytes files;
    for (const auto& row : page.rows) {
        auto name = builder.CreateString(row.name);
        auto magnet = builder.CreateString(row.magnet);
        auto path = builder.CreateString(row.path);
        auto root_name = builder.CreateString(row.root);
        auto infohash = to_wire<ipc::Infohash>(row.infohash);
        all.push_back(S::CreateStoredDownload(builder, &infohash, name, magnet, path, root_name,
                                              row.paused, row.added_ms,
                                              static_cast<std::uint32_t>(row.torrent.size()),
                                              static_cast<std::uint32_t>(row.resume.size())));
        append(files, row.torrent);
        append(files, row.resume);
    }
    auto list = builder.CreateVector(all);
    pipe::Message message{
        answer(builder, S::CreateListStoredDownloadsReply(builder, list, page.more)), {}};
    pipe::add_blobs(message, files);
    return message;
}

pipe::Answer peers(std::vector<Bytes> parts) {
    Builder builder;
    pipe::Message message{answer(builder, S::CreateGetPeersReply(builder)), {}};
    for (auto& part : parts)
        message.blobs.emplace_back(std::move(part));
    return message;
}

pipe::Answer moved() {
    pipe::Failure failure;
    failure.text = "another storage worker serves this slot";
    failure.moved = true;
    return failure;
}

}  // namespace warren::storage::replies
