// Life of the torrent worker: start, what the session reports, the clock, and the end.
#include "workers/torrent/torrent_worker.h"

#include <unistd.h>

#include <boost/asio/post.hpp>

#include <filesystem>

#include "runtime/process/log.h"

namespace warren::torrent {

namespace log = process::log;

namespace {

constexpr Nanoseconds listen_timeout = 10_s;
constexpr Nanoseconds list_timeout = 5_s;
constexpr Nanoseconds load_retry = 250_ms;
constexpr Nanoseconds tick_interval = 1_s;
constexpr int ticks_per_save = 5;
constexpr Nanoseconds store_timeout = 10_s;
constexpr Nanoseconds drain_timeout = 3_s;

Result<Source> source_of(const StoredDownload& stored) {
    if (!stored.torrent.empty()) return parse_torrent(stored.torrent);
    if (!stored.download.magnet.empty()) return parse_magnet(stored.download.magnet);
    return bare_source(stored.download.infohash, stored.download.name);
}

}  // namespace

TorrentWorker::TorrentWorker(pipe::Host& host)
    : host_(host), settings_(TorrentSettings::from(host.settings())), outbox_(host),
      hashing_(host.io()), names_(host.io()) {}

pipe::Task<Result<void>> TorrentWorker::start() {
    std::error_code error;
    std::filesystem::create_directories(settings_.download_root, error);
    if (error)
        co_return Error{ErrorKind::Environment,
                        "torrent.download_root: " + settings_.download_root + ": " +
                            error.message()};
    auto session =
        co_await Session::open(host_.io(), settings_, *this, monotonic_now() + listen_timeout);
    if (!session.ok()) co_return session.error();
    session_ = std::move(*session);
    log::info("listening port={}", session_->port());
    pipe::spawn(host_.io(), load());
    pipe::spawn(host_.io(), tick());
    co_return Result<void>{};
}

// Storage may be down or starting: what needs its list waits, everything else goes on.
pipe::Task<void> TorrentWorker::load() {
    bool told = false, more = true;
    Infohash after;
    while (more) {
        auto page = co_await outbox_.list_downloads(after, monotonic_now() + list_timeout);
        if (!page.ok()) {
            if (!told) log::unusual("downloads not loaded yet: {}", page.error().text);
            told = true;
            co_await pipe::sleep_for(host_.io(), load_retry);
            continue;
        }
        more = page->more;
        for (auto& one : page->downloads) {
            after = one.download.infohash;
            co_await load_one(std::move(one));
        }
    }
    loaded_ = true;
    for (const auto& waiter : waiting_for_load_)
        waiter->set(true);
    waiting_for_load_.clear();
    log::info("downloads={} loaded", downloads_.size());
}

pipe::Task<void> TorrentWorker::load_one(StoredDownload stored) {
    auto source = source_of(stored);
    auto& download = downloads_.insert(stored.download);
    const auto infohash = download.infohash;
    if (!source.ok()) {
        download.failure = source.error().text;
        co_return;
    }
    if (source->has_metadata) {
        download.files = static_cast<std::uint32_t>(source->files.size());
        download.progress.size = source->size;
    }
    if (source->has_metadata && !stored.resume.empty()) {
        auto resumed = with_resume(*source, stored.resume);
        if (resumed.ok())
            source = std::move(resumed);
        else
            log::unusual("infohash={} resume data ignored: {}", infohash.hex(),
                         resumed.error().text);
    }
    auto plan = plan_for(download, std::move(*source));
    auto added = co_await session_->add(std::move(plan), monotonic_now() + store_timeout);
    auto* now = downloads_.find(infohash);
    if (!now) co_return;
    now->in_session = added.ok();
    if (!added.ok()) now->failure = added.error().text;
}

pipe::Task<void> TorrentWorker::tick() {
    for (int n = 1;; n = n % ticks_per_save + 1) {
        co_await pipe::sleep_for(host_.io(), tick_interval);
        if (downloads_.size() > 0) session_->refresh();
        update_metrics();
        outbox_.put_health(downloads_.take_health(monotonic_now()));
        if (n == ticks_per_save) save_changed();
    }
}

void TorrentWorker::save_changed() {
    for (auto& [infohash, download] : downloads_)
        if (download.progress.need_save) save(download, Save::IfChanged);
}

void TorrentWorker::save(Download& download, Save mode) {
    if (download.saving || !download.in_session || !download.has_metadata()) return;
    download.saving = true;
    session_->save(download.infohash, mode);
}

std::size_t TorrentWorker::saves_under_way() const {
    std::size_t out = 0;
    for (const auto& [infohash, download] : downloads_)
        out += download.saving ? 1 : 0;
    return out;
}

void TorrentWorker::on_resume_data(const Infohash& infohash, Bytes resume) {
    auto* download = downloads_.find(infohash);
    if (download && !download->saving) return;  // asked for by the session itself, for metadata
    pipe::spawn(host_.io(), store_resume(infohash, std::move(resume)));
}

pipe::Task<void> TorrentWorker::store_resume(Infohash infohash, Bytes resume) {
    auto* download = downloads_.find(infohash);
    if (download && !resume.empty()) {
        download->progress.need_save = false;
        auto stored = co_await outbox_.put_resume(infohash, download->paused, std::move(resume),
                                                  monotonic_now() + store_timeout);
        download = downloads_.find(infohash);
        if (!stored.ok()) {
            log::unusual("infohash={} resume data not stored: {}", infohash.hex(),
                         stored.error().text);
            if (download) download->progress.need_save = true;
        }
    }
    if (download) download->saving = false;
    if (saved_ && saves_under_way() == 0) saved_->set(true);
}

void TorrentWorker::on_progress(const Progress& progress) {
    auto* download = downloads_.find(progress.infohash);
    if (!download) return;
    const auto before = download->state();
    const auto size = download->progress.size;
    const bool must_save = download->progress.need_save && !download->saving;
    download->progress = progress;
    download->progress.need_save |= must_save;
    if (progress.size == 0) download->progress.size = size;
    const auto after = download->state();
    const auto hex = progress.infohash.hex();
    if (after != before) {
        host_.tap().event("event.download.state",
                          {{"infohash", hex}, {"state", std::string(name_of(after))}});
        if (after == State::Failed) {
            log::unusual("infohash={} failed: {}", hex, progress.error);
            host_.tap().event("event.download.failed",
                              {{"infohash", hex}, {"error", progress.error}});
        }
    }
    if (after == State::Seeding && download->finished && progress.received > 0 &&
        !download->finished_told) {
        download->finished_told = true;
        ++host_.metrics().counter("torrent_downloads_finished_total");
        host_.tap().event("event.download.finished", {{"infohash", hex}, {"name", download->name}});
        log::info("infohash={} finished bytes={}", hex, progress.size);
    }
}

void TorrentWorker::on_finished(const Infohash& infohash) {
    auto* download = downloads_.find(infohash);
    if (!download) return;
    download->finished = true;
    save(*download, Save::Always);
}

void TorrentWorker::on_metadata(const Infohash& infohash, Bytes torrent_file, Source source) {
    pipe::spawn(host_.io(), take_metadata(infohash, std::move(torrent_file), std::move(source)));
}

// Tried until it is stored: a restart then needs no metadata, and finds its files again.
pipe::Task<void> TorrentWorker::take_metadata(Infohash infohash, Bytes torrent, Source source) {
    while (true) {
        const auto* download = downloads_.find(infohash);
        if (!download || download->has_metadata()) co_return;
        Bytes file = torrent;
        Source copy = source;
        auto done = co_await promote(infohash, std::move(file), std::move(copy),
                                     monotonic_now() + store_timeout);
        if (done.ok()) co_return;
        const auto kind = done.error().kind;
        if (kind == ErrorKind::Refused || kind == ErrorKind::Exists ||
            kind == ErrorKind::BadInput) {  // it will not be better later
            on_failed(infohash, done.error().text);
            co_return;
        }
        log::unusual("infohash={} metadata not stored: {}", infohash.hex(), done.error().text);
        co_await pipe::sleep_for(host_.io(), load_retry);
    }
}

void TorrentWorker::on_failed(const Infohash& infohash, const std::string& text) {
    auto* download = downloads_.find(infohash);
    if (!download) return;
    download->failure = text;
    session_->pause(infohash);
    log::unusual("infohash={} failed: {}", infohash.hex(), text);
    host_.tap().event("event.download.failed", {{"infohash", infohash.hex()}, {"error", text}});
}

void TorrentWorker::on_deleted(const Infohash& infohash) {
    const auto found = doomed_folders_.find(infohash);
    if (found == doomed_folders_.end()) return;
    pipe::spawn(host_.io(), remove_folder(std::move(found->second)));
    doomed_folders_.erase(found);
}

pipe::Task<void> TorrentWorker::remove_folder(std::string folder) {
    // Only if empty: what is not ours stays.
    auto remove = [folder] { return ::rmdir(folder.c_str()) == 0; };
    auto done = co_await names_.run(std::move(remove), monotonic_now() + store_timeout);
    static_cast<void>(done);
}

void TorrentWorker::on_settings() {
    settings_ = TorrentSettings::from(host_.settings());
    if (session_) session_->apply_limits(settings_);
}

pipe::Task<void> TorrentWorker::drain() {
    saved_ = std::make_shared<pipe::Promise<bool>>(host_.io());
    for (auto& [infohash, download] : downloads_)
        save(download, Save::IfChanged);
    if (saves_under_way() == 0) co_return;
    auto done = co_await saved_->wait(monotonic_now() + drain_timeout);
    if (!done) log::unusual("stopped with unsaved resume data downloads={}", saves_under_way());
}

void TorrentWorker::update_metrics() {
    std::int64_t down = 0, up = 0, peers = 0, seeding = 0, failed = 0;
    for (const auto& [infohash, download] : downloads_) {
        down += static_cast<std::int64_t>(download.progress.down_rate);
        up += static_cast<std::int64_t>(download.progress.up_rate);
        peers += download.progress.peers;
        seeding += download.state() == State::Seeding;
        failed += download.state() == State::Failed;
    }
    auto& metrics = host_.metrics();
    metrics.gauge("torrent_downloads") = static_cast<std::int64_t>(downloads_.size());
    metrics.gauge("torrent_seeding") = seeding;
    metrics.gauge("torrent_failed") = failed;
    metrics.gauge("torrent_peers") = peers;
    metrics.gauge("torrent_down_bytes_per_second") = down;
    metrics.gauge("torrent_up_bytes_per_second") = up;
}

}  // namespace warren::torrent
