// Bootstrap mode: introduces the peers of any community to each other without joining it. Keeps a
// bounded registry of who asked lately, answers introduction requests of both styles, and never
// introduces an address, nor to an address, that has not proven itself (R-U2, R-U3).
#pragma once

#include <list>
#include <map>
#include <optional>

#include "protocol/overlay_hub.h"
#include "protocol/signature_checks.h"

namespace warren::protocol {

struct TrackerLimits {
    std::size_t entries = 32'768;      // in all
    std::size_t of_community = 100;    // above, the one silent for longest makes room
    std::size_t of_net = 2;            // of a community, of one /24
    std::size_t of_region = 10;        // of a community, of one /16
    std::size_t of_region_all = 4096;  // of one /16, in all communities
    std::size_t waiting = 2048;        // signatures to check, and answers until their proof came
};

class Tracker {
public:
    explicit Tracker(Hub& hub, const TrackerLimits& limits = TrackerLimits{});

    // A datagram of a community that we have not joined, within its source's budget.
    void on_datagram(Nanoseconds now, const Endpoint& from, const Header& header,
                     ByteView datagram);
    void signature_result(Nanoseconds now, Token token, bool valid);
    void signed_bytes(Token token, const Signature& signature);
    void failed(Token token);
    void tick(Nanoseconds now);
    void forget(const CommunityId& community);  // joined: the walk takes over

    std::size_t entries() const { return by_age_.size(); }
    std::size_t communities() const { return communities_.size(); }

private:
    struct Entry {
        CommunityId community;
        MemberId member;
        Endpoint address, lan;
        Style style = Style::Old;
        ConnectionType connection = ConnectionType::Unknown;
        Nanoseconds seen = 0;
        Nanoseconds pinged = 0;  // and not answered yet
    };
    using Ages = std::list<Entry>;  // the one silent for longest first
    using Members = std::map<MemberId, Ages::iterator>;
    struct Request {  // what an answer needs to know of its request
        CommunityId community;
        Endpoint from, destination, lan;
        PublicKey key;
        Style style = Style::Old;
        ConnectionType connection = ConnectionType::Unknown;
        std::uint16_t identifier = 0;
        std::size_t size = 0;
        std::optional<Trailer> trailer;
    };
    struct Signing {
        Bytes unsigned_bytes;
        Endpoint to;
    };
    struct Asked {                       // we asked back: the answer proves the address
        std::optional<Request> request;  // to be answered then; none: a ping
        CommunityId community;
        Endpoint to;
        unsigned wrong = 0;
        Nanoseconds at = 0;
    };

    void on_request(Nanoseconds now, Request request);
    void on_response(Nanoseconds now, const CommunityId& community, const Endpoint& from,
                     const PublicKey& key, std::uint16_t identifier);
    using AskedAt = std::map<std::uint16_t, Asked>::iterator;
    Asked settle(AskedAt at);
    bool expected(const CommunityId& community, const Endpoint& from, std::uint16_t identifier);
    bool take_in(Nanoseconds now, const Request& request);
    bool room_for(const CommunityId& community, const Endpoint& address);
    void drop(Ages::iterator entry);
    Entry* known(const CommunityId& community, const MemberId& member, const Endpoint& from);
    Entry* pick(const Request& request);
    void respond(Nanoseconds now, const Request& request, Entry* introduced, bool proven);
    void ask(Nanoseconds now, std::optional<Request> request, const Entry& to);
    void sign(Nanoseconds now, Signing signing);

    Hub& hub_;
    TrackerLimits limits_;
    Cookies cookies_;
    Ages by_age_;
    std::map<CommunityId, Members> communities_;
    std::map<std::uint64_t, std::size_t> regions_;
    SignatureChecks checks_;
    Pending<Signing> signings_;
    std::map<std::uint16_t, Asked> asked_;
    TokenBucket pings_;
};

}  // namespace warren::protocol
