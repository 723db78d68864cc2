// Walking: how nodes of a community find each other. IPv8's base messages (introduction, puncture),
// the addresses to try, churn, and the proof of addresses. Sends nothing larger than what it was
// sent to an address that is not proven. A community that lacks peers steps often; one where
// nothing changes steps once in two minutes, and none has a timer of its own: one queue holds all
// next steps.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "protocol/overlay_hub.h"
#include "protocol/walk_address.h"
#include "protocol/walk_candidates.h"
#include "protocol/walk_churn.h"

namespace warren::protocol {

class Synchroniser;

class Walk {
public:
    Walk(Hub& hub, Synchroniser& sync);

    void join(Nanoseconds now, const CommunityId& community);
    void leave(const CommunityId& community);
    // Something changed in the community: soon compare with neighbours again.
    void wake(Nanoseconds now, const CommunityId& community);
    void set_own_lan(const Endpoint& address) { own_.set_lan(address); }
    // Proven peers for the next start (anchors), and those of the last one.
    std::vector<CachedPeer> cached_peers(std::size_t max) const;
    void add_cached(Nanoseconds now, const std::vector<CachedPeer>& peers);
    std::size_t queued() const { return queue_.size(); }
    void add_bootstrap(Nanoseconds now, const Endpoint& address);
    // Somebody said that this peer of his is in one of our communities.
    void suggest(Nanoseconds now, const CommunityId& community, const Endpoint& address,
                 const MemberId& member);
    const OwnAddresses& own() const { return own_; }

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
    struct Request {
        Endpoint to;
        Nanoseconds sent = 0;
        unsigned wrong = 0;
        bool answered = false;  // kept for the puncture that bears the same identifier
    };
    struct Edge {  // EdgeWalk: the path grows from its last verified peer
        MemberId head;
        unsigned length = 0;
        Nanoseconds since = 0;
    };
    struct State {
        Candidates candidates;
        std::map<std::uint16_t, Request> requests;
        std::optional<Edge> edge;
        std::deque<Endpoint> lost;  // neighbours that fell silent, to heal partitions
        Nanoseconds next_step = 0, next_bootstrap = 0, bootstrap_wait = 0, wait = 0;
        std::size_t neighbours = 0;  // at the last step
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
        bool is_request = false;
    };

    void on_signed(Nanoseconds now, const Endpoint& from, const Header& header, ByteView datagram);
    void on_puncture_request(Nanoseconds now, const Endpoint& from, const Header& header);
    void on_puncture(Nanoseconds now, const Endpoint& from, const Header& header);
    bool puncture_allowed(Nanoseconds now, const Endpoint& target);
    bool pay(Peer& peer, double bytes);
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
    void take_addresses(Nanoseconds now, const CommunityId& community, const MemberId& introducer,
                        const IntroductionResponse& response);
    void hand_off(Nanoseconds now, const Introduction& intro, const IntroductionResponse& response);
    void add_candidate(Nanoseconds now, const CommunityId& community, const Endpoint& address,
                       const MemberId& introducer, Candidates::Source source);
    bool walkable(const CommunityId& community, const Endpoint& address);

    // ---- steps (walk_steps.cpp)
    void schedule(const CommunityId& community, State& state, Nanoseconds when);
    void hurry(Nanoseconds now, const CommunityId& community, State& state);
    void step(Nanoseconds now, const CommunityId& community, State& state);
    void bootstrap(Nanoseconds now, const CommunityId& community, State& state);
    bool ask_neighbour(Nanoseconds now, const CommunityId& community, State& state,
                       Nanoseconds gap);
    Peer* neighbour_to_ask(Nanoseconds now, const CommunityId& community, State& state,
                           Nanoseconds gap);
    void drop_unanswering(Nanoseconds now, const CommunityId& community);
    void lose(Peer& peer);
    enum class With { Trailer, Nothing };
    void ask(Nanoseconds now, const CommunityId& community, const Endpoint& to, With with);
    void prove(Nanoseconds now, const CommunityId& community, Peer& peer);
    void churn(Nanoseconds now);
    void sign(Nanoseconds now, Signing signing);
    Trailer trailer_for(Nanoseconds now, const CommunityId& community, const Endpoint& to);
    bool shall_feed_us(const CommunityId& community, Peer& peer);

    Hub& hub_;
    Synchroniser& sync_;
    Cookies cookies_;
    // What strangers sent cannot push out of memory what peers sent (R-U7).
    DuplicateFilter seen_, seen_of_strangers_;
    std::map<CommunityId, State> states_;
    std::set<std::pair<Nanoseconds, CommunityId>> queue_;  // of next steps
    std::set<Endpoint> bootstrap_;
    std::set<Endpoint> own_addresses_;
    OwnAddresses own_;
    std::vector<CachedPeer> anchors_;
    Nanoseconds anchors_until_ = 0;  // who was not met by then is gone
    // To echo to those who have no slot for us. By community: each worker there has its own secret.
    std::map<std::pair<CommunityId, Endpoint>, std::uint64_t> cookies_of_full_;
    Pending<Check> checks_, checks_of_strangers_;  // half of the places each (R-U1)
    Pending<Signing> signings_;
    TokenBucket punctures_, steps_;
    std::map<Endpoint, Nanoseconds> punctured_;
    SessionEstimate sessions_;
    Nanoseconds next_churn_ = 0;
};

}  // namespace warren::protocol
