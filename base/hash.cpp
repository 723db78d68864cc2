#include "base/hash.h"

// SHA256() and its like look their algorithm up anew at each call, which costs more than the digest
// of a record.
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <bit>
#include <cstring>

namespace warren {

Sha1 sha1(ByteView bytes) {
    Sha1 out;
    SHA_CTX state;
    SHA1_Init(&state);
    SHA1_Update(&state, bytes.data(), bytes.size());
    SHA1_Final(out.data(), &state);
    return out;
}

Sha256 sha256(ByteView bytes) {
    Sha256 out;
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, bytes.data(), bytes.size());
    SHA256_Final(out.data(), &state);
    return out;
}

namespace {

std::uint64_t little_endian(const std::uint8_t* from, std::size_t count) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < count; ++i)
        out |= std::uint64_t{from[i]} << (8 * i);
    return out;
}

std::uint64_t little_endian_word(const std::uint8_t* from) {
    if constexpr (std::endian::native != std::endian::little) return little_endian(from, 8);
    std::uint64_t out = 0;
    std::memcpy(&out, from, 8);
    return out;
}

struct SipState {
    std::uint64_t v0, v1, v2, v3;

    explicit SipState(const std::array<std::uint8_t, 16>& key) {
        const std::uint64_t k0 = little_endian_word(key.data());
        const std::uint64_t k1 = little_endian_word(key.data() + 8);
        v0 = k0 ^ 0x736f6d6570736575u;
        v1 = k1 ^ 0x646f72616e646f6du;
        v2 = k0 ^ 0x6c7967656e657261u;
        v3 = k1 ^ 0x7465646279746573u;
    }

    void rounds(int count) {
        for (int i = 0; i < count; ++i) {
            v0 += v1;
            v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0;
            v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1;
            v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2;
            v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }
    }
    void absorb(std::uint64_t word) {
        v3 ^= word;
        rounds(2);
        v0 ^= word;
    }
    void absorb_all(ByteView bytes) {
        const std::size_t whole = bytes.size() / 8 * 8;
        for (std::size_t i = 0; i < whole; i += 8)
            absorb(little_endian_word(&bytes[i]));
        absorb(little_endian(bytes.data() + whole, bytes.size() - whole) |
               std::uint64_t{bytes.size()} << 56);
    }
    std::uint64_t word() const { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

std::uint64_t siphash(const std::array<std::uint8_t, 16>& key, ByteView bytes) {
    SipState state(key);
    state.absorb_all(bytes);
    state.v2 ^= 0xff;
    state.rounds(4);
    return state.word();
}

std::pair<std::uint64_t, std::uint64_t> siphash128(const std::array<std::uint8_t, 16>& key,
                                                   ByteView bytes) {
    SipState state(key);
    state.v1 ^= 0xee;
    state.absorb_all(bytes);
    state.v2 ^= 0xee;
    state.rounds(4);
    auto first = state.word();
    state.v1 ^= 0xdd;
    state.rounds(4);
    return {first, state.word()};
}

bool equal_constant_time(ByteView a, ByteView b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace warren
