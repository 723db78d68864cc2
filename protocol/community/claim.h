// What a record asks for, read from its own bytes alone: the rights that its signers need, what it
// gives or takes, and what it undoes. Whether it gets it depends on other records (permissions.h).
#pragma once

#include <optional>
#include <vector>

#include "protocol/community/control_records.h"

namespace warren::protocol {

// What gives counts after its time, what takes counts at its time: so a revoke beats a grant of
// the same time, and no record can win by the choice of its id. Takes of one time do not see each
// other.
struct Need {
    Rights right = 0;  // one of them
    MessageId kind = 0;
    GlobalTime time = 0;
    bool by_take = false;
    bool of_second = false;  // it is the second signer who has to have it
};

// Stands for everybody in grants that come from settings; no member's key.
inline constexpr PublicKey everyone{};

struct Claim {
    RecordRef ref;
    PublicKey author;
    MessageId kind = 0;
    std::vector<Need> needs;                         // all of them
    std::optional<PublicKey> second = std::nullopt;  // of a record of two members
    Bytes subject = {};  // within which the last ones of its author count (MessageType)

    bool takes = false;  // takes `grants`, rather than giving them
    std::vector<Grant> grants;
    std::optional<Undo> undo;

    // Changes what others may do; all such claims are kept in memory.
    const PublicKey& who(const Need& need) const { return need.of_second ? *second : author; }
    bool is_control() const { return !grants.empty() || is_destroy(); }
    bool is_destroy() const { return kind == id_of(ControlKind::Destroy); }
};

// Nothing: the record is wrong, whatever other records say. A grant that could have no effect is:
// to the founder, who has all rights, or of a right that there is not on this message.
std::optional<Claim> claim_of(const CommunityType& type, const PublicKey& founder,
                              const RecordView& record);

}  // namespace warren::protocol
