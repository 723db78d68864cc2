// Walking: how nodes of a community find each other. IPv8's base messages (introduction, puncture),
// the addresses to try, churn, and the proof of addresses. Sends nothing larger than what it was
// sent to an address that is not proven.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Synchroniser;

class Walk {
public:
    Walk(Hub& hub, Synchroniser& sync);

    void join(Nanoseconds now, const CommunityId& community);
    void leave(const CommunityId& community) { states_.erase(community); }
    void add_bootstrap(Nanoseconds now, const Endpoint& address);

    // A base message whose source passed the cheap checks.
    void on_datagram(Nanoseconds now, const Endpoint& from, const Header& header,
                     ByteView datagram);
    void signature_result(Nanoseconds now, Token token, bool valid);
    void signed_bytes(Nanoseconds now, Token token, const Signature& signature);
    void failed(Token token);
    Nanoseconds tick(Nanoseconds now);
    // Their word on us may be outdated (they fell silent): introduce ourselves again.
    void renew(Nanoseconds now, const CommunityId& community, Peer& peer);

private:
    struct Walkable {
        MemberId introducer;
        Nanoseconds asked = 0;
    };
    struct Request {
        Endpoint to;
        Nanoseconds sent = 0;
        unsigned wrong = 0;
    };
    struct State {
        std::map<Endpoint, Walkable> walkable;
        std::map<std::uint16_t, Request> requests;
        Nanoseconds next_step = 0, next_bootstrap = 0, last_known = 0;
    };
    struct Check {
        CommunityId community;
        Endpoint from;
        Bytes datagram;
    };
    struct Signing {
        CommunityId community;
        Bytes unsigned_bytes;
        Endpoint to;
        std::uint16_t request = 0;  // of an introduction request, else zero
    };
    // A signed introduction message, decoded; views into the datagram.
    struct Introduction {
        const CommunityId& community;
        const Endpoint& from;
        std::size_t size = 0;
        PublicKey key;
        std::optional<Trailer> trailer;
    };

    void on_signed(Nanoseconds now, const Endpoint& from, const Header& header, ByteView datagram);
    void on_puncture_request(Nanoseconds now, const Endpoint& from, const Header& header);
    bool puncture_allowed(Nanoseconds now, const Endpoint& target);
    bool matches(State& state, const Endpoint& from, std::uint16_t identifier);
    bool from_bootstrap(const Endpoint& from) const { return bootstrap_.contains(from); }

    void on_request(Nanoseconds now, const Introduction& intro, const IntroductionRequest& request);
    void on_response(Nanoseconds now, const Introduction& intro,
                     const IntroductionResponse& response);
    void take_trailer(Nanoseconds now, const Introduction& intro, Peer& peer);
    void respond(Nanoseconds now, const Introduction& intro, const IntroductionRequest& request,
                 Peer* peer);
    Bytes response_frame(Nanoseconds now, const Introduction& intro, Style style,
                         const IntroductionResponse& response);
    Peer* introduced_for(const Introduction& intro, Style style, Peer* requester);
    void take_addresses(const CommunityId& community, const MemberId& introducer,
                        const IntroductionResponse& response);
    void add_walkable(State& state, const Endpoint& address, const MemberId& introducer);
    bool acceptable(const Endpoint& address) const;

    void step(Nanoseconds now, const CommunityId& community, State& state);
    void bootstrap(Nanoseconds now, const CommunityId& community, State& state);
    enum class With { Trailer, Nothing };
    void ask(Nanoseconds now, const CommunityId& community, const Endpoint& to, With with);
    void prove(Nanoseconds now, const CommunityId& community, Peer& peer);
    void churn(Nanoseconds now);
    void sign(Nanoseconds now, Signing signing);
    Trailer trailer_for(Nanoseconds now, const CommunityId& community, const Endpoint& to);

    Hub& hub_;
    Synchroniser& sync_;
    Cookies cookies_;
    DuplicateFilter seen_;
    std::map<CommunityId, State> states_;
    std::set<Endpoint> bootstrap_;
    std::set<Endpoint> own_addresses_;
    Endpoint wan_;  // ours, as others see it
    Pending<Check> checks_;
    Pending<Signing> signings_;
    TokenBucket stranger_checks_, stranger_bytes_, punctures_;
    std::map<Endpoint, Nanoseconds> punctured_;
    Nanoseconds next_churn_ = 0;
};

}  // namespace warren::protocol
