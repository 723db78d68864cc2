// Bootstrap mode: two peers that know only the tracker find each other; nobody is answered more
// than he sent before his address is proven; the registry stays bounded.
#include "protocol/tracker.h"

#include <gtest/gtest.h>

#include "protocol/overlay.h"

namespace warren::protocol {
namespace {

constexpr Nanoseconds start = 1'000'000'000'000, second = 1'000'000'000;
const Endpoint here = Endpoint::ipv4(9, 9, 9, 9, 6421);

PublicKey key_of(std::uint64_t number) {
    SeededRandom random(number);
    PublicKey out;
    random.fill(out.bytes);
    auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), out.bytes.begin());
    return out;
}
Endpoint address_of(std::uint64_t number) {
    return Endpoint::ipv4(static_cast<std::uint8_t>(20 + number / 200),
                          static_cast<std::uint8_t>(number % 200), 1, 1, 8000);
}

struct TrackerTest : testing::Test {
    SeededRandom random{5};
    CommunityId community = random.id<CommunityId>();
    OverlaySettings settings = [] {
        OverlaySettings out;
        out.bootstrap = true;
        return out;
    }();
    Overlay node{key_of(1000), settings, random};
    Nanoseconds now = start;
    std::vector<SendDatagram> sent;

    // Signatures are zero bytes, and all of them right.
    void drain() {
        while (node.has_effects())
            for (auto& effect : node.take_effects()) {
                if (auto* e = std::get_if<CheckSignature>(&effect))
                    node.signature_result(now, e->token, true);
                if (auto* e = std::get_if<SignAndSend>(&effect))
                    node.signed_bytes(now, e->token, Signature{});
                if (auto* e = std::get_if<SendDatagram>(&effect)) sent.push_back(*e);
            }
    }
    std::size_t deliver(std::uint64_t peer, BaseMessage id, const Bytes& payload) {
        sent.clear();
        auto bytes = frame_signed(community, static_cast<std::uint8_t>(id), key_of(peer),
                                  random.next() % 65536, payload);
        bytes.resize(bytes.size() + signature_bytes);
        node.datagram(now += second, address_of(peer), bytes);
        drain();
        return bytes.size();
    }
    std::size_t request(std::uint64_t peer, const std::optional<Trailer>& trailer,
                        Style style = Style::Old) {
        IntroductionRequest out;
        out.style = style;
        out.destination = here;
        out.identifier = static_cast<std::uint16_t>(100 + peer);
        Bytes extra = trailer ? encode(*trailer) : Bytes{};
        out.extra = extra;
        return deliver(peer,
                       style == Style::Old ? BaseMessage::IntroductionRequest
                                           : BaseMessage::NewIntroductionRequest,
                       encode(out));
    }
    IntroductionResponse response_to(std::uint64_t peer, Style style = Style::Old) {
        for (const auto& datagram : sent) {
            auto header = *decode_header(datagram.bytes);
            bool old = header.message_id == 245, fresh = header.message_id == 233;
            if (datagram.to != address_of(peer) || !(style == Style::Old ? old : fresh)) continue;
            last_ = datagram.bytes;
            return *decode_introduction_response(decode_signed(last_, WithGlobalTime::Yes)->payload,
                                                 style);
        }
        ADD_FAILURE() << "no response";
        return {};
    }
    // Proves its address with a cookie, as Warren nodes do.
    IntroductionResponse register_peer(std::uint64_t peer, Style style = Style::Old) {
        Trailer trailer;
        trailer.cookie = 7;
        request(peer, trailer, style);
        auto first = response_to(peer, style);
        EXPECT_EQ(first.introduced_wan.port, 0) << "not proven yet";
        trailer.echo = decode_trailer(first.extra)->cookie;
        request(peer, trailer, style);
        return response_to(peer, style);
    }

private:
    Bytes last_;
};

TEST_F(TrackerTest, introduces_who_proved_themselves_in_both_styles) {
    for (auto style : {Style::Old, Style::New}) {
        auto first = style == Style::Old ? 1u : 11u;
        community = random.id<CommunityId>();
        EXPECT_EQ(register_peer(first, style).introduced_wan.port, 0) << "nobody else yet";
        auto response = register_peer(first + 1, style);
        EXPECT_EQ(response.introduced_wan, address_of(first));
        EXPECT_TRUE(decode_trailer(response.extra)->full) << "a tracker is nobody's neighbour";
        bool punctured = false;
        for (const auto& datagram : sent)
            punctured = punctured || datagram.to == address_of(first);
        EXPECT_TRUE(punctured);
    }
}

TEST_F(TrackerTest, who_knows_no_cookies_is_asked_back_and_then_answered) {
    register_peer(1);
    auto in = request(2, std::nullopt);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_LE(sent[0].bytes.size(), in);
    auto question = decode_introduction_request(
        decode_signed(sent[0].bytes, WithGlobalTime::Yes)->payload, Style::Old);
    ASSERT_TRUE(question.ok());
    IntroductionResponse answer;
    answer.destination = here;
    answer.identifier = static_cast<std::uint16_t>(question->identifier + 1);
    deliver(2, BaseMessage::IntroductionResponse, encode(answer));
    EXPECT_TRUE(sent.empty()) << "a wrong identifier proves nothing";
    answer.identifier = question->identifier;
    deliver(2, BaseMessage::IntroductionResponse, encode(answer));
    auto response = response_to(2);
    EXPECT_EQ(response.identifier, 102);
    EXPECT_EQ(response.introduced_wan, address_of(1));
}

TEST_F(TrackerTest, an_unproven_address_gets_no_more_than_it_sent) {
    for (std::uint64_t peer = 1; peer <= 5; ++peer)
        register_peer(peer);
    for (bool with_trailer : {true, false}) {
        std::size_t in = 0, out = 0, others = 0, messages = 0;
        for (int i = 0; i < 20; ++i) {
            in +=
                request(50 + with_trailer, with_trailer ? std::optional(Trailer{}) : std::nullopt);
            ++messages;
            for (const auto& datagram : sent)
                (datagram.to == address_of(50 + with_trailer) ? out : others) +=
                    datagram.bytes.size();
        }
        EXPECT_GT(out, 0U);
        EXPECT_LE(out, in + (with_trailer ? 16 * messages : 0));
        EXPECT_EQ(others, 0U) << "nobody is sent to puncture for it";
    }
}

TEST_F(TrackerTest, the_registry_is_bounded_and_forgets) {
    for (std::uint64_t peer = 0; peer < 150; ++peer)
        register_peer(peer);
    EXPECT_EQ(node.tracker()->entries(), 100U) << "of one community";
    EXPECT_EQ(node.tracker()->communities(), 1U);
    EXPECT_TRUE(node.communities().empty()) << "nothing is joined";
    node.tick(now += 301 * second);
    EXPECT_EQ(node.tracker()->entries(), 0U);
    EXPECT_EQ(node.tracker()->communities(), 0U);
}

TEST_F(TrackerTest, without_the_mode_foreign_communities_are_dropped) {
    settings.bootstrap = false;
    Overlay plain(key_of(1), settings, random);
    auto bytes = frame_signed(community, 246, key_of(2), 1, encode(IntroductionRequest{}));
    bytes.resize(bytes.size() + signature_bytes);
    plain.datagram(now, address_of(2), bytes);
    EXPECT_FALSE(plain.has_effects());
    EXPECT_EQ(plain.counters().dropped_community, 1U);
}

// Three whole overlays; datagrams take 20 ms, signatures are zero bytes and all of them right.
struct Walkers {
    struct Walker {
        Walker(std::uint64_t number, const OverlaySettings& settings)
            : random(number), address(address_of(number)),
              overlay(key_of(number), settings, random) {}
        SeededRandom random;
        Endpoint address;
        Overlay overlay;
        Nanoseconds next_tick = 0;
    };
    struct Flying {
        Endpoint from, to;
        Bytes bytes;
    };
    Nanoseconds now = start;
    std::vector<std::unique_ptr<Walker>> walkers;
    std::multimap<Nanoseconds, Flying> flying;

    void drain(Walker& walker) {
        while (walker.overlay.has_effects())
            for (auto& effect : walker.overlay.take_effects()) {
                if (auto* e = std::get_if<CheckSignature>(&effect))
                    walker.overlay.signature_result(now, e->token, true);
                if (auto* e = std::get_if<SignAndSend>(&effect))
                    walker.overlay.signed_bytes(now, e->token, Signature{});
                if (auto* e = std::get_if<GetRoot>(&effect)) walker.overlay.root(now, e->token, {});
                if (auto* e = std::get_if<SendDatagram>(&effect))
                    flying.emplace(now + second / 50, Flying{walker.address, e->to, e->bytes});
            }
    }
    void run(Nanoseconds span) {
        for (const auto end = now + span; now < end; now += second / 100) {
            for (auto& walker : walkers) {
                if (walker->next_tick > now) continue;
                walker->next_tick = walker->overlay.tick(now);
                drain(*walker);
            }
            while (!flying.empty() && flying.begin()->first <= now) {
                const auto datagram = flying.extract(flying.begin()).mapped();
                for (auto& walker : walkers)
                    if (walker->address == datagram.to) {
                        walker->overlay.datagram(now, datagram.from, datagram.bytes);
                        walker->next_tick = now;
                        drain(*walker);
                    }
            }
        }
    }
};

TEST(Bootstrap, TwoThatKnowOnlyTheTrackerMeetAndOpenTheWayForEachOther) {
    Walkers world;
    OverlaySettings introduces;
    introduces.bootstrap = true;
    world.walkers.push_back(std::make_unique<Walkers::Walker>(1, introduces));
    const auto community = SeededRandom(1).id<CommunityId>();
    const auto join = [&](std::uint64_t number) -> Overlay& {
        auto& walker = world.walkers.emplace_back(
            std::make_unique<Walkers::Walker>(number, OverlaySettings{}));
        walker->overlay.add_bootstrap(world.now, world.walkers[0]->address);
        walker->overlay.join(world.now, community);
        return walker->overlay;
    };
    auto& early = join(201);
    world.run(20 * second);
    // The cookie came back, though the tracker is no neighbour.
    EXPECT_EQ(world.walkers[0]->overlay.tracker()->entries(), 1U);
    auto& late = join(402);
    world.run(10 * second);
    EXPECT_EQ(early.neighbours(community), 1U);
    EXPECT_EQ(late.neighbours(community), 1U);
    EXPECT_EQ(early.counters().punctures_sent, 1U) << "as the tracker asked";
    EXPECT_EQ(early.counters().peers_lost + late.counters().peers_lost, 0U);
}

}  // namespace
}  // namespace warren::protocol
