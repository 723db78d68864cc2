// Files of earlier versions, made by the code of that time (write_fixtures.cpp), open and keep what
// they held; a crash or an error at any operation of a migration leaves the old or the new version.
#include <fstream>

#include "protocol/community/control_records.h"
#include "storage-shard/migrations.h"
#include "storage-shard/node_shard.h"
#include "tests/fault/shard_workload.h"
#include "tests/support/crash_disk.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

struct OldFile {
    explicit OldFile(const std::string& kind, const std::string& version = "v1") {
        auto from = std::filesystem::path(WARREN_FIXTURES) / version / kind;
        std::filesystem::copy_file(from, path);
    }
    MemoryFolder folder;
    std::string path = folder.file("channel.shard");
    TestIdentity founder{1};
    TestChannel channel{founder, 7};
};

std::int64_t version_of(const std::string& path) {
    auto connection = Connection::open(path, Access::Write);
    EXPECT_OK(connection);
    auto version = connection ? connection->number("PRAGMA user_version") : std::int64_t{0};
    return version ? *version : 0;
}

}  // namespace

class OldCommunity : public ::testing::TestWithParam<int> {};

TEST_P(OldCommunity, KeepsItsRecords) {
    OldFile old("community", "v" + std::to_string(GetParam()));
    EXPECT_EQ(version_of(old.path), GetParam());
    EXPECT_FALSE(ShardReader::open(old.path, old.channel.community()).ok());
    auto into = Shard::open(old.path, old.channel.community(), {{2, 0}});
    ASSERT_OK(into);
    EXPECT_EQ((*into)->root().count, 14u);
    auto reader = ShardReader::open(old.path, old.channel.community());
    ASSERT_OK(reader);
    auto bodies = (*reader)->bodies_after(0, 100);
    ASSERT_OK(bodies);
    for (const auto& body : *bodies) {
        auto record = protocol::decode_record(body.packet);
        ASSERT_OK(record);
        EXPECT_EQ((*reader)->record(record->ref())->value(), body.packet);
    }
    EXPECT_EQ(bodies->size(), 14u);
    // Its requests, too: a retry ends in the record of then.
    auto again = (*into)->prepare_publish({SeededRandom(9).id<RequestId>(),
                                           protocol::RecordKind::Torrent,
                                           old.founder.public_key(),
                                           {}});
    ASSERT_OK(again);
    EXPECT_TRUE(again->done.has_value());
}

// Defect 12: what comes after the migration is judged as in a file that never was an old one.
TEST_P(OldCommunity, N12JudgesAsAFreshOne) {
    OldFile old("community", "v" + std::to_string(GetParam()));
    const auto id = old.channel.community();
    auto migrated = Shard::open(old.path, id, {{2, 0}});
    ASSERT_OK(migrated);
    const auto fresh_path = old.folder.file("fresh.shard");
    ASSERT_OK(Shard::create(fresh_path, id, std::nullopt));
    auto fresh = Shard::open(fresh_path, id, {{2, 0}});
    ASSERT_OK(fresh);
    auto reader = ShardReader::open(old.path, id);
    ASSERT_OK(reader);
    std::vector<Bytes> packets;
    auto bodies = (*reader)->bodies_after(0, 100);
    ASSERT_OK(bodies);
    for (auto& body : *bodies)
        packets.push_back(std::move(body.packet));
    const std::vector<ByteView> all(packets.begin(), packets.end());
    ASSERT_OK((*fresh)->store(all, Durability::Replicated));

    TestIdentity member(5);
    const auto kind = static_cast<protocol::MessageId>(protocol::RecordKind::Torrent);
    const auto control = [&](protocol::ControlKind what, GlobalTime time, const Bytes& payload) {
        return old.founder.record(id, static_cast<protocol::RecordKind>(what), time, {}, payload);
    };
    const auto grants = protocol::encode_grants({{member.public_key(), kind, 1}});
    protocol::TorrentEntry entry;
    entry.name = "a member's";
    const auto film = [&](GlobalTime time) {
        return member.record(id, protocol::RecordKind::Torrent, time, {}, protocol::encode(entry));
    };
    const auto target = protocol::decode_record(packets[5])->ref();
    const std::vector<Bytes> later{control(protocol::ControlKind::Authorize, 20, grants), film(25),
                                   film(35),
                                   control(protocol::ControlKind::UndoOther, 40,
                                           protocol::encode(protocol::Undo{target, kind})),
                                   control(protocol::ControlKind::Revoke, 30, grants)};
    for (auto* into : {migrated->get(), fresh->get()}) {
        for (const auto& packet : later) {
            const ByteView one(packet);
            ASSERT_OK(into->store(std::span(&one, 1), Durability::Replicated));
        }
        for (bool more = into->has_work(); more;)
            more = *into->work({});
    }
    EXPECT_EQ((*migrated)->root().sum, (*fresh)->root().sum);
    EXPECT_EQ((*migrated)->root().count, 18u);  // all but what was written after the revoke
    auto of_fresh = ShardReader::open(fresh_path, id);
    ASSERT_OK(of_fresh);
    EXPECT_EQ((*reader)->contents("", 100)->rows.size(), 13u);
    EXPECT_EQ((*of_fresh)->contents("", 100)->rows.size(), 13u);
}

INSTANTIATE_TEST_SUITE_P(OfEachVersion, OldCommunity, ::testing::Values(1, 2));

TEST(Migration, ANodeFileOfVersionOneKeepsItsDownloads) {
    OldFile old("node");
    auto node = NodeShard::open(old.path, {2, 0});
    ASSERT_OK(node);
    auto page = (*node)->downloads();
    ASSERT_OK(page);
    ASSERT_EQ(page->rows.size(), 1u);
    EXPECT_EQ(page->rows[0].resume, (Bytes{4, 5, 6}));
    EXPECT_EQ((*node)->fact("a fact")->value(), Bytes{7});
}

TEST(Migration, AFileOfANewerWarrenIsRefusedAndLeftAlone) {
    OldFile old("community");
    {
        auto connection = Connection::open(old.path, Access::Create);
        ASSERT_OK(connection);
        ASSERT_OK(connection->execute("PRAGMA user_version=999"));
    }
    auto opened = Shard::open(old.path, old.channel.community(), {{2, 0}});
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().kind, ErrorKind::Environment);
    EXPECT_EQ(version_of(old.path), 999);
}

// Kill and power loss at each operation: 30 states after each.
TEST(Migration, ACrashLeavesTheOldOrTheNewVersion) {
    OldFile old("community");
    std::vector<FileOp> log;
    {
        std::ifstream in(old.path, std::ios::binary);
        Bytes before{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        log.push_back({FileOp::Kind::Make, old.path, {}, 0, {}});
        log.push_back({FileOp::Kind::Write, old.path, {}, 0, std::move(before)});
        log.push_back({FileOp::Kind::Sync, old.path, {}, 0, {}});
        log.push_back({FileOp::Kind::SyncFolder, old.folder.path(), {}, 0, {}});
        auto vfs = RecordingVfs::register_as_default();
        vfs->record(true);
        ASSERT_OK(Shard::open(old.path, old.channel.community(), {{2, 0}}));
        for (auto& op : vfs->take_log())
            log.push_back(std::move(op));
    }
    const auto newest = static_cast<std::int64_t>(migrations(FileKind::Community).size());
    CrashDisk disk(11);
    MemoryFolder left;
    for (std::size_t at = 0; at < log.size(); ++at) {
        disk.play(log[at]);
        for (int state = 0; at >= 3 && state < 30; ++state) {
            left.empty();
            disk.write_state(left.path());
            auto version = version_of(left.file("channel.shard"));
            EXPECT_TRUE(version >= 1 && version <= newest) << "operation " << at;
            auto opened = Shard::open(left.file("channel.shard"), old.channel.community(),
                                      {{3, 0}, 64 << 20, Check::Quick});
            ASSERT_OK(opened);
            EXPECT_EQ((*opened)->root().count, 14u);
        }
    }
}

TEST(Migration, AnErrorAtAnyOperationLeavesAFileThatOpensLater) {
    for (std::uint64_t k = 0;; ++k) {
        OldFile old("community");
        bool reached = false;
        {
            auto vfs = RecordingVfs::register_as_default();
            FileRule rule;
            rule.then = FileRule::Then::Fail;
            rule.skip = k;
            vfs->add_rule(rule);
            (void)Shard::open(old.path, old.channel.community(), {{2, 0}}).ok();
            reached = vfs->hits() > 0;
        }
        auto opened = Shard::open(old.path, old.channel.community(), {{3, 0}});
        ASSERT_OK(opened);
        EXPECT_EQ((*opened)->root().count, 14u) << "operation " << k;
        if (!reached) break;
    }
}
