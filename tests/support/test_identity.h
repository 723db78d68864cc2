// Identities for tests: an IPv8 LibNaCL key pair from a seed, and records signed with it. Links
// libsodium.
#pragma once

#include <sodium.h>

#include <cstring>
#include <string>

#include "base/check.h"
#include "base/random.h"
#include "protocol/record.h"

namespace warren::test {

class TestIdentity {
public:
    explicit TestIdentity(std::uint64_t seed) {
        WARREN_CHECK(sodium_init() >= 0);
        SeededRandom random(seed);
        std::array<std::uint8_t, 32> exchange_secret{}, exchange_public{}, signing_seed{},
            sign_public{};
        random.fill(exchange_secret);
        random.fill(signing_seed);
        crypto_scalarmult_base(exchange_public.data(), exchange_secret.data());
        crypto_sign_seed_keypair(sign_public.data(), secret_.data(), signing_seed.data());
        constexpr std::string_view tag = "LibNaCLPK:";
        std::memcpy(key_.bytes.data(), tag.data(), tag.size());
        std::memcpy(key_.bytes.data() + 10, exchange_public.data(), 32);
        std::memcpy(key_.bytes.data() + 42, sign_public.data(), 32);
    }

    const protocol::PublicKey& public_key() const { return key_; }

    protocol::Signature sign(ByteView bytes) const {
        protocol::Signature out;
        crypto_sign_detached(out.bytes.data(), nullptr, bytes.data(), bytes.size(), secret_.data());
        return out;
    }
    // The bytes followed by their signature.
    Bytes signed_packet(Bytes bytes) const {
        auto signature = sign(bytes);
        append(bytes, signature.view());
        return bytes;
    }
    Bytes record(const CommunityId& community, protocol::RecordKind kind, GlobalTime time,
                 const RecordRef& prev, ByteView payload) const {
        return signed_packet(
            protocol::encode_unsigned({community, kind, key_, time, prev, payload}));
    }

private:
    protocol::PublicKey key_;
    std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret_{};
};

// A channel of an identity: its id, and its records with a running predecessor.
class TestChannel {
public:
    TestChannel(const TestIdentity& founder, std::uint64_t seed)
        : founder_(founder), nonce_(SeededRandom(seed).id<protocol::Nonce>()),
          community_(protocol::channel_community(founder.public_key(), nonce_)) {}

    const CommunityId& community() const { return community_; }
    const protocol::Nonce& nonce() const { return nonce_; }
    const RecordRef& head() const { return head_; }

    Bytes genesis(const std::string& name, const std::string& description = "") {
        return next(protocol::RecordKind::ChannelGenesis,
                    protocol::encode(protocol::ChannelGenesis{nonce_, name, description}));
    }
    Bytes torrent(const std::string& name, const std::vector<std::string>& file_names = {},
                  const std::string& tags = "") {
        protocol::TorrentEntry entry;
        SeededRandom random(std::hash<std::string>{}(name));
        entry.infohash = random.id<Infohash>();
        entry.size = 1'000'000;
        entry.created_s = 1'700'000'000 + head_.time;
        entry.files = static_cast<std::uint32_t>(file_names.size());
        entry.name = name;
        entry.tags = tags;
        entry.file_names = file_names;
        return next(protocol::RecordKind::Torrent, protocol::encode(entry));
    }
    // For the directory community; not part of the channel's own line of records.
    Bytes announcement(const std::string& name, GlobalTime time) const {
        return founder_.record(
            protocol::directory_community(), protocol::RecordKind::ChannelAnnounced, time, {},
            protocol::encode(protocol::ChannelAnnounced{community_, nonce_, name}));
    }

private:
    Bytes next(protocol::RecordKind kind, const Bytes& payload) {
        auto packet = founder_.record(community_, kind, head_.time + 1, head_, payload);
        auto record = protocol::decode_record(packet);
        WARREN_CHECK(record.ok());
        head_ = record->ref();
        return packet;
    }

    const TestIdentity& founder_;
    protocol::Nonce nonce_;
    CommunityId community_;
    RecordRef head_;
};

}  // namespace warren::test
