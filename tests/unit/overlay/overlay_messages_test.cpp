// Codecs of our overlay messages: what goes in comes out, and nothing else is taken.
#include "protocol/overlay_messages.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "protocol/community/proof_request.h"
#include "protocol/overlay_fetch.h"
#include "protocol/record.h"

namespace warren::protocol {
namespace {

Bytes make_record(SeededRandom& random, GlobalTime time, std::size_t payload_bytes) {
    Bytes payload(payload_bytes);
    random.fill(payload);
    PublicKey key;
    auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), key.bytes.begin());
    RecordDraft draft{directory_community(), RecordKind::Torrent, key, time, {}, payload};
    auto out = encode_unsigned(draft);
    out.resize(out.size() + signature_bytes);
    return out;
}

TEST(Trailer, round_trip_and_foreign_bytes) {
    Trailer trailer;
    trailer.cookie = 1;
    trailer.echo = 2;
    trailer.trusts = true;
    trailer.wants_offers = true;
    trailer.root = CommunityRoot{{300, 4, 5}, 6};
    auto bytes = encode(trailer);
    auto back = decode_trailer(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->cookie, 1U);
    EXPECT_EQ(back->echo, 2U);
    EXPECT_TRUE(back->trusts);
    EXPECT_TRUE(back->wants_offers);
    EXPECT_EQ(back->root, trailer.root);
    EXPECT_FALSE(decode_trailer({}));
    bytes.push_back(0);
    EXPECT_FALSE(decode_trailer(bytes)) << "bytes left over";
    bytes.resize(bytes.size() - 2);
    EXPECT_FALSE(decode_trailer(bytes));
    EXPECT_FALSE(decode_trailer(view_of("Y1234567890123456789012")));
}

TEST(OverlayMessages, proof_requests_ask_for_one_to_eight_rights) {
    const std::vector<Question> all(questions_max, Question{PublicKey{}, {right::undo, 2, 7}});
    const auto eight = encode(std::span(all));
    const auto bytes = encode(ProofRequest{7, 8, 9, eight});
    const auto request = decode_proof_request(bytes);
    ASSERT_TRUE(request.ok());
    EXPECT_EQ(request->session, 7U);
    EXPECT_EQ(request->request, 8U);
    EXPECT_EQ(request->bytes_max, 9U);
    EXPECT_TRUE(std::ranges::equal(request->questions, eight));
    auto nine = eight;
    append(nine, ByteView(eight).first(question_bytes));
    auto strange = eight;
    strange[PublicKey::size] = 3;  // two rights at once
    for (const ByteView wrong :
         {ByteView(), ByteView(nine), ByteView(strange), ByteView(eight).first(question_bytes - 1)})
        EXPECT_FALSE(decode_proof_request(encode(ProofRequest{7, 8, 9, wrong})).ok());
    EXPECT_LE(bytes.size() + prefix_bytes + 1, overlay_datagram_bytes);
}

TEST(OverlayMessages, bounds_are_checked) {
    auto ranges = encode(SyncRanges{7, SyncDirection::Answer, 9, 3, 4, view_of("xyz")});
    auto back = decode_sync_ranges(ranges);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->session, 7U);
    EXPECT_EQ(back->direction, SyncDirection::Answer);
    EXPECT_EQ(back->part, 3);
    EXPECT_EQ(text_of(back->elements), "xyz");
    EXPECT_FALSE(
        decode_sync_ranges(encode(SyncRanges{7, SyncDirection::Answer, 9, 4, 4, {}})).ok());
    EXPECT_FALSE(
        decode_sync_ranges(encode(SyncRanges{7, SyncDirection::Answer, 9, 0, 65, {}})).ok());
    auto future = ranges;
    future[0] = overlay_version + 1;
    EXPECT_FALSE(decode_sync_ranges(future).ok());

    SwarmQuery query{5, std::vector<Infohash>(infohashes_max)};
    EXPECT_TRUE(decode_swarm_query(encode(query)).ok());
    query.infohashes.emplace_back();
    EXPECT_FALSE(decode_swarm_query(encode(query)).ok());
    query.infohashes.clear();
    EXPECT_FALSE(decode_swarm_query(encode(query)).ok());

    RecordOffer offer{std::vector<RecordRef>(record_offers_max)};
    EXPECT_TRUE(decode_record_offer(encode(offer)).ok());
    offer.refs.emplace_back();
    EXPECT_FALSE(decode_record_offer(encode(offer)).ok());
}

TEST(OverlayMessages, next_ref_is_the_smallest_above) {
    RecordRef ref{5, {}};
    auto next = next_ref(ref);
    EXPECT_EQ(next.time, 5U);
    EXPECT_EQ(next.id.bytes[31], 1);
    ref.id.bytes.fill(0xff);
    EXPECT_EQ(next_ref(ref), (RecordRef{6, {}}));
}

TEST(OverlayMessages, records_of_any_size_travel_in_datagrams) {
    SeededRandom random(1);
    std::vector<Bytes> packets;
    std::set<Bytes> expected;
    for (auto size : std::vector<std::size_t>{10, 20, 700, 990, 1000, 1010, 1020, 3000, 7500, 30}) {
        packets.push_back(make_record(random, packets.size() + 1, size));
        ASSERT_LE(packets.back().size(), record_bytes_max);
        expected.insert(packets.back());
    }
    Assembly assembly;
    std::set<Bytes> got;
    auto bodies = pack_records(1, 2, {packets});
    for (const auto& body : bodies) {
        EXPECT_LE(body.size() + prefix_bytes + 1, overlay_datagram_bytes);
        auto message = decode_sync_records(body);
        ASSERT_TRUE(message.ok());
        EXPECT_EQ(message->parts, bodies.size());
        for (auto packet : message->packets)
            got.insert(to_bytes(packet));
        if (!message->fragment) continue;
        if (auto whole = assembly.add(1, MemberId{}, *message->fragment)) got.insert(*whole);
    }
    EXPECT_EQ(got, expected);
    EXPECT_EQ(assembly.bytes(), 0U);
}

TEST(OverlayMessages, an_empty_answer_is_still_an_answer) {
    auto bodies = pack_records(1, 2, {});
    ASSERT_EQ(bodies.size(), 1U);
    auto message = decode_sync_records(bodies.front());
    ASSERT_TRUE(message.ok());
    EXPECT_TRUE(message->packets.empty());
}

TEST(Assembly, pieces_that_contradict_each_other_are_thrown_away) {
    Assembly assembly;
    Bytes piece(10, 7);
    EXPECT_FALSE(assembly.add(1, MemberId{}, {{1, {}}, 0, 2, piece}));
    EXPECT_FALSE(assembly.add(1, MemberId{}, {{1, {}}, 1, 3, piece}));
    EXPECT_EQ(assembly.bytes(), 0U);
    EXPECT_FALSE(assembly.add(1, MemberId{}, {{1, {}}, 1, 2, piece}));
    EXPECT_FALSE(assembly.add(1, MemberId{}, {{1, {}}, 1, 2, piece})) << "a duplicate";
    EXPECT_TRUE(assembly.add(1, MemberId{}, {{1, {}}, 0, 2, piece}));
}

TEST(Assembly, is_bounded_in_bytes_and_time) {
    SeededRandom random(1);
    Assembly assembly;
    Bytes piece(1000, 7);
    constexpr Nanoseconds now = 1'000'000'000;
    for (int i = 0; i < 10'000; ++i)
        assembly.add(now, MemberId{}, {{1, random.id<RecordId>()}, 0, 8, piece});
    EXPECT_LE(assembly.bytes(), 4U * 1024 * 1024);
    EXPECT_GT(assembly.bytes(), 4U * 1024 * 1024 - 2000);
    assembly.add(now + 31'000'000'000, MemberId{}, {{1, random.id<RecordId>()}, 0, 8, piece});
    EXPECT_EQ(assembly.bytes(), 1000U);
}

}  // namespace
}  // namespace warren::protocol
