// Every vector of the DHT, both ways: node ids, distances, values, tokens, messages.
#include <algorithm>

#include "protocol/dht_messages.h"
#include "tests/unit/protocol/vectors.h"

namespace warren::protocol {
namespace {

void check_node_id(const Json& vector) {
    const auto id = dht_node_id(endpoint(vector.at("address")), id_of<MemberId>(vector.at("mid")));
    EXPECT_EQ(id.hex(), vector.at("node_id").get<std::string>());
}

void check_closest(const Json& vector) {
    const auto target = id_of<DhtId>(vector.at("target"));
    std::vector<DhtId> ids;
    for (const auto& text : vector.at("node_ids"))
        ids.push_back(id_of<DhtId>(text));
    std::ranges::sort(ids, [&](const auto& a, const auto& b) { return nearer(target, a, b); });
    const auto& expected = vector.at("closest_by_distance");
    ASSERT_LE(expected.size(), ids.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(ids[i].hex(), expected.at(i).get<std::string>());
}

void check_value(const Json& vector) {
    const auto encoded = hex(vector.at("encoded"));
    const auto got = decode_dht_value(encoded);
    if (vector.value("expect", "") == "reject") {
        const bool believed =
            got.ok() &&
            (!got->is_signed() || verifies(got->public_key, got->signed_bytes, got->signature));
        EXPECT_FALSE(believed);
        return;
    }
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(to_hex(got->data), vector.at("data").get<std::string>());
    EXPECT_EQ(got->is_signed(), vector.at("signed").get<bool>());
    if (!got->is_signed()) {
        EXPECT_EQ(to_hex(encode_plain_value(got->data)), to_hex(encoded));
        return;
    }
    EXPECT_EQ(got->version, vector.at("version").get<std::uint32_t>());
    EXPECT_TRUE(verifies(got->public_key, got->signed_bytes, got->signature));
    auto again = frame_signed_value(got->data, got->version, got->public_key);
    append(again, sign_as(hex(vector.at("signer").at("secret")), again));
    EXPECT_EQ(to_hex(again), to_hex(encoded));
    EXPECT_LE(encoded.size(), dht_value_bytes_max);
}

void check_token(const Json& vector) {
    DhtSecret secret{};
    std::ranges::copy(hex(vector.at("secret")), secret.begin());
    const auto token =
        make_dht_token(endpoint(vector.at("address")), id_of<MemberId>(vector.at("mid")), secret);
    EXPECT_EQ(token.hex(), vector.at("token").get<std::string>());
}

void check_introduction_point(const Json& vector) {
    const auto encoded = hex(vector.at("encoded"));
    const auto got = decode_dht_introduction_point(encoded);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->address, endpoint(vector.at("address")));
    EXPECT_EQ(got->last_seen_s, vector.at("last_seen").get<std::uint32_t>());
    EXPECT_EQ(to_hex(got->introduction_key), vector.at("intro_key_stripped").get<std::string>());
    EXPECT_EQ(to_hex(got->seeder_key), vector.at("seeder_key_stripped").get<std::string>());
    EXPECT_EQ(to_hex(encode(*got)), to_hex(encoded));
    EXPECT_EQ(to_hex(encode_plain_value(encoded)), vector.at("stored_value").get<std::string>());
}

std::string field(const Json& fields, const char* name) {
    return fields.at(name).at("hex").get<std::string>();
}

void check_values(const Json& fields, const std::vector<ByteView>& values) {
    ASSERT_EQ(values.size(), fields.at("values").size());
    for (std::size_t i = 0; i < values.size(); ++i)
        EXPECT_EQ(to_hex(values[i]), fields.at("values").at(i).at("hex").get<std::string>());
}

void check_nodes(const Json& fields, const std::vector<DhtNodeEntry>& nodes) {
    ASSERT_EQ(nodes.size(), fields.at("nodes").size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const auto& node = fields.at("nodes").at(i);
        EXPECT_EQ(nodes[i].address, endpoint(node.at("address")));
        EXPECT_EQ(to_hex(nodes[i].public_key), node.at("public").get<std::string>());
    }
}

template <typename Message, typename Check>
Bytes again(const Json& fields, const Result<Message>& got, Check&& check) {
    EXPECT_TRUE(got.ok());
    if (!got.ok()) return {};
    EXPECT_EQ(got->identifier, fields.at("identifier").get<std::uint32_t>());
    check(*got);
    return encode(*got);
}

Bytes message_again(const Json& fields, ByteView payload, std::uint8_t id) {
    switch (static_cast<DhtMessage>(id)) {
    case DhtMessage::PingRequest:
    case DhtMessage::PingResponse:
    case DhtMessage::StoreResponse:
    case DhtMessage::StorePeerResponse: {
        const auto got = decode_dht_identifier(payload);
        EXPECT_TRUE(got.ok());
        if (!got.ok()) return {};
        EXPECT_EQ(*got, fields.at("identifier").get<std::uint32_t>());
        return encode_dht_identifier(*got);
    }
    case DhtMessage::StoreRequest:
        return again(fields, decode_dht_store_request(payload), [&](const auto& got) {
            EXPECT_EQ(got.token.hex(), field(fields, "token"));
            EXPECT_EQ(got.target.hex(), field(fields, "target"));
            check_values(fields, got.values);
        });
    case DhtMessage::FindRequest:
        return again(fields, decode_dht_find_request(payload), [&](const auto& got) {
            EXPECT_EQ(got.lan, endpoint(fields.at("lan_address")));
            EXPECT_EQ(got.target.hex(), field(fields, "target"));
            EXPECT_EQ(got.offset, fields.at("offset").template get<std::uint32_t>());
            EXPECT_EQ(got.force_nodes, fields.at("force_nodes").template get<bool>());
        });
    case DhtMessage::FindResponse:
        return again(fields, decode_dht_find_response(payload), [&](const auto& got) {
            EXPECT_EQ(got.token.hex(), field(fields, "token"));
            check_values(fields, got.values);
            check_nodes(fields, got.nodes);
        });
    case DhtMessage::StorePeerRequest:
        return again(fields, decode_dht_store_peer_request(payload), [&](const auto& got) {
            EXPECT_EQ(got.token.hex(), field(fields, "token"));
            EXPECT_EQ(got.target.hex(), field(fields, "target"));
        });
    case DhtMessage::ConnectPeerRequest:
        return again(fields, decode_dht_connect_peer_request(payload), [&](const auto& got) {
            EXPECT_EQ(got.lan, endpoint(fields.at("lan_address")));
            EXPECT_EQ(got.target.hex(), field(fields, "target"));
        });
    case DhtMessage::ConnectPeerResponse:
        return again(fields, decode_dht_connect_peer_response(payload),
                     [&](const auto& got) { check_nodes(fields, got.nodes); });
    }
    ADD_FAILURE() << "no decoder for message " << static_cast<int>(id);
    return {};
}

TEST(DhtVectors, BothDirections) {
    for (const auto& vector : load_vectors("dht.json")) {
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const auto type = vector.at("type").get<std::string>();
        if (type == "node-id") {
            check_node_id(vector);
        } else if (type == "closest-nodes") {
            check_closest(vector);
        } else if (type == "dht-value") {
            check_value(vector);
        } else if (type == "dht-token") {
            check_token(vector);
        } else if (type == "dht-intro-point") {
            check_introduction_point(vector);
        } else {
            ASSERT_TRUE(vector.contains("packet")) << "no decoder for " << type;
            check_packet(vector, [&](ByteView payload, std::uint8_t id) {
                return message_again(vector.at("fields"), payload, id);
            });
        }
    }
}

}  // namespace
}  // namespace warren::protocol
