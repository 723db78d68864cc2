// The torrent worker's inbox: one switch. Generated types stop here.
#include <algorithm>

#include "ipc-schema/torrent_generated.h"
#include "runtime/pipe/wire.h"
#include "workers/torrent/torrent_worker.h"

namespace warren::torrent {

namespace T = ipc::torrent;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

constexpr std::size_t downloads_per_reply = 500;
constexpr std::size_t files_per_reply = 500;

ipc::Infohash to_wire(const Infohash& infohash) {
    return pipe::wire::to_wire<ipc::Infohash>(infohash);
}

Infohash to_domain(const ipc::Infohash& infohash) {
    return pipe::wire::from_wire<Infohash>(infohash);
}

std::optional<Infohash> to_domain(const ipc::Infohash* infohash) {
    if (!infohash) return std::nullopt;
    return to_domain(*infohash);
}

std::string to_domain(const flatbuffers::String* text) {
    return pipe::wire::text_of(text);
}

NewDownload to_domain(const T::AddDownload& add, const pipe::Message& message) {
    NewDownload out;
    out.torrent = pipe::join_blobs(message.blobs);
    out.magnet = to_domain(add.magnet());
    out.infohash = to_domain(add.infohash());
    out.name = to_domain(add.name());
    out.paused = add.paused();
    return out;
}

std::vector<Endpoint> to_domain(const flatbuffers::Vector<const ipc::Endpoint*>& peers) {
    std::vector<Endpoint> out;
    for (const auto* peer : peers) {
        if (out.size() == Downloads::peers_max) break;
        Endpoint endpoint;
        std::copy_n(peer->address()->data(), endpoint.address.size(), endpoint.address.begin());
        endpoint.port = peer->port();
        endpoint.v6 = peer->v6() != 0;
        if (endpoint.port != 0) out.push_back(endpoint);
    }
    return out;
}

T::DownloadState to_wire(State state) {
    switch (state) {
    case State::Queued: return T::DownloadState::Queued;
    case State::Checking: return T::DownloadState::Checking;
    case State::FetchingMetadata: return T::DownloadState::FetchingMetadata;
    case State::Downloading: return T::DownloadState::Downloading;
    case State::Seeding: return T::DownloadState::Seeding;
    case State::Paused: return T::DownloadState::Paused;
    case State::Failed: return T::DownloadState::Failed;
    }
    return T::DownloadState::Failed;
}

flatbuffers::Offset<T::Download> to_wire(Builder& builder, const Download& download) {
    const auto& progress = download.progress;
    const auto name = builder.CreateString(download.name);
    const auto error =
        builder.CreateString(download.failure.empty() ? progress.error : download.failure);
    const auto path = builder.CreateString(download.path);
    const auto infohash = to_wire(download.infohash);
    return T::CreateDownload(builder, &infohash, name, to_wire(download.state()), error,
                             progress.size, progress.done, progress.down_rate, progress.up_rate,
                             progress.uploaded, progress.peers, progress.seeds, download.added_ms,
                             path, download.files);
}

template <typename Body>
pipe::Frame answer(Builder& builder, flatbuffers::Offset<Body> body) {
    return pipe::finish(builder,
                        T::CreateAnswer(builder, T::ReplyTraits<Body>::enum_value, body.Union()));
}

pipe::Answer done(const Result<void>& result) {
    if (!result.ok()) return result.error();
    Builder builder;
    return answer(builder, T::CreateDone(builder));
}

pipe::Answer added(const Result<AddedDownload>& result) {
    if (!result.ok()) return result.error();
    Builder builder;
    const auto infohash = to_wire(result->infohash);
    const auto name = builder.CreateString(result->name);
    return answer(builder, T::CreateAddDownloadReply(builder, &infohash, name, result->created));
}

pipe::Frame facts(const Source& source) {
    Builder builder;
    std::vector<flatbuffers::Offset<T::FileEntry>> files;
    for (const auto& file : source.files) {
        if (files.size() == files_per_reply) break;
        const auto path = builder.CreateString(file.path);
        files.push_back(T::CreateFileEntry(builder, path, file.size));
    }
    const auto list = builder.CreateVector(files);
    const auto infohash = to_wire(source.infohash);
    const auto name = builder.CreateString(source.name);
    return answer(builder,
                  T::CreateCreateTorrentReply(builder, &infohash, name, source.size, list,
                                              static_cast<std::uint32_t>(source.files.size())));
}

pipe::Answer created(const Result<CreatedTorrent>& result) {
    if (!result.ok()) return result.error();
    pipe::Message out{facts(result->source), {}};
    pipe::add_blobs(out, result->torrent);
    return out;
}

pipe::Answer inspected(const pipe::Message& message) {
    const auto source = parse_torrent(pipe::join_blobs(message.blobs));
    if (!source.ok()) return source.error();
    return facts(*source);
}

pipe::Answer wanted(const Downloads& downloads) {
    Builder builder;
    std::vector<ipc::Infohash> list;
    for (const auto& infohash : downloads.wanted())
        list.push_back(to_wire(infohash));
    const auto infohashes = builder.CreateVectorOfStructs(list);
    return answer(builder, T::CreateListWantedReply(builder, infohashes));
}

pipe::Answer swarm(const Downloads& downloads, const T::FindSwarm& find, std::uint16_t port) {
    Builder builder;
    std::vector<std::uint8_t> have;
    for (const auto* infohash : *find.infohashes())
        have.push_back(downloads.has_pieces(to_domain(*infohash)) ? 1 : 0);
    const auto list = builder.CreateVector(have);
    return answer(builder, T::CreateFindSwarmReply(builder, list, port));
}

}  // namespace

pipe::Answer TorrentWorker::list_downloads(const std::optional<Infohash>& only,
                                           const std::optional<Infohash>& after) const {
    if (!loaded_) return unavailable("torrent: the downloads are still being read from storage");
    Builder builder;
    std::vector<flatbuffers::Offset<T::Download>> list;
    bool more = false;
    for (const auto& [infohash, download] : downloads_) {
        if ((only && infohash != *only) || (after && infohash <= *after)) continue;
        more = list.size() == downloads_per_reply;
        if (more) break;
        list.push_back(to_wire(builder, download));
    }
    if (only && list.empty()) return not_found("download: none has the infohash " + only->hex());
    const auto downloads = builder.CreateVector(list);
    return answer(builder, T::CreateListDownloadsReply(builder, downloads, more));
}

pipe::Task<pipe::Answer> TorrentWorker::on_request(pipe::Request request) {
    const auto* root = pipe::verified_root<T::Request>(request.message.body);
    if (!root) co_return pipe::unknown_message();
    switch (root->body_type()) {
    case T::Inbox::AddDownload: {
        auto wish = to_domain(*root->body_as_AddDownload(), request.message);
        auto result = co_await add_download(std::move(wish), request.deadline);
        co_return added(result);
    }
    case T::Inbox::PauseDownload: {
        const auto infohash = to_domain(*root->body_as_PauseDownload()->infohash());
        auto result = co_await set_paused(infohash, true, request.deadline);
        co_return done(result);
    }
    case T::Inbox::ResumeDownload: {
        const auto infohash = to_domain(*root->body_as_ResumeDownload()->infohash());
        auto result = co_await set_paused(infohash, false, request.deadline);
        co_return done(result);
    }
    case T::Inbox::RemoveDownload: {
        const auto* remove = root->body_as_RemoveDownload();
        auto result = co_await remove_download(to_domain(*remove->infohash()),
                                               remove->delete_files() ? Files::Delete : Files::Keep,
                                               request.id, request.deadline);
        co_return done(result);
    }
    case T::Inbox::ListDownloads: {
        const auto* list = root->body_as_ListDownloads();
        co_return list_downloads(to_domain(list->infohash()), to_domain(list->after()));
    }
    case T::Inbox::CreateTorrent: {
        auto path = to_domain(root->body_as_CreateTorrent()->path());
        auto result = co_await create_torrent(std::move(path), request.deadline);
        co_return created(result);
    }
    case T::Inbox::InspectTorrent: co_return inspected(request.message);
    case T::Inbox::ListWanted: co_return wanted(downloads_);
    case T::Inbox::FindSwarm:
        co_return swarm(downloads_, *root->body_as_FindSwarm(), session_->port());
    case T::Inbox::AddPeers: {
        const auto* add = root->body_as_AddPeers();
        co_return done(add_peers(to_domain(*add->infohash()), to_domain(*add->peers())));
    }
    case T::Inbox::NONE: break;
    }
    co_return pipe::unknown_message();
}

}  // namespace warren::torrent
