// IPv8's DiscoveryCommunity, sans I/O: peers tell each other in which communities they are, so that
// members of one find each other without walking there; and small unsigned pings as signs of life
// and for round trips. An answer is never longer than what it answers.
#pragma once

#include <map>
#include <set>

#include "protocol/discovery_messages.h"
#include "protocol/overlay_hub.h"
#include "protocol/signature_checks.h"

namespace warren::protocol {

// A member of a community that we are in: worth an introduction request there.
struct DiscoveredMember {
    CommunityId community;
    Endpoint address;
    MemberId member;
};

class Discovery {
public:
    explicit Discovery(Hub& hub);

    void on_datagram(Nanoseconds now, const Endpoint& from, const Header& header, ByteView bytes);
    void signature_result(Nanoseconds now, Token token, bool valid);
    void signed_bytes(Token token, const Signature& signature);
    void failed(Token token);
    Nanoseconds tick(Nanoseconds now);

    // All communities of the node, also those that other workers serve.
    void set_communities(std::vector<CommunityId> communities);
    void own_address(const Endpoint& wan, ConnectionType connection) {
        wan_ = wan;
        connection_ = connection;
    }
    std::vector<DiscoveredMember> take_discovered() { return std::exchange(discovered_, {}); }

private:
    struct Signing {
        Bytes unsigned_bytes;
        Endpoint to;
    };
    struct Asked {
        Endpoint to;
        Nanoseconds sent = 0;
    };
    using Outstanding = std::map<std::uint16_t, Asked>;

    void on_ping(Nanoseconds now, const Endpoint& from, const Header& header);
    void on_pong(Nanoseconds now, const Endpoint& from, const Header& header);
    void on_similarity(Nanoseconds now, const Endpoint& from, ByteView bytes, bool request);
    void on_request(Nanoseconds now, const Endpoint& from, std::size_t size,
                    const SimilarityRequest& request);
    void on_response(Nanoseconds now, const Endpoint& from, const PublicKey& key,
                     const SimilarityResponse& response);
    void ask(Nanoseconds now, Peer& peer);
    void keep_alive(Nanoseconds now, std::vector<Peer*> known);
    void ping(Nanoseconds now, Peer& peer);
    std::vector<CommunityId> some_communities(const std::vector<CommunityId>& first);
    void sign(Nanoseconds now, DiscoveryMessage id, ByteView payload, const Endpoint& to);
    std::uint16_t remember(Outstanding& in, Nanoseconds now, const Endpoint& to);

    Hub& hub_;
    std::vector<CommunityId> communities_;
    Endpoint wan_;
    ConnectionType connection_ = ConnectionType::Unknown;
    TokenBucket stranger_checks_, stranger_pongs_;
    SignatureChecks checks_;
    Pending<Signing> signings_;
    Outstanding pings_, similarities_;
    std::set<MemberId> told_;  // who has heard our list
    std::vector<DiscoveredMember> discovered_;
    Nanoseconds next_ask_ = 0;
};

}  // namespace warren::protocol
