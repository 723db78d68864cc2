// Questions to torrent.
#include "ipc-schema/torrent_generated.h"
#include "workers/api/outbox_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using pipe::Message;
using pipe::Target;
using process::Role;
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

}  // namespace warren::api
