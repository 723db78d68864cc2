// A record that comes before what allows it, between real nodes: the newcomer asks whoever sent it
// for the proof, and lets it in. A relay between the two loses all of reconciliation, so nothing
// else can bring it.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/support/journey.h"
#include "tests/support/overlay_sender.h"

namespace warren::test {
namespace {

using protocol::OverlayMessage;

constexpr double patience_s = 40;

// Between one node that knows its address and another; both see the relay only.
class Relay {
public:
    explicit Relay(const Endpoint& to) : to_(to) {
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    ~Relay() {
        thread_.request_stop();
        thread_.join();
    }
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    std::string address() const { return front_.address().text(); }
    std::atomic<bool> loses_requests = false;
    std::atomic<std::size_t> requests = 0, lost = 0;

private:
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::array<pollfd, 2> ready{{{front_.fd(), POLLIN, 0}, {back_.fd(), POLLIN, 0}}};
            ::poll(ready.data(), ready.size(), 20);
            Endpoint from;
            while (const auto bytes = front_.receive(&from)) {
                newcomer_ = from;
                if (passes(*bytes)) back_.send(to_, *bytes);
            }
            while (const auto bytes = back_.receive())
                if (newcomer_.port != 0 && passes(*bytes)) front_.send(newcomer_, *bytes);
        }
    }
    bool passes(ByteView bytes) {
        const auto header = protocol::decode_header(bytes);
        if (!header) return true;
        const auto message = static_cast<OverlayMessage>(header->message_id);
        if (message == OverlayMessage::SyncRanges || message == OverlayMessage::SyncOffer)
            return ++lost, false;
        if (message != OverlayMessage::ProofRequest) return true;
        ++requests;
        return !loses_requests;
    }

    Endpoint to_, newcomer_;
    Sender front_{Endpoint::ipv4(127, 0, 0, 1, 0)}, back_{Endpoint::ipv4(127, 0, 0, 1, 0)};
    std::jthread thread_;
};

TEST(Proofs, a_record_is_let_in_by_the_proof_that_was_asked_for) {
    Node founder({.name = "founder"}), writer({.name = "writer"});
    ASSERT_TRUE(founder.start()) << founder.log();
    ASSERT_TRUE(writer.start()) << writer.log();
    const auto made =
        founder.post("/api/v1/communities",
                     {{"type", "channel"}, {"name", "Garden club"}, {"listed", false}}, "found-it");
    ASSERT_EQ(made.status, 201) << made.text;
    const std::string id = made.body["id"];
    const auto key = writer.get("/api/v1/status").body.value("public_key", "");
    const json grant{{"member", key}, {"kind", "torrent"}, {"rights", {"permit"}}};
    const auto invited = founder.post("/api/v1/communities/" + id + "/invitations",
                                      {{"grants", json::array({grant})}});
    ASSERT_EQ(invited.status, 201) << invited.text;
    const auto joined =
        writer.post("/api/v1/invitations", {{"invitation", invited.body["invitation"]}});
    ASSERT_EQ(joined.status, 200) << joined.text;
    const auto records = [&](Node& node) {
        const auto state = node.get("/api/v1/communities/" + id + "/sync");
        return state.status == 200 ? state.body.value("records", 0) : -1;
    };
    ASSERT_TRUE(wait_until([&] { return records(writer) == 2; }, patience_s))
        << "founding record and grant: " << writer.log();
    const auto channel = "/api/v1/channels/" + id;
    const auto publish = [&](std::uint64_t number) {
        const auto name = "torrent-" + std::to_string(number);
        return persist(writer, channel + "/torrents", magnet_entry(number), name, patience_s);
    };
    ASSERT_EQ(publish(1).status, 201) << "the writer has its grant";
    founder.stop();  // nobody else is there to compare sets with

    Relay relay(*Endpoint::parse(writer.overlay_address()));
    relay.loses_requests = true;
    Node newcomer({.name = "newcomer", .settings = {"overlay.bootstrap_peers=" + relay.address()}});
    ASSERT_TRUE(newcomer.start()) << newcomer.log();
    ASSERT_EQ(newcomer.put("/api/v1/communities/" + id, json::object()).status, 200);
    const auto partners = [&](Node& node) {
        const auto state = node.get("/api/v1/communities/" + id + "/sync");
        return state.status == 200 ? state.body.value("peers", 0) : 0;
    };
    ASSERT_TRUE(
        wait_until([&] { return partners(newcomer) == 1 && partners(writer) >= 1; }, patience_s))
        << newcomer.log();

    ASSERT_EQ(publish(2).status, 201);
    ASSERT_TRUE(wait_until([&] { return relay.requests >= 2; }, patience_s))
        << "it asks, and asks again: " << newcomer.log();
    EXPECT_EQ(records(newcomer), 0) << "nothing else brings what the record needs";

    relay.loses_requests = false;
    EXPECT_TRUE(wait_until([&] { return records(newcomer) >= 3; }, patience_s))
        << "founding record, grant, and the record that waited: " << newcomer.log();
    EXPECT_GT(relay.lost, 0U) << "reconciliation was tried, and lost";
    EXPECT_TRUE(wait_until([&] { return metric(newcomer, "overlay_proofs_received_total") == 2; },
                           patience_s));
    // The first one may be among what the writer still offers.
    const auto holds = [&](const std::string& name) {
        const auto all = newcomer.get(channel + "/contents");
        return all.status == 200 && std::ranges::any_of(all.body["items"], [&](const json& item) {
                   return item["name"] == name;
               });
    };
    EXPECT_TRUE(wait_until([&] { return holds("Entry 2"); }, patience_s));
}

}  // namespace
}  // namespace warren::test
