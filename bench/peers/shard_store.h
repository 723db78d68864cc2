// A peer's store as a node has it: the community's file with its sums, written and read through the
// shard itself. Counts the processor time that reconciliation takes.
#pragma once

#include <memory>
#include <string>

#include "bench/peers/peer_store.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"

namespace warren::bench {

class ShardStore final : public PeerStore {
public:
    ShardStore(const std::string& path, const CommunityId& community);

    std::optional<Answer> reconcile(const protocol::Reconcile& wish) override;
    protocol::CommunityRoot root() override;
    protocol::FetchedRecords fetch(std::uint64_t session, ByteView selections,
                                   std::size_t bytes_max) override;
    std::vector<protocol::RecordVerdict> store(const std::vector<Bytes>& packets) override;

    // The next root is told as if there were a record more: who hears it compares, though all is
    // equal.
    void tell_a_false_root() { false_roots_ = 1; }
    std::int64_t reconcile_cpu_ns() const { return reconcile_cpu_ns_; }

private:
    CommunityId community_;
    std::unique_ptr<shard::Shard> shard_;
    std::unique_ptr<shard::ShardReader> reader_;
    int false_roots_ = 0;
    std::int64_t reconcile_cpu_ns_ = 0;
};

std::int64_t thread_cpu_ns();

}  // namespace warren::bench
