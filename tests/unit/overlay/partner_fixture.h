// Some partners of one community, and the parts of the overlay that exchange records with them. No
// network: what would be sent is looked at, what would come is handed over.
#pragma once

#include <gtest/gtest.h>

#include "protocol/overlay_serve.h"
#include "protocol/overlay_sync.h"
#include "protocol/record.h"

namespace warren::protocol {

constexpr Nanoseconds millisecond = 1'000'000, second = 1'000'000'000;

class PartnerTest : public testing::Test {
protected:
    explicit PartnerTest(OverlaySettings settings = {})
        : hub_(random_.id<PublicKey>(), std::move(settings), random_), proofs_(hub_),
          gossip_(hub_, proofs_), fetcher_(hub_, gossip_, proofs_), serving_(hub_, fetcher_),
          sync_(hub_, fetcher_) {
        hub_.communities[community_];
    }

    Peer& add_partner() {
        const auto number = static_cast<std::uint8_t>(++partners_);
        const auto from = Endpoint::ipv4(20, number, 1, 1, 8000);
        auto* peer = hub_.peers.touch(now_, {random_.id<PublicKey>(), from, true, false});
        EXPECT_TRUE(hub_.peers.admit(now_, community_, *peer, 30));
        peer->in(community_)->trusts_us = true;
        return *peer;
    }
    PartnerKey key(const Peer& peer) const { return {community_, peer.member}; }

    // Nobody checks signatures here.
    Bytes record(GlobalTime time, std::size_t payload_bytes = 100) {
        const Bytes payload(payload_bytes);
        auto author = random_.id<PublicKey>();
        const auto tag = view_of("LibNaCLPK:");
        std::copy(tag.begin(), tag.end(), author.bytes.begin());
        auto out = encode_unsigned({community_, RecordKind::Torrent, author, time, {}, payload});
        append(out, Signature{}.view());
        return out;
    }
    static SyncRange times(GlobalTime from, GlobalTime to) { return {{from, {}}, {to, {}}}; }
    static Selection all_of(const SyncRange& range, std::uint64_t records = 128) {
        return {range, {}, false, records};
    }

    struct Sent {
        Endpoint to;
        Bytes datagram;
        ByteView body() const { return ByteView(datagram).subspan(prefix_bytes + 1); }
    };
    // What was sent of one kind since last looked, in order; other kinds are kept.
    std::vector<Sent> sent(OverlayMessage kind) {
        std::vector<Sent> out;
        std::erase_if(hub_.effects, [&](Effect& effect) {
            auto* one = std::get_if<SendDatagram>(&effect);
            const bool fits =
                one != nullptr && one->bytes[prefix_bytes] == static_cast<std::uint8_t>(kind);
            if (fits) out.push_back({one->to, std::move(one->bytes)});
            return fits;
        });
        return out;
    }
    template <typename Wanted>
    std::vector<Wanted> wished() {
        std::vector<Wanted> out;
        std::erase_if(hub_.effects, [&](Effect& effect) {
            auto* one = std::get_if<Wanted>(&effect);
            if (one != nullptr) out.push_back(std::move(*one));
            return one != nullptr;
        });
        return out;
    }

    struct Fetch {
        Endpoint to;
        std::uint32_t request = 0;
        std::vector<Selection> selections;
    };
    std::vector<Fetch> fetches() {
        std::vector<Fetch> out;
        for (const auto& one : sent(OverlayMessage::SyncFetch)) {
            const auto message = decode_sync_fetch(one.body());
            EXPECT_TRUE(message.ok());
            out.push_back({one.to, message->request, *decode_selections(message->selections)});
        }
        return out;
    }
    struct Part {
        std::uint8_t number = 0, of = 1;
        bool cut = false;
    };
    void give(Peer& peer, std::uint32_t request, Part part, const std::vector<Bytes>& packets) {
        SyncRecords message{session_, request, part.number, part.of, {}, {}, part.cut};
        message.packets.assign(packets.begin(), packets.end());
        fetcher_.on_records(now_, peer, community_, message);
    }
    // Storage takes whatever waits for it.
    void commit(RecordVerdict verdict = RecordVerdict::Accepted) {
        for (const auto& store : wished<StoreRecords>())
            fetcher_.stored(now_, store.token,
                            std::vector<RecordVerdict>(store.packets.size(), verdict));
    }

    SeededRandom random_{3};
    CommunityId community_ = random_.id<CommunityId>();
    Hub hub_;
    Proofs proofs_;
    Gossip gossip_;
    Fetcher fetcher_;
    Serving serving_;
    Synchroniser sync_;
    Nanoseconds now_ = 1000 * second;
    std::uint64_t session_ = 77;
    std::size_t partners_ = 0;
};

}  // namespace warren::protocol
