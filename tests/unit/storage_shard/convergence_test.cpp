// Real shards end in the same state: whatever the order, over restarts, late, and with a floor.
// What they hold is what the evaluator of the pure rules says of the same records.
#include "protocol/community/evaluator.h"
#include "protocol/sync.h"
#include "tests/unit/storage_shard/governed.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

class Convergence : public GovernedShard {
protected:
    // Members who let each other in, throw each other out, write, undo and switch policies.
    std::vector<Bytes> history(const Bytes& genesis, Random& random, int length) {
        const std::array<const TestIdentity*, 4> people{&founder, &moderator, &member, &stranger};
        const auto any = [&]() -> const TestIdentity& { return *people[random.below(4)]; };
        const auto rights = [&] { return static_cast<protocol::Rights>(1 + random.below(15)); };
        const auto other = [&]() -> const TestIdentity& { return *people[1 + random.below(3)]; };
        std::vector<Bytes> out{genesis, grant(founder, 2, moderator, rights_all),
                               grant(moderator, 4, member, protocol::right::permit)};
        for (int i = 0; i < length; ++i) {
            const auto time = 3 + random.below(static_cast<std::uint64_t>(length));
            const auto& target = out[random.below(out.size())];
            const auto kind = random.below(4) == 0 ? comment_kind : torrent_kind;
            switch (random.below(8)) {
            case 0: out.push_back(grant(any(), time, other(), rights(), kind)); break;
            case 1: out.push_back(revoke(any(), time, other(), rights(), kind)); break;
            case 2:
                out.push_back(
                    undo(any(), ref(target).time + 1 + random.below(9), target,
                         random.below(2) == 0 ? ControlKind::UndoOwn : ControlKind::UndoOther,
                         random.below(3) == 0 ? protocol::Undo::Action::Restore
                                              : protocol::Undo::Action::Undo));
                break;
            case 3:
                out.push_back(
                    by(any(), id_of(ControlKind::Settings), time,
                       protocol::encode(protocol::Settings{
                           comment_kind, static_cast<protocol::Policy>(random.below(2))})));
                break;
            default: out.push_back(torrent(any(), time, "film " + std::to_string(i))); break;
            }
        }
        if (random.below(8) == 0)
            out.push_back(destroy(founder, static_cast<GlobalTime>(length) / 2));
        return out;
    }
    // What the rules say is in the file, and what of it is undone.
    struct Expected {
        std::set<RecordRef> held, undone;
    };
    Expected expected(const std::vector<Bytes>& packets) {
        protocol::Evaluator rules(protocol::channel_type, founder.public_key());
        for (const auto& packet : packets)
            rules.add(*protocol::decode_record(packet));
        Expected out;
        for (const auto& [ref, verdict] : rules.verdicts()) {
            if (verdict == protocol::Verdict::Undone) out.undone.insert(ref);
            if (verdict == protocol::Verdict::Undone || verdict == protocol::Verdict::Accepted)
                out.held.insert(ref);
        }
        return out;
    }
    Expected held(const std::string& file) {
        Expected out;
        auto from = ShardReader::open(file, channel.community());
        EXPECT_OK(from);
        const auto bodies = (*from)->bodies_after(0, 10'000);
        EXPECT_OK(bodies);
        if (!bodies) return out;
        for (const auto& body : *bodies) {
            out.held.insert(ref(body.packet));
            if (!body.shown) out.undone.insert(ref(body.packet));
        }
        return out;
    }
    // As a later owner of the folder, or beside what is open.
    enum class As { Next, Same };
    std::unique_ptr<Shard> open_at(const std::string& file, As who = As::Next) {
        if (!std::filesystem::exists(file)) {
            EXPECT_OK(Shard::create(file, channel.community(), std::nullopt));
        }
        auto opened =
            Shard::open(file, channel.community(), {{0, epoch_ += who == As::Next ? 1 : 0}});
        EXPECT_OK(opened);
        return opened ? std::move(*opened) : nullptr;
    }

private:
    std::uint64_t epoch_ = 0;  // folders are owned as a whole
};

void shuffle(std::vector<Bytes>& packets, Random& random) {
    for (std::size_t i = packets.size(); i > 1; --i)
        std::swap(packets[i - 1], packets[random.below(i)]);
}

}  // namespace

// Each order in a file of its own, a few records at a time, with restarts in the middle of what is
// left to do. What was dropped comes again until nothing is new, as reconciliation brings it.
TEST_F(Convergence, TwoHundredOrdersWithRestartsGiveOneState) {
    const auto genesis = channel.genesis("c");
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        SeededRandom random(seed);
        auto packets = history(genesis, random, 60);
        const auto wanted = expected(packets);
        for (int order = 0; order < 10; ++order) {
            const auto file = folder.file(std::to_string(seed) + "." + std::to_string(order));
            auto into = open_at(file);
            std::uint64_t before = ~std::uint64_t{0};
            for (int pass = 0; pass < 10 && into->root().sum.low != before; ++pass) {
                before = into->root().sum.low;
                shuffle(packets, random);
                for (std::size_t at = 0; at < packets.size();) {
                    const auto count =
                        std::min<std::size_t>(1 + random.below(12), packets.size() - at);
                    const auto from = packets.begin() + static_cast<std::ptrdiff_t>(at);
                    store(*into, {from, from + static_cast<std::ptrdiff_t>(count)});
                    at += count;
                    if (random.below(10) == 0) into = open_at(file);
                    if (random.below(3) == 0) work_off(*into, 1 + random.below(20));
                }
                work_off(*into);
            }
            const auto now = held(file);
            ASSERT_EQ(now.held, wanted.held) << "order " << order;
            ASSERT_EQ(now.undone, wanted.undone) << "order " << order;
            protocol::RangeSum sum;
            const auto key = protocol::fingerprint_key(channel.community(), into->root().epoch);
            for (const auto& one : wanted.held)
                sum.add(protocol::element_value(key, one.id));
            ASSERT_EQ(into->root().sum, sum) << "order " << order;
        }
    }
}

namespace {

// Both sides of a reconciliation, over real files.
class Partners {
public:
    Partners(Shard& a, ShardReader& from_a, Shard& b, ShardReader& from_b, CommunityId community)
        : a_(a), b_(b), from_a_(from_a), from_b_(from_b), community_(community) {}

    std::size_t moved = 0;

    void run() {
        auto waiting = protocol::open_sync(view(a_), b_.floor());
        for (int round = 0; !waiting.empty() && round < 20; ++round) {
            auto back =
                protocol::reconcile(view(b_), key(), waiting, protocol::SyncSide::Responder);
            auto out =
                protocol::reconcile(view(a_), key(), back.answers, protocol::SyncSide::Initiator);
            carry(from_b_, out.wants, a_);
            carry(from_a_, out.offers, b_);
            waiting = std::move(out.answers);
        }
    }

private:
    protocol::SyncKey key() const { return protocol::session_key(community_, 1); }
    static protocol::RangeView& view(Shard& of) { return **of.ranges(of.root().epoch, 0); }
    void carry(ShardReader& from, const std::vector<protocol::Selection>& what, Shard& to) {
        // As they travel, so that what lasts is asked for as such.
        auto over = protocol::decode_selections(protocol::encode_selections(what));
        ASSERT_OK(over);
        auto fetched = from.fetch(*over, 1, 1 << 20);
        ASSERT_OK(fetched);
        EXPECT_FALSE(fetched->cut);
        moved += fetched->packets.size();
        std::vector<ByteView> views(fetched->packets.begin(), fetched->packets.end());
        ASSERT_OK(to.store(views, Durability::Replicated));
        PruneBudget budget;
        for (bool more = to.has_work(); more;)
            more = *to.work(budget);
    }

    Shard &a_, &b_;
    ShardReader &from_a_, &from_b_;
    CommunityId community_;
};

}  // namespace

// A member with a retention floor and one that joins with nothing: both end with all control
// records of all times, and content above the floor.
TEST_F(Convergence, BelowTheFloorControlRecordsTravel) {
    std::vector<Bytes> packets{channel.genesis("c")};
    std::vector<Bytes> control{packets[0]};
    for (GlobalTime time = 2; time < 6'000; ++time) {
        if (time % 60 == 0)
            control.push_back(grant(founder, time, time % 120 == 0 ? member : moderator,
                                    protocol::right::permit));
        packets.push_back(time % 60 == 0 ? control.back() : torrent(founder, time, "film"));
    }
    for (int turn = 0; turn < 2; ++turn) {
        SCOPED_TRACE(turn == 0 ? "the pruned one leads" : "the new one leads");
        const auto pruned_file = folder.file("pruned" + std::to_string(turn));
        const auto late_file = folder.file("late" + std::to_string(turn));
        auto pruned = open_at(pruned_file), late = open_at(late_file, As::Same);
        store(*pruned, packets);
        PruneBudget budget;
        budget.rows = 4096;
        for (bool more = true; more;)
            more = pruned->prune({.records = 500}, 0, budget)->more;
        ASSERT_GT(pruned->floor(), 5'000u);
        auto from_pruned = ShardReader::open(pruned_file, channel.community());
        auto from_late = ShardReader::open(late_file, channel.community());
        ASSERT_OK(from_pruned);
        ASSERT_OK(from_late);
        const auto meet = [&] {
            Partners both(turn == 0 ? *pruned : *late, turn == 0 ? **from_pruned : **from_late,
                          turn == 0 ? *late : *pruned, turn == 0 ? **from_late : **from_pruned,
                          channel.community());
            both.run();
            return both.moved;
        };
        meet();
        for (const auto& packet : control)
            EXPECT_TRUE(*(*from_late)->has(ref(packet)));
        EXPECT_EQ(late->root().count, pruned->root().count);
        EXPECT_EQ(late->root().sum, pruned->root().sum);
        EXPECT_EQ(meet(), 0u) << "nothing is told twice";
        // The late one learns old content elsewhere: the pruned one is not told of it again.
        store(*late, {packets.begin(), packets.begin() + 1'000});
        EXPECT_EQ(meet(), 0u);
        // But an old control record reaches it.
        const auto old = grant(founder, 7, stranger, protocol::right::permit, comment_kind);
        store(*late, {old});
        EXPECT_EQ(meet(), 1u);
        EXPECT_TRUE(*(*from_pruned)->has(ref(old)));
    }
}

// One author on two devices: both lines are kept, the fork is proven on both nodes.
TEST_F(Convergence, OneAuthorOnTwoDevices) {
    const auto genesis = channel.genesis("c");
    auto a = open_at(folder.file("a")), b = open_at(folder.file("b"), As::Same);
    store(*a, {genesis});
    store(*b, {genesis});
    const auto device = [&](Shard& on, const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        const auto id = SeededRandom(std::hash<std::string>{}(name)).id<RequestId>();
        auto prepared = on.prepare_publish(
            {id, RecordKind::Torrent, founder.public_key(), protocol::encode(entry)});
        EXPECT_OK(prepared);
        EXPECT_OK(on.commit_publish(id, founder.signed_packet(prepared->to_sign), 0));
    };
    for (int i = 0; i < 5; ++i) {
        device(*a, "a" + std::to_string(i));
        device(*b, "b" + std::to_string(i));
    }
    auto from_a = ShardReader::open(folder.file("a"), channel.community());
    auto from_b = ShardReader::open(folder.file("b"), channel.community());
    ASSERT_OK(from_a);
    ASSERT_OK(from_b);
    Partners(*a, **from_a, *b, **from_b, channel.community()).run();
    EXPECT_EQ(a->root().count, 11u);
    EXPECT_EQ(a->root().sum, b->root().sum);
    EXPECT_EQ(a->take_new_forks().size(), 1u);
    EXPECT_EQ(b->take_new_forks().size(), 1u);
}
