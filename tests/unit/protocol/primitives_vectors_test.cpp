// Every wire format of the shared vectors, both ways: bytes to value and value to bytes.
#include <arpa/inet.h>

#include <bit>

#include "protocol/dht_messages.h"
#include "protocol/wire.h"
#include "tests/unit/protocol/vectors.h"

namespace warren::protocol {
namespace {

Json hex_value(ByteView bytes) {
    return {{"hex", to_hex(bytes)}};
}

Bytes bytes_of(const Json& value) {
    return hex(value.at("hex"));
}

Json address_value(const Endpoint& from) {
    std::array<char, INET6_ADDRSTRLEN> host{};
    inet_ntop(from.v6 ? AF_INET6 : AF_INET, from.address.data(), host.data(), host.size());
    return Json::array({host.data(), from.port});
}

// ---- one letter of a format like QQHHBH
Json read_letter(char letter, Reader& in) {
    switch (letter) {
    case '?': return in.u8() != 0;
    case 'B': return in.u8();
    case 'H': return in.u16();
    case 'I':
    case 'L': return in.u32();
    case 'Q': return in.u64();
    case 'l': return static_cast<std::int32_t>(in.u32());
    case 'q': return static_cast<std::int64_t>(in.u64());
    case 'f': return std::bit_cast<float>(in.u32());
    case 'd': return std::bit_cast<double>(in.u64());
    case 'c': return hex_value(in.take(1));
    default: ADD_FAILURE() << "format letter " << letter; return {};
    }
}

void put_letter(char letter, const Json& value, Writer& to) {
    switch (letter) {
    case '?': return void(to.u8(value.get<bool>() ? 1 : 0));
    case 'B': return void(to.u8(value.get<std::uint8_t>()));
    case 'H': return void(to.u16(value.get<std::uint16_t>()));
    case 'I':
    case 'L': return void(to.u32(value.get<std::uint32_t>()));
    case 'Q': return void(to.u64(value.get<std::uint64_t>()));
    case 'l': return void(to.u32(static_cast<std::uint32_t>(value.get<std::int32_t>())));
    case 'q': return void(to.u64(static_cast<std::uint64_t>(value.get<std::int64_t>())));
    case 'f': return void(to.u32(std::bit_cast<std::uint32_t>(value.get<float>())));
    case 'd': return void(to.u64(std::bit_cast<std::uint64_t>(value.get<double>())));
    case 'c': return void(to.bytes(bytes_of(value)));
    default: ADD_FAILURE() << "format letter " << letter;
    }
}

// "4SH" and "c20s" have digits: cut into pieces of a letter or a count of bytes.
struct Piece {
    char letter = 0;
    std::size_t bytes = 0;
};
std::vector<Piece> pieces(const std::string& format) {
    std::vector<Piece> out;
    std::size_t count = 0;
    for (const char letter : format) {
        if (std::isdigit(static_cast<unsigned char>(letter)) != 0) {
            count = count * 10 + static_cast<std::size_t>(letter - '0');
            continue;
        }
        out.push_back({letter, count});
        count = 0;
    }
    return out;
}

Json read_pieces(const std::string& format, Reader& in) {
    Json out = Json::array();
    for (const auto& piece : pieces(format))
        out.push_back(piece.bytes > 0 ? hex_value(in.take(piece.bytes))
                                      : read_letter(piece.letter, in));
    return out.size() == 1 ? out.at(0) : out;
}

void put_pieces(const std::string& format, const Json& value, Writer& to) {
    const auto all = pieces(format);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& one = all.size() == 1 ? value : value.at(i);
        if (all[i].bytes > 0)
            to.bytes(bytes_of(one));
        else
            put_letter(all[i].letter, one, to);
    }
}

// ---- the named formats
Json read_flags(Reader& in) {
    Json out = Json::array();
    const auto word = in.u16();
    for (unsigned bit = 0; bit < 16; ++bit)
        if ((word >> bit & 1u) != 0) out.push_back(1u << bit);
    return out;
}

Json read_payload(ByteView bytes) {
    Reader in(bytes);
    Json out;
    out["a_H"] = in.u16();
    out["b_varlenH"] = hex_value(read_varlen_h(in));
    EXPECT_TRUE(in.done());
    return out;
}

Bytes payload_bytes(const Json& value) {
    Writer to;
    to.u16(value.at("a_H").get<std::uint16_t>());
    put_varlen_h(to, bytes_of(value.at("b_varlenH")));
    return to.take();
}

// Host byte order, which is little-endian wherever these were met; no message has them.
Json read_array(char letter, Reader& in) {
    const auto number = [&](std::size_t bytes) {
        std::uint64_t out = 0;
        for (std::size_t i = 0; i < bytes; ++i)
            out |= std::uint64_t{in.u8()} << (8 * i);
        return out;
    };
    Json out = Json::array();
    for (auto count = number(2); count > 0; --count) {
        if (letter == '?') out.push_back(number(1) != 0);
        if (letter == 'q') out.push_back(static_cast<std::int64_t>(number(8)));
        if (letter == 'd') out.push_back(std::bit_cast<double>(number(8)));
    }
    return out;
}

void put_array(char letter, const Json& value, Writer& to) {
    const auto number = [&](std::uint64_t what, std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; ++i)
            to.u8(static_cast<std::uint8_t>(what >> (8 * i)));
    };
    number(value.size(), 2);
    for (const auto& item : value) {
        if (letter == '?') number(item.get<bool>() ? 1 : 0, 1);
        if (letter == 'q') number(static_cast<std::uint64_t>(item.get<std::int64_t>()), 8);
        if (letter == 'd') number(std::bit_cast<std::uint64_t>(item.get<double>()), 8);
    }
}

// A node list by way of the message that is little more than one.
Json read_node_list(Reader& in) {
    const auto body = Writer().u32(0).bytes(in.rest()).take();
    const auto message = decode_dht_connect_peer_response(body);
    if (!message.ok()) {
        in.fail();
        return {};
    }
    Json out = Json::array();
    for (const auto& node : message->nodes)
        out.push_back(
            {{"address", address_value(node.address)}, {"public", hex_value(node.public_key)}});
    return out;
}

Bytes node_list_bytes(const Json& value) {
    DhtConnectPeerResponse message;
    std::vector<Bytes> keys;
    for (const auto& node : value)
        keys.push_back(bytes_of(node.at("public")));
    for (std::size_t i = 0; i < keys.size(); ++i)
        message.nodes.push_back({endpoint(value.at(i).at("address")), keys[i]});
    const auto body = encode(message);
    return {body.begin() + 4, body.end()};
}

Json read_address_value(Reader& in) {
    const auto address = read_address(in);
    if (const auto* at = std::get_if<Endpoint>(&address)) return address_value(*at);
    const auto& host = std::get<HostName>(address);
    return Json::array({host.name, host.port});
}

Address to_address(const Json& value, const std::string& host) {
    const bool name = host.find_first_not_of("0123456789abcdef.:") != std::string::npos;
    if (name) return HostName{host, value.at(1).get<std::uint16_t>()};
    return endpoint(value);
}

Json read_format(const std::string& format, Reader& in) {
    if (format == "bits") {
        Json out = Json::array();
        for (const bool bit : read_bits(in))
            out.push_back(bit ? 1 : 0);
        return out;
    }
    if (format == "ipv4") return address_value(read_ipv4(in));
    if (format == "ip_address") return address_value(read_ip_address(in));
    if (format == "address") return read_address_value(in);
    if (format == "raw") return hex_value(in.rest());
    if (format == "varlenH" || format == "doublevarlenH") return hex_value(read_varlen_h(in));
    if (format == "varlenI") return hex_value(read_varlen_i(in));
    if (format == "varlenBx2") return hex_value(read_varlen_bx2(in));
    if (format == "varlenHx20") return hex_value(read_varlen_hx20(in));
    if (format == "varlenHutf8") return read_varlen_h_utf8(in);
    if (format == "varlenIutf8") return read_varlen_i_utf8(in);
    if (format == "varlenH-list" || format == "payload-list") {
        Json out = Json::array();
        for (const auto item : read_varlen_h_list(in))
            out.push_back(format == "payload-list" ? read_payload(item) : hex_value(item));
        return out;
    }
    if (format == "payload") return read_payload(read_varlen_h(in));
    if (format == "flags") return read_flags(in);
    if (format == "node-list") return read_node_list(in);
    if (format.starts_with("arrayH-")) return read_array(format.back(), in);
    return read_pieces(format, in);
}

void put_list(const std::string& format, const Json& value, Writer& to) {
    std::vector<Bytes> items;
    for (const auto& item : value)
        items.push_back(format == "payload-list" ? payload_bytes(item) : bytes_of(item));
    put_varlen_h_list(to, {items.begin(), items.end()});
}

void put_format(const std::string& format, const Json& value, Writer& to) {
    if (format == "bits") {
        Bits bits{};
        for (std::size_t i = 0; i < bits.size(); ++i)
            bits[i] = value.at(i).get<int>() != 0;
        return put_bits(to, bits);
    }
    if (format == "ipv4") return put_ipv4(to, endpoint(value));
    if (format == "ip_address") return put_ip_address(to, endpoint(value));
    if (format == "address") {
        const auto host = value.at(0).get<std::string>();
        return put_address(to, to_address(value, host));
    }
    if (format == "raw") return void(to.bytes(bytes_of(value)));
    if (format == "varlenH" || format == "doublevarlenH") return put_varlen_h(to, bytes_of(value));
    if (format == "varlenI") return put_varlen_i(to, bytes_of(value));
    if (format == "varlenBx2") return put_varlen_bx2(to, bytes_of(value));
    if (format == "varlenHx20") return put_varlen_hx20(to, bytes_of(value));
    if (format == "varlenHutf8") return put_varlen_h(to, view_of(value.get<std::string>()));
    if (format == "varlenIutf8") return put_varlen_i(to, view_of(value.get<std::string>()));
    if (format == "varlenH-list" || format == "payload-list") return put_list(format, value, to);
    if (format == "payload") return put_varlen_h(to, payload_bytes(value));
    if (format == "flags") {
        unsigned word = 0;
        for (const auto& flag : value)
            word |= flag.get<unsigned>();
        return void(to.u16(static_cast<std::uint16_t>(word)));
    }
    if (format == "node-list") return void(to.bytes(node_list_bytes(value)));
    if (format.starts_with("arrayH-")) return put_array(format.back(), value, to);
    put_pieces(format, value, to);
}

TEST(PrimitivesVectors, BothDirections) {
    int accepted = 0, refused = 0;
    for (const auto& vector : load_vectors("primitives.json")) {
        SCOPED_TRACE(vector.at("id").get<std::string>());
        const auto format = vector.at("format").get<std::string>();
        const auto encoded = hex(vector.at("encoded"));
        Reader in(encoded);
        const auto value = read_format(format, in);
        // "lenient": others hand over what is there of a string that was cut; we refuse it.
        if (vector.contains("expect")) {
            EXPECT_FALSE(in.ok());
            ++refused;
            continue;
        }
        EXPECT_TRUE(in.done());
        EXPECT_EQ(value, vector.at("value"));
        Writer to;
        put_format(format, vector.at("value"), to);
        EXPECT_EQ(to_hex(to.peek()), to_hex(encoded));
        ++accepted;
    }
    EXPECT_EQ(accepted, 77);
    EXPECT_EQ(refused, 6);
}

TEST(Primitives, CutAnywhereIsRefusedNotRead) {
    for (const auto& vector : load_vectors("primitives.json")) {
        const auto format = vector.at("format").get<std::string>();
        if (vector.contains("expect") || format == "raw") continue;
        const auto encoded = hex(vector.at("encoded"));
        for (std::size_t length = 0; length < encoded.size(); ++length) {
            if (format == "payload") continue;  // its inner length is checked above
            Reader in(ByteView(encoded).first(length));
            const auto value = read_format(format, in);
            EXPECT_FALSE(in.ok()) << vector.at("id") << " cut to " << length;
        }
    }
}

TEST(Primitives, MappedAddressesBecomePlain) {
    const auto mapped = Endpoint::parse("[::ffff:1.2.3.4]:9").value();
    EXPECT_EQ(unmapped(mapped), Endpoint::ipv4(1, 2, 3, 4, 9));
    const auto plain = Endpoint::parse("[2001:db8::1]:9").value();
    EXPECT_EQ(unmapped(plain), plain);
}

}  // namespace
}  // namespace warren::protocol
