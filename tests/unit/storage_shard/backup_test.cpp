// Walks beside a writer, and what a backup's files promise.
#include "storage-shard/backup.h"

#include <fstream>

#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

class Backup : public ShardFixture {
protected:
    BackupEntry finish(CommunityBackup& backup) {
        while (true) {
            auto more = backup.step();
            EXPECT_OK(more);
            if (!more || !*more) return backup.entry();
        }
    }
    BackupEntry back_up() {
        auto backup = CommunityBackup::begin(path(), channel.community(), folder.path());
        EXPECT_OK(backup);
        return finish(*backup);
    }
    std::vector<Bytes> read_back(const BackupEntry& entry) {
        std::vector<Bytes> out;
        auto reader = StreamReader::open(folder.file(file_name(entry)));
        EXPECT_OK(reader);
        while (true) {
            auto items = reader->next();
            EXPECT_OK(items);
            if (!items || !*items) return out;
            std::ranges::move(**items, std::back_inserter(out));
        }
    }
    void change_file(const std::string& name, const std::function<void(std::string&)>& change) {
        std::stringstream text;
        text << std::ifstream(folder.file(name), std::ios::binary).rdbuf();
        auto bytes = text.str();
        change(bytes);
        std::ofstream(folder.file(name), std::ios::binary | std::ios::trunc) << bytes;
    }
};

}  // namespace

TEST_F(Backup, HoldsWhatWasThereWhenItBeganWhileWritesGoOn) {
    auto into = open();
    auto packets = records(3000);
    store(*into, {packets.begin(), packets.begin() + 2000});
    auto backup = CommunityBackup::begin(path(), channel.community(), folder.path());
    ASSERT_OK(backup);
    auto more = backup->step();
    ASSERT_OK(more);
    ASSERT_TRUE(*more);
    store(*into, {packets.begin() + 2000, packets.end()});
    PruneBudget budget;
    ASSERT_OK(into->prune({.records = 100}, 0, budget));
    ASSERT_OK(into->maintain());
    auto entry = finish(*backup);
    EXPECT_EQ(entry.items, 2000u);
    EXPECT_EQ(entry.damaged, 0u);
    EXPECT_EQ(read_back(entry), (std::vector<Bytes>{packets.begin(), packets.begin() + 2000}));
    EXPECT_OK(verify_stream(folder.path(), entry));
    EXPECT_EQ(std::filesystem::file_size(folder.file(file_name(entry))), entry.bytes);
}

TEST_F(Backup, StoredAgainElsewhereItIsTheSameShard) {
    auto into = open();
    store(*into, records(500));
    ASSERT_OK(into->set_retention(Retention{1, 2, 3}));
    auto entry = back_up();
    auto reader = StreamReader::open(folder.file(file_name(entry)));
    ASSERT_OK(reader);
    auto details = decode_stream_details(reader->head().details, channel.community());
    ASSERT_OK(details);
    ASSERT_TRUE(details->founder.has_value());
    EXPECT_EQ(details->founder->key, founder.public_key());
    EXPECT_EQ(details->rule, (Retention{1, 2, 3}));
    ASSERT_OK(Shard::create(folder.file("twin"), channel.community(), details->founder));
    auto twin = Shard::open(folder.file("twin"), channel.community(), {{0, 1}});
    ASSERT_OK(twin);
    auto packets = read_back(entry);
    ASSERT_OK((*twin)->store(views(packets), Durability::Synced));
    EXPECT_EQ((*twin)->root().sum, into->root().sum);
}

TEST_F(Backup, EveryChangeOfAFileIsFoundBeforeItIsUsed) {
    auto into = open();
    store(*into, records(5));
    auto entry = back_up();
    auto size = std::filesystem::file_size(folder.file(file_name(entry)));
    for (std::size_t at = 0; at < size; at += 7) {
        change_file(file_name(entry), [at](std::string& text) { text[at] ^= 1; });
        EXPECT_FALSE(verify_stream(folder.path(), entry).ok()) << at;
        change_file(file_name(entry), [at](std::string& text) { text[at] ^= 1; });
    }
    EXPECT_OK(verify_stream(folder.path(), entry));
    change_file(file_name(entry), [](std::string& text) { text += "x"; });
    EXPECT_NE(error_text(verify_stream(folder.path(), entry)).find("behind the file's tail"),
              std::string::npos);
    change_file(file_name(entry), [](std::string& text) { text.resize(text.size() - 2); });
    EXPECT_NE(error_text(verify_stream(folder.path(), entry)).find("ends within its tail"),
              std::string::npos);
    auto other = entry;
    other.items += 1;
    change_file(file_name(entry), [](std::string& text) { text.clear(); });
    EXPECT_FALSE(verify_stream(folder.path(), other).ok());
}

TEST_F(Backup, AManifestIsReadBackAndEveryChangeOfItRefused) {
    BackupEntry node;
    node.kind = StreamKind::Node;
    BackupEntry community{StreamKind::Records, channel.community(), 5, 600, 1, Sha256{{1, 2}}};
    const Manifest manifest{1234, {community, node}};
    EXPECT_EQ(error_text(read_manifest(folder.path())),
              "there is no backup of that name that was finished");
    ASSERT_OK(write_manifest(folder.path(), manifest));
    ASSERT_OK(write_manifest(folder.path(), manifest));  // again, over it
    auto back = read_manifest(folder.path());
    ASSERT_OK(back);
    EXPECT_EQ(*back, manifest);
    auto text = encode(manifest);
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto bad = text;
        bad[at] ^= 1;
        EXPECT_FALSE(decode_manifest(bad).ok()) << at;
        EXPECT_FALSE(decode_manifest(text.substr(0, at)).ok()) << at;
    }
}

TEST_F(Backup, AFounderThatTheIdDoesNotBindIsRefused) {
    StreamDetails details;
    details.founder = Founder{stranger.public_key(), channel.nonce()};
    EXPECT_FALSE(decode_stream_details(encode(details), channel.community()).ok());
    details.founder = Founder{founder.public_key(), channel.nonce()};
    EXPECT_OK(decode_stream_details(encode(details), channel.community()));
    EXPECT_FALSE(decode_stream_details(Bytes{1, 2}, channel.community()).ok());
}

TEST_F(Backup, AWalkNamesWhatIsDamagedAndGivesTheRest) {
    auto into = open();
    auto packets = records(50);
    store(*into, packets);
    ASSERT_OK(into->checkpoint_for_close());
    into.reset();
    auto walk = ShardWalk::open(path(), channel.community(), ShardWalk::Sees::TheMoment);
    ASSERT_OK(walk);
    EXPECT_EQ(*(*walk)->structure(), "");
    EXPECT_EQ((*walk)->totals()->keys, 51u);
    EXPECT_EQ((*walk)->totals()->bodies, 51u);
    walk->reset();
    // One bit of one body, somewhere in a name.
    change_file("channel.shard", [](std::string& text) {
        auto at = text.find("film number 17");
        ASSERT_NE(at, std::string::npos);
        text[at] = 'g';
    });
    walk = ShardWalk::open(path(), channel.community(), ShardWalk::Sees::TheMoment);
    ASSERT_OK(walk);
    auto part = (*walk)->next({}, 1 << 20);
    ASSERT_OK(part);
    EXPECT_EQ(part->damaged, 1u);
    EXPECT_EQ(part->records.size(), 50u);
    EXPECT_NE(part->fault.find("its body does not match its key"), std::string::npos);
    EXPECT_EQ(back_up().damaged, 1u);
}

TEST(BackupNames, AreNamesOfFoldersAndNothingElse) {
    for (const char* good : {"a", "2026-11-21", "before_update.2"})
        EXPECT_TRUE(is_backup_name(good)) << good;
    for (const char* bad : {"", ".", "..", "a/b", "/etc", ".hidden", "a b", "ä"})
        EXPECT_FALSE(is_backup_name(bad)) << bad;
    EXPECT_FALSE(is_backup_name(std::string(65, 'a')));
}
