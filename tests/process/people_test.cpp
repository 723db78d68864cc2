// Members of a community on real nodes: one invites by a string, the other joins by it; letters
// and agreements between the two; by REST and by the command line.
#include <gtest/gtest.h>

#include <future>

#include "base/bytes.h"
#include "protocol/record.h"
#include "tests/support/journey.h"

namespace warren::test {
namespace {

constexpr double patience_s = 40;

Node::Options named(const std::string& name) {
    Node::Options out;
    out.name = name;
    return out;
}

struct People : testing::Test {
    void SetUp() override {
        ASSERT_TRUE(a.start()) << a.log();
        ASSERT_TRUE(b.start()) << b.log();
        const auto made =
            a.post("/api/v1/communities",
                   {{"type", "channel"}, {"name", "Garden club"}, {"listed", false}}, "found-it");
        ASSERT_EQ(made.status, 201) << made.text;
        id = made.body["id"];
        path = "/api/v1/communities/" + id;
    }
    static std::string key_of(Node& node) {
        return node.get("/api/v1/status").body.value("public_key", "");
    }
    static std::string member_of(Node& node) {
        return node.get("/api/v1/status").body.value("member", "");
    }
    std::string invitation(const json& wish = json::object()) {
        const auto made = a.post(path + "/invitations", wish);
        EXPECT_EQ(made.status, 201) << made.text;
        return made.body.value("invitation", "");
    }
    bool are_partners() {
        const auto sees_one = [&](Node& node) {
            const auto state = node.get(path + "/sync");
            return state.status == 200 && state.body["peers"] == 1;
        };
        return wait_until([&] { return sees_one(a) && sees_one(b); }, patience_s);
    }
    void join() {
        const json grant{{"member", key_of(b)}, {"kind", "agreement"}, {"rights", {"permit"}}};
        const auto text = invitation({{"grants", json::array({grant})}});
        const auto joined = b.post("/api/v1/invitations", {{"invitation", text}});
        ASSERT_EQ(joined.status, 200) << joined.text;
        EXPECT_EQ(joined.body["grants"], 1) << joined.text;
        ASSERT_TRUE(are_partners()) << b.log();
    }
    json agreement(Node& node, const std::string& record) {
        const auto list = node.get("/api/v1/agreements");
        if (list.status == 200)
            for (const auto& item : list.body["items"])
                if (item["record"] == record) return item;
        return nullptr;
    }
    bool comes_to(Node& node, const std::string& record, const std::string& state) {
        return wait_until(
            [&] {
                const auto item = agreement(node, record);
                return !item.is_null() && item["state"] == state;
            },
            patience_s);
    }
    // As it lies in the node's shard; empty: not there.
    Bytes kept(Node& node, const std::string& record) {
        const auto part = node.get(path + "/records");
        const auto bytes = from_base64(part.body.value("packets", ""));
        Reader in(bytes ? ByteView(*bytes) : ByteView());
        while (in.left() > 0) {
            const auto packet = in.take(in.u16());
            const auto view = protocol::decode_record(packet);
            if (view && view->id.hex() == record) return to_bytes(packet);
        }
        return {};
    }
    Finished warren(const Node& node, std::vector<std::string> words) {
        words.insert(words.begin(), Node::program("warren"));
        words.insert(words.end(), {"--state", node.state()});
        return run_program(words);
    }

    Node a{named("a")}, b{named("b")};
    std::string id, path;
};

TEST_F(People, AnInvitationLeadsToTheCommunity) {
    auto text = invitation({{"name", "Come in"}});
    ASSERT_TRUE(text.starts_with("warren:"));
    auto wrong = text;
    auto& digit = wrong[wrong.size() - 20];  // of the signature
    digit = digit == 'A' ? 'B' : 'A';
    EXPECT_EQ(b.post("/api/v1/invitations", {{"invitation", wrong}}).status, 422);
    EXPECT_EQ(b.post("/api/v1/invitations", {{"invitation", "warren:AAAA"}}).status, 400);
    EXPECT_EQ(b.post("/api/v1/invitations", {{"invitation", "http://x"}}).status, 400);
    EXPECT_EQ(b.get(path + "/sync").body.value("peers", 0), 0);
    const auto joined = b.post("/api/v1/invitations", {{"invitation", text}});
    ASSERT_EQ(joined.status, 200) << joined.text;
    EXPECT_EQ(joined.body["id"], id);
    EXPECT_EQ(joined.body["name"], "Come in");
    EXPECT_EQ(joined.body["inviter"], member_of(a));
    EXPECT_EQ(joined.body["founder"], member_of(a));
    ASSERT_TRUE(are_partners()) << b.log();
    const auto is_in_sync = [&] {
        const auto one = a.get(path + "/sync").body, other = b.get(path + "/sync").body;
        return one["records"] == 1 && one["fingerprint"] == other["fingerprint"] &&
               one["peers_in_sync"] == 1 && one["members"][0]["member"] == member_of(b) &&
               one["bytes_in"] > 0 && one["bytes_out"] > 0;
    };
    EXPECT_TRUE(wait_until(is_in_sync, patience_s)) << a.get(path + "/sync").text;
    EXPECT_EQ(warren(b, {"community", "leave", id}).exit_code, 0);
    EXPECT_EQ(warren(b, {"community", "join", text}).exit_code, 0);
    EXPECT_EQ(warren(b, {"community", "join", "nonsense"}).exit_code, 64);
    EXPECT_NE(warren(b, {"community", "sync", id}).output.find("fingerprint"), std::string::npos);
}

TEST_F(People, LettersAreToldOrSaidToBeUndeliverable) {
    join();
    auto heard = std::async(std::launch::async, [&] {
        return warren(a, {"tap", "event.letter.", "--count", "1", "--seconds", "30"});
    });
    const json letter{{"member", member_of(a)}, {"text", "see you at eight"}};
    // What is sent before somebody listens is told to nobody.
    EXPECT_TRUE(wait_until(
        [&] {
            const auto sent = b.post(path + "/letters", letter);
            EXPECT_EQ(sent.status, 200) << sent.text;
            return heard.wait_for(std::chrono::seconds(1)) == std::future_status::ready;
        },
        patience_s));
    const auto told = heard.get().output;
    EXPECT_NE(told.find("see you at eight"), std::string::npos) << told;
    EXPECT_NE(told.find(member_of(b)), std::string::npos) << told;
    const auto lost = b.post(path + "/letters", {{"member", std::string(40, 'a')}, {"text", "?"}});
    ASSERT_EQ(lost.status, 200) << lost.text;
    EXPECT_FALSE(lost.body["delivered"].get<bool>());
    EXPECT_NE(lost.body["reason"].get<std::string>().find("no path"), std::string::npos);
    const std::string nowhere = "/api/v1/communities/" + std::string(40, '1') + "/letters";
    EXPECT_EQ(b.post(nowhere, letter).status, 403);
    const auto sent = warren(b, {"letter", id, member_of(a), "by hand"});
    EXPECT_EQ(sent.exit_code, 0) << sent.output;
}

TEST_F(People, TwoMembersSignOneRecord) {
    join();
    const json wish{{"with", key_of(b)}, {"text", "we share the garden"}};
    const auto proposed = a.post(path + "/agreements", wish, "once");
    ASSERT_EQ(proposed.status, 202) << proposed.text;
    const auto record = proposed.body["record"].get<std::string>();
    const auto again = a.post(path + "/agreements", wish, "once");
    EXPECT_EQ(again.body["record"], record) << again.text;
    // Meanwhile its first signer goes on; nobody waits.
    const auto other = a.post("/api/v1/channels/" + id + "/torrents", magnet_entry(1));
    EXPECT_EQ(other.status, 201) << other.text;
    ASSERT_TRUE(comes_to(b, record, "open")) << b.log();
    EXPECT_EQ(agreement(b, record)["text"], "we share the garden");
    EXPECT_FALSE(agreement(b, record)["proposed_by_us"].get<bool>());
    EXPECT_TRUE(kept(a, record).empty());
    EXPECT_EQ(a.post(path + "/agreements/" + record, {{"answer", "accept"}}).status, 404);
    EXPECT_EQ(b.post(path + "/agreements/" + record, {{"answer", "accept"}}).status, 202);
    ASSERT_TRUE(comes_to(b, record, "signed")) << agreement(b, record);
    ASSERT_TRUE(comes_to(a, record, "signed")) << agreement(a, record);
    ASSERT_TRUE(wait_until([&] { return !kept(a, record).empty() && !kept(b, record).empty(); },
                           patience_s));
    const auto packet = kept(a, record);
    EXPECT_EQ(packet, kept(b, record));
    const auto view = protocol::decode_record(packet);
    EXPECT_EQ(to_hex(view->author.view()), key_of(a));
    EXPECT_EQ(to_hex(view->second->view()), key_of(b));
    EXPECT_EQ(view->signature.size(), 2 * protocol::signature_bytes);
    // The torrent that came in between follows it: no fork.
    const auto written = a.get("/api/v1/members/" + key_of(a) + "/records");
    EXPECT_EQ(written.body["forks"], 0) << written.text;
}

TEST_F(People, RightsAreGivenUsedTakenAndExplained) {
    join();
    const auto torrents = "/api/v1/channels/" + id + "/torrents";
    EXPECT_EQ(b.post(torrents, magnet_entry(1)).status, 403);
    const json grant{{"member", key_of(b)}, {"kind", "torrent"}, {"rights", {"permit"}}};
    const json grants{{"grants", json::array({grant})}};
    EXPECT_EQ(b.post(path + "/authorizations", grants).status, 403) << "nobody raises himself";
    const auto given = a.post(path + "/authorizations", grants);
    ASSERT_EQ(given.status, 201) << given.text;
    HttpAnswer written;
    ASSERT_TRUE(wait_until(
        [&] { return (written = b.post(torrents, magnet_entry(2))).status == 201; }, patience_s))
        << written.text;
    const auto members = warren(a, {"community", "members", id, "--json"}).output;
    EXPECT_NE(members.find(key_of(b)), std::string::npos) << members;
    const auto ref = std::to_string(written.body["global_time"].get<std::uint64_t>()) + "." +
                     written.body["record"].get<std::string>();
    const auto why = [&](Node& node) { return node.get(path + "/why/" + ref).body; };
    ASSERT_TRUE(wait_until([&] { return why(a).value("state", "") == "accepted"; }, patience_s))
        << why(a);
    EXPECT_EQ(why(a)["because"][0]["record"], given.body["record"]) << why(a);
    EXPECT_EQ(why(a)["because"][0]["by"], member_of(a));
    const auto taken = warren(a, {"community", "revoke", id, key_of(b), "--quiet"});
    ASSERT_EQ(taken.exit_code, 0) << taken.output;
    EXPECT_TRUE(
        wait_until([&] { return b.post(torrents, magnet_entry(3)).status == 403; }, patience_s));
    EXPECT_EQ(why(b)["state"], "accepted") << "what was allowed when it was written stays";
    const auto rights = b.get(path + "/permissions").body;
    bool told = false;
    for (const auto& item : rights["items"])
        told = told || (item.value("public_key", "") == key_of(b) && item["kind"] == "torrent" &&
                        !item["held"].get<bool>() &&
                        taken.output.find(item["record"].get<std::string>()) == 0);
    EXPECT_TRUE(told) << rights;
    const json wrong{
        {"grants",
         json::array({{{"member", key_of(b)}, {"kind", "nothing"}, {"rights", {"permit"}}}})}};
    EXPECT_EQ(a.post(path + "/authorizations", wrong).status, 400);
}

TEST_F(People, ARefusalAndTheEndOfPatienceAreTold) {
    join();
    const auto propose = [&](std::vector<std::string> more) {
        std::vector<std::string> words{"agreement", "propose", id, key_of(b), "we", "--quiet"};
        words.insert(words.end(), more.begin(), more.end());
        auto out = warren(a, words).output;
        return out.substr(0, out.find('\n'));
    };
    const auto refused = propose({});
    ASSERT_EQ(refused.size(), 64U) << refused;
    ASSERT_TRUE(comes_to(b, refused, "open")) << b.log();
    EXPECT_NE(warren(b, {"agreement", "list"}).output.find(refused), std::string::npos);
    EXPECT_EQ(
        warren(b, {"agreement", "answer", id, refused, "refuse", "--reason", "not me"}).exit_code,
        0);
    ASSERT_TRUE(comes_to(a, refused, "refused"));
    EXPECT_EQ(agreement(a, refused)["reason"], "not me");
    const auto expired = propose({"--seconds", "2"});
    ASSERT_TRUE(comes_to(a, expired, "expired"));
    EXPECT_FALSE(agreement(a, expired)["reason"].get<std::string>().empty());
    const json nobody{{"with", std::string(148, '0')}, {"text", "?"}};
    EXPECT_EQ(a.post(path + "/agreements", nobody).status, 422);
    EXPECT_EQ(a.post(path + "/agreements", {{"with", key_of(a)}, {"text", "alone"}}).status, 422);
    EXPECT_TRUE(kept(a, refused).empty());
}

}  // namespace
}  // namespace warren::test
