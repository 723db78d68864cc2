// The torrent worker's settings, as values. Rows, bounds and defaults: runtime/process/settings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "runtime/process/settings.h"

namespace warren::torrent {

enum class Reach { Internet, Lan };  // Lan: loopback and private peers too
enum class Dht { Off, On };
enum class Disk { Posix, Mmap };

struct TorrentSettings {
    std::string listen = "127.0.0.1:0";
    std::string share_root;     // absolute; empty: nothing is shared from this machine
    std::string download_root;  // absolute
    Reach reach = Reach::Internet;
    Dht dht = Dht::Off;
    Disk disk = Disk::Posix;
    int connections_max = 200;
    int upload_limit = 0;  // bytes a second; 0: none
    int download_limit = 0;

    static TorrentSettings from(const process::Settings& all) {
        TorrentSettings out;
        out.listen = all.text("torrent.listen");
        out.share_root = all.text("torrent.share_root");
        out.download_root = all.text("torrent.download_root");
        out.reach = all.flag("torrent.lan") ? Reach::Lan : Reach::Internet;
        out.dht = all.flag("torrent.dht") ? Dht::On : Dht::Off;
        out.disk = all.text("torrent.disk") == "mmap" ? Disk::Mmap : Disk::Posix;
        out.connections_max = static_cast<int>(all.integer("torrent.connections_max"));
        out.upload_limit = rate(all.integer("torrent.upload_limit"));
        out.download_limit = rate(all.integer("torrent.download_limit"));
        return out;
    }

private:
    // The library counts rates in ints; what is above is no limit in practice.
    static int rate(std::int64_t bytes) {
        return static_cast<int>(std::min<std::int64_t>(bytes, std::numeric_limits<int>::max()));
    }
};

}  // namespace warren::torrent
