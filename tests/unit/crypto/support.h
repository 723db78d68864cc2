// What the tests of crypto share: a fixed key and a folder.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "protocol/record.h"
#include "workers/crypto/ed25519.h"
#include "workers/crypto/sign/signing_key.h"

namespace warren::crypto {

inline std::string key_text(char filling) {
    return "LibNaCLSK:" + std::string(64, filling);
}

inline SigningKey fixed_key(char filling) {
    EXPECT_TRUE(start_sodium());
    auto key = SigningKey::from_bytes(view_of(key_text(filling)));
    EXPECT_TRUE(key.ok());
    return std::move(*key);
}

inline Bytes record_by(const SigningKey& key, const CommunityId& community,
                       protocol::RecordKind kind = protocol::RecordKind::Torrent) {
    protocol::RecordDraft draft;
    draft.community = community;
    draft.kind = kind;
    draft.author = key.public_key();
    draft.time = 7;
    const Bytes payload(40, 1);
    draft.payload = payload;
    return protocol::encode_unsigned(draft);
}

// Of two members; not signed by either.
inline Bytes pair_by(const SigningKey& first, const SigningKey& second,
                     const CommunityId& community) {
    static const Bytes payload = protocol::encode(protocol::Agreement{"we two"});
    protocol::RecordDraft draft;
    draft.community = community;
    draft.kind = protocol::RecordKind::Agreement;
    draft.author = first.public_key();
    draft.time = 7;
    draft.payload = payload;
    draft.second = second.public_key();
    return protocol::encode_unsigned(draft);
}

inline Bytes signed_by(const SigningKey& key, Bytes bytes) {
    const auto signature = key.sign(bytes);
    append(bytes, signature.view());
    return bytes;
}

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "warren-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string path(const std::string& name) const { return path_ + "/" + name; }
    std::string write(const std::string& name, const std::string& content, mode_t mode) const {
        std::ofstream(path(name), std::ios::binary) << content;
        EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
        return path(name);
    }

private:
    std::string path_;
};

}  // namespace warren::crypto
