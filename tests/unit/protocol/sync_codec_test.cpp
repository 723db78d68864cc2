// The wire form of sync elements and selections: exact round trips, one form only, bounded pieces.
#include <gtest/gtest.h>

#include "base/random.h"
#include "protocol/sync.h"

namespace warren::protocol {
namespace {

RecordRef ref(GlobalTime time, std::uint8_t head = 0) {
    RecordRef out{time, {}};
    out.id.bytes[0] = head;
    return out;
}

RecordRef random_after(Random& random, const RecordRef& from) {
    RecordRef out{from.time + random.below(3) * random.below(1000), {}};
    random.fill(std::span(out.id.bytes).first(random.below(33)));
    if (out <= from) out.time = from.time + 1;
    return out;
}

std::vector<SyncElement> random_elements(Random& random, std::size_t count) {
    std::vector<SyncElement> out;
    RecordRef at;
    for (std::size_t i = 0; i < count; ++i) {
        if (random.below(3) == 0) at = random_after(random, at);
        SyncElement element;
        element.range = {at, random_after(random, at)};
        element.mode = static_cast<SyncMode>(random.below(5));
        if (element.mode == SyncMode::Fingerprint)
            element.sum = {random.next() >> random.below(64), random.next(), random.next()};
        if (element.mode == SyncMode::Ids)
            for (auto n = random.below(random.below(5) == 0 ? sync_ids_max + 1 : 6); n > 0; --n)
                element.ids.push_back(random.next());
        if (element.mode == SyncMode::Symbols)
            for (auto n = 1 + random.below(sync_symbols_max); n > 0; --n)
                element.symbols.push_back({static_cast<std::int64_t>(random.below(1u << 31)) *
                                               (random.below(2) == 0 ? 1 : -1),
                                           random.next(),
                                           static_cast<std::uint32_t>(random.next())});
        if (element.mode == SyncMode::AskSymbols)
            element.asked = static_cast<std::uint8_t>(random.below(sync_symbols_max + 1));
        element.lasting = random.below(4) == 0;
        at = element.range.upper;
        out.push_back(std::move(element));
    }
    if (!out.empty() && random.below(2) == 0) out.back().range.upper = sync_end();
    return out;
}

void expect_equal(const std::vector<SyncElement>& a, const std::vector<SyncElement>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].range, b[i].range);
        EXPECT_EQ(a[i].mode, b[i].mode);
        EXPECT_EQ(a[i].sum, b[i].sum);
        EXPECT_EQ(a[i].ids, b[i].ids);
        EXPECT_EQ(a[i].symbols, b[i].symbols);
        EXPECT_EQ(a[i].asked, b[i].asked);
        EXPECT_EQ(a[i].lasting, b[i].lasting);
    }
}

TEST(SyncCodec, ElementsRoundTrip) {
    SeededRandom random(1);
    for (int i = 0; i < 3000; ++i) {
        const auto elements =
            random_elements(random, random.below(sync_elements_max / sync_ask_weight + 1));
        const auto got = decode_elements(encode_elements(elements));
        ASSERT_TRUE(got.ok());
        expect_equal(elements, *got);
    }
}

TEST(SyncCodec, CutPiecesStandAlone) {
    SeededRandom random(2);
    for (int i = 0; i < 500; ++i) {
        const auto elements = random_elements(random, random.below(200));
        std::vector<SyncElement> together;
        for (const auto& piece : cut(elements, sync_datagram_bytes)) {
            EXPECT_LE(piece.size(), sync_datagram_bytes);
            const auto got = decode_elements(piece);
            ASSERT_TRUE(got.ok());
            together.insert(together.end(), got->begin(), got->end());
        }
        expect_equal(elements, together);
    }
    EXPECT_TRUE(cut(std::vector<SyncElement>{}, sync_datagram_bytes).empty());
}

TEST(SyncCodec, LargestElementFitsADatagram) {
    SyncElement element;
    element.mode = SyncMode::Ids;
    element.range = {{sync_end_time >> 1, {}}, {sync_end_time - 1, {}}};
    element.range.lower.id.bytes.fill(0xff);
    element.range.upper.id.bytes.fill(0xff);
    element.ids.assign(sync_ids_max, 1);
    EXPECT_EQ(cut(std::vector<SyncElement>{element}, sync_datagram_bytes).size(), 1u);
}

// What costs the responder more fills a datagram sooner, whoever made it.
TEST(SyncCodec, QuestionsForSymbolsWeighMore) {
    std::vector<SyncElement> asks;
    for (GlobalTime at = 0; at <= sync_elements_max / sync_ask_weight; ++at)
        asks.push_back({.range = {ref(at), ref(at + 1)}, .mode = SyncMode::AskSymbols, .asked = 9});
    EXPECT_EQ(cut(asks, sync_datagram_bytes).size(), 2u);
    EXPECT_FALSE(decode_elements(encode_elements(asks)).ok());
    asks.pop_back();
    EXPECT_EQ(cut(asks, sync_datagram_bytes).size(), 1u);
    EXPECT_TRUE(decode_elements(encode_elements(asks)).ok());
}

TEST(SyncCodec, SelectionsMayRepeatRanges) {
    const SyncRange a{ref(5), ref(9, 3)}, b{ref(1), ref(2)};
    const std::vector<Selection> selections{{a, {1, 2}}, {a, {3}}, {b, {}, false, 70}, {a, {5}}};
    const auto got = decode_selections(encode_selections(selections));
    ASSERT_TRUE(got.ok());
    ASSERT_EQ(got->size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ((*got)[i].range, selections[i].range);
        EXPECT_EQ((*got)[i].ids, selections[i].ids);
        EXPECT_EQ((*got)[i].all, selections[i].all);
    }
    EXPECT_FALSE(decode_elements(encode_selections({{b, {}, false, 70}})).ok());
    EXPECT_FALSE(decode_elements(encode_selections(selections)).ok());
}

TEST(SyncCodec, SelectionsAreCutByIds) {
    SeededRandom random(3);
    for (const std::size_t bytes_max : {200u, 600u, 1160u}) {
        std::vector<Selection> selections;
        std::vector<std::uint64_t> all;
        for (GlobalTime at = 1; at < 8; ++at) {
            Selection selection{{ref(at), ref(at + 1)}, {}};
            for (auto n = random.below(500); n > 0; --n)
                selection.ids.push_back(all.emplace_back(random.next()));
            selections.push_back(std::move(selection));
        }
        std::vector<std::uint64_t> together;
        for (const auto& piece : cut(selections, bytes_max)) {
            EXPECT_LE(piece.size(), bytes_max);
            const auto got = decode_selections(piece);
            ASSERT_TRUE(got.ok());
            for (const auto& selection : *got)
                together.insert(together.end(), selection.ids.begin(), selection.ids.end());
        }
        EXPECT_EQ(together, all);
    }
}

TEST(SyncCodec, FingerprintRangesAreSmall) {
    std::vector<SyncElement> elements;
    for (GlobalTime at = 0; at < 40; ++at)
        elements.push_back(
            {{ref(at * 100), ref(at * 100 + 100)}, SyncMode::Fingerprint, {60, ~0ull, ~0ull}});
    EXPECT_LE(encode_elements(elements).size(), 40u * 20u);
}

TEST(SyncCodec, DecodersRefuse) {
    const auto refused = [](const std::vector<SyncElement>& elements) {
        return !decode_elements(encode_elements(elements)).ok();
    };
    const SyncElement low{{ref(1), ref(5)}, SyncMode::Same};
    const SyncElement high{{ref(5), ref(9)}, SyncMode::Same};
    EXPECT_FALSE(refused({low, high}));
    EXPECT_TRUE(refused({high, low}));                           // not ascending
    EXPECT_TRUE(refused({low, low}));                            // not disjoint
    EXPECT_TRUE(refused({{{ref(4), ref(4)}, SyncMode::Same}}));  // empty
    SyncElement many{{ref(1), ref(5)}, SyncMode::Ids};
    many.ids.assign(sync_ids_max, 0);
    EXPECT_FALSE(refused({many}));
    many.ids.push_back(0);
    EXPECT_TRUE(refused({many}));

    std::vector<SyncElement> full;
    for (GlobalTime at = 0; at < sync_elements_max; ++at)
        full.push_back({{ref(at), ref(at + 1)}, SyncMode::Same});
    EXPECT_FALSE(refused(full));
    full.push_back({{ref(500), ref(501)}, SyncMode::Same});
    EXPECT_TRUE(refused(full));

    const Bytes good{0x04, 0x05, 0x00};  // [0, 5) is the same
    EXPECT_TRUE(decode_elements(good).ok());
    EXPECT_FALSE(decode_elements(Bytes{0x26, 0x05, 0x00}).ok());        // no such mode
    EXPECT_FALSE(decode_elements(Bytes{0x44, 0x05, 0x00}).ok());        // unknown bit
    EXPECT_FALSE(decode_elements(Bytes{0x07, 0x05, 0x00, 0x00}).ok());  // no symbols
    EXPECT_FALSE(decode_elements(Bytes{0x24, 0x05, 0x00, 0x21}).ok());  // too many asked for
    EXPECT_FALSE(decode_elements(Bytes{0x25, 0x05, 0x00, 0x01}).ok());  // not for elements
    EXPECT_TRUE(decode_selections(Bytes{0x25, 0x05, 0x00, 0x01}).ok());
    EXPECT_FALSE(decode_selections(Bytes{0x25, 0x05, 0x00, 0x00}).ok());      // all of none
    EXPECT_FALSE(decode_elements(Bytes{0x04, 0x05, 0x01, 0x00}).ok());        // zero in prefix
    EXPECT_FALSE(decode_elements(Bytes{0x04, 0x05, 0x21}).ok());              // prefix too long
    EXPECT_FALSE(decode_elements(Bytes{0x00, 0x00, 0x00, 0x05, 0x00}).ok());  // could be left out
    EXPECT_FALSE(decode_elements(Bytes{0x08}).ok());                          // nothing before
    EXPECT_FALSE(decode_elements(Bytes{0x04, 0x05}).ok());                    // cut short
}

// Whatever decodes has exactly one form.
TEST(SyncCodec, AnyChangedBytesAreSafe) {
    SeededRandom random(4);
    for (int i = 0; i < 20000; ++i) {
        auto bytes = encode_elements(random_elements(random, 1 + random.below(6)));
        for (auto changes = random.below(4); changes > 0; --changes)
            bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.next());
        if (const auto got = decode_elements(bytes); got.ok()) {
            EXPECT_EQ(encode_elements(*got), bytes);
        }
        if (const auto got = decode_selections(bytes); got.ok()) {
            EXPECT_EQ(encode_selections(*got), bytes);
        }
    }
}

}  // namespace
}  // namespace warren::protocol
