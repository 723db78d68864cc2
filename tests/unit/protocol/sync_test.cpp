// Two sets exchange datagrams in memory until nothing is left to say; then both must hold the
// union.
#include "protocol/sync.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/random.h"

namespace warren::protocol {
namespace {

using Set = std::set<RecordRef>;

// How a view picks its split points: every part of the exchange must work with any of them.
enum class Splits { Exact, Buckets, One, None };

class SetView final : public RangeView {
public:
    SetView(const Set& set, const SyncKey& key, Splits splits, GlobalTime floor = 0)
        : refs_(set.begin(), set.end()), splits_(splits), floor_(floor) {
        sums_.emplace_back();
        for (const auto& ref : refs_) {
            sums_.push_back(sums_.back());
            sums_.back().add(element_value(key, ref.id));
        }
    }

    RangeSum sum(const SyncRange& range) override {
        auto out = sums_[index(range.upper)];
        out.subtract(sums_[index(range.lower)]);
        return out;
    }
    std::vector<RecordRef> refs(const SyncRange& range, std::size_t limit) override {
        const auto from = index(range.lower);
        const auto count = std::min(limit, index(range.upper) - from);
        return {at(from), at(from + count)};
    }
    std::vector<RecordRef> split(const SyncRange& range, std::size_t parts) override {
        const auto from = index(range.lower), to = index(range.upper);
        std::vector<RecordRef> out;
        if (splits_ == Splits::None || to - from < 2) return out;
        if (splits_ == Splits::One) return {refs_[from + (to - from) / 2]};
        std::size_t last = from;
        for (std::size_t part = 1; part < parts; ++part) {
            auto i = from + (to - from) * part / parts;
            if (splits_ == Splits::Buckets) i -= i % 64;
            if (i > last) out.push_back(refs_[last = i]);
        }
        return out;
    }
    GlobalTime floor() const override { return floor_; }
    RangeView& lasting() override { return lasting_ ? *lasting_ : *this; }
    void set_lasting(const Set& of_these, const SyncKey& key) {
        Set out;
        for (const auto& ref : refs_)
            if (of_these.contains(ref)) out.insert(ref);
        lasting_ = std::make_unique<SetView>(out, key, splits_);
    }

private:
    std::vector<RecordRef>::iterator at(std::size_t i) {
        return refs_.begin() + static_cast<std::ptrdiff_t>(i);
    }
    std::size_t index(const RecordRef& bound) {
        const auto found = std::lower_bound(refs_.begin(), refs_.end(), bound);
        return static_cast<std::size_t>(found - refs_.begin());
    }

    std::vector<RecordRef> refs_;
    std::vector<RangeSum> sums_;
    Splits splits_;
    GlobalTime floor_;
    std::unique_ptr<SetView> lasting_;
};

struct Outcome {
    Set initiator, responder;  // after the transfer
    int round_trips = 0;
    std::size_t bytes = 0;
    std::size_t given = 0, twice = 0;  // records; whole ranges may have some that were there
};

class Exchange {
public:
    struct Floors {
        GlobalTime initiator = 0, responder = 0, told = 0;
        Set lasting;  // never pruned
    };
    Exchange(const Set& a, const Set& b, Splits splits, std::uint64_t session, Floors floors)
        : a_(a), b_(b), fingerprint_(fingerprint_key({}, 0)), session_(session_key({}, session)),
          initiator_(a, fingerprint_, splits, floors.initiator),
          responder_(b, fingerprint_, splits, floors.responder), told_(floors.told),
          lasting_(floors.lasting), out_{a, b} {
        if (floors.initiator == 0 && floors.responder == 0) return;
        initiator_.set_lasting(floors.lasting, fingerprint_);
        responder_.set_lasting(floors.lasting, fingerprint_);
    }
    Exchange(const Set& a, const Set& b, Splits splits, std::uint64_t session)
        : Exchange(a, b, splits, session, Floors{}) {}

    Outcome run() {
        auto waiting = cut(open_sync(initiator_, told_), sync_datagram_bytes);
        while (!waiting.empty() && out_.round_trips < 100) {
            ++out_.round_trips;
            const auto back = deliver(waiting, responder_, SyncSide::Responder);
            waiting = deliver(back, initiator_, SyncSide::Initiator);
        }
        return out_;
    }

private:
    std::vector<Bytes> deliver(const std::vector<Bytes>& datagrams, SetView& view, SyncSide side) {
        std::vector<Bytes> out;
        for (const auto& datagram : datagrams) {
            EXPECT_LE(datagram.size(), sync_datagram_bytes);
            out_.bytes += datagram.size();
            const auto elements = decode_elements(datagram);
            EXPECT_TRUE(elements.ok());
            if (!elements.ok()) continue;
            const auto result = reconcile(view, session_, *elements, side);
            if (side == SyncSide::Responder) {
                EXPECT_TRUE(result.wants.empty() && result.offers.empty());
            }
            take(result.wants, b_, out_.initiator);
            take(result.offers, a_, out_.responder);
            for (auto& piece : cut(result.answers, sync_datagram_bytes))
                out.push_back(std::move(piece));
        }
        return out;
    }

    // FETCH or OFFER over the wire: the owner finds its records by range and short id.
    void take(const std::vector<Selection>& selections, const Set& owner, Set& to) {
        for (const auto& datagram : cut(selections, sync_datagram_bytes)) {
            const auto decoded = decode_selections(datagram);
            ASSERT_TRUE(decoded.ok());
            for (const auto& selection : *decoded) {
                const std::set<std::uint64_t> ids(selection.ids.begin(), selection.ids.end());
                const auto end = owner.lower_bound(selection.range.upper);
                std::size_t found = 0;
                for (auto i = owner.lower_bound(selection.range.lower); i != end; ++i) {
                    if (selection.lasting && !lasting_.contains(*i)) continue;
                    if (selection.all == 0 && !ids.contains(short_id(session_, i->id))) continue;
                    if (!to.insert(*i).second) ++out_.twice;
                    ++found;
                }
                EXPECT_EQ(found, selection.all > 0 ? selection.all : ids.size());
                out_.given += found;
            }
        }
    }

    const Set& a_;
    const Set& b_;
    SyncKey fingerprint_, session_;
    SetView initiator_, responder_;
    GlobalTime told_;
    Set lasting_;
    Outcome out_;
};

enum class Times { Spread, Clustered, AllEqual };

RecordRef random_ref(Random& random, Times times) {
    RecordRef out;
    out.id = random.id<RecordId>();
    switch (times) {
    case Times::Spread: out.time = 1 + random.below(1'000'000); break;
    case Times::Clustered: out.time = 1 + random.below(4); break;
    case Times::AllEqual: out.time = 7; break;
    }
    return out;
}

Set random_set(Random& random, std::size_t count, Times times) {
    Set out;
    while (out.size() < count)
        out.insert(random_ref(random, times));
    return out;
}

// Checks that both ends hold the union; gives the outcome for bounds.
Outcome expect_union(const Set& a, const Set& b, Splits splits, std::uint64_t session) {
    Set both = a;
    both.insert(b.begin(), b.end());
    const auto out = Exchange(a, b, splits, session).run();
    // Not by EXPECT_EQ: it would print thousands of records.
    EXPECT_TRUE(out.initiator == both) << out.initiator.size() << " of " << both.size();
    EXPECT_TRUE(out.responder == both) << out.responder.size() << " of " << both.size();
    EXPECT_LE(out.twice, out.given / 8);
    return out;
}

TEST(Sync, RandomPairsConverge) {
    SeededRandom random(20261121);
    int most = 0;
    for (std::uint64_t i = 0; i < 3000; ++i) {
        SCOPED_TRACE("pair " + std::to_string(i));
        const auto times = static_cast<Times>(random.below(3));
        const auto scale = i % 50 == 0 ? 4000u : i % 5 == 0 ? 600u : 80u;
        Set a = random_set(random, random.below(scale), times);
        Set b;
        if (random.below(4) != 0) b = a;  // else disjoint
        for (const auto& ref : random_set(random, random.below(scale / 2), times))
            (random.below(2) == 0 ? a : b).insert(ref);
        if (random.below(4) == 0) b = {};
        if (random.below(2) == 0) std::swap(a, b);
        const auto splits = random.below(2) == 0 ? Splits::Exact : Splits::Buckets;
        most = std::max(most, expect_union(a, b, splits, i).round_trips);
        if (HasFailure()) return;
    }
    // Symbols that say too little cost a turn, and a range that differs in some parts only another.
    EXPECT_LE(most, 6);
}

// What one side pruned is neither fetched again nor offered; the rest, and what is never pruned of
// any time, arrive.
TEST(Sync, AboveBothFloorsAllConvergesAndBelowWhatLasts) {
    SeededRandom random(20261122);
    for (std::uint64_t i = 0; i < 1000; ++i) {
        SCOPED_TRACE("pair " + std::to_string(i));
        Exchange::Floors floors;
        if (i % 3 != 0) floors.initiator = random.below(700'000);
        if (i % 3 != 1) floors.responder = random.below(700'000);
        if (i % 2 == 0) floors.told = floors.responder;
        const Set all = random_set(random, random.below(2000), Times::Spread);
        const RecordRef genesis{1, random.id<RecordId>()};
        floors.lasting.insert(genesis);
        for (const auto& ref : all)
            if (random.below(i % 7 + 2) == 0) floors.lasting.insert(ref);
        Set a, b;
        for (const auto& ref : all) {
            const auto where = random.below(4);
            const bool lasts = floors.lasting.contains(ref);
            if (where != 0 && (lasts || ref.time >= floors.initiator)) a.insert(ref);
            if (where != 1 && (lasts || ref.time >= floors.responder)) b.insert(ref);
        }
        (i % 5 == 0 ? a : b).insert(genesis);
        Set expected_a = a, expected_b = b;
        const auto floor = std::max(floors.initiator, floors.responder);
        for (const auto& from : {a, b}) {
            for (const auto& ref : from) {
                if (ref.time < floor && !floors.lasting.contains(ref)) continue;
                expected_a.insert(ref);
                expected_b.insert(ref);
            }
        }
        const auto out = Exchange(a, b, Splits::Buckets, i, floors).run();
        EXPECT_TRUE(out.initiator == expected_a);
        EXPECT_TRUE(out.responder == expected_b);
        EXPECT_LE(out.round_trips, 6);
        if (HasFailure()) return;
    }
}

TEST(Sync, EpochsAreDaysAndRekeyTheSums) {
    CommunityId community;
    const auto epoch = sync_epoch(community, 86'400 * 20'000);
    EXPECT_EQ(epoch, 20'000u);
    EXPECT_EQ(sync_epoch(community, 86'400 * 20'001 - 1), 20'000u);
    community.bytes[2] = 1;  // begins at another hour
    EXPECT_EQ(sync_epoch(community, 86'400 * 20'001 - 1), 20'001u);
    EXPECT_EQ(sync_epoch(community, -5), 0u);
    EXPECT_NE(fingerprint_key(community, epoch), fingerprint_key(community, epoch + 1));
}

TEST(Sync, PoorSplitPointsOnlyCostRounds) {
    SeededRandom random(5);
    for (const auto splits : {Splits::One, Splits::None}) {
        for (const auto times : {Times::Spread, Times::Clustered, Times::AllEqual}) {
            const auto a = random_set(random, 900, times);
            const auto b = random_set(random, 700, times);
            EXPECT_LE(expect_union(a, b, splits, 1).round_trips, 40);
        }
    }
}

TEST(Sync, EmptyAndTiny) {
    SeededRandom random(6);
    const auto one = random_set(random, 1, Times::Spread);
    EXPECT_EQ(expect_union({}, {}, Splits::Exact, 1).round_trips, 1);
    EXPECT_EQ(expect_union(one, {}, Splits::Exact, 1).round_trips, 1);
    EXPECT_EQ(expect_union({}, one, Splits::Exact, 1).round_trips, 1);
    EXPECT_EQ(expect_union(one, one, Splits::Exact, 1).round_trips, 1);
}

// An empty range says all there is to say: no second question is asked.
TEST(Sync, EmptyRangeIsAnsweredAtOnce) {
    SeededRandom random(12);
    const auto set = random_set(random, sync_ids_max, Times::Spread);
    SetView view(set, fingerprint_key({}, 0), Splits::Exact);
    const SyncElement empty{{{}, sync_end()}, SyncMode::Fingerprint};
    const auto initiator = reconcile(view, {}, {empty}, SyncSide::Initiator);
    EXPECT_TRUE(initiator.answers.empty());
    ASSERT_EQ(initiator.offers.size(), 1u);
    EXPECT_EQ(initiator.offers[0].all, sync_ids_max);
    const auto responder = reconcile(view, {}, {empty}, SyncSide::Responder);
    ASSERT_EQ(responder.answers.size(), 1u);
    EXPECT_EQ(responder.answers[0].sum.count, sync_ids_max);
    const auto wanted = reconcile(view, {}, {responder.answers}, SyncSide::Initiator);
    EXPECT_TRUE(wanted.wants.empty() && wanted.answers.empty());
}

// Ids are hashes, but whoever mints records can make them alike; bounds must still part them.
TEST(Sync, AlikeIdsAtOneTimeConverge) {
    SeededRandom random(13);
    Set a, b;
    for (int i = 0; i < 600; ++i) {
        RecordRef ref{7, {}};
        random.fill(std::span(ref.id.bytes).last(4));
        (i % 3 == 0 ? a : b).insert(ref);
        if (i % 5 == 0) a.insert(ref);
    }
    for (const auto splits : {Splits::Exact, Splits::Buckets, Splits::One, Splits::None}) {
        expect_union(a, b, splits, 1);
        expect_union(b, a, splits, 1);
    }
}

// Sizes around the two limits at which an answer changes its form.
TEST(Sync, LimitsOfAnswers) {
    SeededRandom random(7);
    for (const std::size_t n : {sync_leaf_records, sync_ids_max}) {
        for (std::size_t a = n - 1; a <= n + 1; ++a) {
            for (std::size_t b : {std::size_t{0}, std::size_t{1}, n - 1, n, n + 1}) {
                const auto left = random_set(random, a, Times::Spread);
                const auto right = random_set(random, b, Times::Spread);
                expect_union(left, right, Splits::Exact, 1);
                expect_union(right, left, Splits::Exact, 1);
            }
        }
    }
}

TEST(Sync, EqualSetsCostOneRoundAndFewBytes) {
    SeededRandom random(8);
    const auto set = random_set(random, 20000, Times::Spread);
    const auto out = expect_union(set, set, Splits::Exact, 1);
    EXPECT_EQ(out.round_trips, 1);
    EXPECT_LE(out.bytes, 450u);
}

TEST(Sync, RecentDifferencesAreCheap) {
    SeededRandom random(9);
    auto a = random_set(random, 20000, Times::Spread);
    const auto b = a;
    for (GlobalTime time = 1'000'001; time <= 1'000'400; ++time)
        a.insert({time, random.id<RecordId>()});
    const auto out = expect_union(b, a, Splits::Exact, 1);
    EXPECT_LE(out.bytes, 400u * 10u + 2048u);
    EXPECT_LE(out.round_trips, 4);
}

// What a returning member lacks is told by counts alone: no id of it travels.
TEST(Sync, WhatOneSideLacksAltogetherNeedsNoIds) {
    SeededRandom random(14);
    auto a = random_set(random, 20000, Times::Spread);
    const auto b = a;
    for (GlobalTime time = 1'000'001; time <= 1'004'000; ++time)
        a.insert({time, random.id<RecordId>()});
    EXPECT_LE(expect_union(b, a, Splits::Exact, 1).bytes, 4000u);
    EXPECT_LE(expect_union(a, b, Splits::Exact, 1).bytes, 4000u);
    EXPECT_LE(expect_union({}, a, Splits::Exact, 1).round_trips, 4);
}

TEST(Sync, ScatteredDifferencesAreToldBySymbols) {
    SeededRandom random(15);
    for (const std::size_t apart : {1u, 10u, 100u}) {
        auto a = random_set(random, 50000, Times::Spread), b = a;
        for (const auto& ref : random_set(random, apart, Times::Spread))
            (random.below(2) == 0 ? a : b).insert(ref);
        const auto out = expect_union(a, b, Splits::Buckets, apart);
        EXPECT_LE(out.round_trips, 4);
        EXPECT_LE(out.bytes, 1200 + apart * 180) << apart << " differences";
    }
}

TEST(Sync, SumsAddAndSubtractModulo) {
    RangeSum sum{1, ~0ull, ~0ull};
    sum.add({1, 0, 1});
    EXPECT_EQ(sum, (RangeSum{2, 0, 0}));
    sum.subtract({1, 0, 1});
    EXPECT_EQ(sum, (RangeSum{1, ~0ull, ~0ull}));

    SeededRandom random(10);
    const auto key = fingerprint_key({}, 0);
    RangeSum forward, backward;
    std::vector<RangeSum> values;
    for (int i = 0; i < 100; ++i)
        values.push_back(element_value(key, random.id<RecordId>()));
    for (const auto& value : values)
        forward.add(value);
    for (auto i = values.rbegin(); i != values.rend(); ++i)
        backward.add(*i);
    EXPECT_EQ(forward, backward);
    for (const auto& value : values)
        forward.subtract(value);
    EXPECT_EQ(forward, RangeSum{});
}

TEST(Sync, KeysDependOnEverything) {
    CommunityId a, b;
    b.bytes[19] = 1;
    EXPECT_NE(fingerprint_key(a, 0), fingerprint_key(b, 0));
    EXPECT_NE(session_key(a, 1), session_key(a, 2));
    EXPECT_NE(session_key(a, 1), session_key(b, 1));
    RecordId id;
    EXPECT_NE(short_id(session_key(a, 1), id), short_id(session_key(a, 2), id));
    const auto value = element_value(fingerprint_key(a, 0), id);
    EXPECT_NE(value.high, value.low);
    EXPECT_EQ(value.count, 1u);
}

// A liar may waste a round, but cannot make us give more than one datagram's worth of ids a range.
TEST(Sync, FalseFingerprintsStayBounded) {
    SeededRandom random(11);
    const auto set = random_set(random, 5000, Times::Spread);
    SetView view(set, fingerprint_key({}, 0), Splits::Exact);
    const SyncKey key{};
    for (const auto side : {SyncSide::Initiator, SyncSide::Responder}) {
        for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{5}, ~std::uint64_t{0}}) {
            const SyncElement lie{{{}, sync_end()}, SyncMode::Fingerprint, {count, 1, 2}};
            const auto out = reconcile(view, key, {lie}, side);
            EXPECT_EQ(out.answers.size(), sync_fan_out);
            EXPECT_TRUE(out.wants.empty() && out.offers.empty());
        }
    }
}

}  // namespace
}  // namespace warren::protocol
