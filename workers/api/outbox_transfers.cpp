// Questions to torrent and network.
#include "ipc-schema/network_generated.h"
#include "ipc-schema/torrent_generated.h"
#include "workers/api/outbox_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using pipe::Message;
using pipe::Target;
using process::Role;
namespace N = ipc::network;
namespace T = ipc::torrent;
using Builder = flatbuffers::FlatBufferBuilder;

template <typename Body>
Message request(Builder& builder, flatbuffers::Offset<Body> body) {
    return {pipe::finish(builder,
                         T::CreateRequest(builder, T::InboxTraits<Body>::enum_value, body.Union())),
            {}};
}
template <typename Reply>
const Reply* reply(const Message& message) {
    return reply_of<T::Answer, Reply>(message);
}
template <typename Body>
Message network_request(Builder& builder, flatbuffers::Offset<Body> body) {
    return {pipe::finish(builder,
                         N::CreateRequest(builder, N::InboxTraits<Body>::enum_value, body.Union())),
            {}};
}

Outcome<TorrentFacts> facts_of(const Message& message) {
    const auto* made = reply<T::CreateTorrentReply>(message);
    if (!made || !made->infohash()) return strange_reply("torrent");
    TorrentFacts out{from_wire<Infohash>(made->infohash()),
                     text_of(made->name()),
                     made->size(),
                     made->file_count(),
                     {}};
    if (made->files())
        for (const auto* file : *made->files())
            out.files.push_back({text_of(file->path()), file->size()});
    return out;
}

std::string_view name_of(T::DownloadState state) {
    switch (state) {
    case T::DownloadState::Queued: return "queued";
    case T::DownloadState::Checking: return "checking";
    case T::DownloadState::FetchingMetadata: return "fetching_metadata";
    case T::DownloadState::Downloading: return "downloading";
    case T::DownloadState::Seeding: return "seeding";
    case T::DownloadState::Paused: return "paused";
    case T::DownloadState::Failed: return "failed";
    }
    return "failed";
}

Download download_of(const T::Download& from) {
    Download out;
    out.infohash = from_wire<Infohash>(from.infohash());
    out.name = text_of(from.name());
    out.state = name_of(from.state());
    out.error = text_of(from.error());
    out.path = text_of(from.path());
    out.size = from.size();
    out.done = from.done();
    out.down_rate = from.down_rate();
    out.up_rate = from.up_rate();
    out.uploaded = from.uploaded();
    out.peers = from.peers();
    out.seeds = from.seeds();
    out.files = from.files();
    out.added_ms = from.added_ms();
    return out;
}

Endpoint endpoint_of(const ipc::Endpoint* from) {
    Endpoint out;
    if (!from) return out;
    std::copy_n(from->address()->data(), out.address.size(), out.address.data());
    out.port = from->port();
    out.v6 = from->v6() != 0;
    return out;
}

Peer peer_of(const N::Peer& from) {
    Peer out;
    out.endpoint = endpoint_of(from.endpoint());
    out.member = MemberId::from(bytes_of(from.member()));
    const auto ids = bytes_of(from.communities());
    for (ByteView rest = ids; rest.size() >= CommunityId::size;
         rest = rest.subspan(CommunityId::size))
        out.communities.push_back(*CommunityId::from(rest.first(CommunityId::size)));
    out.verified = from.verified();
    out.round_trip_us = from.round_trip_us();
    out.last_seen_ms = from.last_seen_ms();
    out.bytes_in = from.bytes_in();
    out.bytes_out = from.bytes_out();
    return out;
}

// One peer may be known to several network workers, each for its own communities.
void merge_peer(std::vector<Peer>& into, Peer peer) {
    const auto known = std::ranges::find_if(into, [&](const Peer& other) {
        return other.endpoint == peer.endpoint && other.member == peer.member;
    });
    if (known == into.end()) {
        into.push_back(std::move(peer));
        return;
    }
    for (const auto& id : peer.communities)
        known->communities.push_back(id);
    known->verified = known->verified || peer.verified;
    if (known->round_trip_us == 0) known->round_trip_us = peer.round_trip_us;
    known->last_seen_ms = std::min(known->last_seen_ms, peer.last_seen_ms);
    known->bytes_in += peer.bytes_in;
    known->bytes_out += peer.bytes_out;
}

}  // namespace

Outbox::Asked<TorrentFacts> Outbox::create_torrent(Errand& errand, std::string path) {
    Builder builder;
    const auto text = builder.CreateString(path);
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(),
                                    request(builder, T::CreateCreateTorrent(builder, text)));
    if (!got) co_return std::move(got.problem());
    co_return facts_of(*got);
}

Outbox::Asked<TorrentFacts> Outbox::inspect_torrent(Errand& errand, const Bytes& torrent) {
    Builder builder;
    auto message = request(builder, T::CreateInspectTorrent(builder));
    pipe::add_blobs(message, torrent);
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(), std::move(message));
    if (!got) co_return std::move(got.problem());
    co_return facts_of(*got);
}

Outbox::Asked<AddedDownload> Outbox::add_download(Errand& errand, const NewDownload& download) {
    Builder builder;
    const auto magnet = download.magnet.empty() ? 0 : builder.CreateString(download.magnet);
    const auto name = download.name.empty() ? 0 : builder.CreateString(download.name);
    std::optional<ipc::Infohash> infohash;
    if (download.infohash) infohash = to_wire<ipc::Infohash>(*download.infohash);
    auto message =
        request(builder, T::CreateAddDownload(builder, magnet, infohash ? &*infohash : nullptr,
                                              name, download.paused));
    pipe::add_blobs(message, download.torrent);
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* added = reply<T::AddDownloadReply>(*got);
    if (!added || !added->infohash()) co_return strange_reply("torrent");
    co_return AddedDownload{from_wire<Infohash>(added->infohash()), text_of(added->name()),
                            added->created()};
}

Outbox::Asked<Nothing> Outbox::pause_download(Errand& errand, Infohash infohash) {
    Builder builder;
    const auto id = to_wire<ipc::Infohash>(infohash);
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(),
                                    request(builder, T::CreatePauseDownload(builder, &id)));
    if (!got) co_return std::move(got.problem());
    if (!reply<T::Done>(*got)) co_return strange_reply("torrent");
    co_return Nothing{};
}

Outbox::Asked<Nothing> Outbox::resume_download(Errand& errand, Infohash infohash) {
    Builder builder;
    const auto id = to_wire<ipc::Infohash>(infohash);
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(),
                                    request(builder, T::CreateResumeDownload(builder, &id)));
    if (!got) co_return std::move(got.problem());
    if (!reply<T::Done>(*got)) co_return strange_reply("torrent");
    co_return Nothing{};
}

Outbox::Asked<Nothing> Outbox::remove_download(Errand& errand, Infohash infohash, Files files) {
    Builder builder;
    const auto id = to_wire<ipc::Infohash>(infohash);
    auto message = request(builder, T::CreateRemoveDownload(builder, &id, files == Files::Delete));
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(), std::move(message));
    if (!got) co_return std::move(got.problem());
    if (!reply<T::Done>(*got)) co_return strange_reply("torrent");
    co_return Nothing{};
}

Outbox::Asked<Nothing> Outbox::next_downloads(Errand& errand, std::optional<Infohash> only,
                                              Downloads& into) {
    Builder builder;
    std::optional<ipc::Infohash> infohash, after;
    if (only) infohash = to_wire<ipc::Infohash>(*only);
    if (!into.list.empty()) after = to_wire<ipc::Infohash>(into.list.back().infohash);
    auto message = request(builder, T::CreateListDownloads(builder, infohash ? &*infohash : nullptr,
                                                           after ? &*after : nullptr));
    auto got = co_await asking_.ask(errand, Role::Torrent, Target::any(), std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* page = reply<T::ListDownloadsReply>(*got);
    if (!page) co_return strange_reply("torrent");
    into.more = page->more() && page->downloads() && page->downloads()->size() > 0;
    if (page->downloads())
        for (const auto* from : *page->downloads())
            into.list.push_back(download_of(*from));
    co_return Nothing{};
}

Outbox::Asked<std::vector<Download>> Outbox::list_downloads(Errand& errand,
                                                            std::optional<Infohash> only) {
    Downloads all;
    while (all.more) {
        auto done = co_await next_downloads(errand, only, all);
        if (!done) co_return std::move(done.problem());
    }
    co_return std::move(all.list);
}

Outbox::Asked<PeerList> Outbox::list_peers(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = network_request(builder, N::CreateListPeers(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    PeerList out;
    bool any = false;
    for (auto& answer : answers) {
        const auto* list = answer ? reply_of<N::Answer, N::ListPeersReply>(*answer) : nullptr;
        if (!list) continue;
        any = true;
        out.port = list->port();
        if (list->peers())
            for (const auto* peer : *list->peers())
                merge_peer(out.peers, peer_of(*peer));
    }
    if (!any) co_return role_unavailable("network", "network did not answer in time");
    co_return out;
}

Outbox::Asked<Nothing> Outbox::add_peer(Errand& errand, Endpoint endpoint) {
    Builder builder;
    const ipc::Endpoint wire(flatbuffers::span<const std::uint8_t, 16>(endpoint.address),
                             endpoint.port, endpoint.v6 ? 1 : 0);
    const auto message = network_request(builder, N::CreateAddPeer(builder, &wire));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    // None is ready: wait for one, as every change does.
    if (answers.empty())
        answers.push_back(co_await asking_.ask(errand, Role::Network, Target::any(), message));
    for (auto& answer : answers)
        if (answer) co_return Nothing{};
    co_return std::move(answers.front().problem());
}

Outbox::Asked<std::vector<SyncState>> Outbox::list_sync(Errand& errand) {
    if (auto wrong = obstacle(Patience::Read, Role::Network)) co_return std::move(*wrong);
    Builder builder;
    const auto message = network_request(builder, N::CreateListSync(builder));
    auto answers = co_await asking_.ask_all(errand, Role::Network, message);
    std::vector<SyncState> out;
    bool any = false;
    for (auto& answer : answers) {
        const auto* list = answer ? reply_of<N::Answer, N::ListSyncReply>(*answer) : nullptr;
        if (!list) continue;
        any = true;
        if (!list->states()) continue;
        for (const auto* from : *list->states())
            out.push_back({from_wire<CommunityId>(from->community()), from->peers(),
                           from->peers_in_sync(), from->bytes_in(), from->bytes_out(),
                           from->last_in_sync_ms()});
    }
    if (!any) co_return role_unavailable("network", "network did not answer in time");
    co_return out;
}

}  // namespace warren::api
