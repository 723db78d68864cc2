// Real pipes inside one test process: an inbox on a real ipc listener, CURVE and ZAP as in a node,
// and outboxes that connect to it. The roster is what the test says it is.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <zmq.h>

#include <filesystem>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"
#include "runtime/pipe/inbox.h"
#include "runtime/pipe/outbox.h"

namespace warren::test {

struct KeyPair {
    pipe::CurveKey public_key{}, secret_key{};

    static KeyPair fresh() {
        char public_text[41], secret_text[41];
        zmq_curve_keypair(public_text, secret_text);
        KeyPair out;
        zmq_z85_decode(out.public_key.data(), public_text);
        zmq_z85_decode(out.secret_key.data(), secret_text);
        return out;
    }
};

// The keys of a node's roles, as the supervisor makes them at each start.
struct NodeKeys {
    std::map<process::Role, KeyPair> of;

    static NodeKeys fresh() {
        NodeKeys out;
        for (const auto role :
             {process::Role::Network, process::Role::Torrent, process::Role::Verify,
              process::Role::Sign, process::Role::Storage, process::Role::Api})
            out.of[role] = KeyPair::fresh();
        return out;
    }
    pipe::RoleKeys public_keys() const {
        pipe::RoleKeys out;
        for (const auto& [role, pair] : of)
            out[role] = pair.public_key;
        return out;
    }
};

inline std::filesystem::path fresh_folder(const std::string& prefix) {
    SystemRandom random;
    auto out = std::filesystem::temp_directory_path() /
               (prefix + "-" + random.id<RequestId>().hex().substr(0, 12));
    std::filesystem::create_directories(out);
    return out;
}

class PipeWorld {
public:
    explicit PipeWorld(NodeKeys node_keys = NodeKeys::fresh(),
                       std::filesystem::path where = fresh_folder("warren-pipe"))
        : folder(std::move(where)), keys(std::move(node_keys.of)),
          public_keys(NodeKeys{keys}.public_keys()),
          zap(std::make_unique<pipe::Zap>(io, context, public_keys)) {}
    ~PipeWorld() { std::filesystem::remove_all(folder); }

    // The supervisor's part: bind and listen, so that a successor takes the same socket.
    int listen_at(const std::string& name) {
        const auto path = (folder / name).string();
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        WARREN_CHECK(path.size() < sizeof address.sun_path);
        std::copy(path.begin(), path.end(), address.sun_path);
        WARREN_CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        WARREN_CHECK(::listen(fd, 64) == 0);
        return fd;
    }
    std::string endpoint(const std::string& name) const {
        return "ipc://" + (folder / name).string();
    }

    std::unique_ptr<pipe::Inbox>
    inbox(process::Role role, const std::string& name, int listener, pipe::Window window,
          std::function<pipe::Task<pipe::Answer>(pipe::Request)> handler) {
        pipe::Inbox::Setup setup;
        setup.role = role;
        setup.endpoint = endpoint(name);
        setup.listener = listener;
        setup.secret = keys[role].secret_key;
        setup.window = window;
        setup.schema_hash = 7;
        setup.tap = tap;
        setup.handler = std::move(handler);
        setup.violation = [this](process::Role, const std::string& what) {
            violations.push_back(what);
        };
        auto made = pipe::Inbox::open(io, context, metrics, std::move(setup));
        WARREN_CHECK(made.ok());
        return std::move(*made);
    }
    std::unique_ptr<pipe::LinkedOutbox> outbox(process::Role role) {
        pipe::LinkedOutbox::Setup setup;
        setup.role = role;
        setup.public_keys = public_keys;
        setup.own_secret = keys[role].secret_key;
        SystemRandom().fill(setup.routing_seed);
        setup.schema_hash = 7;
        setup.tap = tap;
        return std::make_unique<pipe::LinkedOutbox>(io, context, metrics, setup);
    }
    process::RosterEntry entry(process::Role role, std::uint16_t index, std::uint64_t epoch,
                               const std::string& name,
                               process::WorkerState state = process::WorkerState::Ready) {
        process::RosterEntry out;
        out.role = role;
        out.index = index;
        out.epoch = epoch;
        out.state = state;
        out.inbox = endpoint(name);
        return out;
    }

    // Runs the loop until the condition holds; false after the deadline.
    bool run_until(const std::function<bool()>& done, Nanoseconds span = 10_s) {
        const auto deadline = monotonic_now() + span;
        while (!done()) {
            if (monotonic_now() > deadline) return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds(10));
        }
        return true;
    }
    template <typename T>
    std::optional<T> finish(pipe::Task<T> task, Nanoseconds span = 10_s) {
        std::optional<T> out;
        pipe::spawn(io, [](pipe::Task<T> inner, std::optional<T>& to) -> pipe::Task<void> {
            to.emplace(co_await std::move(inner));
        }(std::move(task), out));
        run_until([&] { return out.has_value(); }, span);
        return out;
    }

    std::filesystem::path folder;
    std::map<process::Role, KeyPair> keys;
    pipe::RoleKeys public_keys;
    std::vector<std::string> violations;
    pipe::Tap* tap = nullptr;  // where inboxes and outboxes tell of traces
    pipe::Context context;     // outlives the coroutines that the loop still holds
    pipe::Metrics metrics;
    boost::asio::io_context io{1};
    std::unique_ptr<pipe::Zap> zap;
};

}  // namespace warren::test
