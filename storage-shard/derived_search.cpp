// Full text: the newest matches of each volume, newest volume first, within number and time. What
// SQLite's own ranking would cost (it walks every match of every word) is not paid. See
// docs/search.md.
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "protocol/community/channel/channel_content.h"
#include "storage-shard/derived_reader.h"
#include "storage-shard/derived_snapshot.h"
#include "storage-shard/search_text.h"

namespace warren::shard {

namespace {

constexpr std::size_t search_bytes_max = 512;
constexpr std::size_t about_channels = 8, about_torrents = 8;
constexpr double about_fit = 0.1;
// Columns of a volume: title, file names, tags, the channel's name.
constexpr std::array<double, 4> column_fit = {1.0, 0.2, 0.5, 0.3};
constexpr double near_words = 16;  // a title's word counts half at this place
constexpr int places_max = 64;
constexpr std::int64_t of_one_swarm = 4;  // torrents

// The mean over the terms of the best place of each.
void fit(const Fts5ExtensionApi* api, Fts5Context* context, sqlite3_context* result, int,
         sqlite3_value**) {
    const int terms = api->xPhraseCount(context);
    int places = 0;
    if (terms <= 0 || api->xInstCount(context, &places) != SQLITE_OK) {
        sqlite3_result_double(result, 0);
        return;
    }
    std::array<double, 32> best{};
    for (int i = 0; i < std::min(places, places_max); ++i) {
        int term = 0, column = 0, offset = 0;
        if (api->xInst(context, i, &term, &column, &offset) != SQLITE_OK) break;
        const auto at = static_cast<std::size_t>(term);
        if (at >= best.size() || column >= static_cast<int>(column_fit.size())) continue;
        auto worth = column_fit[static_cast<std::size_t>(column)];
        if (column == 0) worth *= near_words / (near_words + offset);
        best[at] = std::max(best[at], worth);
    }
    double sum = 0;
    for (double worth : best)
        sum += worth;
    sqlite3_result_double(result, sum / terms);
}

constexpr const char* torrent_columns =
    "t.row, t.community, t.time, t.record, t.infohash, t.name, t.size, t.files, t.tags, "
    "t.created_ms, coalesce(c.name, ''), e.payload";
constexpr const char* torrent_joins =
    " LEFT JOIN channel c ON c.id = t.community LEFT JOIN item e ON e.row = t.edit ";

FoundTorrent torrent_from(const Rows& rows) {
    FoundTorrent out;
    out.community = rows.id<CommunityId>(1);
    out.ref = {time_of(rows.integer(2)), rows.id<RecordId>(3)};
    out.infohash = rows.id<Infohash>(4);
    out.name = rows.text(5);
    out.size = static_cast<std::uint64_t>(rows.integer(6));
    out.files = static_cast<std::uint32_t>(rows.integer(7));
    out.tags = rows.text(8);
    out.created_ms = rows.integer(9);
    out.channel = rows.text(10);
    if (auto edit = protocol::decode_torrent_edit(rows.blob(11))) {
        out.name = std::move(edit->name);
        out.tags = std::move(edit->tags);
        out.extras = std::move(edit->extras);
        out.edited = true;
    }
    return out;
}

}  // namespace

// The documented way to an extension's interface: a pointer bound to SELECT fts5(?1).
Result<void> add_fit_function(Connection& connection) {
    fts5_api* api = nullptr;
    sqlite3_stmt* ask = nullptr;
    if (sqlite3_prepare_v2(connection.handle(), "SELECT fts5(?1)", -1, &ask, nullptr) ==
        SQLITE_OK) {
        sqlite3_bind_pointer(ask, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
        sqlite3_step(ask);
    }
    sqlite3_finalize(ask);
    if (api == nullptr ||
        api->xCreateFunction(api, "warren_fit", nullptr, fit, nullptr) != SQLITE_OK)
        return Error{ErrorKind::Environment, "this SQLite has no full text (FTS5)"};
    return {};
}

Result<void> DerivedReader::prepare_search() {
    WARREN_TRY(volume_numbers_,
               connection_.prepare("SELECT number FROM volume ORDER BY number DESC"));
    WARREN_TRY(about_, connection_.prepare("SELECT id FROM channel WHERE number IN (SELECT rowid "
                                           "FROM about WHERE about MATCH ?1 LIMIT ?2)"));
    WARREN_TRY(newest_of_,
               connection_.prepare(std::string("SELECT ") + torrent_columns + " FROM torrent t" +
                                   torrent_joins +
                                   "WHERE t.community = ?1 ORDER BY t.row DESC LIMIT ?2"));
    WARREN_TRY(newest_,
               connection_.prepare(std::string("SELECT ") + torrent_columns + " FROM torrent t" +
                                   torrent_joins + "ORDER BY t.row DESC LIMIT ?1"));
    WARREN_TRY(of_swarm_,
               connection_.prepare(std::string("SELECT ") + torrent_columns + " FROM torrent t" +
                                   torrent_joins + "WHERE t.infohash = ?1 LIMIT ?2"));
    WARREN_TRY(has_swarm_, connection_.prepare("SELECT EXISTS(SELECT 1 FROM torrent WHERE "
                                               "infohash = ?1 AND community = ?2)"));
    WARREN_TRY(torrent_, connection_.prepare(std::string("SELECT ") + torrent_columns +
                                             " FROM torrent t" + torrent_joins +
                                             "WHERE t.community = ?1 AND t.time = ?2 AND "
                                             "t.record = ?3"));
    return {};
}

Result<Statement*> DerivedReader::volume(std::int64_t number) {
    auto found = volumes_.find(number);
    if (found != volumes_.end()) return &found->second;
    auto words = "words_" + std::to_string(number);
    WARREN_TRY(auto statement,
               connection_.prepare(std::string("SELECT ") + torrent_columns + ", m.fit FROM " +
                                   "(SELECT rowid AS row, warren_fit(" + words + ") AS fit FROM " +
                                   words + " WHERE " + words +
                                   " MATCH ?1 ORDER BY rowid DESC LIMIT ?2) m CROSS JOIN torrent t "
                                   "ON t.row = m.row" +
                                   torrent_joins));
    return &volumes_.emplace(number, std::move(statement)).first->second;
}

Result<Found> DerivedReader::search(std::string_view text, const SearchBounds& bounds) {
    if (text.size() > search_bytes_max)
        return bad_input("the search text is longer than 512 bytes");
    if (!is_utf8(text)) return bad_input("the search text is not UTF-8");
    Found out;
    auto expression = match_expression(text);
    if (!expression) return out;
    connection_.set_deadline(bounds.until);
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    auto done = search_volumes(*expression, bounds, out);
    if (done) done = search_about(*expression, out);
    if (done) return out;
    if (done.error().kind != ErrorKind::Expired) return std::move(done.error());
    out.in_time = false;
    return out;
}

Result<Found> DerivedReader::newest(const SearchBounds& bounds) {
    Found out;
    connection_.set_deadline(bounds.until);
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    Rows rows = newest_.rows(static_cast<std::int64_t>(bounds.candidates));
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) break;
        out.torrents.push_back(torrent_from(rows));
        out.torrents.back().text = 1;
    }
    out.all = out.torrents.size() < bounds.candidates;
    return out;
}

Result<std::vector<FoundTorrent>> DerivedReader::of_swarms(const std::vector<Infohash>& swarms) {
    WARREN_TRY(auto snapshot, Snapshot::begin(connection_));
    std::vector<FoundTorrent> out;
    for (const auto& infohash : swarms) {
        Rows rows = of_swarm_.rows(infohash, of_one_swarm);
        while (true) {
            WARREN_TRY(bool more, rows.next());
            if (!more) break;
            out.push_back(torrent_from(rows));
            out.back().text = 1;
        }
    }
    return out;
}

Result<bool> DerivedReader::has_swarm(const CommunityId& community, const Infohash& infohash) {
    WARREN_TRY(auto found, has_swarm_.number(infohash, community));
    return found == 1;
}

Result<std::optional<FoundTorrent>> DerivedReader::torrent(const CommunityId& community,
                                                           const RecordRef& ref) {
    Rows rows = torrent_.rows(community, sql_time(ref.time), ref.id);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<FoundTorrent>{};
    return std::optional<FoundTorrent>{torrent_from(rows)};
}

Result<void> DerivedReader::search_volumes(const std::string& expression,
                                           const SearchBounds& bounds, Found& out) {
    Rows numbers = volume_numbers_.rows();
    while (true) {
        WARREN_TRY(bool another, numbers.next());
        if (!another) return {};
        if (bounds.until != 0 && monotonic_now() >= bounds.until) {
            out.in_time = false;
            return {};
        }
        WARREN_TRY(auto* statement, volume(numbers.integer(0)));
        auto left = bounds.candidates - out.torrents.size();
        Rows rows = statement->rows(expression, static_cast<std::int64_t>(left));
        while (true) {
            WARREN_TRY(bool more, rows.next());
            if (!more) break;
            out.torrents.push_back(torrent_from(rows));
            out.torrents.back().text = rows.real(12);
        }
        out.all = out.torrents.size() < bounds.candidates;
        if (!out.all) return {};
    }
}

// Channels whose description fits: some of what they hold, ranked low.
Result<void> DerivedReader::search_about(const std::string& expression, Found& out) {
    std::vector<CommunityId> channels;
    {
        Rows rows = about_.rows(expression, static_cast<std::int64_t>(about_channels));
        while (true) {
            WARREN_TRY(bool more, rows.next());
            if (!more) break;
            channels.push_back(rows.id<CommunityId>(0));
        }
    }
    std::unordered_set<RecordId> there;
    for (const auto& torrent : out.torrents)
        there.insert(torrent.ref.id);
    for (const auto& channel : channels) {
        Rows rows = newest_of_.rows(channel, static_cast<std::int64_t>(about_torrents));
        while (true) {
            WARREN_TRY(bool more, rows.next());
            if (!more) break;
            auto torrent = torrent_from(rows);
            if (!there.insert(torrent.ref.id).second) continue;
            torrent.text = about_fit;
            out.torrents.push_back(std::move(torrent));
        }
    }
    return {};
}

}  // namespace warren::shard
