// Whatever was lost, late, out of order or hostile: once faults stop, all nodes of a channel soon
// have the same records with the same verdicts. Each seed is a storm of its own: 10 to 50 nodes,
// loss up to 30 %, duplicates, disorder, damaged datagrams, a partition, crashes; authors who were
// never let in, whose rights are taken, who fork, and from the far future; one author on two
// devices, a member that forgets old content, and one who comes late with nothing.
#include <gtest/gtest.h>

#include <set>

#include "protocol/community/control_records.h"
#include "tests/sim/overlay_world.h"
#include "tests/sim/seeds.h"

namespace warren::sim {
namespace {

using namespace protocol;

constexpr std::size_t seeds = 250;  // of each of the two programs
constexpr Nanoseconds meeting = 5_s, storm = 10_s, bound = 60_s, look = 1_s;
constexpr GlobalTime far_future = 1'000'000'000'000;
const Weather calm{0.01, 0, 0, 0, 10'000'000, 80'000'000};

struct Village {
    World world;
    CommunityId community;
    std::size_t count;
    World::Node* forgetful = nullptr;

    explicit Village(std::uint64_t seed)
        : world(seed, weather_of(seed)), count(10 + square_of(world.random())) {
        world.add_node();
        Nonce nonce = world.random().id<Nonce>();
        community = channel_community(founder().key, nonce);
        while (world.nodes().size() < count)
            world.add_node();
        for (auto& node : world.nodes())
            enter(*node);
        say(founder(), founder().key, 1, encode(ChannelGenesis{nonce, "Storm", ""}));
        // The second and the third node are two devices of one author.
        at(2).key_of_author = at(1).key_of_author;
        say(founder(), founder().key, id_of(ControlKind::Authorize),
            encode_grants({{at(1).key_of_author, 2, right::permit}}));
    }

    static Weather weather_of(std::uint64_t seed) {
        SeededRandom random(seed);
        const auto percent = [&](std::uint64_t most) {
            return static_cast<double>(random.below(most + 1)) / 100;
        };
        return {percent(30), percent(5), percent(20), percent(2), 5'000'000, 80'000'000};
    }
    // 0 to 40, small numbers more often: so that the many seeds are quick.
    static std::size_t square_of(Random& random) {
        const auto x = random.below(41);
        return x * x * x / 1600;
    }

    World::Node& founder() { return *world.nodes().front(); }
    struct Author {
        World::Node& node;
        PublicKey& key_of_author;
    };
    Author at(std::size_t i) {
        if (authors.size() < world.nodes().size()) authors.resize(world.nodes().size());
        if (authors[i] == PublicKey{}) authors[i] = world.nodes()[i]->key;
        return {*world.nodes()[i], authors[i]};
    }
    Author anybody() { return at(world.random().below(world.nodes().size())); }
    MemoryStore& store(World::Node& node) { return node.stores.at(community); }

    void enter(World::Node& node) {
        join(node);
        store(node).judge_by(founder().key);
    }
    void join(World::Node& node) {
        if (&node == &founder())
            world.join(node, community);
        else
            world.join(node, community, founder().address);
    }
    void crash(World::Node& node) {
        world.restart(node);
        join(node);  // it has its bootstrap address from its settings
    }

    // Signs, keeps and pushes, as somebody may who cares for no rule.
    void say(World::Node& node, const PublicKey& author, MessageId kind, Bytes payload,
             GlobalTime time = 0) {
        if (time == 0) time = store(node).next_time();
        const auto prev = predecessor(node, author, time);
        RecordDraft draft{community, static_cast<RecordKind>(kind), author, time, prev, payload};
        const auto packet = signed_packet(encode_unsigned(draft));
        store(node).add(packet);
        node.overlay->push(world.now(), community, {packet});
        world.drain(node);
    }
    // What the author said last, as far as this node knows; now and then he hides that, and names
    // an older one or none.
    RecordRef predecessor(World::Node& node, const PublicKey& author, GlobalTime time) {
        auto line = store(node).line_of(author);
        std::erase_if(line, [&](const Link& link) { return link.ref.time >= time; });
        if (line.empty() || world.random().below(10) == 0) return {};
        if (world.random().below(5) == 0) return line[world.random().below(line.size())].ref;
        return line.back().ref;
    }
    Bytes torrent() {
        TorrentEntry entry;
        entry.infohash = world.random().id<Infohash>();
        entry.name = "Torrent " + std::to_string(world.random().below(1000));
        entry.files = 1;
        return encode(entry);
    }

    // ---- what may happen
    void grant_or_take() {
        const auto rights =
            world.random().below(2) == 0 ? right::permit : Rights{right::permit | right::undo};
        const auto kind =
            id_of(world.random().below(4) == 0 ? ControlKind::Revoke : ControlKind::Authorize);
        const auto whom = anybody().key_of_author;
        if (whom == founder().key) return;
        say(founder(), founder().key, kind, encode_grants({{whom, 2, rights}}));
    }
    void undo_something(Author who) {
        const auto all = store(who.node).refs();
        if (all.empty()) return;
        const auto at =
            std::next(all.begin(), static_cast<std::ptrdiff_t>(world.random().below(all.size())));
        const auto by =
            world.random().below(2) == 0 ? ControlKind::UndoOwn : ControlKind::UndoOther;
        const auto action =
            world.random().below(3) == 0 ? Undo::Action::Restore : Undo::Action::Undo;
        say(who.node, who.key_of_author, id_of(by), encode(Undo{*at, 2, action}));
    }
    void something() {
        const auto who = anybody();
        switch (world.random().below(8)) {
        case 0:
        case 1: return grant_or_take();
        case 2: return undo_something(who);
        case 3:  // lets himself in
            return say(who.node, who.key_of_author, id_of(ControlKind::Authorize),
                       encode_grants({{make_key(world.random()), 2, right::permit}}));
        case 4:
            return say(who.node, who.key_of_author, 2, torrent(),
                       far_future + world.random().below(1000));
        case 5: return crash(who.node);
        default: return say(who.node, who.key_of_author, 2, torrent());
        }
    }
    void rage() {
        for (Nanoseconds passed = 0; passed < storm; passed += 500_ms) {
            if (passed == 3_s)
                for (auto& node : world.nodes())
                    world.internet().set_side(node->host,
                                              static_cast<std::uint8_t>(world.random().below(2)));
            if (passed == 5_s)  // both devices, neither of which has heard of the other's
                for (const auto i : {1u, 2u})
                    say(at(i).node, at(i).key_of_author, 2, torrent());
            if (passed == 7_s) world.internet().heal();
            if (passed == 8_s) {
                forgetful = &at(count - 1).node;
                store(*forgetful).set_floor(store(*forgetful).next_time() / 2);
                forgetful->overlay->join(world.now(), community);  // its file has changed
            }
            something();
            something();
            world.run_for(500_ms);
        }
    }

    // ---- what is true
    bool agree() {
        const auto floor = forgetful == nullptr ? 0 : store(*forgetful).floor();
        const auto state = store(founder()).state_hash(floor);
        const auto all_state = store(founder()).state_hash();
        return std::ranges::all_of(world.nodes(), [&](const auto& node) {
            return node.get() == forgetful ? store(*node).state_hash(floor) == state
                                           : store(*node).state_hash() == all_state;
        });
    }
    // Whose line is seen to fork, by a node that has forgotten nothing.
    std::set<PublicKey> forked(World::Node& node) {
        std::set<PublicKey> out;
        for (const auto& author : authors)
            if (find_fork(store(node).line_of(author))) out.insert(author);
        return out;
    }
    bool agree_within(Nanoseconds time) {
        for (const auto end = world.now() + time; world.now() < end; world.run_for(look))
            if (agree()) return true;
        return agree();
    }

    std::vector<PublicKey> authors;
};

TEST(Converge, all_nodes_agree_once_faults_stop) {
    Nanoseconds longest = 0;
    std::size_t forks = 0, forks_of_devices = 0;
    for_seeds(
        seeds,
        [&](std::uint64_t seed) {
            Village village(seed);
            auto& world = village.world;
            world.run_for(meeting);
            village.rage();
            world.internet().set_weather(calm);
            const auto begin = world.now();
            village.enter(world.add_node());  // late, with nothing
            EXPECT_TRUE(village.agree_within(bound)) << village.count << " nodes";
            longest = std::max(longest, world.now() - begin);
            const auto forked = village.forked(village.founder());
            for (auto& node : world.nodes())
                if (node.get() != village.forgetful) {
                    EXPECT_EQ(village.forked(*node), forked) << "not all see who forked";
                }
            forks += forked.size();
            forks_of_devices += forked.count(village.at(1).key_of_author);
            for (auto& node : world.nodes())
                EXPECT_LT(village.store(*node).next_time(), 10'000u) << "clock dragged";
            return world.event_hash();
        },
        seeds * WARREN_HALF);
    std::cerr << "all agreed after " << longest / 1'000'000'000 << " s at most; " << forks
              << " authors forked, " << forks_of_devices << " of them with two devices\n";
    if (!wished_seed()) {
        EXPECT_GE(forks, seeds / 2);
        EXPECT_GE(forks_of_devices, seeds / 4);
    }
}

// That they agree is no matter of course: while the storm rages most do not.
TEST(Converge, in_the_storm_they_do_not) {
    std::size_t differ = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Village village(seed);
        village.world.run_for(meeting);
        village.rage();
        if (!village.agree()) ++differ;
    }
    EXPECT_GE(differ, 7u);
}

}  // namespace
}  // namespace warren::sim
