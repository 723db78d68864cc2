// Pragmas hold, limits hold, deadlines end statements.
#include "storage-shard/sqlite.h"

#include <sqlite3.h>

#include "storage-shard/migrations.h"
#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using warren::test::TempFolder;

namespace {

std::string word(Connection& connection, const char* sql) {
    auto out = connection.word(sql);
    EXPECT_OK(out);
    return out ? *out : "";
}

}  // namespace

TEST(Sqlite, PragmasReadBack) {
    TempFolder folder;
    auto connection = Connection::open(folder.file("a"), Access::Create);
    ASSERT_OK(connection);
    EXPECT_EQ(word(*connection, "PRAGMA journal_mode"), "wal");
    EXPECT_EQ(word(*connection, "PRAGMA synchronous"), "2");
    EXPECT_EQ(word(*connection, "PRAGMA wal_autocheckpoint"), "0");
    EXPECT_EQ(word(*connection, "PRAGMA mmap_size"), "0");
    EXPECT_EQ(word(*connection, "PRAGMA trusted_schema"), "0");
    EXPECT_EQ(word(*connection, "PRAGMA cell_size_check"), "1");
    ASSERT_OK(connection->set_durability(Durability::Replicated));
    EXPECT_EQ(word(*connection, "PRAGMA synchronous"), "1");
    ASSERT_OK(connection->set_durability(Durability::Synced));
    EXPECT_EQ(word(*connection, "PRAGMA synchronous"), "2");
    EXPECT_FALSE(connection->execute("ATTACH 'x' AS y").ok());
    EXPECT_FALSE(connection->word("SELECT load_extension('x')").ok());
}

// A database in memory cannot have a log: its journal mode reads back as something else.
TEST(Sqlite, RefusesWhatCannotHoldThePragmas) {
    auto connection = Connection::open(":memory:", Access::Create);
    ASSERT_FALSE(connection.ok());
    EXPECT_EQ(connection.error().kind, ErrorKind::Environment);
    EXPECT_NE(connection.error().text.find("journal_mode"), std::string::npos);
}

TEST(Sqlite, ReadersCannotWrite) {
    TempFolder folder;
    auto writer = Connection::open(folder.file("a"), Access::Create);
    ASSERT_OK(writer);
    ASSERT_OK(writer->execute("CREATE TABLE t(a)"));
    auto reader = Connection::open(folder.file("a"), Access::Read);
    ASSERT_OK(reader);
    EXPECT_FALSE(reader->execute("INSERT INTO t VALUES(1)").ok());
    EXPECT_FALSE(Connection::open(folder.file("missing"), Access::Read).ok());
    EXPECT_FALSE(Connection::open(folder.file("missing"), Access::Write).ok());
}

TEST(Sqlite, DeadlineEndsAStatement) {
    TempFolder folder;
    auto connection = Connection::open(folder.file("a"), Access::Create);
    ASSERT_OK(connection);
    connection->set_deadline(monotonic_now() + 20_ms);
    auto endless = connection->number(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n");
    ASSERT_FALSE(endless.ok());
    EXPECT_EQ(endless.error().kind, ErrorKind::Expired);
    connection->set_deadline(0);
    EXPECT_OK(connection->number("SELECT 1"));
}

TEST(Sqlite, UncommittedIsRolledBack) {
    TempFolder folder;
    auto connection = Connection::open(folder.file("a"), Access::Create);
    ASSERT_OK(connection);
    ASSERT_OK(connection->execute("CREATE TABLE t(a)"));
    {
        auto transaction = Transaction::begin(*connection, Durability::Synced);
        ASSERT_OK(transaction);
        ASSERT_OK(connection->execute("INSERT INTO t VALUES(1)"));
    }
    EXPECT_EQ(*connection->number("SELECT count(*) FROM t"), 0);
}

TEST(Migrations, OtherKindsAndNewerVersionsAreRefused) {
    TempFolder folder;
    auto connection = Connection::open(folder.file("a"), Access::Create);
    ASSERT_OK(connection);
    ASSERT_OK(migrate(*connection, FileKind::Node));
    ASSERT_OK(migrate(*connection, FileKind::Node));
    EXPECT_FALSE(migrate(*connection, FileKind::Community).ok());
    ASSERT_OK(connection->execute("PRAGMA user_version=999"));
    auto newer = migrate(*connection, FileKind::Node);
    ASSERT_FALSE(newer.ok());
    EXPECT_NE(newer.error().text.find("newer"), std::string::npos);
}
