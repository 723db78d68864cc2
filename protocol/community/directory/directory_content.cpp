#include "protocol/community/directory/directory_content.h"

namespace warren::protocol {

Result<Vote> decode_vote(ByteView payload) {
    Reader in(payload);
    Vote out;
    out.channel.bytes = in.array<CommunityId::size>();
    const auto value = in.u8();
    if (!in.done()) return bad_input("vote cut short or too long");
    if (value > static_cast<std::uint8_t>(VoteValue::Down)) return bad_input("no such vote");
    out.value = static_cast<VoteValue>(value);
    return out;
}

Bytes encode(const Vote& vote) {
    Writer to;
    return to.bytes(vote.channel.view()).u8(static_cast<std::uint8_t>(vote.value)).take();
}

Result<Subscription> decode_subscription(ByteView payload) {
    Reader in(payload);
    Subscription out;
    out.channel.bytes = in.array<CommunityId::size>();
    const auto subscribed = in.u8();
    if (!in.done()) return bad_input("subscription cut short or too long");
    if (subscribed > 1) return bad_input("neither subscribed nor not");
    out.subscribed = static_cast<Subscribed>(subscribed);
    return out;
}

Bytes encode(const Subscription& subscription) {
    Writer to;
    to.bytes(subscription.channel.view());
    return to.u8(static_cast<std::uint8_t>(subscription.subscribed)).take();
}

}  // namespace warren::protocol
