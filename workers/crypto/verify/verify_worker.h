// Signature checks in batches. Holds no secret, keeps no state.
#pragma once

#include <vector>

#include "runtime/pipe/worker.h"
#include "workers/crypto/verify/outbox.h"

namespace warren::crypto {

// Cuts a blob by sizes; an error when they do not fit each other.
Result<std::vector<ByteView>> cut(ByteView bytes, const std::vector<std::uint16_t>& sizes);

// Form, community and signature of one record. Accepted: storage may have it.
Verdict check_record(const CommunityId& community, ByteView record);

// How a batch goes on to storage.
struct Onward {
    Nanoseconds deadline = 0;
    std::uint64_t trace = 0;
    bool durable = false;  // the answer says that power loss takes none of the records
    bool pushed = false;   // nobody asked for them
    std::vector<std::uint64_t> sources;  // as storage.fbs has them: none, or one of each record
};

class VerifyWorker final : public pipe::Service {
public:
    explicit VerifyWorker(pipe::Host& host) : host_(host), outbox_(host) {}

    pipe::Task<Result<void>> start() override;
    pipe::Task<pipe::Answer> on_request(pipe::Request request) override;  // inbox.cpp

private:
    pipe::Task<std::vector<std::uint8_t>> check_signatures(const std::vector<ByteView>& packets);
    pipe::Task<std::vector<Verdict>>
    verify_records(CommunityId community, const std::vector<ByteView>& records, Onward onward);
    pipe::Task<void> let_others_run(std::size_t done);

    pipe::Host& host_;
    Outbox outbox_;
};

}  // namespace warren::crypto
