// What the torrent worker tells storage: downloads and their resume data, all of it synced there
// before the answer. Messages go to the worker of the node's own slot.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "runtime/pipe/worker.h"
#include "workers/torrent/downloads.h"

namespace warren::torrent {

struct StoredDownload {
    Download download;
    Bytes torrent;  // empty: a magnet whose metadata has not come
    Bytes resume;
};

struct StoredPage {
    std::vector<StoredDownload> downloads;
    bool more = false;
};

class Outbox {
public:
    explicit Outbox(pipe::Host& host) : host_(host) {}

    // Each tries again, with one id, until it is answered or the deadline has passed. Putting a
    // download again updates it and keeps its resume data, and its torrent when none is given.
    pipe::Task<Result<void>> put_download(Download download, Bytes torrent, Nanoseconds deadline);
    pipe::Task<Result<void>> put_resume(Infohash infohash, bool paused, Bytes resume,
                                        Nanoseconds deadline);
    pipe::Task<Result<void>> forget_download(Infohash infohash, Nanoseconds deadline);
    // By infohash, those behind `after`.
    pipe::Task<Result<StoredPage>> list_downloads(Infohash after, Nanoseconds deadline);
    // To every storage worker; nobody waits for it, and what gets lost is told again.
    void put_health(const std::vector<SwarmHealth>& swarms);

private:
    pipe::Task<void> send_health(std::uint16_t worker, pipe::Message message);
    pipe::Task<Result<pipe::Message>> ask(pipe::Message message, Nanoseconds deadline);

    pipe::Host& host_;
};

}  // namespace warren::torrent
