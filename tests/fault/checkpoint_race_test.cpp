// One connection writes and checkpoints while others read (R-D2: in SQLite before 3.51.3 a reader's
// checkpoint can damage a file; here only the writer does it). Commits, checkpoints and reads are
// counted as steps; WARREN_STEPS asks for more of them.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.h"
#include "storage-shard/shard_walk.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::test;

namespace {

std::uint64_t steps_asked() {
    const char* text = std::getenv("WARREN_STEPS");
    return text ? std::strtoull(text, nullptr, 10) : 300'000;
}

}  // namespace

class CheckpointRace : public ShardFixture {
protected:
    void write(std::unique_ptr<shard::Shard>& writer) {
        SeededRandom random(3);
        const auto goal = steps_asked();
        while (steps < goal && !HasFailure()) {
            std::vector<Bytes> packets;
            for (auto more = random.below(4) + 1; more > 0; --more)
                packets.push_back(channel.torrent("film"));
            store(*writer, packets);
            const auto rare = random.below(16);
            if (rare < 2) {
                ASSERT_OK(writer->maintain(1));
            }
            if (rare == 2 || rare == 3) {
                pinned(*writer);
            }
            if (rare == 4) {
                ASSERT_OK(writer->checkpoint_for_close());
            }
            steps += rare <= 4 ? 2 : 1;
            if (rare != 5) continue;
            writer.reset();
            writer = open();
            ASSERT_TRUE(writer);
        }
    }
    // A checkpoint in parts; a commit between them stays in the log.
    void pinned(shard::Shard& writer) {
        auto pin = shard::LogPin::take(path());
        ASSERT_OK(pin);
        ASSERT_OK(pin->sync_log());
        store(writer, {channel.torrent("film")});
        ASSERT_OK(writer.move_log(*pin));
        ASSERT_OK(pin->sync_file());
    }
    // What a reader sees only grows, and every body is as it was signed.
    void read(std::uint64_t seed) {
        SeededRandom random(seed);
        auto file = reader();
        std::uint64_t seen = 0;
        while (file && !ended) {
            auto count = file->count();
            ASSERT_OK(count);
            ASSERT_GE(*count, seen);
            seen = *count;
            auto bodies = file->bodies_after(static_cast<std::int64_t>(random.below(seen + 1)), 4);
            ASSERT_OK(bodies);
            for (const auto& body : *bodies)
                ASSERT_FALSE(body.packet.empty());
            steps += 2;
            if (random.below(64) == 0) file = reader();
        }
        EXPECT_TRUE(ended) << "a reader could not open the file";
    }

    std::atomic<std::uint64_t> steps = 0;
    std::atomic<bool> ended = false;
};

TEST_F(CheckpointRace, TheFileStaysWhole) {
    auto writer = open();
    ASSERT_TRUE(writer);
    store(*writer, {channel.genesis("Films of the commons")});
    std::thread one([this] { read(1); }), other([this] { read(2); });
    write(writer);
    ended = true;
    one.join();
    other.join();
    ASSERT_FALSE(HasFailure());
    const auto stored = writer->root().count;
    writer.reset();
    auto walk =
        shard::ShardWalk::open(path(), channel.community(), shard::ShardWalk::Sees::Snapshot);
    ASSERT_OK(walk);
    auto structure = (*walk)->structure();
    ASSERT_OK(structure);
    EXPECT_EQ(*structure, "");
    auto totals = (*walk)->totals();
    ASSERT_OK(totals);
    EXPECT_EQ(totals->keys, stored);
    EXPECT_EQ(totals->bodies, stored);
    std::printf("%llu steps, %llu records\n", static_cast<unsigned long long>(steps),
                static_cast<unsigned long long>(stored));
}
