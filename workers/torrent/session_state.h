// Inside of Session, shared by session.cpp (what we ask) and alerts.cpp (what comes back).
#pragma once

#include <libtorrent/session.hpp>
#include <libtorrent/torrent_handle.hpp>

#include <map>

#include "workers/torrent/session.h"

namespace warren::torrent {

struct Session::State : std::enable_shared_from_this<Session::State> {
    using Added = pipe::Promise<Result<void>>;

    struct Entry {
        lt::torrent_handle handle;
        std::shared_ptr<Added> added;  // while its addition is under way
        bool wants_metadata = false;
    };

    State(pipe::asio::io_context& loop, SessionEvents& owner)
        : io(loop), events(&owner), listening(loop) {}

    Entry* find(const Infohash& infohash) {
        const auto found = entries.find(infohash);
        return found == entries.end() ? nullptr : &found->second;
    }

    // alerts.cpp
    void on_notify();
    void drain_alerts();
    void handle(lt::alert& alert);

    pipe::asio::io_context& io;
    SessionEvents* events;
    pipe::Promise<Result<void>> listening;
    std::unique_ptr<lt::session> session;
    std::map<Infohash, Entry> entries;
    // Which torrent an alert is about; a handle outlives its torrent.
    std::map<lt::torrent_handle, Infohash> names;
    std::vector<lt::alert*> batch;  // valid until the next pop
    std::size_t next = 0;
    bool draining = false;
    bool pending = false;  // notified since the last pop
    bool refresh_wanted = false;
    std::uint16_t port = 0;
};

}  // namespace warren::torrent
