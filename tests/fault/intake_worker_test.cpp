// The storage worker with its shared log: one sync for many communities, what power loss leaves is
// put right before anyone is answered, a log that fails or waits for a hanging shard stops nobody.
#include <gtest/gtest.h>

#include "tests/support/crash_disk.h"
#include "tests/support/recording_vfs.h"
#include "tests/unit/storage/storage_fixture.h"

namespace warren::test {
namespace {

namespace fs = std::filesystem;

class IntakeWorkerTest : public StorageTest {
protected:
    ~IntakeWorkerTest() override {
        disk->clear_rules();
        node.reset();
    }

    std::vector<CommunityId> found_some(std::uint64_t count) {
        std::vector<CommunityId> out;
        for (std::uint64_t i = 0; i < count; ++i)
            out.push_back(found_channel("channel " + std::to_string(i), 100 + i));
        return out;
    }
    std::uint64_t counter(const std::string& name) {
        return node->host().metrics().counter("storage_intake_" + name + "_total");
    }
    static std::vector<fs::path> logs(const std::string& state) {
        std::vector<fs::path> out;
        for (const auto& entry : fs::directory_iterator(state + "/shards/intake"))
            if (entry.path().extension() == ".log") out.push_back(entry.path());
        return out;
    }
    // The state as power loss may leave it now: of what SQLite did not sync, nothing is there.
    void lose_power(const std::string& into) {
        fs::copy(folder.path(), into, fs::copy_options::recursive);
        std::vector<fs::path> gone;
        for (const auto& entry : fs::recursive_directory_iterator(into))
            if (entry.path().string().ends_with("-wal") || entry.path().string().ends_with("-shm"))
                gone.push_back(entry.path());
        EXPECT_FALSE(gone.empty());
        for (const auto& path : gone)
            fs::remove(path);
    }
    // What a node that starts there lists.
    std::vector<std::string> contents_in(const std::string& state, const CommunityId& community) {
        auto before = std::exchange(node, std::make_unique<StorageNode>(me, state, ++epoch));
        auto out = contents(community);
        replayed = counter("replayed");
        node = std::move(before);
        std::ranges::sort(out);
        return out;
    }
    void rule(const std::string& path, FileRule::Then then, bool hang = false) {
        FileRule it;
        it.path = path;
        it.calls = Sync;
        it.then = then;
        it.hang = hang;
        it.times = hang ? FileRule::always : 1;
        disk->add_rule(it);
    }
    std::int64_t old_logs() { return node->host().metrics().gauge("storage_intake_old_logs"); }

    // An import as the shard's disk sees it, from its joining to the last answer.
    std::vector<FileOp> import_all(const TestChannel& channel, const std::vector<Bytes>& packets,
                                   Durable durable) {
        constexpr std::size_t a_batch = 20;
        disk->record(true);
        EXPECT_TRUE(join(channel.community()).message);
        for (std::size_t at = 0; at < packets.size(); at += a_batch) {
            const auto first = packets.begin() + static_cast<std::ptrdiff_t>(at);
            const std::vector<Bytes> batch(first, first + a_batch);
            const auto answer = node->ask(store_message(channel.community(), batch, durable));
            for (auto verdict : verdicts(answer))
                EXPECT_EQ(verdict, ipc::Verdict::Accepted);
        }
        disk->record(false);
        auto log = disk->take_log();
        std::erase_if(log, [&](const FileOp& op) {
            return op.kind != FileOp::Kind::SyncFolder &&
                   op.path.find(channel.community().hex()) == std::string::npos;
        });
        return log;
    }
    // The fewest records that any of these states of the shard's file holds.
    static std::uint64_t fewest_left(const TestChannel& channel, const std::vector<FileOp>& log,
                                     std::size_t states) {
        CrashDisk crashed(7);
        for (const auto& op : log)
            crashed.play(op);
        auto fewest = std::numeric_limits<std::uint64_t>::max();
        for (std::size_t i = 0; i < states; ++i) {
            TempFolder left;
            crashed.write_state(left.path());
            const auto path = left.file(channel.community().hex() + ".shard");
            auto shard = shard::Shard::open(path, channel.community(),
                                            {{2, 1}, 64 << 20, shard::Check::Quick});
            EXPECT_OK(shard);
            fewest = std::min(fewest, shard ? (*shard)->root().count : 0);
        }
        return fewest;
    }

    // Made before the first node, which the fixture starts: it is begun anew below it.
    std::unique_ptr<RecordingVfs> disk = [this] {
        node.reset();
        auto out = RecordingVfs::register_as_default();
        start();
        return out;
    }();
    std::uint64_t replayed = 0;
};

TEST_F(IntakeWorkerTest, OneSyncStandsForManyCommunities) {
    const auto channels = found_some(8);
    const auto entries = counter("entries"), syncs = counter("syncs");
    for (std::uint64_t round = 0; round < 4; ++round) {
        std::vector<std::pair<RequestId, pipe::Message>> questions;
        for (std::size_t i = 0; i < channels.size(); ++i)
            questions.emplace_back(request_id(1000 + 100 * round + i),
                                   publish_message(channels[i], "x" + std::to_string(round)));
        for (const auto& answer : node->ask_all(std::move(questions)))
            EXPECT_TRUE(reply_of<S::PublishRecordReply>(answer)) << answer.failure.text;
    }
    EXPECT_EQ(counter("entries") - entries, 32u);
    EXPECT_LT(counter("syncs") - syncs, 32u);
    EXPECT_EQ(counter("bypassed"), 0u);
}

TEST_F(IntakeWorkerTest, WhatPowerLossLeftIsPutRightAtStart) {
    const auto channels = found_some(3);
    const std::vector<std::string> names = {"a", "b", "c"};
    for (std::size_t i = 0; i < channels.size(); ++i)
        for (std::size_t k = 0; k < names.size(); ++k)
            (void)publish(channels[i], names[k], 200 + 10 * i + k);
    TempFolder left, without;
    lose_power(left.file("state"));
    lose_power(without.file("state"));
    for (const auto& channel : channels)
        EXPECT_EQ(contents_in(left.file("state"), channel), names);
    EXPECT_TRUE(logs(left.file("state")).empty()) << "all of it is durable elsewhere";
    // The control: without the log these files know nothing.
    for (const auto& log : logs(without.file("state")))
        fs::remove(log);
    EXPECT_NE(contents_in(without.file("state"), channels[0]), names);
    EXPECT_EQ(replayed, 0u);
}

// Whoever imports is told that records are stored: they are, whatever of the unsynced is lost. What
// comes from peers may go, and this is the control.
TEST_F(IntakeWorkerTest, AnImportThatWasAnsweredSurvivesPowerLoss) {
    constexpr std::size_t count = 100, states = 60;
    const TestIdentity author{3};
    TestChannel imported(author, 7), replicated(author, 8);
    for (auto* channel : {&imported, &replicated}) {
        std::vector<Bytes> packets{channel->genesis("moved here")};
        while (packets.size() < count)
            packets.push_back(channel->torrent("x" + std::to_string(packets.size())));
        const bool durable = channel == &imported;
        const auto log = import_all(*channel, packets, durable ? Durable::Yes : Durable::No);
        const auto fewest = fewest_left(*channel, log, states);
        if (durable)
            EXPECT_EQ(fewest, count);
        else
            EXPECT_LT(fewest, count) << "nothing was at risk, so nothing was shown";
    }
}

// Records that came from peers before are durable, too, when an import brings them again.
TEST_F(IntakeWorkerTest, AnImportOfKnownRecordsMakesThemDurable) {
    const TestIdentity author{3};
    TestChannel channel(author, 7);
    EXPECT_TRUE(join(channel.community()).message);
    const std::vector<Bytes> packets{channel.genesis("twice"), channel.torrent("a")};
    (void)store(channel.community(), packets);
    FileRule failing;
    failing.path = channel.community().hex();
    failing.calls = Sync;
    failing.then = FileRule::Then::Fail;
    disk->add_rule(failing);
    EXPECT_FALSE(node->ask(store_message(channel.community(), packets, Durable::Yes)).message)
        << "answered without a sync";
    disk->clear_rules();
    for (auto verdict :
         verdicts(node->ask(store_message(channel.community(), packets, Durable::Yes))))
        EXPECT_EQ(verdict, ipc::Verdict::Known);
}

TEST_F(IntakeWorkerTest, ACommunityThatWasLeftNeedsNothingOfTheLog) {
    const auto channels = found_some(2);
    (void)publish(channels[0], "a", 200);
    (void)publish(channels[1], "b", 201);
    EXPECT_TRUE(leave(channels[0]).message);
    TempFolder left;
    lose_power(left.file("state"));
    EXPECT_EQ(contents_in(left.file("state"), channels[1]), std::vector<std::string>{"b"});
    EXPECT_TRUE(logs(left.file("state")).empty());
    EXPECT_TRUE(join(channels[0]).message);
    EXPECT_EQ(contents(channels[0]), std::vector<std::string>{"a"});
}

// R-D4: a log whose sync failed takes no more, and nobody is told what only it knows.
TEST_F(IntakeWorkerTest, AfterAFailedSyncShardsSyncThemselvesAndANewLogIsBegun) {
    const auto channel = found_some(1).front();
    (void)publish(channel, "a", 200);
    rule("/intake/", FileRule::Then::Fail);
    (void)publish(channel, "b", 201);
    EXPECT_EQ(counter("failures"), 1u);
    EXPECT_EQ(counter("bypassed"), 1u);
    const auto entries = counter("entries");
    (void)publish(channel, "c", 202);
    EXPECT_EQ(counter("entries"), entries + 1);
    EXPECT_TRUE(node->run_until([&] { return old_logs() == 0; }));
    EXPECT_EQ(logs(folder.path()).size(), 1u);
    EXPECT_EQ(contents(channel), (std::vector<std::string>{"c", "b", "a"}));
}

// Neither the log nor the shard could be synced: an error, and a retry is not told otherwise.
TEST_F(IntakeWorkerTest, ARetryIsNotAnsweredFromWhatIsNotKept) {
    const auto channel = found_some(1).front();
    (void)publish(channel, "a", 200);
    FileRule all;
    all.calls = Sync;
    all.then = FileRule::Then::Fail;
    disk->add_rule(all);
    for (int i = 0; i < 3; ++i) {
        auto answer = node->ask(publish_message(channel, "b"), request_id(201));
        EXPECT_FALSE(answer.message) << "try " << i;
    }
    disk->clear_rules();
    (void)publish(channel, "b", 201);
    auto names = contents(channel);
    EXPECT_EQ(std::ranges::count(names, "b"), 1) << "and it is applied once";
}

TEST_F(IntakeWorkerTest, AHangingShardKeepsALogAndStopsNobody) {
    const auto channels = found_some(2);
    (void)publish(channels[0], "a", 200);
    rule(channels[0].hex(), FileRule::Then::Pass, true);
    rule("/intake/", FileRule::Then::Fail);
    (void)publish(channels[1], "b", 201);  // its log fails: a new one is begun
    EXPECT_TRUE(node->run_until([&] { return disk->hanging() > 0; }));
    EXPECT_EQ(old_logs(), 1);
    for (std::uint64_t i = 0; i < 5; ++i)
        (void)publish(channels[1], "b" + std::to_string(i), 300 + i);
    EXPECT_EQ(old_logs(), 1);
    EXPECT_EQ(logs(folder.path()).size(), 2u);
    disk->clear_rules();
    EXPECT_TRUE(node->run_until([&] { return old_logs() == 0; }));
    EXPECT_EQ(logs(folder.path()).size(), 1u);
}

TEST_F(IntakeWorkerTest, SlotsThatGoNeedNoLogOfThisWorker) {
    const auto channel = found_some(1).front();
    (void)publish(channel, "a", 200);
    EXPECT_EQ(logs(folder.path()).size(), 1u);
    auto& map = node->host().change_slots();
    ++map.version;
    map.workers.assign(process::slot_count, 1);
    node->worker().on_slots();
    EXPECT_TRUE(node->run_until([&] { return node->host().released == map.version; }));
    EXPECT_TRUE(node->run_until([&] { return logs(folder.path()).empty(); }));
    EXPECT_FALSE(fs::exists(shard_file(channel) + "-wal"));
}

}  // namespace
}  // namespace warren::test
