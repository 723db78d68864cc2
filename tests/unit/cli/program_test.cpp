// The program itself: exit codes and messages, without a node and before a small server.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

struct Ended {
    int code = -1;
    std::string text;  // stdout and stderr
};

Ended run(const std::string& words) {
    auto* pipe = ::popen((std::string(WARREN_PROGRAM) + " " + words + " 2>&1").c_str(), "r");
    Ended out;
    std::array<char, 4096> part{};
    while (const auto count = std::fread(part.data(), 1, part.size(), pipe))
        out.text.append(part.data(), count);
    const int status = ::pclose(pipe);
    out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return out;
}

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "warren-cli.XXXXXX").string();
        path_ = ::mkdtemp(name.data());
        fs::create_directories(path_ / "run");
    }
    ~Folder() { fs::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
    }
    std::string text() const { return path_.string(); }

private:
    fs::path path_;
};

// Answers one connection after another with prepared answers and keeps what was asked. An empty
// answer closes the connection without one, as a worker that dies does.
class Server {
public:
    explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* raw = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener_, raw, length), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        EXPECT_EQ(::getsockname(listener_, raw, &length), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~Server() { finish(); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    const std::vector<std::string>& finish() {
        ::shutdown(listener_, SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        if (listener_ >= 0) ::close(listener_);
        listener_ = -1;
        return asked_;
    }

private:
    void serve() {
        for (const auto& answer : answers_) {
            const int peer = ::accept(listener_, nullptr, nullptr);
            if (peer < 0) return;
            asked_.push_back(read_request(peer));
            if (!answer.empty()) (void)!::write(peer, answer.data(), answer.size());
            ::close(peer);
        }
    }
    static std::string read_request(int peer) {
        std::string out;
        std::array<char, 4096> part{};
        while (true) {
            const auto head = out.find("\r\n\r\n");
            const auto length_at = out.find("Content-Length: ");
            const auto body =
                length_at == std::string::npos ? 0 : std::stoul(out.substr(length_at + 16));
            if (head != std::string::npos && out.size() >= head + 4 + body) return out;
            const auto count = ::read(peer, part.data(), part.size());
            if (count <= 0) return out;
            out.append(part.data(), static_cast<std::size_t>(count));
        }
    }

    std::vector<std::string> answers_, asked_;
    int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port_ = 0;
    std::thread thread_;
};

std::string http(const std::string& status, const std::string& body, const std::string& more = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nContent-Type: application/json\r\n" + more + "Connection: close\r\n\r\n" + body;
}

std::string header(const std::string& request, const std::string& name) {
    const auto at = request.find(name + ": ");
    if (at == std::string::npos) return "";
    const auto from = at + name.size() + 2;
    return request.substr(from, request.find("\r\n", from) - from);
}

std::string at(const Server& server, const Folder& folder) {
    return "--api " + server.address() + " --state " + folder.text() + " ";
}

TEST(Program, UsageErrorsAre64) {
    EXPECT_EQ(run("").code, 64);
    EXPECT_EQ(run("nonsense").code, 64);
    EXPECT_EQ(run("channel create").code, 64);
    EXPECT_EQ(run("scale storage").code, 64);
    EXPECT_EQ(run("scale storage=0").code, 64);
    EXPECT_EQ(run("peers add somewhere").code, 64);
    EXPECT_EQ(run("channel show 12").code, 64);
    EXPECT_EQ(run("download pause zz").code, 64);
    EXPECT_EQ(run("download add something").code, 64);
    EXPECT_EQ(run("channel add 0000000000000000000000000000000000000000 magnet:?xt=x").code, 64);
    EXPECT_EQ(run("status --api nowhere").code, 64);
    EXPECT_EQ(run("--help").code, 0);
    EXPECT_EQ(run("--version").code, 0);
}

TEST(Program, SaysThatNoNodeRunsAndWhatToDo) {
    Folder folder;
    auto ended = run("status --state " + folder.text());
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.text, HasSubstr("no node runs in " + folder.text()));
    EXPECT_THAT(ended.text, HasSubstr("warren up"));
}

// The roster of a node that crashed names a process number that now is someone else's: ours.
TEST(Program, DoesNotTakeAForeignProcessForTheNode) {
    Folder folder;
    folder.write("run/roster.json",
                 "{\"pid\": " + std::to_string(::getpid()) + ", \"api\": \"127.0.0.1:1\"}");
    folder.write("api_token", "secret");
    auto ended = run("search x --state " + folder.text());
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.text, HasSubstr("is not running"));
}

TEST(Program, SendsTheTokenFromItsFileOnly) {
    Folder folder;
    folder.write("api_token", "secret-1\n");
    Server server({http("200 OK", R"({"items":[]})")});
    EXPECT_EQ(run("channel list " + at(server, folder)).code, 0);
    const auto& asked = server.finish();
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_TRUE(asked[0].starts_with("GET /api/v1/channels?limit=100 HTTP/1.1\r\n")) << asked[0];
    EXPECT_EQ(header(asked[0], "Authorization"), "Bearer secret-1");
    EXPECT_EQ(header(asked[0], "Host"), server.address());
}

TEST(Program, TriesAgainWithTheSameKey) {
    Folder folder;
    folder.write("api_token", "secret");
    Server server({"", http("503 Service Unavailable", "{}", "Retry-After: 0\r\n"),
                   http("201 Created", R"({"id":"00ff"})")});
    auto ended = run("channel create Books --quiet " + at(server, folder));
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.text, "00ff\n");
    const auto& asked = server.finish();
    ASSERT_EQ(asked.size(), 3u);
    const auto key = header(asked[0], "Idempotency-Key");
    EXPECT_EQ(key.size(), 32u);
    EXPECT_EQ(header(asked[1], "Idempotency-Key"), key);
    EXPECT_EQ(header(asked[2], "Idempotency-Key"), key);
    EXPECT_EQ(header(asked[2], "Content-Type"), "application/json");
    EXPECT_TRUE(asked[2].ends_with(R"({"name":"Books"})")) << asked[2];
}

TEST(Program, GivesUpAtItsDeadline) {
    Folder folder;
    folder.write("api_token", "secret");
    const auto busy = http("503 Service Unavailable",
                           R"({"title":"Service Unavailable","detail":"storage restarts"})",
                           "Retry-After: 1\r\n");
    Server server({busy, busy, busy});
    auto ended = run("search x --timeout 1 " + at(server, folder));
    EXPECT_EQ(ended.code, 69);
    EXPECT_THAT(ended.text, HasSubstr("storage restarts"));
}

TEST(Program, ProblemsBecomeWordsAndExitCodes) {
    Folder folder;
    folder.write("api_token", "secret");
    const std::string problem =
        R"({"title":"Bad Request","detail":"the body is wrong","errors":[{"pointer":"/name","detail":"too\u001b[2Jlong"}]})";
    Server server({http("400 Bad Request", problem),
                   http("404 Not Found", R"({"title":"Not Found"})"),
                   http("400 Bad Request", problem)});
    auto bad = run("channel create x " + at(server, folder));
    EXPECT_EQ(bad.code, 65);
    EXPECT_THAT(bad.text,
                HasSubstr("Bad Request (400): the body is wrong\n  /name: too\\x1b[2Jlong"));
    EXPECT_THAT(bad.text, HasSubstr("what to do: "));
    EXPECT_THAT(bad.text, Not(HasSubstr("\x1b")));
    EXPECT_EQ(run("channel list " + at(server, folder)).code, 1);
    EXPECT_THAT(run("channel create x --json " + at(server, folder)).text, HasSubstr(problem));
}

TEST(Program, PrintsForPeopleAndForPrograms) {
    Folder folder;
    folder.write("api_token", "secret");
    const std::string body =
        R"({"items":[{"infohash":"aa","name":"Spring","size":1536,"files":2,"channel":"Films"}],"complete":true})";
    Server server(std::vector<std::string>(5, http("200 OK", body)));
    const auto where = at(server, folder);
    EXPECT_EQ(run("search open film " + where).text,
              "NAME       SIZE  FILES  SEEDERS  CHANNEL  INFOHASH\n"
              "Spring  1.5 KiB      2        -  Films    aa\n");
    EXPECT_EQ(run("search open film --json " + where).text, body + "\n");
    EXPECT_EQ(run("search open film --quiet " + where).text, "aa\n");
    EXPECT_EQ(run("search open film --field items.name --field items.size " + where).text,
              "Spring\t1536\n");
    auto missing = run("search open film --field nothing " + where);
    EXPECT_EQ(missing.code, 64);
    EXPECT_THAT(missing.text, HasSubstr("no field \"nothing\""));
    EXPECT_TRUE(server.finish()[0].starts_with("GET /api/v1/search?q=open%20film&limit=50 "));
}

}  // namespace
