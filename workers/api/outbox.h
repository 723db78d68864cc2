// What the api asks of other workers, one function a message. Generated message types stop here.
#pragma once

#include <deque>
#include <memory>

#include "protocol/record.h"
#include "workers/api/asking.h"
#include "workers/api/domain.h"

namespace warren::api {

std::string kind_name(protocol::RecordKind kind);

class FoundParts {
public:
    explicit FoundParts(Answers answers) : answers_(std::move(answers)) {}
    // Nothing: that was the last.
    pipe::Task<std::optional<Outcome<Found>>> next();

private:
    Answers answers_;
};

// What neighbours find. Every network worker asks its own; what they answer is ranked by storage.
struct PeerAnswer {
    MemberId member;
    std::vector<Bytes> packets;
};
class PeerParts {
public:
    // Nothing: that was the last.
    pipe::Task<std::optional<std::vector<FoundTorrent>>> next();
    std::uint32_t asked() const { return state_->asked; }  // neighbours, so far

private:
    friend class Outbox;
    struct State {
        explicit State(pipe::asio::io_context& loop)
            : io(loop), came(std::make_shared<pipe::Promise<bool>>(loop)) {}
        pipe::asio::io_context& io;
        std::shared_ptr<pipe::Promise<bool>> came;
        std::deque<std::vector<FoundTorrent>> there;
        std::size_t workers = 0;  // that are still asking
        std::uint32_t asked = 0;
        Nanoseconds deadline = 0;
    };
    explicit PeerParts(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

class Outbox {
public:
    explicit Outbox(pipe::Host& host) : asking_(host) {}

    template <typename T>
    using Asked = pipe::Task<Outcome<T>>;

    Asked<Identity> get_identity(Errand& errand);

    Asked<CreatedChannel> create_channel(Errand& errand, const NewChannel& channel);
    Asked<Nothing> join_community(Errand& errand, CommunityId community);
    Asked<Nothing> leave_community(Errand& errand, CommunityId community);
    Asked<std::vector<Community>> list_communities(Errand& errand);
    Asked<ChannelPage> list_channels(Errand& errand, ChannelQuery query);
    Asked<TorrentPage> list_contents(Errand& errand, CommunityId community, Page page);
    Asked<ItemPage> list_items(Errand& errand, ItemQuery query);
    Asked<StoredRecord> get_record(Errand& errand, CommunityId community, RecordRef record);
    // A record of this node.
    Asked<RecordRef> publish(Errand& errand, CommunityId community, protocol::RecordKind kind,
                             Bytes payload);
    // Without words: what is popular.
    Asked<Found> search(Errand& errand, SearchWish wish);
    // The same by parts of the index, as they answer.
    FoundParts search_parts(Errand& errand, const SearchWish& wish);
    // Records that neighbours found, as a search here would rank them.
    Asked<std::vector<FoundTorrent>> rank_records(Errand& errand, CommunityId community,
                                                  std::string text,
                                                  const std::vector<Bytes>& packets);
    // outbox_search_peers.cpp: what neighbours find, as they answer, until the errand's deadline.
    PeerParts search_peers(Errand& errand, const SearchWish& wish);
    Asked<AuthorPage> list_authored(Errand& errand, MemberId member, Page page);

    Asked<TorrentFacts> create_torrent(Errand& errand, std::string path);
    Asked<TorrentFacts> inspect_torrent(Errand& errand, const Bytes& torrent);
    Asked<AddedDownload> add_download(Errand& errand, const NewDownload& download);
    Asked<Nothing> pause_download(Errand& errand, Infohash infohash);
    Asked<Nothing> resume_download(Errand& errand, Infohash infohash);
    Asked<Nothing> remove_download(Errand& errand, Infohash infohash, Files files);
    Asked<std::vector<Download>> list_downloads(Errand& errand, std::optional<Infohash> only);

    // Communities are spread over the network workers: asked of all, answers joined.
    Asked<PeerList> list_peers(Errand& errand);
    Asked<Nothing> add_peer(Errand& errand, Endpoint endpoint);
    Asked<std::vector<SyncState>> list_sync(Errand& errand);

    // outbox_overlay.cpp
    Asked<OverlayState> get_overlay(Errand& errand);
    Asked<DhtState> get_dht(Errand& errand);
    Asked<std::vector<DhtValue>> find_values(Errand& errand, DhtKey key);
    Asked<std::uint32_t> store_value(Errand& errand, DhtKey key, Bytes data, DhtSigned is_signed);
    Asked<std::vector<FoundMember>> find_member(Errand& errand, DhtKey member);

    // outbox_people.cpp
    Asked<DraftedPair> draft_pair(Errand& errand, const NewPair& pair);
    Asked<Nothing> propose_pair(Errand& errand, CommunityId community, Bytes half,
                                std::uint64_t patience_ms);
    Asked<std::vector<PairedRecord>> list_pairs(Errand& errand);
    Asked<Nothing> decide_pair(Errand& errand, const PairDecision& decision);
    Asked<LetterFate> send_letter(Errand& errand, CommunityId community, MemberId member,
                                  std::string text);
    Asked<MadeInvitation> make_invitation(Errand& errand, const NewInvitation& wish);
    Asked<bool> check_invitation(Errand& errand, const Bytes& packet);
    Asked<Nothing> join_by_invitation(Errand& errand, CommunityId community, const Bytes& packet);
    Asked<PermissionPage> list_permissions(Errand& errand, CommunityId community, Page page);
    Asked<Explanation> explain_record(Errand& errand, CommunityId community, RecordRef record);
    Asked<SyncDetail> get_sync(Errand& errand, CommunityId community);

    // outbox_shards.cpp
    Asked<ShardList> list_shards(Errand& errand);
    Asked<RetentionInForce> get_retention(Errand& errand, CommunityId community);
    Asked<Nothing> set_retention(Errand& errand, CommunityId community,
                                 std::optional<RetentionRule> rule);
    Asked<Nothing> start_shard_task(Errand& errand, CommunityId community, std::string task);
    Asked<Nothing> start_backup_task(Errand& errand, std::string task, std::string name);
    Asked<std::vector<NodeTask>> list_tasks(Errand& errand);
    Asked<ExportedRecords> export_records(Errand& errand, CommunityId community, RecordRef after);
    Asked<Nothing> join_with_details(Errand& errand, CommunityId community, Bytes details);
    Asked<ImportCounts> import_records(Errand& errand, CommunityId community,
                                       std::vector<Bytes> packets);
    Asked<std::vector<Backup>> list_backups(Errand& errand);
    Asked<Nothing> delete_backup(Errand& errand, std::string name);

    std::optional<Problem> obstacle(Patience patience, process::Role role) const {
        return asking_.obstacle(patience, role, pipe::Target::any());
    }
    void on_roster() { asking_.fail_degraded(); }

private:
    Asked<Found> search_once(Errand& errand, const SearchWish& wish);
    Asked<AuthorPage> list_authored_once(Errand& errand, MemberId member, const Page& page);
    FoundParts ask_search(Errand& errand, const SearchWish& wish, std::uint8_t groups);
    pipe::Task<void> follow_worker(std::shared_ptr<PeerParts::State> state, std::uint16_t worker,
                                   Errand errand, SearchWish wish);
    pipe::Task<void> rank_answer(std::shared_ptr<PeerParts::State> state, Errand& errand,
                                 const SearchWish& wish, PeerAnswer answer);

    struct Downloads {
        std::vector<Download> list;
        bool more = true;
    };
    Asked<Nothing> next_downloads(Errand& errand, std::optional<Infohash> only, Downloads& into);

    Asked<pipe::Message> ask_serving(Errand& errand, pipe::Message message);
    Asked<SyncRoot> get_root(Errand& errand, CommunityId community);

    // Of the one network worker that serves the DHT.
    Asked<pipe::Message> ask_dht(Errand& errand, pipe::Message message);

    Asked<Nothing> next_shards(Errand& errand, std::uint16_t worker, ShardList& into);

    Asking asking_;
};

}  // namespace warren::api
