// Reconciliation with partners (docs/protocol.md): who leads keeps all state, who answers keeps
// none. Sessions start when roots differ, and now and then to be sure; what they find missing is
// fetched.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "protocol/overlay_fetch.h"
#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Synchroniser {
public:
    Synchroniser(Hub& hub, Fetcher& fetcher);

    // A partner told its root in a walk message.
    void on_root(Nanoseconds now, const CommunityId& community, Peer& peer);
    void on_ranges(Nanoseconds now, Peer& peer, const CommunityId& community,
                   const SyncRanges& message);
    // A partner asks for records: what we offered it has come.
    void on_fetch(const Peer& peer, const CommunityId& community, const SyncFetch& message);

    struct Outcome {  // of a Reconcile effect; encoded as protocol/sync.h says
        ByteView answers{}, wants{}, offers{};
        bool in_sync = false;
    };
    void reconciled(Nanoseconds now, Token token, const Outcome& outcome);
    void own_root(Nanoseconds now, Token token, const CommunityRoot& root);
    void failed(Nanoseconds now, Token token);
    Nanoseconds tick(Nanoseconds now);
    void leave(const CommunityId& community);

    // Partners that fell silent in the middle of a session, for the walk to renew.
    std::vector<PartnerKey> take_silent() { return std::exchange(silent_, {}); }
    std::size_t sessions() const;

private:
    struct Open {
        Bytes elements;
        unsigned round = 1;  // how many answers led to it, and one
    };
    struct Sent {
        Open open;
        Nanoseconds at = 0;
        unsigned tries = 1;
        std::vector<SyncRange> answered;  // of its ranges
    };
    struct Offered {
        Bytes selections;
        Nanoseconds at = 0;
        unsigned tries = 1;
    };
    struct Session {
        std::uint64_t id = 0;
        bool opened = false;
        bool differed = false;
        bool cut_short = false;  // ranges were given up
        bool bulk = false;       // they have many more: the oldest first
        std::vector<Open> open;  // ranges not yet sent, the next one last
        std::map<std::uint32_t, Sent> sent;
        std::size_t window = 2;
        std::size_t reconciling = 0;
        std::vector<Offered> offers;  // that nothing was fetched of
        std::size_t offered = 0;
        unsigned rounds = 0;
        Nanoseconds heard = 0;
    };
    struct Partner {
        std::optional<Session> session;
        Nanoseconds next = 0, backoff = 0;
        Nanoseconds served = 0;
        std::size_t answering = 0;
        bool agrees = false;  // the root that it told last was ours then, or a moment before
        std::optional<std::pair<CommunityRoot, CommunityRoot>> stuck;  // roots that stayed unequal

        void answered() { answering -= std::min<std::size_t>(answering, 1); }
    };
    struct Work {
        PartnerKey key;
        SyncSide side = SyncSide::Initiator;
        std::uint64_t session = 0;
        std::uint32_t sequence = 0;
        unsigned round = 0;  // of the question that this answers
    };

    void start(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer);
    void pump(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer);
    void resend(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer);
    void offer(Nanoseconds now, const PartnerKey& key, Session& session, Peer& peer);
    void send_ranges(const PartnerKey& key, Peer& peer, const Session& session,
                     std::uint32_t sequence, const Sent& sent);
    void lead(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer);
    void end(Nanoseconds now, const PartnerKey& key, Partner& partner, Peer& peer);
    void led(Nanoseconds now, const Work& work, const Outcome& outcome);
    void open_more(Session& session, const SyncBody& body, unsigned round);
    void answer(Nanoseconds now, const Work& work, const Outcome& outcome);
    Nanoseconds pace(Partner& partner);
    Nanoseconds look(Nanoseconds now);
    void refresh_roots(Nanoseconds now);
    void set_in_sync(Nanoseconds now, const PartnerKey& key, Peer& peer, bool in_sync);
    std::uint64_t session_id(Nanoseconds now, const CommunityId& community);

    struct Round {  // one session id for all partners: so short ids of one record are equal
        std::uint64_t id = 0;
        Nanoseconds since = 0;
    };

    Hub& hub_;
    Fetcher& fetcher_;
    std::map<PartnerKey, Partner> partners_;
    std::map<CommunityId, Round> rounds_;
    Pending<Work> work_;
    Pending<CommunityId> roots_;
    std::vector<PartnerKey> silent_;
    std::uint32_t last_sequence_ = 0;
    std::size_t leading_ = 0;           // sessions, when last looked
    Nanoseconds looked_ = 0, due_ = 0;  // when last looked; when some partner may be next
};

}  // namespace warren::protocol
