// Equivocation: a record that cannot lie on one line with the newest known one of its author proves
// a fork (protocol/community/fork.h). What comes in another order, or over a restart, the index of
// authors finds behind the commit. Of each author the first proof is kept.
#include "storage-shard/shard.h"

namespace warren::shard {

namespace {

constexpr std::size_t heads_max = 65536;
constexpr std::int64_t proofs_max = 1024;  // of 16 KiB at most

}  // namespace

// Heads only tell where to look: what they say of a commit that fails does no harm.
// Known ones count: somebody may send both that prove a fork, which we did not see.
Result<void> Shard::note_authors(Batch& batch) {
    for (const auto& row : batch.known)
        WARREN_TRY_VOID(note_author(row, batch));
    for (const auto& row : batch.rows)
        WARREN_TRY_VOID(note_author(row, batch));
    return {};
}

Result<void> Shard::note_author(const Row& row, Batch& batch) {
    const protocol::Link link{row.record->ref(), row.record->prev};
    auto found = heads_.find(row.record->author);
    if (found == heads_.end()) {
        if (heads_.size() < heads_max) heads_.emplace(row.record->author, link);
        return {};
    }
    auto& head = found->second;
    if (protocol::is_fork(head, link)) {
        ++forks_;
        WARREN_TRY_VOID(keep_fork(row, head.ref, batch));
    }
    if (head.ref < link.ref) head = link;
    return {};
}

Result<void> Shard::keep_fork(const Row& row, const RecordRef& other, Batch& batch) {
    WARREN_TRY(const bool wanted, wants_fork(row.record->author));
    if (!wanted) return {};
    Bytes packet;
    for (const auto& beside : batch.rows)
        if (beside.record->ref() == other) packet = to_bytes(beside.packet);
    if (packet.empty()) {
        WARREN_TRY(auto there, stored(other));
        if (!there) return {};
        packet = std::move(there->record.packet);
    }
    WARREN_TRY(const bool kept_it, write_fork(row.packet, packet, ForkProof::Found::AtCommit));
    batch.forks = batch.forks || kept_it;
    return {};
}

Result<bool> Shard::wants_fork(const protocol::PublicKey& author) {
    WARREN_TRY(auto known, connection_.prepare("SELECT 1 FROM fork WHERE author = ?1"));
    WARREN_TRY(const auto is_known, known.number(author));
    WARREN_TRY(const auto kept, connection_.number("SELECT count(*) FROM fork"));
    return !is_known && kept < proofs_max;
}

Result<bool> Shard::write_fork(ByteView one, ByteView other, ForkProof::Found found) {
    const auto proof = protocol::make_fork_proof(one, other);
    if (!proof) return false;
    const auto author = protocol::decode_record(proof->first)->author;
    WARREN_TRY(const bool wanted, wants_fork(author));
    if (!wanted) return false;
    auto bytes = protocol::encode(*proof);
    WARREN_TRY(auto put, connection_.prepare("INSERT INTO fork VALUES(?1, ?2)"));
    WARREN_TRY_VOID(put.run(author, bytes));
    new_forks_.push_back({author, std::move(bytes), found});
    return true;
}

Result<void> Shard::prove_forks(std::span<const std::pair<RecordRef, RecordRef>> forks) {
    WARREN_TRY(auto transaction, begin(Durability::Replicated));
    for (const auto& [one, other] : forks) {
        WARREN_TRY(const auto a, stored(one));
        WARREN_TRY(const auto b, stored(other));
        if (!a || !b) continue;
        WARREN_TRY_VOID(write_fork(a->record.packet, b->record.packet, ForkProof::Found::ByIndex));
    }
    return watched(transaction.commit());
}

}  // namespace warren::shard
