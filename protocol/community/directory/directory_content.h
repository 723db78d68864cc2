// What members say of channels in the directory: votes and subscriptions, of which the newest of a
// member counts for each channel. Encoding is canonical, as of all payloads.
#pragma once

#include "protocol/record.h"

namespace warren::protocol {

enum class VoteValue : std::uint8_t { None = 0, Up = 1, Down = 2 };  // None takes a vote back
struct Vote {
    CommunityId channel;
    VoteValue value = VoteValue::None;
    bool operator==(const Vote&) const = default;
};
Result<Vote> decode_vote(ByteView payload);
Bytes encode(const Vote& vote);

enum class Subscribed : std::uint8_t { No = 0, Yes = 1 };
struct Subscription {
    CommunityId channel;
    Subscribed subscribed = Subscribed::Yes;
    bool operator==(const Subscription&) const = default;
};
Result<Subscription> decode_subscription(ByteView payload);
Bytes encode(const Subscription& subscription);

}  // namespace warren::protocol
