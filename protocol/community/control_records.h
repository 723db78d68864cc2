// Control records: who may do what in a community, what is undone, and its end. The same in every
// type that has a founder. Bounds and form only; permissions.h says what they bring about.
// Encoding is canonical: a payload that decodes encodes to the same bytes.
#pragma once

#include <array>
#include <compare>
#include <vector>

#include "protocol/community/message_type.h"

namespace warren::protocol {

enum class ControlKind : MessageId {
    Authorize = 208,  // gives rights
    Revoke = 209,     // takes rights
    UndoOwn = 210,    // of a record of the same author
    UndoOther = 211,  // of anybody's record: moderation
    Settings = 212,   // switches the policy of a dynamic message
    Destroy = 213,    // ends the community
};
constexpr MessageId id_of(ControlKind kind) {
    return static_cast<MessageId>(kind);
}

// Rights on one message type.
using Rights = std::uint8_t;
namespace right {
inline constexpr Rights permit = 1;     // write it
inline constexpr Rights authorize = 2;  // hand on those of these rights that one has
inline constexpr Rights revoke = 4;     // take these rights from others
inline constexpr Rights undo = 8;       // undo others' records of it
}  // namespace right

struct Grant {
    PublicKey member;
    MessageId kind = 0;
    Rights rights = 0;
    auto operator<=>(const Grant&) const = default;
};
// Payload of authorize and of revoke: (key, kind, rights) of 76 bytes each, strictly ascending by
// (key, kind), each with at least one right.
inline constexpr std::size_t grants_max = 64;
Result<std::vector<Grant>> decode_grants(ByteView payload);
Bytes encode_grants(std::vector<Grant> grants);  // sorts and joins; at most grants_max members

// Payload of undo-own and undo-other. It names the target's kind, so that who may do it is known
// without the target, which may have been pruned.
struct Undo {
    enum class Action : std::uint8_t { Undo = 1, Restore = 2 };
    RecordRef target;
    MessageId kind = 0;
    Action action = Action::Undo;
    bool operator==(const Undo&) const = default;
};
Result<Undo> decode_undo(ByteView payload);
Bytes encode(const Undo& undo);

struct Settings {
    MessageId kind = 0;
    Policy policy = Policy::Linear;
    bool operator==(const Settings&) const = default;
};
Result<Settings> decode_settings(ByteView payload);
Bytes encode(const Settings& settings);

// Destroy has an empty payload.

// Public ones are decided by rights on the kinds that they name, not on themselves.
inline constexpr std::array control_messages{
    MessageType{.id = id_of(ControlKind::Authorize),
                .name = "authorize",
                .resolution = Resolution::Public,
                .payload = decodes<decode_grants>},
    MessageType{.id = id_of(ControlKind::Revoke),
                .name = "revoke",
                .resolution = Resolution::Public,
                .payload = decodes<decode_grants>},
    MessageType{.id = id_of(ControlKind::UndoOwn),
                .name = "undo-own",
                .resolution = Resolution::Public,
                .payload = decodes<decode_undo>},
    MessageType{.id = id_of(ControlKind::UndoOther),
                .name = "undo-other",
                .resolution = Resolution::Public,
                .payload = decodes<decode_undo>},
    MessageType{.id = id_of(ControlKind::Settings),
                .name = "settings",
                .resolution = Resolution::Public,
                .payload = decodes<decode_settings>},
    MessageType{.id = id_of(ControlKind::Destroy),
                .name = "destroy",
                .payload = [](ByteView payload) { return payload.empty(); }},
};

// A message of the type, or a control message where the type has a founder.
const MessageType* find_message(const CommunityType& type, MessageId id);
// The rights that there are on a message; none: it is beyond grants.
Rights rights_on(const MessageType& message);

}  // namespace warren::protocol
