// SQLite, thinly: connections that refuse to open with unsafe pragmas, statements that bind by
// type, transactions that roll back unless committed. Blocking; called on pool threads only. One
// object is used by one thread at a time (NOMUTEX).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage-shard/files.h"

struct sqlite3;
struct sqlite3_stmt;

namespace warren::shard {

enum class Access { Write, Create, Read, Memory };  // Memory: no file, no log
// No sync at commit (synchronous=NORMAL): others have it, or the shared log will (intake_log.h); a
// sync at commit (FULL).
enum class Durability { Replicated, Logged, Synced };

// After such a failure nobody knows what the file holds: close it, prove it, or set it aside.
inline bool is_of_the_disk(const Error& error) {
    return error.kind == ErrorKind::Io || error.kind == ErrorKind::Damaged;
}

// The rows of one query; the statement is reset when this goes out of scope, else an open read
// would hold back checkpoints.
class Rows {
public:
    explicit Rows(sqlite3_stmt* statement, int bind_code)
        : statement_(statement), code_(bind_code) {}
    ~Rows();
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;

    Result<bool> next();  // false: no more
    std::int64_t integer(int column) const;
    std::optional<std::int64_t> integer_or_null(int column) const;
    double real(int column) const;
    ByteView blob(int column) const;  // valid until next()
    std::string text(int column) const;
    template <typename Id>
    Id id(int column) const {
        auto out = Id::from(blob(column));
        return out ? *out : Id{};
    }

private:
    sqlite3_stmt* statement_;
    int code_;
};

class Statement {
public:
    Statement() = default;
    explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
    ~Statement();
    Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
    Statement& operator=(Statement&& other) noexcept {
        std::swap(statement_, other.statement_);
        return *this;
    }

    explicit operator bool() const { return statement_ != nullptr; }

    template <typename... Args>
    Rows rows(const Args&... args) {
        return Rows(statement_, bind_all(Lifetime::Copied, args...));
    }
    // For statements without rows.
    template <typename... Args>
    Result<void> run(const Args&... args) {
        Rows all(statement_, bind_all(Lifetime::Borrowed, args...));
        auto stepped = all.next();
        if (!stepped) return std::move(stepped.error());
        return {};
    }
    // For statements that insert as many rows at once.
    template <typename... Args>
    Result<void> run_rows(std::span<const std::tuple<Args...>> values) {
        start();
        int index = 0;
        int code = 0;
        auto bind_row = [&](const Args&... args) {
            ((code = code != 0 ? code : bind(++index, args, Lifetime::Borrowed)), ...);
        };
        for (const auto& row : values)
            std::apply(bind_row, row);
        Rows all(statement_, code);
        auto stepped = all.next();
        if (!stepped) return std::move(stepped.error());
        return {};
    }
    // First column of the first row, if there is one.
    template <typename... Args>
    Result<std::optional<std::int64_t>> number(const Args&... args) {
        Rows all = rows(args...);
        auto stepped = all.next();
        if (!stepped) return std::move(stepped.error());
        if (!*stepped) return std::optional<std::int64_t>{};
        return std::optional<std::int64_t>{all.integer(0)};
    }

private:
    // Borrowed: the values outlive the rows.
    enum class Lifetime { Copied, Borrowed };
    template <typename... Args>
    int bind_all([[maybe_unused]] Lifetime lifetime, const Args&... args) {
        start();
        int index = 0;
        int code = 0;
        ((code = code != 0 ? code : bind(++index, args, lifetime)), ...);
        return code;
    }
    void start();
    int bind(int index, std::int64_t value, Lifetime lifetime);
    int bind(int index, ByteView value, Lifetime lifetime);
    int bind(int index, std::string_view value, Lifetime lifetime);
    int bind(int index, const Bytes& value, Lifetime lifetime) {
        return bind(index, ByteView(value), lifetime);
    }
    int bind(int index, const std::string& value, Lifetime lifetime) {
        return bind(index, std::string_view(value), lifetime);
    }
    template <std::size_t N, typename Tag>
    int bind(int index, const FixedId<N, Tag>& value, Lifetime lifetime) {
        return bind(index, value.view(), lifetime);
    }

    sqlite3_stmt* statement_ = nullptr;
};

class Connection {
public:
    // Every pragma that safety rests on is set, read back, and a difference refuses the file.
    static Result<Connection> open(const std::string& path, Access access);
    Connection() = default;
    ~Connection();
    Connection(Connection&& other) noexcept;
    Connection& operator=(Connection&& other) noexcept;

    Result<Statement> prepare(std::string_view sql);
    Result<void> execute(const char* sql);
    Result<std::int64_t> number(std::string_view sql);
    Result<std::string> word(std::string_view sql);
    Result<void> set_durability(Durability durability);
    Result<void> set_bytes_max(std::uint64_t bytes_max);
    Result<void> set_cache_kib(int kib);            // memory for pages
    Result<void> set_row_bytes_max(int bytes_max);  // for files that hold no foreign rows
    std::int64_t changes() const;
    std::int64_t total_changes() const;
    std::int64_t last_rowid() const;
    sqlite3* handle() const { return db_; }  // to add functions to it

    // Moves the log into the file, as far as no reader needs it there. `Truncate` waits for readers
    // and empties the log. `Unsynced` is for checkpoint.h alone.
    enum class Checkpoint { Passive, Truncate, Unsynced };
    Result<void> checkpoint(Checkpoint how);
    // After the last commit or checkpoint through this connection; those that the file lacks.
    int log_pages() const;
    int unmoved_pages() const;
    // All that was committed is on the disk when this ends.
    Result<void> sync_log();
    Result<void> sync_file();  // the same for what checkpoints moved
    Result<void> quick_check();
    // For Access::Write: from now on, closing moves the log into the file. Not before the file
    // proved to be the right one, and no longer when it failed.
    void trust(bool trusted = true);

    // Statements that run past it end with ErrorKind::Expired. 0: none.
    void set_deadline(Nanoseconds deadline);

private:
    struct State {
        Nanoseconds deadline = 0;
        int log_pages = 0, moved_pages = 0;
    };
    static int on_commit(void* state, sqlite3*, const char*, int log_pages);
    Result<void> configure(Access access);
    Result<void> set_and_check(const char* set, const char* get, std::string_view expected);

    sqlite3* db_ = nullptr;
    std::unique_ptr<State> state_;
    Durability durability_ = Durability::Synced;
};

class Transaction {
public:
    static Result<Transaction> begin(Connection& connection, Durability durability);
    ~Transaction();
    Transaction(Transaction&& other) noexcept
        : connection_(std::exchange(other.connection_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    Result<void> commit();

private:
    explicit Transaction(Connection& connection) : connection_(&connection) {}
    Connection* connection_;
};

}  // namespace warren::shard
