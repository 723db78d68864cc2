// What is asked of the torrent worker. Facts are stored (synced) before the session acts and before
// the answer leaves; asking twice does it once.
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "runtime/process/log.h"
#include "workers/torrent/creation.h"
#include "workers/torrent/torrent_worker.h"

namespace warren::torrent {

namespace {

constexpr std::string_view fetching = ".fetching";  // where torrents without metadata live
constexpr std::size_t removed_max = 1024;
constexpr int hashing_max = 4;

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? std::string() : "/" + path.substr(0, slash);
}

bool exists(const std::string& path) {
    struct stat facts = {};
    return ::lstat(path.c_str(), &facts) == 0;
}

Result<Source> source_of(const NewDownload& wish) {
    const int sources =
        int{!wish.torrent.empty()} + int{!wish.magnet.empty()} + int{wish.infohash.has_value()};
    if (sources != 1)
        return bad_input("download: name one source: a torrent file, a magnet link or an infohash");
    if (!wish.torrent.empty()) return parse_torrent(wish.torrent);
    if (!wish.magnet.empty()) return parse_magnet(wish.magnet);
    if (wish.infohash->is_zero()) return bad_input("download: the infohash is zero");
    return bare_source(*wish.infohash, wish.name);
}

Error unknown_download(const Infohash& infohash) {
    return not_found("download: none has the infohash " + infohash.hex());
}

void add_facts(Download& download, const Source& source) {
    download.files = static_cast<std::uint32_t>(source.files.size());
    download.progress.size = source.size;
}

}  // namespace

pipe::Task<Result<void>> TorrentWorker::loaded(Nanoseconds deadline) {
    if (loaded_) co_return Result<void>{};
    const auto waiter = std::make_shared<pipe::Promise<bool>>(host_.io());
    waiting_for_load_.push_back(waiter);
    auto done = co_await waiter->wait(deadline);
    if (!done) {
        std::erase(waiting_for_load_, waiter);
        co_return unavailable("torrent: the downloads are still being read from storage");
    }
    co_return Result<void>{};
}

Plan TorrentWorker::plan_for(const Download& download, Source source) const {
    Plan out;
    out.source = std::move(source);
    out.paused = download.paused;
    out.peers = download.peers;
    if (!download.has_metadata())
        out.folder =
            settings_.download_root + "/" + std::string(fetching) + "/" + download.infohash.hex();
    else if (download.root == Root::Share)
        out.folder = settings_.share_root + parent_of(download.path);
    else
        out.folder = settings_.download_root + parent_of(download.path);
    // What is shared was hashed by us; a piece that has changed since is noticed when it is read.
    if (download.root == Root::Share) out.check = Check::SeedInPlace;
    return out;
}

pipe::Task<Result<std::string>> TorrentWorker::choose_target(std::string name, Infohash infohash,
                                                             Nanoseconds deadline) {
    const auto base = settings_.download_root + "/";
    auto look = [plain = base + name, folder = base + name + "." + infohash.hex().substr(0, 8)] {
        return std::array<bool, 2>{exists(plain), exists(folder)};
    };
    auto there = co_await names_.run(std::move(look), deadline);
    if (!there) co_return unavailable("torrent: the download folder does not answer");
    auto path = choose_path(name, infohash, [&](const std::string& candidate) {
        return candidate == fetching || (*there)[candidate == name ? 0 : 1] ||
               downloads_.path_in_use(Root::Download, candidate, infohash);
    });
    if (!path)
        co_return Error{ErrorKind::Exists,
                        "download: files that are not ours stand where " + name + " would go"};
    co_return std::move(*path);
}

pipe::Task<Result<AddedDownload>> TorrentWorker::add_download(NewDownload wish,
                                                              Nanoseconds deadline) {
    auto source = source_of(wish);
    if (!source.ok()) co_return source.error();
    auto ready = co_await loaded(deadline);
    if (!ready.ok()) co_return ready.error();
    AddedDownload out;
    out.infohash = source->infohash;
    if (const auto* known = downloads_.find(out.infohash); known && known->stored) {
        if (!known->has_metadata() && source->has_metadata) {
            auto done = co_await promote(out.infohash, std::move(wish.torrent), std::move(*source),
                                         deadline);
            if (!done.ok()) co_return done.error();
        }
        const auto* now = downloads_.find(out.infohash);
        if (!now) co_return unknown_download(out.infohash);
        out.name = now->name;
        co_return std::move(out);
    }
    Download download;
    download.infohash = out.infohash;
    download.name = source->name;
    download.magnet = source->magnet;
    download.paused = wish.paused;
    download.added_ms = wall_now_ms();
    if (source->has_metadata) {
        auto path = co_await choose_target(source->name, out.infohash, deadline);
        if (!path.ok()) co_return path.error();
        download.path = std::move(*path);
        add_facts(download, *source);
    }
    out.name = download.name;
    auto started = co_await store_and_start(std::move(download), std::move(wish.torrent),
                                            std::move(*source), deadline);
    if (!started.ok()) co_return started.error();
    out.created = true;
    co_return std::move(out);
}

// The row stands in the table while it is being stored, so that its path is taken; two who ask for
// one torrent at the same time both wait for storage, and one of them starts it.
pipe::Task<Result<void>> TorrentWorker::store_and_start(Download download, Bytes torrent,
                                                        Source source, Nanoseconds deadline) {
    const auto infohash = download.infohash;
    const bool first = downloads_.find(infohash) == nullptr;
    auto& row = downloads_.insert(std::move(download));
    Download facts = row;
    auto stored = co_await outbox_.put_download(std::move(facts), std::move(torrent), deadline);
    auto* now = downloads_.find(infohash);
    if (!now) co_return unknown_download(infohash);
    if (!stored.ok()) {
        if (!now->stored) downloads_.erase(infohash);
        co_return stored.error();
    }
    now->stored = true;
    if (!first || now->in_session) co_return Result<void>{};
    now->in_session = true;
    auto plan = plan_for(*now, std::move(source));
    auto added = co_await session_->add(std::move(plan), deadline);
    now = downloads_.find(infohash);
    if (!now) co_return unknown_download(infohash);
    if (!added.ok()) {
        // It is stored: a restart, or resuming it, tries again; until then it says why.
        now->in_session = false;
        now->failure = added.error().text;
        co_return added.error();
    }
    process::log::info("infohash={} added", infohash.hex());
    host_.tap().event("event.download.added", {{"infohash", infohash.hex()}, {"name", now->name}});
    co_return Result<void>{};
}

// A torrent without metadata lives in a folder of its own and writes nothing; once the metadata is
// here, and checked, it starts anew in its place.
pipe::Task<Result<void>> TorrentWorker::promote(Infohash infohash, Bytes torrent, Source source,
                                                Nanoseconds deadline) {
    auto path = co_await choose_target(source.name, infohash, deadline);
    if (!path.ok()) co_return path.error();
    auto* row = downloads_.find(infohash);
    if (!row) co_return unknown_download(infohash);
    if (row->has_metadata()) co_return Result<void>{};
    Download facts = *row;
    facts.path = std::move(*path);
    facts.name = source.name;
    facts.magnet.clear();
    auto stored = co_await outbox_.put_download(facts, std::move(torrent), deadline);
    if (!stored.ok()) co_return stored.error();
    row = downloads_.find(infohash);
    if (!row) co_return unknown_download(infohash);
    if (row->has_metadata()) co_return Result<void>{};
    forget_folder(*row);
    session_->remove(infohash, Files::Delete);
    row->path = facts.path;
    row->name = facts.name;
    row->magnet.clear();
    add_facts(*row, source);
    row->failure.clear();
    auto plan = plan_for(*row, std::move(source));
    auto added = co_await session_->add(std::move(plan), deadline);
    row = downloads_.find(infohash);
    if (row) row->in_session = added.ok();
    if (row && !added.ok()) row->failure = added.error().text;
    if (row && added.ok()) save(*row, Save::Always);
    co_return added;
}

// Folders that we made ourselves go once their files are gone.
void TorrentWorker::forget_folder(const Download& download) {
    if (!download.has_metadata() || download.path.find('/') != std::string::npos)
        doomed_folders_[download.infohash] = plan_for(download, Source{}).folder;
}

pipe::Task<Result<void>> TorrentWorker::set_paused(Infohash infohash, bool paused,
                                                   Nanoseconds deadline) {
    auto ready = co_await loaded(deadline);
    if (!ready.ok()) co_return ready.error();
    const auto* row = downloads_.find(infohash);
    if (!row) co_return unknown_download(infohash);
    Download facts = *row;
    facts.paused = paused;
    auto stored = co_await outbox_.put_download(std::move(facts), {}, deadline);
    if (!stored.ok()) co_return stored.error();
    auto* now = downloads_.find(infohash);
    if (!now) co_return unknown_download(infohash);
    now->paused = paused;
    if (paused) {
        session_->pause(infohash);
    } else {
        now->failure.clear();
        session_->resume(infohash);
        session_->add_peers(infohash, now->peers);
    }
    save(*now, Save::Always);
    co_return Result<void>{};
}

pipe::Task<Result<void>> TorrentWorker::remove_download(Infohash infohash, Files files,
                                                        RequestId id, Nanoseconds deadline) {
    auto ready = co_await loaded(deadline);
    if (!ready.ok()) co_return ready.error();
    const auto* row = downloads_.find(infohash);
    if (!row) {
        const bool done = std::find(removed_.begin(), removed_.end(), id) != removed_.end();
        if (done) co_return Result<void>{};
        co_return unknown_download(infohash);
    }
    if (files == Files::Delete && row->root == Root::Share)
        co_return refused("download: files below torrent.share_root are never deleted");
    auto forgotten = co_await outbox_.forget_download(infohash, deadline);
    if (!forgotten.ok() && forgotten.error().kind != ErrorKind::NotFound)
        co_return forgotten.error();
    removed_.push_back(id);
    if (removed_.size() > removed_max) removed_.pop_front();
    row = downloads_.find(infohash);
    if (!row) co_return Result<void>{};
    const bool no_metadata = !row->has_metadata();
    if (files == Files::Delete || no_metadata) forget_folder(*row);
    session_->remove(infohash, no_metadata ? Files::Delete : files);
    downloads_.erase(infohash);
    process::log::info("infohash={} removed", infohash.hex());
    host_.tap().event("event.download.removed", {{"infohash", infohash.hex()}});
    co_return Result<void>{};
}

pipe::Task<Result<CreatedTorrent>> TorrentWorker::create_torrent(std::string path,
                                                                 Nanoseconds deadline) {
    auto below = path_below(settings_.share_root, path);
    if (!below.ok()) co_return below.error();
    auto ready = co_await loaded(deadline);
    if (!ready.ok()) co_return ready.error();
    if (hashing_.waiting() >= hashing_max)
        co_return unavailable("share: other torrents are being made; try again soon");
    // Counted down when the work ends, however long after the deadline that is.
    auto work = [root = settings_.share_root, target = *below] {
        return torrent::create_torrent(root, target);
    };
    auto made = co_await hashing_.run(std::move(work), deadline);
    if (!made) co_return Error{ErrorKind::Expired, "share: hashing " + *below + " took too long"};
    if (!made->ok()) co_return made->error();
    auto source = parse_torrent((**made).torrent);
    if (!source.ok()) co_return source.error();
    CreatedTorrent out;
    out.torrent = (**made).torrent;
    out.source = *source;
    const auto* known = downloads_.find(source->infohash);
    if (known && known->stored && known->has_metadata()) co_return std::move(out);
    if (known && known->stored) {  // we were looking for it, and here it is
        auto removed =
            co_await remove_download(source->infohash, Files::Keep, RequestId{}, deadline);
        if (!removed.ok()) co_return removed.error();
    }
    Download download;
    download.infohash = source->infohash;
    download.name = source->name;
    download.root = Root::Share;
    download.path = (**made).path;
    download.added_ms = wall_now_ms();
    add_facts(download, *source);
    download.progress.state = State::Seeding;
    download.progress.done = source->size;
    Bytes file = out.torrent;
    auto started = co_await store_and_start(std::move(download), std::move(file),
                                            std::move(*source), deadline);
    if (!started.ok()) co_return started.error();
    co_return std::move(out);
}

Result<void> TorrentWorker::add_peers(const Infohash& infohash,
                                      const std::vector<Endpoint>& peers) {
    auto* row = downloads_.find(infohash);
    if (!row) return unknown_download(infohash);
    Downloads::remember_peers(*row, peers);
    if (!row->paused) session_->add_peers(infohash, peers);
    return {};
}

}  // namespace warren::torrent
