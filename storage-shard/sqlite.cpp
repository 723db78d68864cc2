// The only file that opens databases. See sqlite.h.
#include "storage-shard/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "base/check.h"

namespace warren::shard {

namespace {

constexpr int length_max = 4 << 20;
constexpr int busy_timeout_ms = 2000;
constexpr int progress_steps = 500;

Error error_of(sqlite3* db, int code, std::string_view what) {
    std::string text = "sqlite ";
    text += std::to_string(db != nullptr ? sqlite3_extended_errcode(db) : code);
    text += " (";
    text += db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    text += ") ";
    text += what;
    switch (code & 0xff) {
    case SQLITE_FULL: return {ErrorKind::NoSpace, std::move(text)};
    case SQLITE_INTERRUPT: return {ErrorKind::Expired, std::move(text)};
    case SQLITE_BUSY: return {ErrorKind::Unavailable, std::move(text)};
    case SQLITE_CANTOPEN: return {ErrorKind::NotFound, std::move(text)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {ErrorKind::Damaged, std::move(text)};
    case SQLITE_TOOBIG: return {ErrorKind::BadInput, std::move(text)};
    default: return io_error(std::move(text));
    }
}

int on_progress(void* deadline) {
    auto at = *static_cast<const Nanoseconds*>(deadline);
    return at != 0 && monotonic_now() > at ? 1 : 0;
}

const char* synchronous(Durability durability) {
    return durability == Durability::Synced ? "PRAGMA synchronous=FULL"
                                            : "PRAGMA synchronous=NORMAL";
}

}  // namespace

// After each commit of this connection. Fewer pages than were moved: the log was begun anew.
int Connection::on_commit(void* state, sqlite3*, const char*, int log_pages) {
    auto& it = *static_cast<State*>(state);
    it.log_pages = log_pages;
    if (log_pages < it.moved_pages) it.moved_pages = 0;
    return SQLITE_OK;
}

Rows::~Rows() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
}

Result<bool> Rows::next() {
    if (code_ != SQLITE_OK) return error_of(sqlite3_db_handle(statement_), code_, "at bind");
    int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return error_of(sqlite3_db_handle(statement_), code, sqlite3_sql(statement_));
}

std::int64_t Rows::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> Rows::integer_or_null(int column) const {
    if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
    return integer(column);
}

double Rows::real(int column) const {
    return sqlite3_column_double(statement_, column);
}

ByteView Rows::blob(int column) const {
    auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? ByteView{} : ByteView{data, size};
}

std::string Rows::text(int column) const {
    return std::string(text_of(blob(column)));
}

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

void Statement::start() {
    WARREN_CHECK(statement_ != nullptr);
    sqlite3_reset(statement_);
}

int Statement::bind(int index, std::int64_t value, Lifetime) {
    return sqlite3_bind_int64(statement_, index, value);
}

int Statement::bind(int index, ByteView value, Lifetime lifetime) {
    // A null pointer would bind NULL; an empty blob is not NULL.
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    auto* keep = lifetime == Lifetime::Borrowed ? SQLITE_STATIC : SQLITE_TRANSIENT;
    return sqlite3_bind_blob64(statement_, index, data, value.size(), keep);
}

int Statement::bind(int index, std::string_view value, Lifetime lifetime) {
    const char* data = value.empty() ? "" : value.data();
    auto* keep = lifetime == Lifetime::Borrowed ? SQLITE_STATIC : SQLITE_TRANSIENT;
    return sqlite3_bind_text64(statement_, index, data, value.size(), keep, SQLITE_UTF8);
}

Connection::~Connection() {
    if (db_ != nullptr) sqlite3_close_v2(db_);
}

Connection::Connection(Connection&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)), state_(std::move(other.state_)),
      durability_(other.durability_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(state_, other.state_);
    std::swap(durability_, other.durability_);
    return *this;
}

Result<Connection> Connection::open(const std::string& path, Access access) {
    Connection out;
    out.state_ = std::make_unique<State>();
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (access == Access::Read) flags |= SQLITE_OPEN_READONLY;
    if (access == Access::Write) flags |= SQLITE_OPEN_READWRITE;
    if (access == Access::Create) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (access == Access::Memory)
        flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY;
    int code = sqlite3_open_v2(path.c_str(), &out.db_, flags, nullptr);
    if (code != SQLITE_OK) return error_of(out.db_, code, "at opening " + path);
    auto configured = out.configure(access);
    if (!configured) {
        configured.error().text += " in " + path;
        return std::move(configured.error());
    }
    return out;
}

Result<void> Connection::set_row_bytes_max(int bytes_max) {
    sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, bytes_max);
    if (sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, -1) != bytes_max)
        return Error{ErrorKind::Environment, "this SQLite does not keep its limits"};
    return {};
}

Result<void> Connection::configure(Access access) {
    sqlite3_busy_timeout(db_, busy_timeout_ms);
    sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, length_max);
    sqlite3_limit(db_, SQLITE_LIMIT_ATTACHED, 0);
    if (sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, -1) != length_max ||
        sqlite3_limit(db_, SQLITE_LIMIT_ATTACHED, -1) != 0)
        return Error{ErrorKind::Environment, "this SQLite does not keep its limits"};
    struct Flag {
        int option;
        int value;
    };
    constexpr Flag flags[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                              {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
                              {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}};
    for (const auto& flag : flags) {
        int now = -1;
        sqlite3_db_config(db_, flag.option, flag.value, &now);
        if (now != flag.value)
            return Error{ErrorKind::Environment, "this SQLite does not keep its safety flags"};
    }
    // Only the writer checkpoints, and no foreign log goes into a file. See trust().
    if (access != Access::Create)
        sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    if (access == Access::Read) {
        WARREN_TRY_VOID(set_and_check("PRAGMA query_only=ON", "PRAGMA query_only", "1"));
    } else if (access != Access::Memory) {
        // Before anything is written, or it does not hold: free pages can be given back in steps.
        if (access == Access::Create) WARREN_TRY_VOID(execute("PRAGMA auto_vacuum=INCREMENTAL"));
        WARREN_TRY_VOID(set_and_check("PRAGMA journal_mode=WAL", "PRAGMA journal_mode", "wal"));
        WARREN_TRY_VOID(set_and_check("PRAGMA synchronous=FULL", "PRAGMA synchronous", "2"));
        WARREN_TRY_VOID(
            set_and_check("PRAGMA wal_autocheckpoint=0", "PRAGMA wal_autocheckpoint", "0"));
        WARREN_TRY_VOID(execute("PRAGMA journal_size_limit=16777216"));
    }
    if (access != Access::Memory)
        WARREN_TRY_VOID(set_and_check("PRAGMA mmap_size=0", "PRAGMA mmap_size", "0"));
    WARREN_TRY_VOID(set_and_check("PRAGMA trusted_schema=OFF", "PRAGMA trusted_schema", "0"));
    WARREN_TRY_VOID(set_and_check("PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", "1"));
    WARREN_TRY_VOID(set_and_check("PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2"));
    WARREN_TRY_VOID(set_and_check("PRAGMA cache_size=-1024", "PRAGMA cache_size", "-1024"));
    sqlite3_wal_hook(db_, on_commit, state_.get());
    return {};
}

Result<void> Connection::set_and_check(const char* set, const char* get,
                                       std::string_view expected) {
    WARREN_TRY_VOID(execute(set));
    WARREN_TRY(auto now, word(get));
    if (now != expected)
        return Error{ErrorKind::Environment,
                     std::string(set) + " did not hold: it reads back as '" + now + "'"};
    return {};
}

Result<Statement> Connection::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                  SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return error_of(db_, code, sql);
    return Statement(statement);
}

Result<void> Connection::execute(const char* sql) {
    int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return error_of(db_, code, sql);
    return {};
}

Result<std::int64_t> Connection::number(std::string_view sql) {
    WARREN_TRY(auto statement, prepare(sql));
    WARREN_TRY(auto value, statement.number());
    return value.value_or(0);
}

Result<std::string> Connection::word(std::string_view sql) {
    WARREN_TRY(auto statement, prepare(sql));
    Rows rows = statement.rows();
    WARREN_TRY(bool found, rows.next());
    return found ? rows.text(0) : std::string();
}

Result<void> Connection::set_durability(Durability durability) {
    if (durability_ == durability) return {};
    WARREN_TRY_VOID(execute(synchronous(durability)));
    durability_ = durability;
    return {};
}

Result<void> Connection::set_bytes_max(std::uint64_t bytes_max) {
    WARREN_TRY(auto page_bytes, number("PRAGMA page_size"));
    auto pages = std::to_string(bytes_max / static_cast<std::uint64_t>(page_bytes));
    WARREN_TRY(auto now, word("PRAGMA max_page_count=" + pages));
    // SQLite answers with the present size when the file is larger already: it then only shrinks.
    if (now != pages) {
        WARREN_TRY(auto used, word("PRAGMA page_count"));
        if (now != used) return Error{ErrorKind::Environment, "max_page_count did not hold"};
    }
    return {};
}

Result<void> Connection::set_cache_kib(int kib) {
    auto wanted = "-" + std::to_string(kib);
    return set_and_check(("PRAGMA cache_size=" + wanted).c_str(), "PRAGMA cache_size", wanted);
}

std::int64_t Connection::changes() const {
    return sqlite3_changes64(db_);
}

std::int64_t Connection::total_changes() const {
    return sqlite3_total_changes64(db_);
}

std::int64_t Connection::last_rowid() const {
    return sqlite3_last_insert_rowid(db_);
}

Result<void> Connection::checkpoint(Checkpoint how) {
    const bool synced = how != Checkpoint::Unsynced;
    if (!synced) WARREN_TRY_VOID(execute("PRAGMA synchronous=OFF"));
    int mode = how == Checkpoint::Truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int code =
        sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &state_->log_pages, &state_->moved_pages);
    if (!synced) WARREN_TRY_VOID(execute(synchronous(durability_)));
    if (code != SQLITE_OK) return error_of(db_, code, "at checkpoint");
    return {};
}

Result<void> Connection::sync_log() {
    sqlite3_file* log = nullptr;
    int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (code != SQLITE_OK) return error_of(db_, code, "at finding the log");
    if (log == nullptr || log->pMethods == nullptr) return {};  // nothing was written yet
    code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
    if (code != SQLITE_OK) return io_error(std::string("sync of the log: ") + sqlite3_errstr(code));
    return {};
}

Result<void> Connection::sync_file() {
    sqlite3_file* file = nullptr;
    int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK) return error_of(db_, code, "at finding the file");
    code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    if (code != SQLITE_OK)
        return io_error(std::string("sync of the file: ") + sqlite3_errstr(code));
    return {};
}

int Connection::log_pages() const {
    return state_->log_pages;
}

int Connection::unmoved_pages() const {
    return state_->log_pages - state_->moved_pages;
}

Result<void> Connection::quick_check() {
    WARREN_TRY(auto answer, word("PRAGMA quick_check(1)"));
    if (answer != "ok") return damaged("the file is damaged: " + answer);
    return {};
}

void Connection::trust(bool trusted) {
    sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, trusted ? 0 : 1, nullptr);
}

void Connection::set_deadline(Nanoseconds deadline) {
    state_->deadline = deadline;
    sqlite3_progress_handler(db_, deadline == 0 ? 0 : progress_steps, on_progress,
                             &state_->deadline);
}

Result<Transaction> Transaction::begin(Connection& connection, Durability durability) {
    WARREN_TRY_VOID(connection.set_durability(durability));
    WARREN_TRY_VOID(connection.execute("BEGIN IMMEDIATE"));
    return Transaction(connection);
}

Transaction::~Transaction() {
    // After some errors SQLite has rolled back by itself; then this one fails, and may.
    if (connection_ != nullptr) (void)connection_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
    WARREN_TRY_VOID(connection_->execute("COMMIT"));
    connection_ = nullptr;
    return {};
}

}  // namespace warren::shard
