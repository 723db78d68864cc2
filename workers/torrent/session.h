// The libtorrent session: adds, steers and removes torrents, and reports on the loop what became of
// them. Nothing here waits for the session's own thread; its answers come back as alerts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "runtime/pipe/loop.h"
#include "workers/torrent/downloads.h"
#include "workers/torrent/settings.h"
#include "workers/torrent/sources.h"

namespace warren::torrent {

// What the session tells its owner. All calls come on the loop.
class SessionEvents {
public:
    virtual ~SessionEvents() = default;
    virtual void on_progress(const Progress& progress) = 0;
    virtual void on_finished(const Infohash& infohash) = 0;
    // The metadata of a magnet has come, checked like a file. `source` knows the peers too.
    virtual void on_metadata(const Infohash& infohash, Bytes torrent_file, Source source) = 0;
    virtual void on_failed(const Infohash& infohash, const std::string& text) = 0;
    // A save that was asked for ended; empty: nothing to save.
    virtual void on_resume_data(const Infohash& infohash, Bytes resume) = 0;
    // The files of a removed torrent are gone (or as gone as they get).
    virtual void on_deleted(const Infohash& infohash) = 0;
};

enum class Check {
    Files,
    SeedInPlace
};  // SeedInPlace: pieces were hashed just now, or by us before
enum class Files { Keep, Delete };
enum class Save { Always, IfChanged };

struct Plan {
    Source source;
    std::string folder;  // where its name is, or will be, created
    bool paused = false;
    Check check = Check::Files;
    std::vector<Endpoint> peers;
};

class Session {
public:
    // Listens before it returns. A taken port is an error.
    static pipe::Task<Result<std::unique_ptr<Session>>> open(pipe::asio::io_context& io,
                                                             TorrentSettings settings,
                                                             SessionEvents& events,
                                                             Nanoseconds deadline);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    pipe::Task<Result<void>> add(Plan plan, Nanoseconds deadline);
    void pause(const Infohash& infohash);
    void resume(const Infohash& infohash);
    void remove(const Infohash& infohash, Files files);
    void add_peers(const Infohash& infohash, const std::vector<Endpoint>& peers);
    void save(const Infohash& infohash, Save save);  // answer: on_resume_data
    void refresh();                                  // answer: on_progress of what changed
    void apply_limits(const TorrentSettings& settings);
    std::uint16_t port() const;  // TCP

    struct State;  // session_state.h

private:
    explicit Session(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace warren::torrent
