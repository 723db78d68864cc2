// What an operator does with the files of a running node, by the command line as he would: lists,
// checks, rebuilds, moves records, backs up while people publish, prunes; and what the node does by
// itself when bytes on the disk have changed.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>

#include "base/ids.h"
#include "base/stream_file.h"
#include "tests/support/journey.h"

namespace warren::test {
namespace {

namespace fs = std::filesystem;

Finished warren(const Node& node, std::vector<std::string> words, double seconds = 60) {
    words.insert(words.begin(), Node::program("warren"));
    words.insert(words.end(), {"--state", node.state(), "--timeout", "40"});
    return run_program(words, seconds);
}

// Ids in the order in which they were acknowledged.
std::vector<std::string> publish(Node& node, const std::string& channel, std::uint64_t first,
                                 std::uint64_t count) {
    std::vector<std::string> out;
    for (auto i = first; i < first + count; ++i) {
        const auto answer =
            persist(node, "/api/v1/channels/" + channel + "/torrents", magnet_entry(i),
                    channel.substr(0, 8) + "-" + std::to_string(i), 20);
        EXPECT_EQ(answer.status, 201) << answer.text;
        if (answer.status != 201) return out;
        out.push_back(answer.body["record"]);
    }
    return out;
}

json shard_row(Node& node, const std::string& community) {
    const auto answer = node.get("/api/v1/shards");
    if (answer.status == 200)
        for (const auto& row : answer.body["items"])
            if (row["community"] == community) return row;
    return json::object();
}

std::uint64_t number(const json& row, const std::string& name) {
    return row.value(name, std::uint64_t{0});
}

fs::path shard_file(Node& node, const std::string& community) {
    for (const auto& entry : fs::recursive_directory_iterator(node.state() / "shards"))
        if (entry.path().filename() == community + ".shard") return entry.path();
    return {};
}

std::string read_all(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_at(const fs::path& path, std::streamoff at, const std::string& bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(file.good()) << path;
}

bool comes_to_list(Node& node, const std::string& channel, const std::set<std::string>& records,
                   double seconds = 40) {
    return wait_until([&] { return records_of(node, channel) == records; }, seconds);
}

std::set<std::string> set_of(const std::vector<std::string>& ids) {
    return {ids.begin(), ids.end()};
}

bool meet(Node& node, const Node& other) {
    return persist(node, "/api/v1/peers", {{"address", other.overlay_address()}}, "meet", 15)
               .status == 201;
}

// Two nodes that know each other; the second follows what the first founds.
struct Pair {
    Pair() : a({.name = "first"}), b({.name = "second", .settings = {"retention.interval_s=1"}}) {
        started = a.start() && b.start() && meet(b, a);
    }
    Node a, b;
    bool started = false;
};

TEST(Files, AreListedCheckedPrunedAndCompacted) {
    Node node({.name = "upkeep"});
    ASSERT_TRUE(node.start()) << node.log();
    const auto channel = create_channel(node, "Kept in order", "kept");
    const auto ids = publish(node, channel, 0, 120);
    ASSERT_EQ(ids.size(), 120u);
    const auto listed = shard_row(node, channel);
    EXPECT_EQ(number(listed, "records"), 121u) << listed;
    EXPECT_EQ(listed.value("state", ""), "open");
    EXPECT_GT(number(listed, "bytes") + number(listed, "log_bytes"), 120u * 150);
    const auto usage = node.get("/api/v1/shards").body["usage"];
    EXPECT_GE(number(usage, "shards"), number(listed, "bytes"));
    EXPECT_GT(number(usage, "free"), 0u);

    const auto checked = warren(node, {"shard", "check", channel});
    EXPECT_EQ(checked.exit_code, 0) << checked.output;
    EXPECT_NE(checked.output.find("121 records, each as it was signed; sums agree"),
              std::string::npos)
        << checked.output;
    EXPECT_EQ(warren(node, {"shard", "check", std::string(40, 'a')}).exit_code, 1);

    const auto rule = warren(node, {"community", "retention", channel});
    EXPECT_EQ(rule.exit_code, 0) << rule.output;
    EXPECT_NE(rule.output.find("records  none"), std::string::npos) << rule.output;
    EXPECT_NE(rule.output.find("the settings' rule"), std::string::npos) << rule.output;
    const auto ruled = warren(node, {"community", "retention", channel, "--count", "21"});
    EXPECT_EQ(ruled.exit_code, 0) << ruled.output;
    EXPECT_NE(ruled.output.find("records  21"), std::string::npos) << ruled.output;
    const auto told = warren(node, {"community", "retention", channel, "--json"});
    EXPECT_EQ(json::parse(told.output, nullptr, false),
              json({{"age_s", 0}, {"records", 21}, {"bytes", 0}, {"source", "community"}}))
        << told.output;
    EXPECT_TRUE(comes_to_list(node, channel, {ids.end() - 20, ids.end()}));
    EXPECT_EQ(number(shard_row(node, channel), "records"), 21u);
    EXPECT_EQ(number(shard_row(node, channel), "floor"), 102u);
    EXPECT_TRUE(wait_until(
        [&] {
            const auto row = node.get("/api/v1/channels/" + channel);
            return row.status == 200 && row.body["torrents"] == 20;
        },
        20));
    EXPECT_EQ(node.get("/api/v1/search?q=entry&limit=100").body["items"].size(), 20u);

    const auto compacted = warren(node, {"shard", "compact", channel});
    EXPECT_EQ(compacted.exit_code, 0) << compacted.output;
    EXPECT_LT(fs::file_size(shard_file(node, channel)), 21u * 400 + 16u * 4096)
        << "what is kept, and a page for each table and index";
    EXPECT_EQ(number(shard_row(node, channel), "log_bytes"), 0u);
    EXPECT_EQ(warren(node, {"shard", "check"}).exit_code, 0);
    const auto reset = warren(node, {"community", "retention", channel, "--default", "--quiet"});
    EXPECT_EQ(reset.output, "settings\n");
}

TEST(Files, RecordsThatMoveAreVerifiedAgainAndMakeTheSameFile) {
    Node from({.name = "exporting"}), to({.name = "importing"});
    ASSERT_TRUE(from.start() && to.start());
    const auto channel = create_channel(from, "On the move", "moving");
    const auto ids = publish(from, channel, 0, 60);
    const auto exported = (from.folder() / "channel.stream").string();
    ASSERT_EQ(warren(from, {"shard", "export", channel, exported}).exit_code, 0);

    // A byte that changed on the way: nothing is sent.
    auto bytes = read_all(exported);
    const auto broken = (to.folder() / "broken.stream").string();
    bytes[bytes.size() / 2] ^= 1;
    std::ofstream(broken, std::ios::binary) << bytes;
    EXPECT_EQ(warren(to, {"shard", "import", broken}).exit_code, 65);
    EXPECT_TRUE(shard_row(to, channel).empty());

    // A file that is right in itself, with a record that its author did not sign.
    StreamDecoder decoder;
    StreamEncoder encoder;
    bytes = read_all(exported);
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    const ByteView view(data, bytes.size());
    Bytes forged;
    while (!decoder.ended()) {
        const auto at = static_cast<std::size_t>(decoder.offset());
        const auto step = decoder.take(view.subspan(at, decoder.needs()));
        ASSERT_TRUE(step.ok()) << step.error().text;
        if (step->head) append(forged, encoder.head(*step->head));
        if (step->items.empty()) continue;
        std::vector<Bytes> items;
        for (const auto item : step->items)
            items.push_back(to_bytes(item));
        items[30].back() ^= 1;
        append(forged, encoder.block(items));
    }
    append(forged, encoder.tail());
    const auto lying = (to.folder() / "lying.stream").string();
    std::ofstream(lying, std::ios::binary)
        .write(reinterpret_cast<const char*>(forged.data()),
               static_cast<std::streamsize>(forged.size()));
    const auto refused = warren(to, {"shard", "import", lying});
    EXPECT_EQ(refused.exit_code, 65) << refused.output;
    EXPECT_NE(refused.output.find("bad signatures 1"), std::string::npos) << refused.output;
    EXPECT_EQ(records_of(to, channel).size(), 59u);

    const auto imported = warren(to, {"shard", "import", exported});
    EXPECT_EQ(imported.exit_code, 0) << imported.output;
    EXPECT_NE(imported.output.find("stored 1, known 60"), std::string::npos) << imported.output;
    EXPECT_EQ(records_of(to, channel), set_of(ids));
    const auto again = (to.folder() / "again.stream").string();
    ASSERT_EQ(warren(to, {"shard", "export", channel, again}).exit_code, 0);
    EXPECT_EQ(read_all(again), read_all(exported)) << "the same set has the same bytes";
}

// A thread that publishes in some channels, in turn, until it is told to end.
class Publisher {
public:
    Publisher(Node& node, const std::vector<std::string>& channels) : node_(node) {
        for (const auto& channel : channels)
            ids_[channel];
        thread_ = std::async(std::launch::async, [this] {
            for (std::uint64_t i = 0; !end_; ++i)
                for (auto& [channel, ids] : ids_) {
                    auto more = publish(node_, channel, i, 1);
                    ids.insert(ids.end(), more.begin(), more.end());
                    ++published_;
                }
        });
    }
    ~Publisher() { end(); }
    std::size_t published() const { return published_; }
    const std::map<std::string, std::vector<std::string>>& end() {
        end_ = true;
        if (thread_.valid()) thread_.get();
        return ids_;
    }

private:
    Node& node_;
    std::map<std::string, std::vector<std::string>> ids_;  // the thread's until it ended
    std::atomic<std::size_t> published_{0};
    std::atomic<bool> end_{false};
    std::future<void> thread_;
};

TEST(Files, ABackupMadeWhilePublishingIsRestoredElsewhere) {
    Node node({.name = "backed-up"});
    ASSERT_TRUE(node.start());
    std::vector<std::string> channels;
    for (int i = 0; i < 3; ++i)
        channels.push_back(create_channel(node, "C" + std::to_string(i), "c" + std::to_string(i)));
    EXPECT_EQ(
        node.post("/api/v1/downloads", {{"magnet", "magnet:?xt=urn:btih:" + std::string(40, '5')},
                                        {"name", "wanted"},
                                        {"paused", true}})
            .status,
        201);
    Publisher publisher(node, channels);
    ASSERT_TRUE(wait_until([&] { return publisher.published() >= 90; }, 30));
    const auto before = publisher.published() / channels.size() - 1;  // of each, acknowledged
    const auto made = warren(node, {"backup", "create", "while-busy"});
    EXPECT_EQ(made.exit_code, 0) << made.output;
    const auto after = publisher.published();
    ASSERT_TRUE(wait_until([&] { return publisher.published() > after + 6; }, 20));
    const auto published = publisher.end();
    EXPECT_EQ(warren(node, {"backup", "create", "while-busy"}).exit_code, 1) << "the name is taken";

    // The folder is all that there is left.
    Node other({.name = "restored",
                .settings = {"storage.backup_dir=" + (node.state() / "backups").string()}});
    node.stop();
    ASSERT_TRUE(other.start());
    const auto restored = warren(other, {"backup", "restore", "while-busy"});
    EXPECT_EQ(restored.exit_code, 0) << restored.output;
    for (const auto& [channel, ids] : published) {
        const auto there = records_of(other, channel);
        EXPECT_GE(there.size(), before);
        EXPECT_LT(there.size(), ids.size()) << "the backup was over before the last were published";
        const auto count = static_cast<std::ptrdiff_t>(std::min(there.size(), ids.size()));
        EXPECT_EQ(there, (std::set<std::string>{ids.begin(), ids.begin() + count}))
            << "one moment of this community";
    }
    EXPECT_EQ(warren(other, {"shard", "check"}).exit_code, 0);
    EXPECT_EQ(warren(other, {"backup", "restore", "no-such"}).exit_code, 1);
    other.stop();
    ASSERT_TRUE(other.start());
    EXPECT_TRUE(wait_until(
        [&] { return other.get("/api/v1/downloads/" + std::string(40, '5')).status == 200; }, 10));
    EXPECT_EQ(warren(other, {"backup", "delete", "while-busy"}).exit_code, 0);
    EXPECT_EQ(other.get("/api/v1/backups").body["items"].size(), 0u);
    EXPECT_TRUE(fs::is_empty(node.state() / "backups"));
}

// A damaged manifest or file changes nothing.
TEST(Files, ABackupThatIsNotWholeIsRefused) {
    Node node({.name = "half"});
    ASSERT_TRUE(node.start());
    const auto channel = create_channel(node, "Half", "half");
    const auto ids = publish(node, channel, 0, 30);
    ASSERT_EQ(warren(node, {"community", "retention", channel, "--count", "11"}).exit_code, 0);
    const std::set<std::string> kept(ids.end() - 10, ids.end());
    ASSERT_TRUE(comes_to_list(node, channel, kept));
    ASSERT_EQ(warren(node, {"backup", "create", "whole"}).exit_code, 0);
    const auto folder = node.state() / "backups";
    fs::copy(folder / "whole", folder / "flipped", fs::copy_options::recursive);
    fs::copy(folder / "whole", folder / "headless", fs::copy_options::recursive);
    write_at(folder / "flipped" / (channel + ".stream"), 900, "????");
    fs::remove(folder / "headless" / "manifest");
    Node other({.name = "unharmed", .settings = {"storage.backup_dir=" + folder.string()}});
    ASSERT_TRUE(other.start());
    const auto refused = warren(other, {"backup", "restore", "flipped"});
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_NE(refused.output.find("nothing was changed"), std::string::npos) << refused.output;
    EXPECT_EQ(warren(other, {"backup", "restore", "headless"}).exit_code, 1);
    EXPECT_TRUE(shard_row(other, channel).empty());
    EXPECT_EQ(warren(other, {"backup", "restore", "whole"}).exit_code, 0);
    EXPECT_EQ(records_of(other, channel), kept);
    const auto before = shard_row(node, channel), after = shard_row(other, channel);
    EXPECT_EQ(number(after, "floor"), 22u) << "else what was pruned would be fetched again";
    EXPECT_EQ(number(after, "floor"), number(before, "floor"));
    EXPECT_EQ(after["retention"], before["retention"]);
}

// By number, bytes and age; what went is not sent again by a peer that has it.
TEST(Files, WhatWasPrunedStaysAwayThoughAPeerHasIt) {
    Pair nodes;
    ASSERT_TRUE(nodes.started);
    const auto channel = create_channel(nodes.a, "Short memory", "short");
    auto ids = publish(nodes.a, channel, 0, 80);
    ASSERT_TRUE(comes_to_list(nodes.b, channel, set_of(ids)));
    ASSERT_EQ(warren(nodes.b, {"community", "retention", channel, "--count", "31"}).exit_code, 0);
    ASSERT_TRUE(comes_to_list(nodes.b, channel, {ids.end() - 30, ids.end()}));
    const auto floor = number(shard_row(nodes.b, channel), "floor");
    EXPECT_EQ(floor, 52u) << "the genesis has time 1";

    // Something new comes by sync, and a round that ends in sync brings nothing old.
    const auto next = publish(nodes.a, channel, 80, 1);
    ids.insert(ids.end(), next.begin(), next.end());
    const auto has_newest = [&] { return records_of(nodes.b, channel).contains(ids.back()); };
    ASSERT_TRUE(wait_until(has_newest, 30));
    // Whose session it was knows; the other only sees that the roots differ.
    const auto is_in_sync = [&] {
        for (auto* node : {&nodes.a, &nodes.b}) {
            const auto all = node->get("/api/v1/sync");
            if (all.status != 200) continue;
            for (const auto& row : all.body["items"])
                if (row["community"] == channel && row["peers_in_sync"] == 1) return true;
        }
        return false;
    };
    EXPECT_TRUE(wait_until(is_in_sync, 40))
        << nodes.a.get("/api/v1/sync").text << nodes.b.get("/api/v1/sync").text;
    EXPECT_TRUE(comes_to_list(nodes.b, channel, {ids.end() - 30, ids.end()}, 10));

    ASSERT_EQ(warren(nodes.b, {"community", "retention", channel, "--bytes", "30000"}).exit_code,
              0);
    EXPECT_TRUE(wait_until([&] { return records_of(nodes.b, channel).size() < 30; }, 20));
    EXPECT_TRUE(records_of(nodes.b, channel).contains(ids.back()));
    // All that is left is older than two seconds by then, but for the last: it stays.
    ASSERT_EQ(warren(nodes.b, {"community", "retention", channel, "--age", "2s"}).exit_code, 0);
    EXPECT_TRUE(comes_to_list(nodes.b, channel, {ids.back()}));
    EXPECT_EQ(records_of(nodes.a, channel), set_of(ids)) << "the peer keeps its own";
}

TEST(Files, ADamagedFileIsRebuiltAndAPeerFillsIt) {
    Pair nodes;
    ASSERT_TRUE(nodes.started);
    const auto channel = create_channel(nodes.a, "Scratched", "scratched");
    const auto ids = set_of(publish(nodes.a, channel, 0, 150));
    ASSERT_TRUE(comes_to_list(nodes.b, channel, ids));
    ASSERT_EQ(warren(nodes.b, {"shard", "compact", channel}).exit_code, 0);
    const auto file = shard_file(nodes.b, channel);
    const auto size = static_cast<std::streamoff>(fs::file_size(file));
    ASSERT_GT(size, 9 * 4096);

    // While it serves: the check of the operator finds it.
    write_at(file, size - 2 * 4096, std::string(4096, 'x'));
    const auto found = warren(nodes.b, {"shard", "check", channel});
    // Or somebody who read there had found it before, and it is mended already.
    EXPECT_TRUE(found.exit_code == 1 || fs::exists(file.string() + ".damaged-1")) << found.output;
    EXPECT_TRUE(wait_until([&] { return fs::exists(file.string() + ".damaged-1"); }, 20));
    EXPECT_TRUE(comes_to_list(nodes.b, channel, ids)) << nodes.b.log();
    EXPECT_EQ(warren(nodes.b, {"shard", "check", channel}).exit_code, 0);
    EXPECT_GT(number(nodes.b.get("/api/v1/shards").body["usage"], "set_aside"), 0u);

    // While it is closed: opening it does. Header, schema and a third of the pages are gone.
    nodes.b.stop();
    write_at(file, 0, std::string(static_cast<std::size_t>(size / 3), '\0'));
    ASSERT_TRUE(nodes.b.start()) << nodes.b.log();
    EXPECT_TRUE(meet(nodes.b, nodes.a));
    EXPECT_TRUE(comes_to_list(nodes.b, channel, ids)) << nodes.b.log();
    EXPECT_TRUE(fs::exists(file.string() + ".damaged-2"));
    EXPECT_EQ(warren(nodes.b, {"shard", "check"}).exit_code, 0);
}

TEST(Files, AreProvenWhileTheNodeIsIdleAndRebuiltAtWill) {
    Node node(
        {.name = "idle", .settings = {"retention.interval_s=1", "storage.check_interval_s=1"}});
    ASSERT_TRUE(node.start());
    const auto channel = create_channel(node, "Looked after", "looked");
    const auto ids = publish(node, channel, 0, 100);
    EXPECT_TRUE(wait_until([&] { return number(shard_row(node, channel), "checked_ms") > 0; }, 20));
    const auto rebuilt = warren(node, {"shard", "rebuild", channel});
    EXPECT_EQ(rebuilt.exit_code, 0) << rebuilt.output;
    EXPECT_NE(rebuilt.output.find("101 records kept, 0 refused"), std::string::npos);
    EXPECT_EQ(records_of(node, channel), set_of(ids));
    EXPECT_TRUE(wait_until(
        [&] {
            return node.get("/api/v1/search?q=entry&limit=200").body["items"].size() == ids.size();
        },
        20));
    // Published here before, published here again: the promise of the key holds.
    const auto again = node.post("/api/v1/channels/" + channel + "/torrents", magnet_entry(99),
                                 channel.substr(0, 8) + "-99");
    EXPECT_EQ(again.body["record"], ids.back()) << again.text;
    EXPECT_EQ(publish(node, channel, 100, 1).size(), 1u);
    EXPECT_EQ(warren(node, {"shard", "rebuild", std::string(40, 'a')}).exit_code, 1);

    // Nobody asks for anything: the node itself finds a page that has changed.
    ASSERT_EQ(warren(node, {"shard", "compact", channel}).exit_code, 0);
    const auto file = shard_file(node, channel);
    const auto at = read_all(file).find("Entry 50");
    ASSERT_NE(at, std::string::npos);
    write_at(file, static_cast<std::streamoff>(at), "Fntry");
    EXPECT_TRUE(wait_until([&] { return fs::exists(file.string() + ".damaged-2"); }, 20))
        << node.log();
}

TEST(Files, TheNodesOwnFileIsRebuilt) {
    Node node({.name = "own-file"});
    ASSERT_TRUE(node.start());
    for (int i = 0; i < 9; ++i) {
        const auto magnet = "magnet:?xt=urn:btih:" + std::string(40, static_cast<char>('1' + i));
        EXPECT_EQ(
            node.post("/api/v1/downloads", {{"magnet", magnet}, {"name", "d"}, {"paused", true}})
                .status,
            201);
    }
    node.stop();
    const auto file = node.state() / "shards" / "node";
    write_at(file, 0, std::string(100, 'x'));
    ASSERT_TRUE(node.start()) << node.log();
    EXPECT_TRUE(fs::exists(file.string() + ".damaged-1"));
    EXPECT_TRUE(
        wait_until([&] { return node.get("/api/v1/downloads").body["items"].size() == 9; }, 10))
        << node.get("/api/v1/downloads").text;
}

}  // namespace
}  // namespace warren::test
