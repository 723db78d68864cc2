// Identities carried over: every key of the shared vectors goes in and comes out as it was;
// whatever is no such key is refused with its reason, and nothing is left behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/crypto/support.h"
#include "workers/crypto/sign/identity_tool.h"

namespace warren::crypto {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json key_vectors() {
    std::ifstream in(std::string(WARREN_IPV8_VECTORS) + "/keys.json");
    return json::parse(in).at("vectors");
}

std::string bytes_of(const json& hex) {
    return std::string(text_of(*from_hex(hex.get<std::string>())));
}

std::string read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Said {
    int code = 0;
    std::string errors;
};
Said run(std::vector<std::string> words) {
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    Said out;
    out.code = run_identity_tool(words);
    testing::internal::GetCapturedStdout();
    out.errors = testing::internal::GetCapturedStderr();
    return out;
}

TEST(IdentityTool, EveryKeyOfTheVectorsCarriesOver) {
    std::size_t keys = 0;
    for (const auto& row : key_vectors()) {
        if (row.at("type") != "curve25519") continue;
        const Folder folder;
        const auto secret = bytes_of(row.at("secret"));
        const auto from = folder.write("tribler.pem", secret, 0600);
        const auto key_file = folder.path("state/keys/node.key");
        ASSERT_EQ(run({"import", key_file, from}).code, 0) << row.at("id");
        const auto key = SigningKey::open(key_file);
        ASSERT_TRUE(key.ok()) << row.at("id");
        EXPECT_EQ(to_hex(key->public_key().view()), row.at("public")) << row.at("id");
        EXPECT_EQ(protocol::member_id(key->public_key().view()).hex(), row.at("mid"));
        const auto to = folder.path("exported");
        ASSERT_EQ(run({"export", key_file, to}).code, 0) << row.at("id");
        EXPECT_EQ(read_all(to), secret) << row.at("id");
        struct stat facts = {};
        ASSERT_EQ(::stat(to.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 07777, 0600u);
        ++keys;
    }
    EXPECT_GE(keys, 14u);
}

TEST(IdentityTool, WhatIsNoKeyIsRefusedWithItsReason) {
    std::string legacy, pub;
    for (const auto& row : key_vectors()) {
        if (row.at("type") == "ec-legacy") legacy = bytes_of(row.at("secret_der"));
        if (row.at("type") == "curve25519") pub = bytes_of(row.at("public"));
    }
    const std::string tag = "LibNaCLSK:", good = key_text('k');
    const std::pair<std::string, std::string> cases[] = {
        {"", "is empty"},
        {pub, "is a public key"},
        {legacy, "is a DER structure"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA", "is a PEM text"},
        {std::string(74, 'x'), "does not begin with LibNaCLSK:"},
        {good.substr(0, 73), "has 73 bytes instead of 74"},
        {good + "\n", "has 75 bytes instead of 74"},
        {std::string(5000, 'L'), "does not begin"},
        {tag + std::string(5000, 'L'), "has 4096 bytes instead of 74"},
        {tag + std::string(64, '\0'), "holds no secret"},
    };
    for (const auto& [bytes, reason] : cases) {
        const Folder folder;
        const auto key_file = folder.path("state/keys/node.key");
        const auto said = run({"import", key_file, folder.write("key", bytes, 0600)});
        EXPECT_EQ(said.code, 65) << reason;
        EXPECT_THAT(said.errors, HasSubstr(reason));
        EXPECT_FALSE(std::filesystem::exists(key_file)) << reason;
    }
}

TEST(IdentityTool, NothingIsOverwrittenAndNobodyElseMayRead) {
    const Folder folder;
    json row;
    for (const auto& each : key_vectors())
        if (each.at("type") == "curve25519") row = each;
    const auto secret = bytes_of(row.at("secret"));
    const auto key_file = folder.path("state/keys/node.key");
    const auto open_to_all = folder.write("open", secret, 0644);
    const auto said = run({"import", key_file, open_to_all});
    EXPECT_EQ(said.code, 0);
    EXPECT_THAT(said.errors, HasSubstr("others can read"));
    EXPECT_THAT(run({"import", key_file, open_to_all}).errors, HasSubstr("has an identity"));
    const auto taken = folder.write("taken", "mine", 0600);
    EXPECT_THAT(run({"export", key_file, taken}).errors, HasSubstr("File exists"));
    EXPECT_EQ(read_all(taken), "mine");
    EXPECT_EQ(run({"export", folder.path("nowhere/keys/node.key"), folder.path("out")}).code, 1);
    EXPECT_FALSE(std::filesystem::exists(folder.path("out")));
    EXPECT_EQ(run({"export", key_file}).code, 64);
    // No word of what is said holds a part of the secret.
    const auto exported = run({"export", key_file, folder.path("out")});
    EXPECT_EQ(exported.code, 0);
    EXPECT_EQ(exported.errors.find(secret.substr(10, 8)), std::string::npos);
    EXPECT_EQ(exported.errors.find(to_hex(view_of(secret.substr(10, 8)))), std::string::npos);
}

}  // namespace
}  // namespace warren::crypto
