// F-12 and F-13: bytes flipped in each page of a shard, in its header, its log and its -shm; logs
// that are missing, foreign or cut; a file of another community in its place. Nothing crashes, no
// byte that was not stored is served, and the rebuilt file has every record of the good pages.
#include <fstream>

#include "storage-shard/rebuild.h"
#include "storage-shard/shard_walk.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t records_count = 121;

class DamageTest : public ShardFixture {
protected:
    // As a worker that was killed leaves it: part in the file, part in the log.
    DamageTest() {
        packets_ = records(records_count - 1);
        auto into = open(1);
        store_some(*into, 0, 80);
        EXPECT_OK(into->checkpoint_for_close());
        store_some(*into, 80, records_count);
        file_ = read_file(path());
        log_ = read_file(path() + "-wal");
        into.reset();
        into = open(2);
        EXPECT_OK(into->checkpoint_for_close());
        into.reset();
        whole_ = read_file(path());
    }
    void store_some(Shard& into, std::size_t from, std::size_t to) {
        std::vector<ByteView> some(packets_.begin() + static_cast<std::ptrdiff_t>(from),
                                   packets_.begin() + static_cast<std::ptrdiff_t>(to));
        EXPECT_OK(into.store(some, Durability::Replicated));
    }
    void put(const Bytes& file, const Bytes& log) {
        folder_again();
        write_file(path(), file);
        if (!log.empty()) write_file(path() + "-wal", log);
    }
    void folder_again() {
        for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
            std::filesystem::remove(entry.path());
    }
    // How many records are served as they were stored; any other answer is an error.
    std::size_t served() {
        auto from = ShardReader::open(path(), channel.community());
        if (!from) return 0;
        std::size_t out = 0;
        for (const auto& packet : packets_) {
            auto found = (*from)->record(protocol::decode_record(packet)->ref());
            if (!found || !*found) continue;
            EXPECT_EQ(**found, packet);
            ++out;
        }
        return out;
    }
    // What the worker does: opens; is told, by opening or by a read, of damage; rebuilds.
    Result<std::size_t> recovered() {
        auto opened = Shard::open(path(), channel.community(), {{3, 0}});
        bool hurt = !opened;
        if (!opened && opened.error().kind == ErrorKind::Environment) return opened.error();
        if (opened) {
            served();
            opened->reset();
            hurt = served() < packets_.size() || !is_sound();
        }
        if (hurt) {
            WARREN_TRY(auto rebuilt, rebuild(path(), channel.community(), {3, 0}));
            EXPECT_TRUE(std::filesystem::exists(rebuilt.set_aside));
            WARREN_TRY(auto again, Shard::open(path(), channel.community(), {{3, 0}}));
            EXPECT_EQ(again->root().count, rebuilt.records);
        }
        prove();
        return served();
    }
    // What a check of the shard looks at beyond its records.
    bool is_sound() {
        auto walk = ShardWalk::open(path(), channel.community(), ShardWalk::Sees::Snapshot);
        auto structure = walk ? (*walk)->structure() : Result<std::string>(walk.error());
        return structure && structure->empty();
    }
    void prove() {
        auto walk = ShardWalk::open(path(), channel.community(), ShardWalk::Sees::Snapshot);
        ASSERT_OK(walk);
        EXPECT_EQ(*(*walk)->structure(), "");
        auto part = (*walk)->next({}, 1 << 20);
        ASSERT_OK(part);
        EXPECT_EQ(part->damaged, 0u) << part->fault;
    }

    std::vector<Bytes> packets_;
    Bytes file_, log_, whole_;
};

}  // namespace

TEST_F(DamageTest, EachPageInTurn) {
    SeededRandom random(3);
    // One page holds so many records at most; the page's own may be lost, no others.
    constexpr std::size_t in_a_page = page_bytes / 150;
    for (std::size_t page = 0; page < whole_.size() / page_bytes; ++page) {
        for (int kind = 0; kind < 3; ++kind) {
            auto file = whole_;
            auto* at = file.data() + page * page_bytes;
            if (kind == 0) random.fill({at, page_bytes});
            if (kind == 1) std::fill_n(at, page_bytes, std::uint8_t{0});
            if (kind == 2) at[random.below(page_bytes)] ^= 0x10;
            put(file, {});
            auto count = recovered();
            if (!count) {
                // The one field that says "written by a newer Warren" is believed.
                EXPECT_EQ(count.error().kind, ErrorKind::Environment) << count.error().text;
                EXPECT_EQ(page, 0u);
                continue;
            }
            EXPECT_GE(*count, records_count - in_a_page) << "page " << page << " kind " << kind;
        }
    }
}

TEST_F(DamageTest, EachByteOfTheHeader) {
    for (std::size_t at = 0; at < 100; ++at) {
        auto file = whole_;
        file[at] ^= 0x41;
        put(file, {});
        auto count = recovered();
        if (count) {
            EXPECT_EQ(*count, records_count) << "byte " << at;
        } else {
            EXPECT_TRUE(at >= 60 && at < 64) << "byte " << at << " " << count.error().text;
            EXPECT_EQ(read_file(path()), file) << "a file that is refused is left alone";
        }
    }
}

// A log is believed up to its first bad frame; nothing of the file below it is lost.
TEST_F(DamageTest, TheLogFlippedCutOrMissing) {
    SeededRandom random(4);
    for (std::size_t at = 0; at < log_.size(); at += 509) {
        auto log = log_;
        log[at] ^= 0x20;
        put(file_, log);
        auto count = recovered();
        ASSERT_OK(count);
        EXPECT_GE(*count, 80u) << "byte " << at;
        log.resize(at);
        put(file_, log);
        count = recovered();
        ASSERT_OK(count);
        EXPECT_GE(*count, 80u) << "cut at " << at;
    }
    put(file_, {});
    auto count = recovered();
    ASSERT_OK(count);
    EXPECT_EQ(*count, 80u);
}

TEST_F(DamageTest, SharedMemoryIsMadeAnew) {
    put(file_, log_);
    SeededRandom random(5);
    Bytes garbage(32768);
    random.fill(garbage);
    write_file(path() + "-shm", garbage);
    EXPECT_EQ(*recovered(), records_count);
}

// The identity of a file is inside it: another community's is put aside, and ours begins empty.
TEST_F(DamageTest, AnotherCommunitysFileIsNotServed) {
    TestChannel other(stranger, 8);
    auto foreign = folder.file("foreign");
    ASSERT_OK(Shard::create(foreign, other.community(), std::nullopt));
    Bytes log;
    {
        auto into = Shard::open(foreign, other.community(), {{0, 2}});
        ASSERT_OK(into);
        std::vector<Bytes> packets{other.genesis("other"), other.torrent("other")};
        ASSERT_OK((*into)->store(views(packets), Durability::Replicated));
        log = read_file(foreign + "-wal");
    }
    auto file = read_file(foreign);
    put(file, {});
    EXPECT_EQ(*recovered(), 0u);
    EXPECT_EQ(read_file(path() + ".damaged-1"), file);
    // The same as a log: it never reaches our file.
    put(whole_, log);
    EXPECT_EQ(*recovered(), records_count);
}

TEST_F(DamageTest, SmallThingsAreCarriedOver) {
    put(whole_, {});
    auto into = open(5);
    protocol::TorrentEntry entry;
    entry.name = "published here";
    auto payload = protocol::encode(entry);
    auto request = SeededRandom(9).id<RequestId>();
    PublishRequest asked{request, protocol::RecordKind::Torrent, founder.public_key(), payload};
    auto prepared = into->prepare_publish(asked);
    ASSERT_OK(prepared);
    auto done = into->commit_publish(request, founder.signed_packet(prepared->to_sign), 1);
    ASSERT_OK(done);
    into.reset();
    auto file = read_file(path());
    std::fill_n(file.begin(), page_bytes, std::uint8_t{0});  // header and schema are gone
    write_file(path(), file);
    EXPECT_FALSE(Shard::open(path(), channel.community(), {{6, 0}}).ok());
    ASSERT_OK(rebuild(path(), channel.community(), {6, 0}));
    auto again = Shard::open(path(), channel.community(), {{6, 0}});
    ASSERT_OK(again);
    EXPECT_EQ((*again)->founder()->key, founder.public_key());
    EXPECT_EQ((*again)->prepare_publish(asked)->done, *done);
    asked.id = SeededRandom(10).id<RequestId>();
    auto next = (*again)->prepare_publish(asked);
    ASSERT_OK(next);
    next->to_sign.resize(next->to_sign.size() + protocol::signature_bytes);
    EXPECT_EQ(protocol::decode_record(next->to_sign)->prev, *done);
}

// A signature is part of what is served, though not of the id.
TEST_F(DamageTest, AFlippedSignatureIsSeen) {
    auto file = whole_;
    auto record = protocol::decode_record(packets_[50]);
    auto found = std::ranges::search(file, record->signature);
    ASSERT_FALSE(found.empty());
    *found.begin() ^= 1;
    put(file, {});
    EXPECT_EQ(served(), records_count - 1);
    EXPECT_EQ(*recovered(), records_count - 1);
}
