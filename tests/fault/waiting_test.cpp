// F-23: packets that lack what allows them, from partners, as fast as they can send: little waits,
// for a while, none of it on the disk; who waits rightly is let in, and the node's own user is
// served. WARREN_WAITING_PACKETS sets how many (20,000 unless set; the row says 10^6).
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <iostream>

#include "base/clock.h"
#include "tests/support/journey.h"
#include "tests/support/overlay_sender.h"

namespace warren::test {
namespace {

using namespace protocol;

constexpr std::size_t allowance = 64 * 1024, attackers = 6, burst = 32, own_posts = 20;
constexpr double patience_s = 30;

std::size_t packets_wished() {
    const char* wished = std::getenv("WARREN_WAITING_PACKETS");
    return wished == nullptr ? 20'000 : std::strtoull(wished, nullptr, 10);
}
bool is_full_run() {
    return packets_wished() >= 1'000'000;
}

// A partner in a channel, with the records of an author whom nobody let in.
class Partner {
public:
    Partner(const Endpoint& node, const CommunityId& channel, std::uint8_t number)
        : node_(node), channel_(channel), identity_(9000 + number), random_(number),
          sender_(Endpoint::ipv4(127, 77, number, 1, 0)) {}

    // Said now and then, or the node takes us for gone. True when it knows that we are where we
    // say.
    bool meet() {
        sender_.send(node_,
                     introduction_request(channel_, identity_, node_, ++identifier_, cookie_));
        while (const auto bytes = sender_.receive())
            take(*bytes);
        return proven_;
    }
    std::size_t questions() const { return questions_; }
    Bytes record(std::size_t number) {
        TorrentEntry entry;
        entry.infohash = random_.id<Infohash>();
        entry.name = "flood " + std::to_string(number);
        entry.files = 1;
        return identity_.record(channel_, RecordKind::Torrent, 5 + number, {}, encode(entry));
    }
    void push(ByteView packet) { sender_.send(node_, packet); }
    std::string key() const { return to_hex(identity_.public_key().view()); }

private:
    void take(ByteView bytes) {
        const auto header = decode_header(bytes);
        if (!header || header->community != channel_) return;
        if (header->message_id == static_cast<std::uint8_t>(OverlayMessage::ProofRequest))
            ++questions_;
        if (header->message_id != static_cast<std::uint8_t>(BaseMessage::IntroductionResponse))
            return;
        const auto parts = decode_signed(bytes, WithGlobalTime::Yes);
        if (!parts) return;
        const auto response = decode_introduction_response(parts->payload, Style::Old);
        const auto trailer = response ? decode_trailer(response->extra) : std::nullopt;
        if (!trailer) return;
        proven_ = trailer->trusts;
        cookie_ = trailer->cookie;
    }

    Endpoint node_;
    CommunityId channel_;
    TestIdentity identity_;
    SeededRandom random_;
    Sender sender_;
    std::uint64_t cookie_ = 0;
    std::uint16_t identifier_ = 0;
    std::size_t questions_ = 0;
    bool proven_ = false;
};

class Waiting : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(node_.start()) << node_.log();
        id_ = create_channel(node_, "Birdsong", "channel-1");
        ASSERT_FALSE(id_.empty());
        const auto address = *Endpoint::parse(node_.overlay_address());
        const auto channel = *CommunityId::from_hex_text(id_);
        for (std::uint8_t i = 0; i <= attackers; ++i)
            partners_.push_back(std::make_unique<Partner>(address, channel, i));
        for (auto& partner : partners_)
            ASSERT_TRUE(wait_until([&] { return partner->meet(); }, patience_s)) << node_.log();
    }
    // How long the node's user waits for each of some records: the one in a hundred, here the
    // worst.
    double worst_post_ms(const std::string& name) {
        double worst = 0;
        for (std::size_t i = 0; i < own_posts; ++i) {
            const auto begin = monotonic_now();
            const auto answer = node_.post("/api/v1/channels/" + id_ + "/torrents",
                                           magnet_entry(++posted_), name + std::to_string(i));
            EXPECT_EQ(answer.status, 201) << answer.text;
            worst = std::max(worst, static_cast<double>(monotonic_now() - begin) / 1e6);
            if (name == "during") flood(200);
        }
        return worst;
    }
    void flood(std::size_t packets) {
        for (std::size_t i = 0; i < packets; ++i, ++sent_) {
            auto& partner = *partners_[sent_ % attackers];
            partner.push(partner.record(sent_));
            if (sent_ % burst == 0) ::poll(nullptr, 0, 1);  // what the kernel drops proves nothing
            if (sent_ % 2000 == 0) look();
        }
    }
    void look() {
        const auto waiting = metric(node_, "storage_waiting_bytes");
        most_waiting_ = std::max(most_waiting_, waiting);
        for (auto& partner : partners_)
            EXPECT_TRUE(partner->meet());
    }
    std::size_t questions() const {
        std::size_t out = 0;
        for (std::size_t i = 0; i < attackers; ++i)
            out += partners_[i]->questions();
        return out;
    }
    double rss() {
        double out = 0;
        for (const auto* role : {"network", "verify", "storage"})
            out += rss_mib(node_.worker(role));
        return out;
    }

    Node node_{{.name = "waiting"}};
    std::string id_;
    std::vector<std::unique_ptr<Partner>> partners_;  // the last one is honest
    std::size_t sent_ = 0;
    std::uint64_t posted_ = 0, most_waiting_ = 0;
};

TEST_F(Waiting, a_flood_without_proofs_is_bounded_and_who_waits_rightly_is_let_in) {
    auto& honest = *partners_.back();
    const auto calm = worst_post_ms("before");
    const auto before = rss();
    const auto storage = node_.worker("storage"), network = node_.worker("network");
    const auto begin = monotonic_now();
    flood(packets_wished() / 2);
    const auto stormy = worst_post_ms("during");
    honest.push(honest.record(5000));  // later than its grant
    const auto rest = packets_wished() - std::min(packets_wished(), sent_);
    flood(std::min<std::size_t>(rest, 2000));
    // Its grant comes while the flood goes on.
    const auto granted = node_.post(
        "/api/v1/communities/" + id_ + "/authorizations",
        {{"grants",
          json::array({{{"member", honest.key()}, {"kind", "torrent"}, {"rights", {"permit"}}}})}});
    EXPECT_LT(granted.status, 300) << granted.text;
    flood(packets_wished() - std::min(packets_wished(), sent_));
    const bool let_in = wait_until(
        [&] {
            const auto all = node_.get("/api/v1/search?q=flood");
            return all.status == 200 && all.body["items"].size() == 1;
        },
        patience_s);
    look();
    const auto span = static_cast<double>(monotonic_now() - begin) / 1e9;
    std::cerr << sent_ << " packets in " << span
              << " s: " << metric(node_, "storage_records_waiting_total") << " judged, at most "
              << most_waiting_ << " bytes waited, " << questions() << " questions came back; RSS +"
              << rss() - before << " MiB; a post took " << stormy << " ms at worst (before " << calm
              << ")\n";
    EXPECT_TRUE(let_in) << node_.log();
    EXPECT_GE(sent_, packets_wished());
    EXPECT_GT(metric(node_, "storage_records_waiting_total"), sent_ / 10);
    EXPECT_GT(most_waiting_, allowance) << "it was measured against what it is about";
    EXPECT_LE(most_waiting_, (attackers + 1) * allowance);
    EXPECT_LE(most_waiting_, 4U << 20);
    EXPECT_LE(rss() - before, 48);
    EXPECT_LE(static_cast<double>(questions()), 16 * span + 32);
    EXPECT_LE(stormy, 2 * calm + 100);
    EXPECT_EQ(node_.worker("storage"), storage) << "the same processes all along";
    EXPECT_EQ(node_.worker("network"), network);
    if (is_full_run()) {
        EXPECT_TRUE(wait_until([&] { return metric(node_, "storage_waiting_bytes") == 0; }, 65))
            << "nothing waits longer than it may";
    }
}

}  // namespace
}  // namespace warren::test
