// Swarms: who among our partners has a torrent that we want, and telling partners what we have.
#pragma once

#include <map>
#include <vector>

#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Swarms {
public:
    explicit Swarms(Hub& hub);

    void wanted(Nanoseconds now, const std::vector<Infohash>& infohashes);
    void on_query(Nanoseconds now, Peer& peer, const CommunityId& community,
                  const SwarmQuery& message);
    void on_reply(Nanoseconds now, Peer& peer, const SwarmReply& message);
    void have(Token token, std::uint32_t bitmap, std::uint16_t port);
    void failed(Token token) { asked_of_us_.take(token); }
    void tick(Nanoseconds now);

private:
    struct Asked {
        MemberId member;
        std::vector<Infohash> infohashes;
    };
    struct AskedOfUs {
        CommunityId community;
        MemberId member;
        std::uint32_t request = 0;
    };

    Hub& hub_;
    Pending<Asked> asked_;
    Pending<AskedOfUs> asked_of_us_;
    std::map<MemberId, Nanoseconds> last_asked_, last_answered_;
    std::size_t offset_ = 0;  // when more is wanted than one query holds
};

}  // namespace warren::protocol
