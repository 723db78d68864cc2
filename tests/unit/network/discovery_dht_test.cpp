// Two network workers in IPv8's discovery and DHT communities, over real loopback sockets.
#include <gtest/gtest.h>

#include "ipc-schema/network_generated.h"
#include "tests/unit/network/fake_node.h"
#include "workers/network/wire.h"

namespace warren::network {
namespace {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;

constexpr Nanoseconds patience = 20_s;
const CommunityId community = protocol::directory_community();
const protocol::DhtId carrot{sha1(warren::view_of("carrot"))};

struct Standing : testing::Test {
    pipe::asio::io_context io;
    FakeNode a{io, 1, {}};
    FakeNode b{io, 2, {a.address().text()}};

    Standing() {
        for (auto* node : {&a, &b}) {
            node->set("overlay.discovery", "true");
            node->set("overlay.dht", "true");
        }
    }
    bool wait(const std::function<bool()>& condition) { return run_until(io, patience, condition); }

    // The reply of the last request lives as long as its message.
    template <typename Reply, typename Body, typename Use>
    bool asked(FakeNode& node, Builder& builder, flatbuffers::Offset<Body> body, Use&& use) {
        auto got =
            node.request(request<N::Request>(builder, N::InboxTraits<Body>::enum_value, body));
        if (!got.message) return false;
        const auto* root = pipe::verified_root<N::Answer>(got.message->body);
        const auto* reply = root ? root->template body_as<Reply>() : nullptr;
        return reply != nullptr && use(*reply);
    }
    struct Family {
        std::uint32_t good = 0, peers_held = 0;
    };
    Family family(FakeNode& node) {
        Builder builder;
        Family out;
        asked<N::GetDhtReply>(node, builder, N::CreateGetDht(builder), [&](const auto& reply) {
            if (!reply.families()) return false;
            const auto* v4 = reply.families()->Get(0);
            out = {v4->good(), v4->peers_held()};
            return true;
        });
        return out;
    }
    bool runs_dht(FakeNode& node) {
        Builder builder;
        return asked<N::GetDhtReply>(node, builder, N::CreateGetDht(builder),
                                     [](const auto& reply) { return reply.families() != nullptr; });
    }
    std::uint32_t store(FakeNode& node, const std::string& text, bool is_signed) {
        Builder builder;
        const auto key = pipe::wire::to_wire<N::DhtKey>(carrot);
        const auto data = builder.CreateVector(to_bytes(warren::view_of(text)));
        std::uint32_t nodes = 0;
        asked<N::StoreValueReply>(node, builder,
                                  N::CreateStoreValue(builder, &key, data, is_signed),
                                  [&](const auto& reply) { return nodes = reply.nodes(), true; });
        return nodes;
    }
    // What was found under the key: signer and text.
    std::set<std::pair<Bytes, std::string>> find(FakeNode& node) {
        Builder builder;
        const auto key = pipe::wire::to_wire<N::DhtKey>(carrot);
        std::set<std::pair<Bytes, std::string>> out;
        asked<N::FindValuesReply>(
            node, builder, N::CreateFindValues(builder, &key), [&](const auto& reply) {
                for (const auto* value : *reply.values())
                    out.emplace(value->signer() ? to_bytes(view_of(*value->signer())) : Bytes{},
                                std::string(text_of(view_of(*value->data()))));
                return true;
            });
        return out;
    }
    std::uint64_t counter(FakeNode& node, const std::string& name) {
        return node.metrics().counter("overlay_" + name + "_total");
    }
};

TEST_F(Standing, NodesMeetTellTheirCommunitiesAndPing) {
    for (auto* node : {&a, &b})
        node->outbox().stores.try_emplace(community, community);
    a.start();
    b.start();
    for (auto* node : {&a, &b})
        EXPECT_TRUE(wait([&] {
            return counter(*node, "similarities_received") > 0 &&
                   counter(*node, "similarities_answered") > 0 &&
                   counter(*node, "pongs_received") > 0 && counter(*node, "pings_answered") > 0;
        }));
    Builder builder;
    EXPECT_TRUE(asked<N::GetOverlayReply>(
        b, builder, N::CreateGetOverlay(builder), [&](const N::GetOverlayReply& reply) {
            EXPECT_EQ(reply.peers(), 1U);
            EXPECT_EQ(reply.proven(), 1U);
            EXPECT_FALSE(reply.bootstrap());
            EXPECT_EQ(to_domain(*reply.wan()->Get(0)), b.address());
            EXPECT_EQ(reply.communities()->size(), 3U);
            for (const auto* one : *reply.communities())
                EXPECT_EQ(one->neighbours(), 1U) << to_domain(*one->community()).hex();
            return true;
        }));
    // Discovery and DHT have no records: they are no business of sync.
    Builder sync;
    EXPECT_TRUE(asked<N::ListSyncReply>(b, sync, N::CreateListSync(sync), [](const auto& reply) {
        return reply.states()->size() == 1;
    }));
}

TEST_F(Standing, WhatOneStoresInTheDhtTheOtherFinds) {
    a.start();
    b.start();
    ASSERT_TRUE(wait([&] { return family(a).good == 1 && family(b).good == 1; }));
    EXPECT_EQ(store(a, "orange", false), 2U);
    EXPECT_EQ(store(a, "by a", true), 2U);
    EXPECT_EQ(store(b, "by b", true), 2U);
    const auto all =
        std::set<std::pair<Bytes, std::string>>{{Bytes{}, "orange"},
                                                {to_bytes(a.outbox().key.view()), "by a"},
                                                {to_bytes(b.outbox().key.view()), "by b"}};
    EXPECT_EQ(find(a), all);
    EXPECT_EQ(find(b), all);
    EXPECT_EQ(store(a, std::string(200, 'x'), false), 0U) << "longer than a value may be";

    // Each registers with the other, and is found there by its member id.
    ASSERT_TRUE(wait([&] { return family(a).peers_held == 1; }));
    const auto member = protocol::member_id(b.outbox().key.view());
    Builder builder;
    const auto id = pipe::wire::to_wire<N::DhtKey>(member);
    EXPECT_TRUE(asked<N::FindMemberReply>(
        a, builder, N::CreateFindMember(builder, &id), [&](const N::FindMemberReply& reply) {
            return reply.members()->size() == 1 &&
                   to_domain(*reply.members()->Get(0)->endpoint()) == b.address() &&
                   std::ranges::equal(view_of(*reply.members()->Get(0)->public_key()),
                                      b.outbox().key.view());
        }));
}

TEST_F(Standing, TheWorkerThatTheKernelSteersToRunsThem) {
    const auto head = Reader(protocol::dht_community.view()).u32();
    a.be(static_cast<std::uint16_t>(1 - head % 2), 2);  // the other one's
    a.start();
    ASSERT_TRUE(wait([&] { return a.outbox().asked.contains(pipe::Role::Storage); }));
    EXPECT_FALSE(runs_dht(a));
    a.be(0, 1);
    a.worker().on_roster();
    EXPECT_TRUE(wait([&] { return runs_dht(a); }));
}

TEST_F(Standing, OffMeansOff) {
    a.set("overlay.dht", "false");
    a.set("overlay.discovery", "false");
    a.start();
    ASSERT_TRUE(wait([&] { return a.outbox().asked.contains(pipe::Role::Storage); }));
    EXPECT_FALSE(runs_dht(a));
    EXPECT_EQ(store(a, "orange", false), 0U);
    Builder builder;
    EXPECT_TRUE(
        asked<N::GetOverlayReply>(a, builder, N::CreateGetOverlay(builder), [](const auto& reply) {
            return reply.communities()->size() == 0;
        }));
}

}  // namespace
}  // namespace warren::network
