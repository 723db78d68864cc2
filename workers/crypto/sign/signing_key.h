// The node's private key: its file (threat model R-K1, R-K3) and its place in memory (R-K2).
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "protocol/ipv8.h"

namespace warren::crypto {

class SigningKey {
public:
    static constexpr std::size_t file_bytes = 74;  // tag, X25519 secret, Ed25519 seed

    // Refuses what is not a regular file of ours that only we can read.
    static Result<SigningKey> open(const std::string& path);
    // Makes a new key; the file must not exist. Synced, with its directory, before it is used.
    static Result<SigningKey> create(const std::string& path);
    // From the 74 bytes, which the caller wipes.
    static Result<SigningKey> from_bytes(ByteView bytes);
    // Carries an identity over: what `from` holds until its end becomes the file, which must not
    // exist. Says exactly what is wrong with bytes that are no such key.
    static Result<SigningKey> take_over(const std::string& path, int from);
    // Writes the 74 bytes of the file to `to`.
    static Result<void> export_file(const std::string& path, int to);

    const protocol::PublicKey& public_key() const { return public_key_; }
    protocol::Signature sign(ByteView bytes) const;

private:
    struct Wipe {
        void operator()(std::uint8_t* memory) const;
    };
    using Secret = std::unique_ptr<std::uint8_t[], Wipe>;  // guarded, locked, not in cores
    static Result<Secret> secret(std::size_t bytes);
    static Result<Secret> read_file(const std::string& path);

    SigningKey(Secret key, const protocol::PublicKey& public_key)
        : key_(std::move(key)), public_key_(public_key) {}

    Secret key_;  // libsodium's 64 bytes: seed and public half
    protocol::PublicKey public_key_;
};

}  // namespace warren::crypto
