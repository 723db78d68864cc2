// Gossip: new records go to neighbours at once; who accepts one passes it on, once, to a few
// others. What gets lost on the way, reconciliation repairs.
#pragma once

#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Gossip {
public:
    explicit Gossip(Hub& hub);

    // Records of this node. Returns how many neighbours they went to.
    std::size_t push(Nanoseconds now, const CommunityId& community,
                     const std::vector<Bytes>& packets);
    // A record as a datagram, from a partner.
    void on_push(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram);
    // The community whose set has grown.
    std::optional<CommunityId> stored(Nanoseconds now, Token token,
                                      const std::vector<RecordVerdict>& verdicts);
    void failed(Token token);
    void tick(Nanoseconds now);
    void forward(Nanoseconds now, const CommunityId& community, ByteView packet,
                 const MemberId& except);

private:
    struct Storing {
        CommunityId community;
        MemberId from;
        Bytes packet;
    };
    void spread(const CommunityId& community, ByteView packet, const std::vector<Peer*>& to);
    void drop(const std::optional<Storing>& storing);

    Hub& hub_;
    DuplicateFilter seen_;
    Pending<Storing> storing_;
    std::size_t storing_bytes_ = 0;
};

}  // namespace warren::protocol
