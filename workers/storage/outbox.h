// What this worker asks of others, one function a message. Generated message types stop here.
#pragma once

#include <vector>

#include "protocol/record.h"
#include "runtime/pipe/worker.h"
#include "storage-shard/shard.h"

namespace warren::storage {

enum class Membership { Joined, Left };

class Outbox {
public:
    explicit Outbox(pipe::Host& host) : host_(host) {}

    pipe::Task<Result<protocol::PublicKey>> identity(Nanoseconds deadline);
    pipe::Task<Result<protocol::Signature>> sign(Bytes to_sign, Nanoseconds deadline,
                                                 std::uint64_t trace);

    // Told, not asked: network repairs by reconciliation what it did not hear.
    pipe::Task<void> push_records(CommunityId community, std::vector<Bytes> packets,
                                  std::uint64_t trace);
    pipe::Task<void> judged_again(CommunityId community, std::vector<shard::JudgedAgain> records);
    // All network workers: which of them serves the community may change at any time.
    void community_changed(const CommunityId& community, Membership membership);

private:
    pipe::Task<void> tell_change(CommunityId community, Membership membership,
                                 std::uint16_t network_worker);
    std::vector<std::uint16_t> network_workers() const;
    pipe::Target network_of(const CommunityId& community) const;

    pipe::Host& host_;
    std::optional<protocol::PublicKey> identity_;
};

}  // namespace warren::storage
