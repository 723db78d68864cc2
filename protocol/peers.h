// Who we have met: verified peers by key, where they are, and what they said in which community.
// A peer is *verified* by a valid signed introduction message; its address is *proven* once a
// signed message echoed the cookie that we sent there. Only the proven get more than they gave.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/random.h"
#include "protocol/budgets.h"
#include "protocol/overlay_types.h"

namespace warren::protocol {

// One peer within one community.
struct Membership {
    std::uint64_t their_cookie = 0;  // to echo to them
    bool trusts_us = false;          // they hold our address for proven
    bool announced = false;          // told to the tap
    Nanoseconds followed = 0;        // when we last answered a doubt with our echo
    std::optional<CommunityRoot> root;
    bool in_sync = false;
    Nanoseconds fetched_from_us = 0;  // when they last asked for records
};

struct Peer {
    explicit Peer(Rate reply_rate) : replies(reply_rate) {}

    MemberId member;
    PublicKey key;
    Endpoint address;
    Endpoint lan;  // as the peer once told
    Style style = Style::Old;
    bool proven = false;
    bool confirmed = false;     // answered a random identifier that we sent to that address
    double unlocked_bytes = 0;  // what `confirmed` alone allows us to send beyond replies
    Nanoseconds met = 0, last_seen = 0, last_ping = 0;
    Nanoseconds round_trip = 0;  // 0: unknown
    std::uint64_t bytes_in = 0, bytes_out = 0;
    TokenBucket replies;
    std::map<CommunityId, Membership> communities;

    bool trusted() const { return proven || confirmed; }
    Membership* in(const CommunityId& community) {
        auto at = communities.find(community);
        return at == communities.end() ? nullptr : &at->second;
    }
};

class Peers {
public:
    explicit Peers(Rate reply_rate) : reply_rate_(reply_rate) {}

    Peer* by_member(const MemberId& member);
    Peer* by_address(const Endpoint& address);
    std::map<MemberId, Peer>& all() { return peers_; }

    struct Sighting {
        PublicKey key;
        Endpoint from;
        bool echo_right = false;
        bool answered = false;  // a response to an identifier of ours
    };
    // A valid signed message came. Null: it says nothing that we believe about this address,
    // because the address or the key already belongs to something better proven.
    Peer* touch(Nanoseconds now, const Sighting& sighting);
    void remove(const MemberId& member);

    void ban(Nanoseconds until, const MemberId& member) { banned_[member] = until; }
    bool banned(Nanoseconds now, const MemberId& member);

    // Trusted peers of a community; `proven_only`: those that get records and sync.
    std::vector<Peer*> of(const CommunityId& community);
    std::vector<Peer*> partners_of(const CommunityId& community);
    std::size_t count_of(const CommunityId& community);

private:
    Peer* create(Nanoseconds now, const Sighting& sighting, const MemberId& member);
    void settle(Peer& peer, Nanoseconds now, const Sighting& sighting);

    Rate reply_rate_;
    std::map<MemberId, Peer> peers_;
    std::map<Endpoint, MemberId> addresses_;
    std::map<MemberId, Nanoseconds> banned_;
};

// Takes `count` of them at random.
std::vector<Peer*> sample(Random& random, std::vector<Peer*> from, std::size_t count);

}  // namespace warren::protocol
