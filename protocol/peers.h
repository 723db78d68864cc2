// Who we have met: verified peers by key, where they are, and what they said in which community.
// A peer is *verified* by a valid signed introduction message; its address is *proven* once a
// signed message echoed the cookie that we sent there. Only the proven get more than they gave.
// A *neighbour* holds one of a community's slots, which are shared out by net (R-U6).
#pragma once

#include <array>
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
    bool slot = false;               // a neighbour
    Nanoseconds since = 0;           // when it got its slot
    std::uint64_t useful = 0;        // records of it that we accepted
    // What it was to us last: it answered (walk), it asked (stumble), we introduced it to another.
    Nanoseconds replied = 0, requested = 0, introduced = 0;
    Nanoseconds asked = 0;     // when we last asked it here,
    unsigned unanswered = 0;   // and how often since it last spoke here
    Nanoseconds followed = 0;  // when we last answered a doubt with our echo
    std::optional<CommunityRoot> root;
    bool in_sync = false;
    bool feeds_us = false;            // we asked it to offer us what is new,
    bool wants_offers = false;        // and it asked us
    Nanoseconds fetched_from_us = 0;  // when they last asked for records,
    Nanoseconds gave_us = 0;          // and when they last gave us some that we had asked for
};

struct Peer {
    explicit Peer(Rate reply_rate)
        : replies(reply_rate), checks({250, 500}), work_us({100'000, 1'000'000}) {}

    MemberId member;
    PublicKey key;
    Endpoint address;
    Endpoint lan;  // as the peer once told
    Style style = Style::Old;
    bool new_style = false;  // it understands the new one
    ConnectionType connection = ConnectionType::Unknown;
    bool proven = false;
    bool announced = false;     // in some community, to the tap
    bool confirmed = false;     // answered a random identifier that we sent to that address
    double unlocked_bytes = 0;  // what `confirmed` alone allows us to send beyond replies
    Nanoseconds met = 0, last_seen = 0, last_ping = 0;
    Nanoseconds round_trip = 0;   // 0: unknown
    Nanoseconds last_gauged = 0;  // by a ping of discovery,
    unsigned pongs = 0;           // and how many were answered
    std::uint64_t bytes_in = 0, bytes_out = 0;
    Nanoseconds last_counted = 0;  // up to when its session is in the estimate
    unsigned pings = 0;            // since it was last seen
    TokenBucket replies;
    TokenBucket forgiven{{1.0 / 60, 2}};  // records with bad signatures
    TokenBucket checks;                   // signatures that we check for it, proven as it is
    TokenBucket work_us;                  // of our storage, to answer its questions
    std::map<CommunityId, Membership> communities;

    bool trusted() const { return proven || confirmed; }
    Membership* in(const CommunityId& community) {
        auto at = communities.find(community);
        return at == communities.end() ? nullptr : &at->second;
    }
};

// Nets as slots are shared out by: /24 and /16, of IPv6 /48 and /32. Private networks and loopback
// have none: who is there was let in by the operator, and there are no outsiders to crowd it.
std::optional<std::uint64_t> net_of(const Endpoint& address);
std::optional<std::uint64_t> region_of(const Endpoint& address);

class Peers {
public:
    explicit Peers(Rate reply_rate, const SipKey& group_key = {})
        : reply_rate_(reply_rate), group_key_(group_key) {}

    Peer* by_member(const MemberId& member);
    Peer* by_address(const Endpoint& address);
    std::map<MemberId, Peer>& all() { return peers_; }
    const std::map<MemberId, Peer>& all() const { return peers_; }

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
    // It sent a record that its author did not sign. Honest nodes pass on only what they checked,
    // but the way may damage one now and then: who sends more is banned. Says whether.
    bool blame(Nanoseconds now, const MemberId& member);
    bool banned(Nanoseconds now, const MemberId& member);

    // Would somebody from there be one too many of its net?
    bool crowded(Nanoseconds now, const CommunityId& community, const Endpoint& from,
                 std::size_t slots) const;
    // Gives a trusted peer one of the community's slots, another's if need be. False: no place.
    bool admit(Nanoseconds now, const CommunityId& community, Peer& peer, std::size_t slots);
    // Whether peers soon leave again: then newcomers get places at once.
    void set_brief_sessions(bool brief) { brief_sessions_ = brief; }
    void release(const CommunityId& community, Peer& peer);  // slot and membership
    void leave(const CommunityId& community);

    // The neighbours in a community; partners: those that get records and sync.
    const std::vector<Peer*>& of(const CommunityId& community) const;
    std::vector<Peer*> partners_of(const CommunityId& community);
    std::size_t count_of(const CommunityId& community) const { return of(community).size(); }

private:
    Peer* create(Nanoseconds now, const Sighting& sighting, const MemberId& member);
    void settle(Peer& peer, Nanoseconds now, const Sighting& sighting);
    void give_up_slots(Peer& peer);  // it moved: its net may be another

    struct Table {  // of a community: by neighbour, its region and how many are of it
        std::vector<std::uint64_t> regions;
        std::vector<std::size_t> counts;
        std::size_t crowded = 0;  // neighbours in crowded regions
    };
    struct Claim {  // to a slot
        std::optional<std::uint64_t> net, region;
        std::size_t weight = 1;  // how many claim or hold slots in its region
    };
    struct Claims {  // who claimed slots, of one region, in the last ten to twenty minutes
        std::uint64_t region = 0;
        std::uint64_t lately = 0, before = 0;  // a bit a member, by keyed hash
        std::uint32_t since_s = 0;             // when `lately` began
    };
    Table table_of(Nanoseconds now, const CommunityId& community, std::size_t slots) const;
    Claim claim_of(Nanoseconds now, const Table& table, const Endpoint& from,
                   std::size_t slots) const;
    bool is_crowded(const CommunityId& community, const Table& table, const Claim& claim,
                    std::size_t slots) const;
    Peer* evictable(const CommunityId& community, const Table& table, std::size_t slots,
                    std::size_t least);
    void trim(const CommunityId& community, const Table& table, std::size_t slots);
    void note_claim(Nanoseconds now, std::uint64_t region, const MemberId& member);
    bool presses(Nanoseconds now, std::uint64_t region, std::size_t slots) const;
    std::uint64_t group_of(std::uint64_t region) const;

    Rate reply_rate_;
    SipKey group_key_;
    std::array<Claims, 512> claims_{};  // by keyed hash: of fixed size whatever comes
    std::map<MemberId, Peer> peers_;
    std::size_t untrusted_ = 0;  // of them
    std::map<CommunityId, std::vector<Peer*>> neighbours_;
    bool brief_sessions_ = true;
    std::map<CommunityId, Nanoseconds> yielded_;  // when a newcomer last got an equal's slot
    std::map<Endpoint, MemberId> addresses_;
    std::map<MemberId, Nanoseconds> banned_;
};

// Takes `count` of them at random.
std::vector<Peer*> sample(Random& random, std::vector<Peer*> from, std::size_t count);

}  // namespace warren::protocol
