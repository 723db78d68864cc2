// What the parts of the overlay share: identity, settings, communities, peers, and the list of
// effects that the shell takes away after each input. Internal to the overlay.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "protocol/dht_messages.h"
#include "protocol/discovery_messages.h"
#include "protocol/overlay_messages.h"
#include "protocol/overlay_types.h"
#include "protocol/peers.h"

namespace warren::protocol {

struct CommunityState {
    Nanoseconds joined = 0;
    CommunityRoot root;
    bool root_known = false;
    bool root_stale = true;
    Nanoseconds root_asked = 0;
    struct Past {
        CommunityRoot root;
        Nanoseconds until = 0;
    };
    std::deque<Past> past_roots;  // the newest last
    std::uint64_t bytes_in = 0, bytes_out = 0;
    Nanoseconds last_in_sync = -1;

    // Whether this root was ours until a moment ago: what came since may still be on its way.
    bool was_ours(Nanoseconds now, const CommunityRoot& other) const {
        return std::ranges::any_of(past_roots, [&](const Past& past) {
            return past.root == other && now - past.until < news_time;
        });
    }
    void set_root(Nanoseconds now, const CommunityRoot& next) {
        if (root_known) past_roots.push_back({root, now});
        if (past_roots.size() > past_roots_max) past_roots.pop_front();
        root = next;
        root_known = true;
    }
    // In which news goes through a crowd by itself.
    static constexpr Nanoseconds news_time = 3'000'000'000;
    static constexpr std::size_t past_roots_max = 16;
};

// The two that every IPv8 node has: no records, so nothing to compare.
inline bool keeps_records(const CommunityId& community) {
    return community != discovery_community && community != dht_community;
}

struct Hub {
    Hub(const PublicKey& key, OverlaySettings s, Random& r)
        : own_key(key), own(member_id(key.view())), settings(std::move(s)), random(r),
          peers({settings.reply_bytes_per_s, settings.reply_burst_bytes},
                random.id<FixedId<16, struct GroupKeyTag>>().bytes) {}

    PublicKey own_key;
    MemberId own;
    OverlaySettings settings;
    Random& random;
    Peers peers;
    std::map<CommunityId, CommunityState> communities;
    OverlayCounters counters;
    WaitingRoom waiting_room;
    // What all unproven sources share: signatures looked at (R-U1), bytes sent to them (R-U3).
    TokenBucket stranger_checks{{2000, 400}};
    TokenBucket stranger_bytes{{256.0 * 1024, 64.0 * 1024}};
    std::vector<Effect> effects;
    std::uint64_t global_time = 0;  // Lamport clock of our walk messages
    Token last_token = 0;

    Token next_token() { return ++last_token; }
    template <typename T>
    void emit(T effect) {
        effects.emplace_back(std::move(effect));
    }
    CommunityState* community(const CommunityId& id) {
        auto at = communities.find(id);
        return at == communities.end() ? nullptr : &at->second;
    }
    void send(const Endpoint& to, Bytes datagram) {
        ++counters.datagrams_out;
        counters.bytes_out += datagram.size();
        if (auto* peer = peers.by_address(to)) peer->bytes_out += datagram.size();
        emit(SendDatagram{to, std::move(datagram)});
    }
    // A bare message of one of our communities to a partner.
    template <typename Message>
    void send_bare(const CommunityId& id, const Peer& to, Message type, const Bytes& body) {
        auto datagram = frame_bare(id, static_cast<std::uint8_t>(type), body);
        if (auto* state = community(id)) state->bytes_out += datagram.size();
        send(to.address, std::move(datagram));
    }
};

// Contexts of effects that wait for their answer: bounded, and forgotten when none comes.
template <typename Context>
class Pending {
public:
    Pending(std::size_t max, Nanoseconds patience) : max_(max), patience_(patience) {}

    bool full() const { return entries_.size() >= max_; }
    std::size_t size() const { return entries_.size(); }
    void add(Nanoseconds now, Token token, Context context) {
        entries_.emplace(token, Entry{std::move(context), now + patience_});
    }
    std::optional<Context> take(Token token) {
        auto at = entries_.find(token);
        if (at == entries_.end()) return std::nullopt;
        auto out = std::move(at->second.context);
        entries_.erase(at);
        return out;
    }
    // The oldest one that waited too long, if any. Tokens grow, so the first is the oldest.
    std::optional<Context> take_expired(Nanoseconds now) {
        if (entries_.empty() || entries_.begin()->second.deadline > now) return std::nullopt;
        return take(entries_.begin()->first);
    }
    void clear_expired(Nanoseconds now) {
        while (take_expired(now)) {
        }
    }

private:
    struct Entry {
        Context context;
        Nanoseconds deadline = 0;
    };
    std::size_t max_;
    Nanoseconds patience_;
    std::map<Token, Entry> entries_;
};

}  // namespace warren::protocol
