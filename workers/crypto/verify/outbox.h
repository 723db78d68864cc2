// What verify hands to storage: records whose signatures are right.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "runtime/pipe/worker.h"

namespace warren::crypto {

// As ipc-schema/record.fbs has it.
enum class Verdict : std::uint8_t { Accepted, Known, Waiting, Refused, BadSignature, NotStored };

struct Batch {
    CommunityId community;
    Bytes bytes;  // records end to end
    std::vector<std::uint16_t> sizes;
    std::vector<std::uint64_t> sources;  // whence each came, if that is known
    bool durable = false;                // the answer says that power loss takes none of them
    bool pushed = false;                 // nobody asked for them
};

class Outbox {
public:
    explicit Outbox(pipe::Host& host) : host_(host) {}
    // One verdict for each record. Waits for credit until the deadline: that pauses the source.
    pipe::Task<Result<std::vector<Verdict>>> store_records(Batch batch, Nanoseconds deadline,
                                                           std::uint64_t trace);

private:
    pipe::Host& host_;
};

}  // namespace warren::crypto
