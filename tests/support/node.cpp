#include "tests/support/node.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/random.h"

namespace warren::test {

namespace fs = std::filesystem;

namespace {

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
}

fs::path fresh_folder(const std::string& name) {
    SystemRandom random;
    const auto out = fs::temp_directory_path() /
                     ("warren-" + name + "-" + random.id<RequestId>().hex().substr(0, 8));
    fs::create_directories(out);
    return out;
}

// Starts a program with its output going to `output` (a descriptor).
pid_t start_program(const std::vector<std::string>& arguments, int output) {
    std::vector<char*> argv;
    for (const auto& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    pid_t pid = 0;
    const int failed = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? 0 : pid;
}

bool gone(pid_t pid) {
    return ::kill(pid, 0) != 0 && errno == ESRCH;
}

}  // namespace

bool wait_until(const std::function<bool()>& condition, double seconds) {
    const auto deadline = monotonic_now() + static_cast<Nanoseconds>(seconds * 1e9);
    while (!condition()) {
        if (monotonic_now() > deadline) return false;
        ::poll(nullptr, 0, 2);
    }
    return true;
}

fs::path Node::program(const std::string& name) {
    return fs::read_symlink("/proc/self/exe").parent_path() / name;
}

Node::Node(Options options)
    : options_(std::move(options)),
      folder_(options_.folder.empty() ? fresh_folder(options_.name) : options_.folder) {
    fs::create_directories(share());
    fs::create_directories(downloads());
}

Node::~Node() {
    if (running()) kill_everything();
    if (keep_ || testing::Test::HasFailure()) {
        std::cerr << "kept " << options_.name << ": " << folder_ << " (log: " << folder_ / "log"
                  << ")\n";
        return;
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

bool Node::start(double seconds) {
    // Each api worker has a roster of its own; a few connections reach them all.
    constexpr int looks = 8;
    int ready = 0;
    return launch() && wait_until(
                           [&] {
                               ready = all_ready() && knows_all_ready() ? ready + 1 : 0;
                               return ready == looks;
                           },
                           seconds);
}

bool Node::launch() {
    std::vector<std::string> arguments = {program("warrend"), "--state", state()};
    if (options_.with_config) {
        arguments.push_back("--config");
        arguments.push_back(config());
    }
    std::vector<std::string> settings = {
        "api.listen=127.0.0.1:0",
        "overlay.listen=127.0.0.1:0",
        "overlay.lan=true",
        "overlay.walk_interval_ms=100",
        "torrent.listen=127.0.0.1:0",
        "torrent.lan=true",
        "torrent.share_root=" + share().string(),
        "torrent.download_root=" + downloads().string(),
    };
    settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
    for (const auto& setting : settings) {
        arguments.push_back("--set");
        arguments.push_back(setting);
    }
    fs::remove(state() / "run" / "roster.json");
    const int log =
        ::open((folder_ / "log").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    pid_ = start_program(arguments, log);
    ::close(log);
    return pid_ > 0;
}

void Node::stop() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
}

void Node::kill_everything() {
    auto all = workers();
    ::kill(pid_, SIGKILL);
    for (const auto pid : all)
        ::kill(pid, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    wait_until([&] { return std::ranges::all_of(all, gone); }, 5);
    pid_ = 0;
}

HttpAnswer Node::request(const std::string& method, const std::string& path,
                         const std::string& body, std::map<std::string, std::string> headers,
                         double timeout_s, bool with_token) {
    HttpAnswer out;
    const auto address = Endpoint::parse(api_address());
    if (!address) return out;
    httplib::Client client("127.0.0.1", address->port);
    const auto seconds = static_cast<time_t>(timeout_s);
    const auto rest = static_cast<time_t>((timeout_s - static_cast<double>(seconds)) * 1e6);
    client.set_connection_timeout(seconds, rest);
    client.set_read_timeout(seconds, rest);
    httplib::Request ask;
    ask.method = method;
    ask.path = path;
    ask.body = body;
    for (const auto& [name, value] : headers)
        ask.set_header(name.c_str(), value);
    if (with_token) ask.set_header("Authorization", "Bearer " + token());
    const auto began = monotonic_now();
    const auto answer = client.send(ask);
    out.milliseconds = static_cast<double>(monotonic_now() - began) / 1e6;
    if (!answer) return out;
    out.status = answer->status;
    out.text = answer->body;
    out.body = json::parse(answer->body, nullptr, false);
    return out;
}

HttpAnswer Node::get(const std::string& path, double timeout_s) {
    return request("GET", path, "", {}, timeout_s);
}

HttpAnswer Node::post(const std::string& path, const json& body, const std::string& key,
                      double timeout_s) {
    std::map<std::string, std::string> headers = {{"Content-Type", "application/json"}};
    if (!key.empty()) headers["Idempotency-Key"] = key;
    return request("POST", path, body.dump(), headers, timeout_s);
}

HttpAnswer Node::put(const std::string& path, const json& body, double timeout_s) {
    return request("PUT", path, body.dump(), {{"Content-Type", "application/json"}}, timeout_s);
}

HttpAnswer Node::patch(const std::string& path, const json& body, double timeout_s) {
    return request("PATCH", path, body.dump(), {{"Content-Type", "application/json"}}, timeout_s);
}

HttpAnswer Node::remove(const std::string& path, double timeout_s) {
    return request("DELETE", path, "", {{"Content-Type", "application/json"}}, timeout_s);
}

json Node::roster() const {
    return json::parse(read_file(state() / "run" / "roster.json"), nullptr, false);
}

pid_t Node::worker(const std::string& role, int index) const {
    const auto all = roster();
    if (!all.is_object()) return 0;
    for (const auto& row : all["workers"])
        if (row["role"] == role && row["index"] == index) return row["pid"];
    return 0;
}

std::vector<pid_t> Node::workers() const {
    std::vector<pid_t> out;
    const auto all = roster();
    if (!all.is_object()) return out;
    for (const auto& row : all["workers"])
        if (row["pid"] > 0) out.push_back(row["pid"]);
    return out;
}

std::string Node::worker_state(const std::string& role, int index) const {
    const auto all = roster();
    if (!all.is_object()) return {};
    for (const auto& row : all["workers"])
        if (row["role"] == role && row["index"] == index) return row["state"];
    return {};
}

bool Node::all_ready() const {
    const auto all = roster();
    if (!all.is_object() || all["workers"].empty()) return false;
    return std::ranges::all_of(all["workers"], [](const json& row) {
        return row["state"] == "ready" || row["state"] == "Ready";
    });
}

bool Node::knows_all_ready() {
    const auto answer = get("/api/v1/status", 1);
    return answer.status == 200 && std::ranges::all_of(answer.body["workers"], [](const json& row) {
               return row["state"] == "ready";
           });
}

std::string Node::overlay_address() const {
    const auto all = roster();
    return all.is_object() ? all.value("overlay", "") : "";
}

std::string Node::overlay_v6_address() const {
    const auto all = roster();
    return all.is_object() ? all.value("overlay_v6", "") : "";
}

std::string Node::api_address() const {
    const auto all = roster();
    return all.is_object() ? all.value("api", "") : "";
}

std::string Node::token() const {
    auto out = read_file(state() / "api_token");
    while (!out.empty() && std::isspace(static_cast<unsigned char>(out.back())))
        out.pop_back();
    return out;
}

std::string Node::log() const {
    return read_file(folder_ / "log");
}

void make_content(const fs::path& folder, std::uint64_t seed, std::size_t bytes) {
    SeededRandom random(seed);
    fs::create_directories(folder / "notes");
    std::ofstream(folder / "readme.txt") << "made from seed " << seed << "\n";
    std::ofstream(folder / "notes" / "empty-lines.txt") << "\n\n\n";
    std::ofstream data(folder / "data.bin", std::ios::binary);
    std::string block(64 * 1024, '\0');
    for (std::size_t done = 0; done < bytes; done += block.size()) {
        random.fill({reinterpret_cast<std::uint8_t*>(block.data()), block.size()});
        data.write(block.data(),
                   static_cast<std::streamsize>(std::min(block.size(), bytes - done)));
    }
}

bool same_tree(const fs::path& a, const fs::path& b) {
    std::size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(a)) {
        if (!entry.is_regular_file()) continue;
        ++files;
        const auto twin = b / fs::relative(entry.path(), a);
        if (!fs::is_regular_file(twin) || read_file(entry.path()) != read_file(twin)) return false;
    }
    return files > 0;
}

Finished run_program(const std::vector<std::string>& arguments, double seconds) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return {};
    const pid_t pid = start_program(arguments, ends[1]);
    ::close(ends[1]);
    Finished out;
    const auto deadline = monotonic_now() + static_cast<Nanoseconds>(seconds * 1e9);
    char buffer[4096];
    while (true) {
        const auto left = (deadline - monotonic_now()) / 1'000'000;
        pollfd ready{ends[0], POLLIN, 0};
        if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0) {
            ::kill(pid, SIGKILL);
            break;
        }
        const auto got = ::read(ends[0], buffer, sizeof buffer);
        if (got <= 0) break;
        out.output.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    out.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return out;
}

}  // namespace warren::test
