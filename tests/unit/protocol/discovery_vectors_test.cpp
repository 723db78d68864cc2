// Every vector of the DiscoveryCommunity's messages, both ways.
#include "protocol/discovery_messages.h"
#include "tests/unit/protocol/vectors.h"

namespace warren::protocol {
namespace {

std::vector<CommunityId> communities(const Json& list) {
    std::vector<CommunityId> out;
    for (const auto& item : list)
        out.push_back(id_of<CommunityId>(item.at("hex")));
    return out;
}

Bytes check_similarity_request(const Json& fields, ByteView payload) {
    const auto got = decode_similarity_request(payload);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->identifier, fields.at("identifier").get<int>());
    EXPECT_EQ(got->lan, endpoint(fields.at("lan_address")));
    EXPECT_EQ(got->wan, endpoint(fields.at("wan_address")));
    EXPECT_EQ(got->connection, connection(fields));
    EXPECT_EQ(got->communities, communities(fields.at("preference_list")));
    return encode(*got);
}

Bytes check_similarity_response(const Json& fields, ByteView payload) {
    const auto got = decode_similarity_response(payload);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->identifier, fields.at("identifier").get<int>());
    EXPECT_EQ(got->communities, communities(fields.at("preference_list")));
    std::vector<SimilarityResponse::Overlap> overlaps;
    for (const auto& pair : fields.at("tb_overlap"))
        overlaps.push_back({id_of<MemberId>(pair.at(0).at("hex")), pair.at(1)});
    EXPECT_EQ(got->overlaps, overlaps);
    return encode(*got);
}

Bytes check_ping(const Json& fields, ByteView payload) {
    const auto got = decode_ping(payload);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(*got, fields.at("identifier").get<int>());
    return encode_ping(*got);
}

Bytes check_introduction(const Json& vector, ByteView payload) {
    const auto& fields = vector.at("fields");
    const auto got = decode_discovery_introduction_request(payload);
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    const auto& request = got->request;
    EXPECT_EQ(request.destination, endpoint(fields.at("destination_address")));
    EXPECT_EQ(request.source_lan, endpoint(fields.at("source_lan_address")));
    EXPECT_EQ(request.source_wan, endpoint(fields.at("source_wan_address")));
    EXPECT_EQ(request.identifier, fields.at("identifier").get<int>());
    EXPECT_EQ(request.connection, connection(fields));
    EXPECT_EQ(to_hex(request.extra), fields.at("extra_bytes").at("hex").get<std::string>());
    const bool wish = fields.contains("introduce_to");
    EXPECT_EQ(got->wanted.has_value(), wish);
    if (got->wanted && wish) {
        EXPECT_EQ(got->wanted->hex(), fields.at("introduce_to").at("hex").get<std::string>());
    }
    return encode(*got);
}

TEST(DiscoveryVectors, BothDirections) {
    for (const auto& vector : load_vectors("messages_discovery.json")) {
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const auto type = vector.at("type").get<std::string>();
        const auto& fields = vector.at("fields");
        check_packet(vector, [&](ByteView payload, std::uint8_t) -> Bytes {
            if (type == "similarity-request") return check_similarity_request(fields, payload);
            if (type == "similarity-response") return check_similarity_response(fields, payload);
            if (type == "discovery-ping" || type == "discovery-pong")
                return check_ping(fields, payload);
            if (type.ends_with("introduction-request")) return check_introduction(vector, payload);
            ADD_FAILURE() << "no decoder for " << type;
            return {};
        });
        if (vector.contains("request")) {
            // A pong bears the identifier of its ping.
            const auto ping = hex(vector.at("request"));
            EXPECT_EQ(to_hex(ByteView(ping).last(2)), vector.at("payload").get<std::string>());
        }
    }
}

}  // namespace
}  // namespace warren::protocol
