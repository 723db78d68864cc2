// Codecs of searches and swarm counts: one form, strict bounds.
#include "protocol/overlay_query_messages.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace warren::protocol {
namespace {

std::vector<CommunityId> communities(std::size_t count) {
    SeededRandom random(1);
    std::vector<CommunityId> out;
    for (std::size_t i = 0; i < count; ++i)
        out.push_back(random.id<CommunityId>());
    return out;
}

TEST(QueryMessages, AQueryHasOneFormAndFitsADatagram) {
    const std::string longest(query_text_bytes_max, 'x');
    const Query query{7, query_limit_max, communities(query_communities_max), longest};
    const auto bytes = encode(query);
    EXPECT_LE(bytes.size() + prefix_bytes + 1, overlay_datagram_bytes);
    const auto back = decode_query(bytes);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->id, 7u);
    EXPECT_EQ(back->communities, query.communities);
    EXPECT_EQ(back->text, longest);
    EXPECT_EQ(encode(*back), bytes);
    EXPECT_TRUE(decode_query(encode(Query{1, 1, {}, "a"})).ok());
}

TEST(QueryMessages, AQueryOutOfBoundsIsRefused) {
    const std::string too_long(query_text_bytes_max + 1, 'x');
    EXPECT_FALSE(decode_query(encode(Query{1, 1, {}, ""})).ok());
    EXPECT_FALSE(decode_query(encode(Query{1, 1, {}, too_long})).ok());
    EXPECT_FALSE(decode_query(encode(Query{1, 0, {}, "a"})).ok());
    EXPECT_FALSE(decode_query(encode(Query{1, query_limit_max + 1, {}, "a"})).ok());
    EXPECT_FALSE(decode_query(encode(Query{1, 1, {}, "\xff"})).ok()) << "not UTF-8";
    EXPECT_FALSE(
        decode_query(encode(Query{1, 1, communities(query_communities_max + 1), "a"})).ok());
    auto bytes = encode(Query{1, 1, communities(2), "a"});
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_query(ByteView(bytes).first(size)).ok()) << size;
    bytes[0] = overlay_version + 1;
    EXPECT_FALSE(decode_query(bytes).ok());
}

TEST(QueryMessages, SwarmCountsKeepToTheirBounds) {
    SeededRandom random(2);
    SwarmCounts message;
    for (std::size_t i = 0; i < swarm_counts_max; ++i)
        message.swarms.push_back(
            {random.id<Infohash>(), swarm_members_max, swarm_members_max, swarm_age_s_max});
    const auto bytes = encode(message);
    EXPECT_LE(bytes.size() + prefix_bytes + 1, overlay_datagram_bytes);
    const auto back = decode_swarm_counts(bytes);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->swarms, message.swarms);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_swarm_counts(ByteView(bytes).first(size)).ok()) << size;
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_swarm_counts(longer).ok());

    const auto refused = [&](SwarmCount swarm) {
        swarm.infohash = random.id<Infohash>();
        return !decode_swarm_counts(encode(SwarmCounts{{swarm}})).ok();
    };
    EXPECT_FALSE(refused({{}, 1, 0, 0}));
    EXPECT_TRUE(refused({{}, 0, 5, 0})) << "not alive";
    EXPECT_TRUE(refused({{}, swarm_members_max + 1, 0, 0}));
    EXPECT_TRUE(refused({{}, 1, swarm_members_max + 1, 0}));
    EXPECT_TRUE(refused({{}, 1, 0, swarm_age_s_max + 1}));
    EXPECT_TRUE(!decode_swarm_counts(encode(SwarmCounts{})).ok());
    message.swarms.push_back(message.swarms.front());
    EXPECT_FALSE(decode_swarm_counts(encode(message)).ok()) << "eleven";
}

}  // namespace
}  // namespace warren::protocol
