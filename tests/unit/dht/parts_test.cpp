// Table, store and lookup of the DHT by themselves.
#include <algorithm>

#include "base/random.h"
#include "protocol/dht_lookup.h"
#include "protocol/dht_store.h"
#include "protocol/dht_table.h"
#include "tests/unit/dht/network.h"

namespace warren::protocol {
namespace {

DhtNode some_node(Random& random) {
    DhtNode out;
    out.id = random.id<DhtId>();
    out.key = some_public_key(random);
    out.address =
        Endpoint::ipv4(9, random.next() & 0xff, random.next() & 0xff, random.next() & 0xff, 1000);
    return out;
}

TEST(DhtTable, OnlyTheOwnBucketIsSplitAndNoneHoldsMoreThanEight) {
    SeededRandom random(1);
    const auto own = random.id<DhtId>();
    DhtTable table(own);
    for (int i = 0; i < 5000; ++i)
        table.add(1_s, some_node(random));
    std::map<std::size_t, std::size_t> by_level;
    for (const auto* node : table.all())
        ++by_level[std::min(common_bits(own, node->id), table.buckets() - 1)];
    for (const auto& [level, count] : by_level)
        EXPECT_LE(count, DhtTable::bucket_nodes) << level;
    EXPECT_EQ(by_level[0], DhtTable::bucket_nodes);
    EXPECT_GT(table.buckets(), 6u);
    EXPECT_LT(table.size(), 150u);
}

TEST(DhtTable, ClosestIsWhatSortingAllGives) {
    SeededRandom random(2);
    DhtTable table(random.id<DhtId>());
    for (int i = 0; i < 300; ++i)
        table.add(1_s, some_node(random));
    for (int round = 0; round < 100; ++round) {
        const auto target = random.id<DhtId>();
        auto all = table.all();
        const auto got = table.closest(1_s, target, 8);
        ASSERT_EQ(got.size(), 8u);
        for (const auto* node : all) {
            if (std::ranges::find(got, node) != got.end()) continue;
            EXPECT_FALSE(nearer(target, node->id, got.back()->id));
        }
    }
}

TEST(DhtTable, BadNodesGiveWayAndSlowOnesToMuchFaster) {
    SeededRandom random(3);
    DhtId own;
    DhtTable table(own);
    std::vector<DhtNode> nodes;
    for (int i = 0; i < 9; ++i) {
        nodes.push_back(some_node(random));
        nodes.back().id.bytes[0] |= 0x80;  // all in the bucket that is farthest from us
        nodes.back().round_trip = 100_ms;
    }
    for (int i = 0; i < 8; ++i)
        ASSERT_NE(table.add(1_s, nodes[static_cast<std::size_t>(i)]), nullptr);
    auto& late = nodes[8];
    EXPECT_EQ(table.add(1_s, late), nullptr);
    late.round_trip = 49_ms;
    EXPECT_NE(table.add(1_s, late), nullptr);
    table.failed(nodes[3].address);
    table.failed(nodes[3].address);
    late = some_node(random);
    late.id.bytes[0] |= 0x80;
    if (table.find(nodes[3].address) != nullptr) {
        EXPECT_NE(table.add(2_s, late), nullptr);
    }
    EXPECT_EQ(table.find(nodes[3].address), nullptr);
}

TEST(DhtTable, StatusAfterTheRules) {
    DhtNode node;
    EXPECT_EQ(node.status(5000_s), DhtStatus::Unknown);
    node.queried = 4999_s;
    EXPECT_EQ(node.status(5000_s), DhtStatus::Unknown);
    node.answered = 4500_s;
    EXPECT_EQ(node.status(5000_s), DhtStatus::Good);
    EXPECT_EQ(node.status(5800_s), DhtStatus::Good);  // it asked us
    EXPECT_EQ(node.status(5900_s), DhtStatus::Unknown);
    node.failures = 2;
    EXPECT_EQ(node.status(5000_s), DhtStatus::Bad);
}

TEST(DhtTable, StaleBucketsAreNamedByAnIdInside) {
    SeededRandom random(4);
    const auto own = random.id<DhtId>();
    DhtTable table(own);
    for (int i = 0; i < 500; ++i)
        table.add(1_s, some_node(random));
    EXPECT_TRUE(table.stale(2_s, 900_s, random.id<DhtId>()).empty());
    const auto ids = table.stale(2000_s, 900_s, random.id<DhtId>());
    ASSERT_EQ(ids.size(), table.buckets());
    for (std::size_t level = 0; level < ids.size(); ++level)
        EXPECT_EQ(common_bits(own, ids[level]), level);
    EXPECT_TRUE(table.stale(2001_s, 900_s, random.id<DhtId>()).empty());
}

TEST(DhtStore, LifetimeHalvesBeyondTheSeventhNearerNode) {
    EXPECT_EQ(dht_lifetime(0), 3600_s);
    EXPECT_EQ(dht_lifetime(7), 3600_s);
    EXPECT_EQ(dht_lifetime(8), 1800_s);
    EXPECT_EQ(dht_lifetime(10), 450_s);
    EXPECT_GT(dht_lifetime(20), 0);
}

Bytes signed_value(std::string_view text, std::uint32_t version, const PublicKey& key) {
    auto out = frame_signed_value(view_of(text), version, key.view());
    out.resize(out.size() + signature_bytes);
    return out;
}

TEST(DhtStore, ReplacesOrdersExpiresAndPages) {
    SeededRandom random(5);
    DhtStore store;
    const auto a = some_public_key(random), b = some_public_key(random);
    const DhtId key{sha1(b.view())};  // b owns this key
    const auto source = random.id<MemberId>();
    const auto put = [&](const Bytes& value) { return store.put(1_s, key, value, source, 100_s); };
    EXPECT_TRUE(put(signed_value("b1", 1, b)));
    EXPECT_TRUE(put(signed_value("a5", 5, a)));
    EXPECT_FALSE(put(signed_value("a4", 4, a)));
    EXPECT_TRUE(put(signed_value("a5 again", 5, a)));
    EXPECT_TRUE(put(encode_plain_value(view_of("plain"))));
    EXPECT_TRUE(put(encode_plain_value(view_of("plain"))));
    EXPECT_EQ(store.size(), 3u);
    const auto texts = [&](Nanoseconds now, std::size_t offset, std::size_t count) {
        std::string out;
        for (const auto value : store.get(now, key, offset, count))
            out += std::string(text_of(decode_dht_value(value)->data)) + ",";
        return out;
    };
    EXPECT_EQ(texts(2_s, 0, 8), "plain,a5 again,b1,");
    EXPECT_EQ(texts(2_s, 1, 1), "a5 again,");
    EXPECT_EQ(texts(2_s, 3, 8), "");
    EXPECT_EQ(texts(101_s, 0, 8), "");
    store.sweep(101_s);
    EXPECT_EQ(store.size(), 0u);
    EXPECT_EQ(store.keys(), 0u);
}

TEST(DhtStore, IsBoundedInTotalBySourceAndByKey) {
    SeededRandom random(6);
    DhtStore store;
    const auto value = [](std::uint32_t n) { return encode_plain_value(Writer().u32(n).peek()); };
    const auto one = random.id<MemberId>();
    std::size_t taken = 0;
    for (std::uint32_t n = 0; n < 1000; ++n)
        taken += store.put(1_s, random.id<DhtId>(), value(n), one, 100_s) ? 1u : 0u;
    EXPECT_EQ(taken, DhtStore::values_of_source_max);
    const auto key = random.id<DhtId>();
    taken = 0;
    for (std::uint32_t n = 0; n < 1000; ++n)
        taken += store.put(1_s, key, value(n), random.id<MemberId>(), 100_s) ? 1u : 0u;
    EXPECT_EQ(taken, DhtStore::values_of_key_max);
    for (std::uint32_t n = 0; n < 2 * DhtStore::values_max; ++n)
        store.put(1_s, random.id<DhtId>(), value(n), random.id<MemberId>(), 100_s);
    EXPECT_EQ(store.size(), DhtStore::values_max);
    store.sweep(1000_s);
    EXPECT_EQ(store.size(), 0u);
    EXPECT_TRUE(store.put(1_s, key, value(1), one, 100_s));
}

TEST(DhtLookup, AsksFourAtATimeAndTwentyFourInAll) {
    SeededRandom random(7);
    DhtLookup lookup(DhtPurpose::Find, random.id<DhtId>(), 1);
    std::size_t asked = 0;
    for (int round = 0; round < 100; ++round) {
        for (int i = 0; i < 8; ++i) {
            const auto node = some_node(random);
            lookup.offer({node.key, node.address}, std::nullopt);
        }
        std::size_t now = 0;
        while (auto* candidate = lookup.next()) {
            candidate->state = DhtLookup::Candidate::Answered;
            ++now;
        }
        EXPECT_LE(now, DhtLookup::parallel);
        asked += now;
        lookup.in_flight = 0;
    }
    EXPECT_EQ(asked, DhtLookup::nodes_total);
    EXPECT_TRUE(lookup.done());
}

}  // namespace
}  // namespace warren::protocol
