// The DHT among many nodes: what one stores another finds, also through churn; nobody gets more
// than he sent before his address is proven; floods are bounded.
#include "tests/unit/dht/network.h"

namespace warren::protocol {
namespace {

DhtId key_of(std::string_view text) {
    return DhtId{sha1(view_of(text))};
}

// Everybody knows the one before and the first.
void chain(DhtNetwork& net, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        auto& node = net.add();
        if (i == 0) continue;
        net.introduce(node, *net.nodes[i - 1]);
        if (i > 1 && i % 5 == 0) net.introduce(node, *net.nodes[0]);
    }
}

TEST(Dht, StoredOnOneFoundOnAnother) {
    DhtNetwork net(1);
    chain(net, 40);
    net.run(60_s);
    const auto key = key_of("carrot");
    net.nodes[3]->dht.store(net.now, 1, key, encode_plain_value(view_of("orange")));
    net.drain(*net.nodes[3]);
    net.run(15_s);
    EXPECT_GE(net.nodes[3]->stored[1], 6u);
    for (const std::size_t who : {0u, 17u, 39u}) {
        auto& node = *net.nodes[who];
        node.dht.find(net.now, 2, key);
        net.drain(node);
        net.run(15_s);
        ASSERT_EQ(node.found[2].size(), 1u) << who;
        EXPECT_EQ(text_of(decode_dht_value(node.found[2][0])->data), "orange");
    }
    auto& node = *net.nodes[20];
    node.dht.find(net.now, 3, key_of("nothing"));
    net.drain(node);
    net.run(15_s);
    ASSERT_TRUE(node.found.contains(3));
    EXPECT_TRUE(node.found[3].empty());
}

TEST(Dht, SignedValuesTheNewestOfEachSigner) {
    DhtNetwork net(2);
    chain(net, 20);
    net.run(60_s);
    const auto key = key_of("news");
    for (std::uint32_t version : {7u, 9u, 8u}) {
        net.nodes[4]->dht.store_signed(net.now, version, key,
                                       view_of("v" + std::to_string(version)), version);
        net.drain(*net.nodes[4]);
        net.run(15_s);
    }
    net.nodes[5]->dht.store_signed(net.now, 1, key, view_of("other"), 1);
    net.drain(*net.nodes[5]);
    net.run(15_s);
    auto& node = *net.nodes[15];
    node.dht.find(net.now, 1, key);
    net.drain(node);
    net.run(15_s);
    std::map<std::string, std::uint32_t> got;
    for (const auto& value : node.found[1]) {
        const auto parts = decode_dht_value(value);
        ASSERT_TRUE(parts.ok() && parts->is_signed());
        got[std::string(text_of(parts->data))] = parts->version;
    }
    EXPECT_EQ(got, (std::map<std::string, std::uint32_t>{{"v9", 9}, {"other", 1}}));
}

TEST(Dht, HalfOfTheNodesLeaveAndTheValueStays) {
    DhtNetwork net(3);
    chain(net, 40);
    net.run(90_s);
    const auto key = key_of("endures");
    net.nodes[1]->dht.store(net.now, 1, key, encode_plain_value(view_of("x")));
    net.drain(*net.nodes[1]);
    net.run(15_s);
    // At random: a CRC is linear, so that neat halves of the addresses are halves of the DHT.
    SeededRandom random(3);
    for (std::size_t i = 2; i < 40; ++i)
        net.nodes[i]->up = i == 33 || random.below(2) == 0;
    net.run(90_s);  // the dead are found out by unanswered pings
    auto& node = *net.nodes[33];
    node.dht.find(net.now, 1, key);
    net.drain(node);
    net.run(30_s);
    std::size_t holders = 0;
    for (const auto& other : net.nodes)
        holders += other->up ? other->dht.status(net.now, false).values : 0;
    EXPECT_EQ(node.found[1].size(), 1u)
        << "holders " << holders << ", nodes known " << node.dht.status(net.now, false).nodes;
}

TEST(Dht, PeersAreFoundByTheirKey) {
    DhtNetwork net(4);
    chain(net, 20);
    net.run(120_s);  // everybody registers himself
    auto& node = *net.nodes[2];
    auto& wanted = *net.nodes[19];
    node.dht.connect(net.now, 1, wanted.hub.own);
    net.drain(node);
    net.run(20_s);
    ASSERT_FALSE(node.peers[1].empty());
    EXPECT_EQ(node.peers[1][0].first, wanted.address);
    EXPECT_EQ(node.peers[1][0].second, to_bytes(wanted.hub.own_key.view()));
}

// ---- hostile

struct Stranger {
    explicit Stranger(std::uint64_t seed) : random(seed), key(some_public_key(random)) {}

    Bytes packet(DhtMessage id, ByteView payload) const {
        auto out = frame_signed_untimed(dht_community, static_cast<std::uint8_t>(id), key, payload);
        append(out, hash_signature(out).view());
        return out;
    }

    SeededRandom random;
    PublicKey key;
    Endpoint address = Endpoint::ipv4(99, 9, 9, 9, 999);
};

TEST(Dht, AnUnprovenAddressNeverGetsMoreThanItSent) {
    DhtNetwork net(5);
    chain(net, 20);
    net.run(60_s);
    auto& victim = *net.nodes[0];
    const Stranger stranger(1);
    std::size_t in = 0, out = 0;
    net.on_send = [&](const Endpoint&, const Endpoint& to, ByteView bytes) {
        if (to == stranger.address) out += bytes.size();
    };
    const std::vector<Bytes> questions = {
        stranger.packet(DhtMessage::PingRequest, encode_dht_identifier(1)),
        stranger.packet(DhtMessage::FindRequest,
                        encode(DhtFindRequest{2, {}, key_of("a"), 0, true})),
        stranger.packet(DhtMessage::StoreRequest, encode(DhtStoreRequest{3, {}, key_of("a"), {}})),
        stranger.packet(
            DhtMessage::StorePeerRequest,
            encode(DhtStorePeerRequest{4, {}, DhtId{member_id(stranger.key.view()).bytes}})),
        stranger.packet(DhtMessage::ConnectPeerRequest,
                        encode(DhtConnectPeerRequest{5, {}, key_of("b")})),
        stranger.packet(DhtMessage::FindResponse, encode(DhtFindResponse{6, {}, {}, {}})),
    };
    for (const auto& question : questions) {
        in = out = 0;
        in += question.size();
        net.deliver(stranger.address, victim, question);
        net.run(30_s);
        EXPECT_LE(out, in) << "message " << int{question[prefix_bytes]};
    }
    // The same bytes again: not looked at a second time.
    in = out = 0;
    for (int i = 0; i < 50; ++i)
        for (const auto& question : questions)
            net.deliver(stranger.address, victim, question);
    EXPECT_EQ(out, 0u);
}

// An address that is real: it answers pings, asks, and gets tokens.
struct Real : Stranger {
    Real(DhtNetwork& network, std::uint64_t seed, const Endpoint& at)
        : Stranger(seed), net(network) {
        address = at;
        net.on_send = [this](const Endpoint&, const Endpoint& to, ByteView bytes) {
            if (to == address) inbox.push_back(to_bytes(bytes));
        };
    }
    void send(DhtNetwork::Node& to, DhtMessage id, ByteView payload) {
        net.deliver(address, to, packet(id, payload));
        for (const auto& bytes : std::exchange(inbox, {})) {
            const auto parts = decode_signed(bytes, WithGlobalTime::No);
            if (!parts) continue;
            const auto message = static_cast<DhtMessage>(bytes[prefix_bytes]);
            if (message == DhtMessage::PingRequest)
                net.deliver(address, to, packet(DhtMessage::PingResponse, parts->payload));
            if (message == DhtMessage::FindResponse)
                token = decode_dht_find_response(parts->payload)->token;
            if (message == DhtMessage::StoreResponse) ++stores;
        }
        for (const auto& bytes : std::exchange(inbox, {})) {
            const auto parts = decode_signed(bytes, WithGlobalTime::No);
            if (parts && bytes[prefix_bytes] == static_cast<std::uint8_t>(DhtMessage::FindResponse))
                token = decode_dht_find_response(parts->payload)->token;
        }
    }
    void ask_token(DhtNetwork::Node& to) {
        send(to, DhtMessage::FindRequest, encode(DhtFindRequest{++last, {}, key_of("t"), 0, true}));
    }
    void store(DhtNetwork::Node& to, const DhtId& under, const std::vector<Bytes>& values) {
        DhtStoreRequest request{++last, token, under, {}};
        request.values.assign(values.begin(), values.end());
        send(to, DhtMessage::StoreRequest, encode(request));
    }

    DhtNetwork& net;
    std::vector<Bytes> inbox;
    DhtToken token;
    std::uint32_t last = 0;
    int stores = 0;
};

TEST(Dht, StoringNeedsATokenThatIsYoungEnough) {
    DhtNetwork net(6);
    chain(net, 4);
    net.run(30_s);
    auto& node = *net.nodes[0];
    Real real(net, 1, Endpoint::ipv4(88, 8, 8, 8, 888));
    const std::vector<Bytes> value = {encode_plain_value(view_of("v"))};
    real.ask_token(node);
    const auto good = real.token;
    ASSERT_FALSE(good.is_zero());
    real.token = {};
    real.store(node, key_of("k"), value);
    EXPECT_EQ(node.dht.status(net.now, false).values, 0u);
    real.token = good;
    real.store(node, key_of("k"), value);
    EXPECT_EQ(node.dht.status(net.now, false).values, 1u);
    net.run(301_s);  // one secret further: still good
    real.ask_token(node);
    real.token = good;
    real.store(node, key_of("k2"), value);
    EXPECT_EQ(node.dht.status(net.now, false).values, 2u);
    net.run(600_s);
    real.ask_token(node);
    real.token = good;
    real.store(node, key_of("k3"), value);
    EXPECT_EQ(node.dht.status(net.now, false).values, 2u);
}

TEST(Dht, ValuesThatAreTooLongTooManyOrWronglySigned) {
    DhtNetwork net(7);
    chain(net, 4);
    net.run(30_s);
    auto& node = *net.nodes[0];
    Real real(net, 1, Endpoint::ipv4(88, 8, 8, 8, 888));
    real.ask_token(node);
    const auto fine = encode_plain_value(view_of("v"));
    const auto values = [&] { return node.dht.status(net.now, false).values; };
    real.store(node, key_of("long"), {fine, encode_plain_value(Bytes(dht_value_bytes_max))});
    EXPECT_EQ(values(), 0u);  // the whole message is dropped
    real.store(node, key_of("many"), std::vector<Bytes>(dht_values_max + 1, fine));
    EXPECT_EQ(values(), 0u);
    auto forged = frame_signed_value(view_of("x"), 5, node.hub.own_key.view());
    forged.resize(forged.size() + signature_bytes);
    real.store(node, key_of("forged"), {forged, {2, 3, 4}, fine});
    EXPECT_EQ(values(), 1u);  // only that one is right
}

TEST(Dht, AFloodOfStoresIsBounded) {
    DhtNetwork net(8);
    chain(net, 4);
    net.run(30_s);
    auto& node = *net.nodes[0];
    Real real(net, 1, Endpoint::ipv4(88, 8, 8, 8, 888));
    real.ask_token(node);
    for (std::uint32_t i = 0; i < 2000; ++i) {
        if (i % 9 == 0) net.run(6_s);  // as fast as the query limit lets it
        if (i % 100 == 0) real.ask_token(node);
        std::vector<Bytes> values;
        for (std::uint32_t n = 0; n < dht_values_max; ++n)
            values.push_back(encode_plain_value(Writer().u32(i).u32(n).peek()));
        real.store(node, key_of(std::to_string(i)), values);
    }
    EXPECT_GT(node.dht.status(net.now, false).values, 100u);
    EXPECT_LE(node.dht.status(net.now, false).values, DhtStore::values_of_source_max);
}

TEST(Dht, TenQueriesInFiveSecondsAreEnough) {
    DhtNetwork net(9);
    chain(net, 4);
    net.run(30_s);
    auto& node = *net.nodes[0];
    Real real(net, 1, Endpoint::ipv4(88, 8, 8, 8, 888));
    real.ask_token(node);
    int answers = 0;
    net.on_send = [&](const Endpoint&, const Endpoint& to, ByteView) {
        if (to == real.address) ++answers;
    };
    for (std::uint32_t i = 100; i < 130; ++i)
        net.deliver(real.address, node,
                    real.packet(DhtMessage::PingRequest, encode_dht_identifier(i)));
    EXPECT_LE(answers, 10);
    EXPECT_GE(answers, 8);
    net.run(6_s);
    const auto before = answers;
    net.deliver(real.address, node,
                real.packet(DhtMessage::PingRequest, encode_dht_identifier(500)));
    EXPECT_EQ(answers, before + 1);
}

}  // namespace
}  // namespace warren::protocol
