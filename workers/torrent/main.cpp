// warren-torrent: BitTorrent, in a process of its own.
#include "runtime/pipe/worker.h"
#include "workers/torrent/torrent_worker.h"

int main() {
    return warren::pipe::run_worker(
        warren::process::Role::Torrent,
        [](warren::pipe::Host& host) -> std::unique_ptr<warren::pipe::Service> {
            return std::make_unique<warren::torrent::TorrentWorker>(host);
        });
}
