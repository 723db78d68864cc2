// Several statements of a reader that see one state of the file.
#pragma once

#include "storage-shard/sqlite.h"

namespace warren::shard {

class Snapshot {
public:
    static Result<Snapshot> begin(Connection& connection) {
        WARREN_TRY_VOID(connection.execute("BEGIN"));
        return Snapshot(connection);
    }
    Snapshot(Snapshot&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
    Snapshot& operator=(Snapshot&&) = delete;
    ~Snapshot() {
        if (connection_ == nullptr) return;
        connection_->set_deadline(0);
        (void)connection_->execute("ROLLBACK");
    }

private:
    explicit Snapshot(Connection& connection) : connection_(&connection) {}
    Connection* connection_;
};

}  // namespace warren::shard
