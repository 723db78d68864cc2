// What an operator does to a running node while people use it: scale, reload, watch, stop. Nothing
// acknowledged is lost and every read gets its answer; where a worker is killed, a 503 that says
// which role it waits for and passes.
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <regex>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "base/endpoint.h"
#include "tests/support/journey.h"

namespace warren::test {
namespace {

// Publishes and reads without a pause, in channels that lie in several slots.
class Clients {
public:
    // What a read may meet: no error at all, or also a worker that died and is being replaced.
    enum class Reads { NeverFail, MayMeetADeath };
    Clients(Node& node, std::vector<std::string> channels, Reads kind = Reads::NeverFail)
        : node_(node), channels_(std::move(channels)), kind_(kind) {
        writer_ = std::async(std::launch::async, [this] { write(); });
        reader_ = std::async(std::launch::async, [this] { read(); });
    }
    ~Clients() { end(); }
    void end() {
        done_ = true;
        if (writer_.valid()) writer_.get();
        if (reader_.valid()) reader_.get();
    }
    // From here on the node may go away: the last request of each gets no answer.
    void expect_end() { ending_ = true; }
    std::size_t written() const { return written_; }
    std::size_t reads() const { return reads_; }
    // Both go on: true when each has done some more work.
    bool go_on(double seconds = 20) {
        const auto writes = written() + 12, reads = this->reads() + 12;
        return wait_until([&] { return written() >= writes && this->reads() >= reads; }, seconds);
    }
    const std::map<std::string, std::set<std::string>>& acknowledged() const { return records_; }

private:
    void write() {
        for (std::size_t i = 0; !done_; ++i) {
            const auto& channel = channels_[i % channels_.size()];
            const auto answer =
                persist(node_, "/api/v1/channels/" + channel + "/torrents", magnet_entry(i),
                        "entry-" + std::to_string(i), ending_ ? 0 : 20);
            if (ending_ && answer.status != 201) return;
            EXPECT_EQ(answer.status, 201) << answer.text;
            if (answer.status != 201) return;
            records_[channel].insert(answer.body["record"]);
            ++written_;
        }
    }
    HttpAnswer look(const std::string& path) {
        HttpAnswer answer;
        const auto answered = [&] {
            answer = node_.get(path, 10);
            if (answer.status != 503 || kind_ == Reads::NeverFail || ending_) return true;
            EXPECT_EQ(answer.body["role"], "storage") << answer.text;
            EXPECT_EQ(answer.body["type"], "urn:warren:problem:unavailable") << answer.text;
            return false;
        };
        EXPECT_TRUE(wait_until(answered, 10)) << path << " stays unavailable: " << answer.text;
        return answer;
    }
    void read() {
        const std::vector<std::string> always = {"/api/v1/search?q=entry&limit=5",
                                                 "/api/v1/communities", "/api/v1/status"};
        for (std::size_t i = 0; !done_; ++i) {
            const auto path =
                i % 2 == 0 ? always[i / 2 % always.size()]
                           : "/api/v1/channels/" + channels_[i % channels_.size()] + "/contents";
            const auto answer = look(path);
            if (ending_) return;
            EXPECT_EQ(answer.status, 200) << path << ": " << answer.text;
            if (answer.status != 200) return;
            const bool whole = answer.body.value("complete", true);
            EXPECT_TRUE(whole || kind_ == Reads::MayMeetADeath) << path << ": " << answer.text;
            ++reads_;
        }
    }

    Node& node_;
    std::vector<std::string> channels_;
    Reads kind_;
    std::map<std::string, std::set<std::string>> records_;  // the writer's until end()
    std::atomic<bool> done_{false}, ending_{false};
    std::atomic<std::size_t> written_{0}, reads_{0};
    std::future<void> writer_, reader_;
};

std::vector<std::string> create_channels(Node& node, int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) {
        const auto name = "Channel " + std::to_string(i);
        out.push_back(create_channel(node, name, name.substr(8) + "-channel"));
        EXPECT_FALSE(out.back().empty());
    }
    return out;
}

void expect_kept(Node& node, const Clients& clients) {
    for (const auto& [channel, records] : clients.acknowledged()) {
        std::set<std::string> listed;
        wait_until([&] { return (listed = records_of(node, channel)).size() >= records.size(); },
                   20);
        // A request that got no answer may have been applied, so there may be one more.
        for (const auto& record : records)
            EXPECT_TRUE(listed.contains(record)) << "lost " << record << " of " << channel;
    }
}

std::size_t processes(const Node& node, const std::string& role) {
    const auto all = node.roster();
    if (!all.is_object()) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(
        all["workers"], [&](const json& row) { return row["role"] == role; }));
}

void scale(Node& node, Clients& clients, const std::string& role, std::size_t count) {
    SCOPED_TRACE(role + " to " + std::to_string(count));
    const auto answer = node.put("/api/v1/workers/" + role, {{"count", count}});
    ASSERT_EQ(answer.status, 200) << answer.text;
    EXPECT_TRUE(wait_until([&] { return processes(node, role) == count && node.all_ready(); }, 20))
        << node.roster().dump(1);
    EXPECT_TRUE(clients.go_on()) << clients.written() << " writes, " << clients.reads() << " reads";
}

TEST(LiveNode, ScalesWhileItIsUsed) {
    Node node({.name = "scaled"});
    ASSERT_TRUE(node.start()) << node.log();
    Clients clients(node, create_channels(node, 6));
    ASSERT_TRUE(clients.go_on());
    const std::vector<std::pair<std::string, std::size_t>> steps = {
        {"storage", 3}, {"verify", 2},  {"storage", 2}, {"network", 2}, {"storage", 1},
        {"api", 3},     {"storage", 3}, {"storage", 2}, {"storage", 1}, {"network", 1}};
    for (const auto& [role, count] : steps)
        scale(node, clients, role, count);
    clients.end();
    std::size_t records = 0;
    for (const auto& [channel, acknowledged] : clients.acknowledged()) {
        EXPECT_EQ(records_of(node, channel), acknowledged) << "each once, and no other";
        records += acknowledged.size();
    }
    EXPECT_EQ(records, clients.written());
    for (const auto& row : node.roster()["workers"])
        EXPECT_EQ(row["restarts"], 0) << row.dump();
}

// Slots are on their way when their owner dies: taken from it, not yet given to the next.
TEST(LiveNode, AStorageWorkerThatDiesWhileSlotsMoveLosesNothing) {
    Node node({.name = "torn"});
    ASSERT_TRUE(node.start()) << node.log();
    Clients clients(node, create_channels(node, 6), Clients::Reads::MayMeetADeath);
    for (const int count : {3, 1, 2}) {
        ASSERT_TRUE(clients.go_on());
        const auto version = node.roster()["slots"]["version"].get<std::uint64_t>();
        ASSERT_EQ(node.put("/api/v1/workers/storage", {{"count", count}}).status, 200);
        EXPECT_TRUE(wait_until(
            [&] {
                const auto now = node.roster();
                return now.is_object() && now["slots"]["version"] > version;
            },
            20));
        ::kill(node.worker("storage"), SIGKILL);
        EXPECT_TRUE(wait_until(
            [&] {
                return processes(node, "storage") == static_cast<std::size_t>(count) &&
                       node.all_ready();
            },
            30))
            << node.roster().dump(1);
    }
    EXPECT_TRUE(clients.go_on(40));
    clients.end();
    for (const auto& [channel, acknowledged] : clients.acknowledged())
        EXPECT_EQ(records_of(node, channel), acknowledged) << "each once, and no other";
}

TEST(LiveNode, AChannelIsPinnedToAWorkerWhileItIsUsed) {
    Node node({.name = "pinned", .with_config = true});
    const auto write = [&](const std::string& pin) {
        std::ofstream(node.config())
            << "[workers.storage]\ncount = 2\n\n[storage]\npin = [" << pin << "]\n";
    };
    write("");
    ASSERT_TRUE(node.start()) << node.log();
    const auto channels = create_channels(node, 2);
    Clients clients(node, channels);
    std::string slot;  // as status names it
    for (const std::string worker : {"0", "1"}) {
        write("\"" + channels[0] + "=" + worker + "\"");
        const auto answer = node.post("/api/v1/reload", json::object());
        ASSERT_EQ(answer.status, 200) << answer.text;
        const auto pinned = [&] {
            const auto status = node.get("/api/v1/status");
            for (const auto& row : status.body["workers"]) {
                if (row["name"] != "storage-" + worker || row["pinned_slots"].size() != 1) continue;
                if (slot.empty()) slot = row["pinned_slots"][0];
                return row["pinned_slots"][0] == slot;
            }
            return false;
        };
        ASSERT_TRUE(wait_until(pinned, 20)) << node.roster().dump(1);
        EXPECT_EQ(node.roster()["slots"]["workers"][std::stoul(slot)], std::stoi(worker));
        EXPECT_TRUE(clients.go_on());
    }
    write("\"" + channels[0] + "=2\"");
    const auto refused = node.post("/api/v1/reload", json::object());
    EXPECT_EQ(refused.status, 422);
    EXPECT_NE(refused.text.find("count is 2"), std::string::npos) << refused.text;
    clients.end();
    for (const auto& [channel, acknowledged] : clients.acknowledged())
        EXPECT_EQ(records_of(node, channel), acknowledged) << "each once, and no other";
}

TEST(LiveNode, RefusesACountThatARoleCannotHave) {
    Node node({.name = "bounds"});
    ASSERT_TRUE(node.start()) << node.log();
    for (const auto& [role, count] :
         std::vector<std::pair<std::string, int>>{{"sign", 2}, {"torrent", 2}, {"storage", 17}})
        EXPECT_EQ(node.put("/api/v1/workers/" + role, {{"count", count}}).status, 422) << role;
    EXPECT_EQ(node.put("/api/v1/workers/warrend", {{"count", 2}}).status, 404);
    EXPECT_EQ(node.workers().size(), 7u);
}

// Two storage workers, so that answers are put together.
TEST(LiveNode, SearchesLineByLineAndLooksUpWhatAMemberWrote) {
    Node node({.name = "searched"});
    ASSERT_TRUE(node.start()) << node.log();
    ASSERT_EQ(node.put("/api/v1/workers/storage", {{"count", 2}}).status, 200);
    ASSERT_TRUE(wait_until([&] { return node.all_ready(); }, 20)) << node.roster().dump(1);
    const auto channels = create_channels(node, 4);
    for (std::size_t i = 0; i < 8; ++i) {
        const auto path = "/api/v1/channels/" + channels[i % 4] + "/torrents";
        ASSERT_EQ(persist(node, path, magnet_entry(i), "entry-" + std::to_string(i), 20).status,
                  201);
    }
    std::vector<json> lines;
    const auto all_found = [&] {
        const auto answer =
            node.request("GET", "/api/v1/search?q=entry", "", {{"Accept", "application/x-ndjson"}});
        lines.clear();
        std::istringstream in(answer.text);
        for (std::string line; std::getline(in, line);)
            lines.push_back(json::parse(line, nullptr, false));
        return answer.status == 200 && lines.size() == 9;
    };
    ASSERT_TRUE(wait_until(all_found, 20)) << lines.size();
    EXPECT_EQ(lines.back(), (json{{"complete", true}, {"items", 8}}));
    for (std::size_t i = 0; i < 8; ++i)
        EXPECT_GT(lines[i]["torrent"]["score"], 0) << lines[i].dump();

    // A genesis and an announcement for each channel, and the torrents.
    const auto member = node.get("/api/v1/status").body.value("member", "");
    const auto path = "/api/v1/members/" + member + "/records";
    HttpAnswer whole;
    ASSERT_TRUE(wait_until(
        [&] {
            whole = node.get(path);
            return whole.status == 200 && whole.body["records"] == 16;
        },
        20))
        << whole.text;
    EXPECT_EQ(whole.body["forks"], 0);
    std::set<std::string> seen;
    std::string after;
    do {
        const auto page = node.get(path + "?limit=5" + (after.empty() ? "" : "&after=" + after));
        ASSERT_EQ(page.status, 200) << page.text;
        for (const auto& row : page.body["items"])
            EXPECT_TRUE(seen.insert(row["record"]).second) << "twice: " << row.dump();
        after = page.body.value("next", "");
    } while (!after.empty());
    EXPECT_EQ(seen.size(), 16u);
    const std::string key = whole.body["public_key"];
    EXPECT_EQ(node.get("/api/v1/members/" + key + "/records").body["records"], 16);
    EXPECT_EQ(node.get("/api/v1/members/" + std::string(40, '0') + "/records").status, 404);
}

json setting(Node& node, const std::string& name) {
    return node.get("/api/v1/settings").body.value(name, json());
}

TEST(LiveNode, ReloadTakesAGoodFileAndRefusesABrokenOneWhole) {
    Node node({.name = "reload", .with_config = true});
    const auto write = [&](const std::string& text) { std::ofstream(node.config()) << text; };
    write("[overlay]\nsync_interval_ms = 4000\n");
    ASSERT_TRUE(node.start()) << node.log();
    EXPECT_EQ(setting(node, "overlay.sync_interval_ms"), 4000);

    write("[overlay]\nsync_interval_ms = 3000\n\n[workers.verify]\ncount = 2\n");
    auto answer = node.post("/api/v1/reload", json::object());
    ASSERT_EQ(answer.status, 200) << answer.text;
    EXPECT_NE(answer.text.find("overlay.sync_interval_ms"), std::string::npos) << answer.text;
    EXPECT_EQ(setting(node, "overlay.sync_interval_ms"), 3000);
    EXPECT_TRUE(wait_until([&] { return processes(node, "verify") == 2 && node.all_ready(); }, 10));

    // The first half is right and must not take effect either.
    const std::string head = "[overlay]\nsync_interval_ms = 2000\n";
    for (const auto& [line, place] : std::vector<std::pair<std::string, std::string>>{
             {"wolk_interval_ms = 100", ":3:1: "},
             {"walk_interval_ms = \"soon\"", ":3:20: "},
             {"walk_interval_ms = 1", ":3:20: "},
             {"walk_interval_ms = = 1", ":3:20: "}}) {
        write(head + line + "\n");
        answer = node.post("/api/v1/reload", json::object());
        EXPECT_EQ(answer.status, 422) << line;
        EXPECT_NE(answer.text.find(node.config().string() + place), std::string::npos)
            << line << ": " << answer.text;
        EXPECT_EQ(setting(node, "overlay.sync_interval_ms"), 3000) << line;
    }
    EXPECT_EQ(processes(node, "verify"), 2u);
    EXPECT_FALSE(create_channel(node, "Still here", "still").empty());
}

// The stream of GET /api/v1/events until `stop`.
std::string events_of(Node& node, const std::string& topics, std::atomic<bool>& stop,
                      const std::function<bool(const std::string&)>& enough) {
    std::string out;
    const auto address = Endpoint::parse(node.api_address());
    if (!address) return out;
    httplib::Client client("127.0.0.1", address->port);
    client.set_read_timeout(20, 0);
    client.Get("/api/v1/events?topics=" + topics, {{"Authorization", "Bearer " + node.token()}},
               [&](const char* data, std::size_t size) {
                   out.append(data, size);
                   return !stop && !enough(out);
               });
    return out;
}

TEST(LiveNode, APublishIsSeenOnTheTapAndOnTheEventStream) {
    Node node({.name = "tapped"});
    ASSERT_TRUE(node.start()) << node.log();
    const auto channel = create_channel(node, "Watched", "watched");
    std::atomic<bool> stop{false};
    auto tap = std::async(std::launch::async, [&] {
        return run_program({Node::program("warren"), "tap", "event.record", "--count", "1",
                            "--seconds", "20", "--state", node.state()},
                           25);
    });
    const auto has_committed = [&](const std::string& text) {
        return text.find("event: event.record.committed\n") != std::string::npos &&
               text.find(channel) != std::string::npos && text.ends_with("\n\n");
    };
    auto stream = std::async(std::launch::async,
                             [&] { return events_of(node, "event.record", stop, has_committed); });
    const auto over = [](const auto& future) {
        return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    };
    // A tap has no memory: publish until both have begun to listen.
    std::size_t number = 0;
    EXPECT_TRUE(wait_until(
        [&] {
            const auto path = "/api/v1/channels/" + channel + "/torrents";
            EXPECT_EQ(persist(node, path, magnet_entry(number), "seen-" + std::to_string(number), 5)
                          .status,
                      201);
            ++number;
            return over(tap) && over(stream);
        },
        20));
    stop = true;
    const auto seen = tap.get();
    EXPECT_EQ(seen.exit_code, 0) << seen.output;
    EXPECT_TRUE(seen.output.starts_with("event.record.committed {")) << seen.output;
    EXPECT_NE(seen.output.find(channel), std::string::npos) << seen.output;
    EXPECT_TRUE(has_committed(stream.get()));
}

TEST(LiveNode, MetricsAreWellFormedAndNameEveryRole) {
    Node node({.name = "metrics"});
    ASSERT_TRUE(node.start()) << node.log();
    EXPECT_EQ(node.request("GET", "/metrics", "", {}, 5, false).status, 401);
    std::string text;
    // Workers say their numbers once a second.
    EXPECT_TRUE(wait_until(
        [&] {
            text = node.get("/metrics").text;
            const auto row = text.find("warren_resident_bytes{worker=\"storage-0\"}");
            return row != std::string::npos;
        },
        10))
        << text;
    for (const std::string role : {"network", "torrent", "verify", "sign", "storage", "api"})
        EXPECT_NE(text.find("warren_up{role=\"" + role + "\",worker=\"" + role + "-0\"} 1\n"),
                  std::string::npos)
            << role;
    const std::regex type("# TYPE [a-z_0-9]+ (counter|gauge|histogram)");
    const std::regex sample(R"re([a-z_][a-z_0-9]*(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? )re"
                            R"re(-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?)re");
    std::set<std::string> families, samples;
    std::string family;
    std::stringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("#")) {
            ASSERT_TRUE(std::regex_match(line, type)) << line;
            family = line.substr(7, line.rfind(' ') - 7);
            EXPECT_TRUE(families.insert(family).second) << "two families " << family;
            continue;
        }
        ASSERT_TRUE(std::regex_match(line, sample)) << line;
        EXPECT_TRUE(line.starts_with(family)) << line << " stands in family " << family;
        EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << "twice: " << line;
    }
    EXPECT_GT(families.size(), 5u);
}

TEST(LiveNode, StopsInOrderUnderLoadAndLosesNothing) {
    Node node({.name = "stopped"});
    ASSERT_TRUE(node.start()) << node.log();
    Clients clients(node, create_channels(node, 3));
    ASSERT_TRUE(clients.go_on());
    const auto all = node.workers();
    clients.expect_end();
    const auto began = monotonic_now();
    node.stop();
    EXPECT_LT((monotonic_now() - began) / 1_ms, 3000) << node.log();
    for (const auto pid : all)
        EXPECT_NE(::kill(pid, 0), 0) << "a worker outlived the node";
    clients.end();
    ASSERT_TRUE(node.start()) << node.log();
    expect_kept(node, clients);
}

}  // namespace
}  // namespace warren::test
