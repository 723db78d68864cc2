// Any bytes as the payload of every control record, and as a proof of a fork: what is accepted has
// exactly one form, and what it claims can be judged.
#include <algorithm>

#include "base/check.h"
#include "protocol/community/fork.h"
#include "protocol/community/permissions.h"
#include "protocol/community/types.h"

using namespace warren;
using namespace warren::protocol;

namespace {

PublicKey member(std::uint8_t number) {
    PublicKey out;
    std::ranges::copy(view_of("LibNaCLPK:"), out.bytes.begin());
    out.bytes.back() = number;
    return out;
}

void judge(ByteView payload) {
    const PublicKey founder = member(0);
    Permissions permissions(channel_type, founder);
    for (const auto& message : control_messages) {
        for (const std::uint8_t author : {std::uint8_t{0}, std::uint8_t{1}}) {
            RecordView record;
            record.kind = static_cast<RecordKind>(message.id);
            record.author = member(author);
            record.time = 1 + permissions.size();
            record.payload = payload;
            const auto claim = claim_of(channel_type, founder, record);
            if (!claim) continue;
            if (claim->is_control()) permissions.add(*claim);
            const bool is_settled = permissions.judge(*claim) == Verdict::Accepted;
            WARREN_CHECK(is_settled || author != 0 || permissions.end());
            permissions.proof(*claim);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView payload(data, size);
    const Bytes bytes = to_bytes(payload);
    if (const auto grants = decode_grants(payload)) WARREN_CHECK(encode_grants(*grants) == bytes);
    if (const auto undo = decode_undo(payload)) WARREN_CHECK(encode(*undo) == bytes);
    if (const auto settings = decode_settings(payload)) WARREN_CHECK(encode(*settings) == bytes);
    if (const auto proof = decode_fork_proof(payload)) WARREN_CHECK(encode(*proof) == bytes);
    judge(payload);
    return 0;
}
