// See migrations.h. New steps go to the end of their list, with a fixture of the version before.
#include "storage-shard/migrations.h"

namespace warren::shard {

namespace {

// `key` is narrow and in time order, so that inserts touch few pages; bodies are only appended.
constexpr const char* community_steps[] = {
    R"sql(
    CREATE TABLE meta(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    CREATE TABLE key(time INTEGER NOT NULL, id BLOB NOT NULL, body INTEGER NOT NULL,
        kind INTEGER NOT NULL, PRIMARY KEY(time, id)) WITHOUT ROWID;
    CREATE TABLE body(id INTEGER PRIMARY KEY, packet BLOB NOT NULL);
    CREATE TABLE request(id BLOB PRIMARY KEY, time INTEGER NOT NULL, record BLOB NOT NULL,
        at_ms INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE own_head(author BLOB PRIMARY KEY, time INTEGER NOT NULL, record BLOB NOT NULL)
        WITHOUT ROWID;
    )sql",
    // packed_body.h; rows that were written before stay as they are.
    "ALTER TABLE body RENAME COLUMN packet TO packed",
    // What is never pruned: who founded, what the channel is, control records (retention.h). The
    // rest pays nothing for it. `undo`: what is undone or was brought back. `latest`: of kinds of
    // which only the newest of each author stay. `relist`: what listings have to look at again.
    // `fork`: the proof that an author's line forked.
    R"sql(
    CREATE INDEX lasting ON key(time, id) WHERE kind = 1 OR kind = 34 OR kind >= 208;
    CREATE TABLE undo(target_time INTEGER NOT NULL, target BLOB NOT NULL, time INTEGER NOT NULL,
        id BLOB NOT NULL, by INTEGER NOT NULL, kind INTEGER NOT NULL, action INTEGER NOT NULL,
        author BLOB NOT NULL, PRIMARY KEY(target_time, target, time, id)) WITHOUT ROWID;
    CREATE TABLE latest(author BLOB NOT NULL, kind INTEGER NOT NULL, subject BLOB NOT NULL,
        time INTEGER NOT NULL, id BLOB NOT NULL, PRIMARY KEY(author, kind, subject, time, id))
        WITHOUT ROWID;
    CREATE TABLE relist(number INTEGER PRIMARY KEY, time INTEGER NOT NULL, id BLOB NOT NULL,
        author BLOB NOT NULL, prev_time INTEGER NOT NULL, prev BLOB NOT NULL);
    CREATE TABLE fork(author BLOB PRIMARY KEY, proof BLOB NOT NULL) WITHOUT ROWID;
    )sql",
};

constexpr const char* node_steps[] = {
    R"sql(
    CREATE TABLE meta(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
    CREATE TABLE download(infohash BLOB PRIMARY KEY, name TEXT NOT NULL, magnet TEXT NOT NULL,
        path TEXT NOT NULL, root TEXT NOT NULL, paused INTEGER NOT NULL, added_ms INTEGER NOT NULL,
        torrent BLOB NOT NULL, resume BLOB NOT NULL);
    CREATE TABLE fact(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    )sql",
};

// Everything here can be made again from the community files, and a file of another version is: so
// a change replaces what the newest step makes, and adds an empty one in front.
constexpr const char* derived_steps[] = {
    "",     "", "", "",
    R"sql(
    CREATE TABLE state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO state VALUES('generation', random()), ('change', 0);
    CREATE TABLE mark(community BLOB PRIMARY KEY, body INTEGER NOT NULL, record BLOB NOT NULL,
        doomed INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE announced(id BLOB PRIMARY KEY, sort_key TEXT NOT NULL, name TEXT NOT NULL,
        founder BLOB NOT NULL, nonce BLOB NOT NULL, time INTEGER NOT NULL, record BLOB NOT NULL,
        change INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX announced_by_change ON announced(change);
    CREATE TABLE channel(number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, sort_key TEXT NOT NULL,
        name TEXT NOT NULL, description TEXT NOT NULL, founder BLOB NOT NULL,
        torrents INTEGER NOT NULL, updated_ms INTEGER NOT NULL, change INTEGER NOT NULL);
    CREATE INDEX channel_by_change ON channel(change);
    CREATE VIRTUAL TABLE about USING fts5(description,
        tokenize = "unicode61 remove_diacritics 2");
    CREATE TABLE torrent(row INTEGER PRIMARY KEY, community BLOB NOT NULL, time INTEGER NOT NULL,
        record BLOB NOT NULL, infohash BLOB NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL,
        files INTEGER NOT NULL, tags TEXT NOT NULL, created_ms INTEGER NOT NULL, edit INTEGER);
    CREATE INDEX torrent_by_time ON torrent(community, time);
    CREATE INDEX torrent_by_swarm ON torrent(infohash, community);
    CREATE TABLE item(row INTEGER PRIMARY KEY, community BLOB NOT NULL, ref BLOB NOT NULL,
        kind INTEGER NOT NULL, author INTEGER NOT NULL, is_edit INTEGER NOT NULL, key BLOB NOT NULL,
        payload BLOB NOT NULL, UNIQUE(community, ref));
    CREATE INDEX item_by_key ON item(community, kind, is_edit, key, ref);
    CREATE INDEX item_by_voter ON item(author, kind, key, ref) WHERE kind IN (32, 33);
    CREATE TABLE standing(channel BLOB PRIMARY KEY, up INTEGER NOT NULL, down INTEGER NOT NULL,
        subscribers INTEGER NOT NULL, change INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX standing_by_change ON standing(change);
    CREATE TABLE volume(number INTEGER PRIMARY KEY);
    CREATE TABLE author(number INTEGER PRIMARY KEY, member BLOB NOT NULL UNIQUE, key BLOB NOT NULL,
        records INTEGER NOT NULL, forks INTEGER NOT NULL);
    CREATE TABLE written(author INTEGER NOT NULL, community BLOB NOT NULL,
        prev_time INTEGER NOT NULL, prev INTEGER NOT NULL, time INTEGER NOT NULL,
        record BLOB NOT NULL, kind INTEGER NOT NULL,
        PRIMARY KEY(author, community, prev_time, prev, time, record)) WITHOUT ROWID;
    CREATE TABLE author_in(community BLOB NOT NULL, author INTEGER NOT NULL,
        records INTEGER NOT NULL, forks INTEGER NOT NULL, PRIMARY KEY(community, author))
        WITHOUT ROWID;
    )sql",
};

std::int64_t application_id(FileKind kind) {
    switch (kind) {
    case FileKind::Community: return 0x57524e43;  // "WRNC"
    case FileKind::Node: return 0x57524e4e;
    case FileKind::Derived: return 0x57524e44;
    }
    return 0;
}

Result<std::int64_t> version_of(Connection& connection, FileKind kind) {
    WARREN_TRY(auto id, connection.number("PRAGMA application_id"));
    WARREN_TRY(auto version, connection.number("PRAGMA user_version"));
    if (id == 0 && version == 0) return std::int64_t{0};
    if (id != application_id(kind))
        return damaged("this file is not one of ours, or of another kind");
    if (version > static_cast<std::int64_t>(migrations(kind).size()))
        return Error{ErrorKind::Environment, "this file was written by a newer Warren"};
    return version;
}

}  // namespace

std::span<const char* const> migrations(FileKind kind) {
    switch (kind) {
    case FileKind::Community: return community_steps;
    case FileKind::Node: return node_steps;
    case FileKind::Derived: return derived_steps;
    }
    return {};
}

Result<void> migrate(Connection& connection, FileKind kind) {
    WARREN_TRY(auto version, version_of(connection, kind));
    auto steps = migrations(kind);
    for (auto at = static_cast<std::size_t>(version); at < steps.size(); ++at) {
        WARREN_TRY(auto transaction, Transaction::begin(connection, Durability::Synced));
        WARREN_TRY_VOID(connection.execute(steps[at]));
        auto id = "PRAGMA application_id=" + std::to_string(application_id(kind));
        auto next = "PRAGMA user_version=" + std::to_string(at + 1);
        WARREN_TRY_VOID(connection.execute(id.c_str()));
        WARREN_TRY_VOID(connection.execute(next.c_str()));
        WARREN_TRY_VOID(transaction.commit());
    }
    return {};
}

Result<void> check_version(Connection& connection, FileKind kind) {
    WARREN_TRY(auto version, version_of(connection, kind));
    if (version != static_cast<std::int64_t>(migrations(kind).size()))
        return Error{ErrorKind::Environment, "this file is of an older version"};
    return {};
}

}  // namespace warren::shard
