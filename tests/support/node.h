// A real node in a folder of its own: warrend and its workers, spoken to through REST. Waits are
// for conditions, with deadlines. A failing test keeps the folder and prints where it is.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace warren::test {

using nlohmann::json;

struct HttpAnswer {
    int status = 0;  // 0: no answer at all
    json body;
    std::string text;
    double milliseconds = 0;
};

// True when the condition came to hold within the span.
bool wait_until(const std::function<bool()>& condition, double seconds);

class Node {
public:
    struct Options {
        std::string name = "node";
        std::vector<std::string> settings = {};  // "section.name=value"
        std::filesystem::path folder = {};  // empty: a fresh one; else state that is there is used
        bool with_config = false;           // reads config(), which the test has written
    };
    explicit Node(Options options);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Starts warrend; true when the API answers and every role is ready.
    bool start(double seconds = 20);
    bool launch();           // starts warrend and waits for nothing
    void stop();             // SIGTERM, waits
    void kill_everything();  // SIGKILL to all processes of the node at once, waits
    bool running() const { return pid_ > 0; }

    HttpAnswer get(const std::string& path, double timeout_s = 5);
    HttpAnswer post(const std::string& path, const json& body, const std::string& key = {},
                    double timeout_s = 15);
    HttpAnswer put(const std::string& path, const json& body, double timeout_s = 15);
    HttpAnswer patch(const std::string& path, const json& body, double timeout_s = 15);
    HttpAnswer remove(const std::string& path, double timeout_s = 15);
    HttpAnswer request(const std::string& method, const std::string& path, const std::string& body,
                       std::map<std::string, std::string> headers, double timeout_s = 5,
                       bool with_token = true);

    json roster() const;  // STATE/run/roster.json
    pid_t pid() const { return pid_; }
    pid_t worker(const std::string& role, int index = 0) const;  // 0: not there
    std::vector<pid_t> workers() const;
    std::string worker_state(const std::string& role, int index = 0) const;
    bool all_ready() const;
    bool knows_all_ready();
    std::string overlay_address() const;
    std::string overlay_v6_address() const;
    std::string api_address() const;
    std::string token() const;
    std::filesystem::path folder() const { return folder_; }
    std::filesystem::path state() const { return folder_ / "state"; }
    std::filesystem::path share() const { return folder_ / "share"; }
    std::filesystem::path config() const { return folder_ / "warren.toml"; }
    std::filesystem::path downloads() const { return folder_ / "downloads"; }
    std::string log() const;
    void keep_folder() { keep_ = true; }

    static std::filesystem::path program(const std::string& name);  // beside this test

private:
    Options options_;
    std::filesystem::path folder_;
    pid_t pid_ = 0;
    bool keep_ = false;
};

// A directory of real files with known content; the same seed gives the same bytes.
void make_content(const std::filesystem::path& folder, std::uint64_t seed, std::size_t bytes);
bool same_tree(const std::filesystem::path& a, const std::filesystem::path& b);

// Runs a program to its end and gives what it printed.
struct Finished {
    int exit_code = -1;
    std::string output;  // stdout and stderr
};
Finished run_program(const std::vector<std::string>& arguments, double seconds = 30);

}  // namespace warren::test
