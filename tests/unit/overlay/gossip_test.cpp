// Whom a new record goes to: at once to the lowest of the ranking, later as an offer to those who
// asked for it and were not heard of.
#include <set>

#include "tests/unit/overlay/partner_fixture.h"

namespace warren::protocol {
namespace {

class GossipTest : public PartnerTest {
protected:
    GossipTest() {
        for (int i = 0; i < 20; ++i)
            all_.push_back(&add_partner());
    }
    std::set<Endpoint> pushed() {
        std::set<Endpoint> out;
        std::erase_if(hub_.effects, [&](const Effect& effect) {
            const auto* one = std::get_if<SendDatagram>(&effect);
            const bool is_record = one != nullptr && is_record_kind(one->bytes[prefix_bytes]);
            if (is_record) out.insert(one->to);
            return is_record;
        });
        return out;
    }
    std::set<Endpoint> offered(Nanoseconds time) {
        now_ += time;
        gossip_.tick(now_);
        std::set<Endpoint> out;
        for (const auto& one : sent(OverlayMessage::RecordOffer))
            out.insert(one.to);
        return out;
    }
    void wants_offers(Peer& peer) { peer.in(community_)->wants_offers = true; }
    Peer& outside(const std::set<Endpoint>& some) {
        return **std::ranges::find_if(
            all_, [&](const Peer* peer) { return !some.contains(peer->address); });
    }

    std::vector<Peer*> all_;
};

TEST_F(GossipTest, who_asked_for_offers_is_offered_what_was_not_pushed_to_it) {
    gossip_.push(now_, community_, {record(10)});
    const auto first = pushed();
    EXPECT_EQ(first.size(), 2 * hub_.settings.fan_out);
    auto& hungry = outside(first);
    wants_offers(hungry);
    for (auto* peer : all_)
        if (first.contains(peer->address)) wants_offers(*peer);
    EXPECT_TRUE(offered(200 * millisecond).empty());
    EXPECT_EQ(offered(2 * second), std::set{hungry.address});
    EXPECT_TRUE(offered(60 * second).empty()) << "once";
}

TEST_F(GossipTest, who_was_heard_of_is_not_offered_it) {
    const auto packet = record(10);
    gossip_.push(now_, community_, {packet});
    auto& other = outside(pushed());
    wants_offers(other);
    gossip_.on_offer(now_, other, community_, {{decode_record(packet)->ref()}});
    EXPECT_TRUE(offered(2 * second).empty());
    EXPECT_TRUE(gossip_.take_wants().empty()) << "asks for what it has";
}

TEST_F(GossipTest, nobody_wants_offers_so_none_are_made) {
    gossip_.push(now_, community_, {record(10)});
    EXPECT_TRUE(offered(2 * second).empty());
}

// The first who offers is asked; if nothing comes of it, the others in turn.
TEST_F(GossipTest, who_offers_what_we_lack_is_asked_one_after_the_other) {
    const RecordOffer offer{{decode_record(record(10))->ref()}};
    for (std::size_t i = 0; i < 3; ++i)
        gossip_.on_offer(now_, *all_[i], community_, offer);
    std::set<MemberId> asked;
    for (int i = 0; i < 10; ++i) {
        const auto wants = gossip_.take_wants();
        EXPECT_LE(wants.size(), 1u);
        for (const auto& want : wants)
            EXPECT_TRUE(asked.insert(want.from).second);
        EXPECT_EQ(asked.contains(all_[0]->member), true);
        now_ += 600 * millisecond;
        gossip_.tick(now_);
    }
    EXPECT_EQ(asked.size(), 3u);
}

}  // namespace
}  // namespace warren::protocol
