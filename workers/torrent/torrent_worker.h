// The torrent worker: downloads and seeds through libtorrent. What a user was told is kept by
// storage before the answer; what a swarm tells us is checked before it is used.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/pipe/worker.h"
#include "workers/torrent/disk_thread.h"
#include "workers/torrent/downloads.h"
#include "workers/torrent/outbox.h"
#include "workers/torrent/session.h"
#include "workers/torrent/settings.h"

namespace warren::torrent {

// Exactly one source is set.
struct NewDownload {
    Bytes torrent;
    std::string magnet;
    std::optional<Infohash> infohash;
    std::string name;  // with infohash
    bool paused = false;
};
struct AddedDownload {
    Infohash infohash;
    std::string name;
    bool created = false;
};
struct CreatedTorrent {
    Source source;
    Bytes torrent;
};

class TorrentWorker final : public pipe::Service, private SessionEvents {
public:
    explicit TorrentWorker(pipe::Host& host);

    pipe::Task<Result<void>> start() override;
    pipe::Task<pipe::Answer> on_request(pipe::Request request) override;  // inbox.cpp
    void on_settings() override;
    pipe::Task<void> drain() override;

private:
    // requests.cpp: what is asked of us, in domain types.
    pipe::Task<Result<AddedDownload>> add_download(NewDownload wish, Nanoseconds deadline);
    pipe::Task<Result<void>> set_paused(Infohash infohash, bool paused, Nanoseconds deadline);
    pipe::Task<Result<void>> remove_download(Infohash infohash, Files files, RequestId id,
                                             Nanoseconds deadline);
    pipe::Task<Result<CreatedTorrent>> create_torrent(std::string path, Nanoseconds deadline);
    Result<void> add_peers(const Infohash& infohash, const std::vector<Endpoint>& peers);
    // Steps of these.
    pipe::Task<Result<void>> loaded(Nanoseconds deadline);
    pipe::Task<Result<std::string>> choose_target(std::string name, Infohash infohash,
                                                  Nanoseconds deadline);
    pipe::Task<Result<void>> store_and_start(Download download, Bytes torrent, Source source,
                                             Nanoseconds deadline);
    pipe::Task<Result<void>> promote(Infohash infohash, Bytes torrent, Source source,
                                     Nanoseconds deadline);
    Plan plan_for(const Download& download, Source source) const;
    void forget_folder(const Download& download);

    // torrent_worker.cpp: life of the worker.
    pipe::Task<void> load();
    pipe::Task<void> load_one(StoredDownload stored);
    pipe::Task<void> tick();
    void save_changed();
    void save(Download& download, Save mode);
    std::size_t saves_under_way() const;
    pipe::Task<void> store_resume(Infohash infohash, Bytes resume);
    pipe::Task<void> take_metadata(Infohash infohash, Bytes torrent, Source source);
    pipe::Task<void> remove_folder(std::string folder);
    void update_metrics();

    // SessionEvents
    void on_progress(const Progress& progress) override;
    void on_finished(const Infohash& infohash) override;
    void on_metadata(const Infohash& infohash, Bytes torrent_file, Source source) override;
    void on_failed(const Infohash& infohash, const std::string& text) override;
    void on_resume_data(const Infohash& infohash, Bytes resume) override;
    void on_deleted(const Infohash& infohash) override;

    pipe::Answer list_downloads(const std::optional<Infohash>& only,
                                const std::optional<Infohash>& after) const;  // inbox.cpp

    pipe::Host& host_;
    TorrentSettings settings_;
    Outbox outbox_;
    Downloads downloads_;
    DiskThread hashing_;  // long work: the pieces of a new torrent
    DiskThread names_;    // short work: does a name exist, remove an empty folder
    std::unique_ptr<Session> session_;
    bool loaded_ = false;
    std::vector<std::shared_ptr<pipe::Promise<bool>>> waiting_for_load_;
    std::deque<RequestId>
        removed_;  // requests to remove that were done: a retry gets the same answer
    std::map<Infohash, std::string> doomed_folders_;  // ours, to be removed once they are empty
    std::shared_ptr<pipe::Promise<bool>> saved_;      // drain waits for the last save
};

}  // namespace warren::torrent
