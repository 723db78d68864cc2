// Real nodes behind NAT boxes: who can reach whom, introduced by a bootstrap node that keeps
// nothing. Which pairs can is what the simulator says of the same kinds of boxes.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <sstream>

#include "tests/support/journey.h"
#include "tests/support/nat_net.h"

namespace warren::test {
namespace {

using sim::NatKind;

const std::vector<NatKind> kinds = {NatKind::FullCone, NatKind::RestrictedCone,
                                    NatKind::PortRestricted, NatKind::Symmetric};

const char* name_of(NatKind kind) {
    switch (kind) {
    case NatKind::None: return "public";
    case NatKind::FullCone: return "full-cone";
    case NatKind::RestrictedCone: return "address-restricted";
    case NatKind::PortRestricted: return "port-restricted";
    case NatKind::Symmetric: return "symmetric";
    }
    return "";
}

bool can_meet(NatKind a, NatKind b) {
    const auto minds_ports = [](NatKind kind) { return kind >= NatKind::PortRestricted; };
    return !((a == NatKind::Symmetric && minds_ports(b)) ||
             (b == NatKind::Symmetric && minds_ports(a)));
}

// A node that lives in a namespace.
class Resident {
public:
    struct Home {
        std::string name;
        NatKind kind = NatKind::None;
        const Netns& place;
    };
    Resident(const Home& home, std::vector<std::string> settings) : home_(home) {
        const std::vector<std::string> always = {"overlay.lan=false", "channels.follow=none",
                                                 "api.connections_max=64"};
        settings.insert(settings.end(), always.begin(), always.end());
        node_ = std::make_unique<Node>(Node::Options{.name = home.name, .settings = settings});
        home.place.inside([&] { EXPECT_TRUE(node_->launch()); });
    }
    template <typename What>
    auto ask(What&& what) {
        return home_.place.inside([&] { return what(*node_); });
    }
    const std::string& member() {
        if (member_.empty())
            member_ = ask([](Node& node) {
                const auto status = node.get("/api/v1/status");
                return status.status == 200 ? status.body.value("member", "") : "";
            });
        return member_;
    }
    bool ready() {
        return ask([](Node& node) { return node.all_ready() && node.knows_all_ready(); }) &&
               !member().empty();
    }
    // Its row for this peer; null when there is none.
    json peer(Resident& other) {
        const auto list = ask([](Node& node) { return node.get("/api/v1/peers"); });
        if (list.status == 200)
            for (const auto& row : list.body["items"])
                if (row.value("member", "") == other.member()) return row;
        return {};
    }
    bool knows(Resident& other) {
        const auto row = peer(other);
        return row.is_object() && row["verified"] == true;
    }
    // How it sees its own way to the internet.
    std::string connection() {
        const auto answer = ask([](Node& node) { return node.get("/api/v1/overlay"); });
        return answer.status == 200 ? answer.body.value("connection", "") : "";
    }
    std::string founds(const std::string& name) {
        const auto id = ask([&](Node& node) { return create_channel(node, name, name); });
        EXPECT_FALSE(id.empty()) << name;
        return id;
    }
    void joins(const std::string& channel) {
        const auto done = ask(
            [&](Node& node) { return node.put("/api/v1/communities/" + channel, json::object()); });
        EXPECT_EQ(done.status, 200) << done.text;
    }
    std::string publishes(const std::string& channel, std::uint64_t number) {
        const auto answer = ask([&](Node& node) {
            return persist(node, "/api/v1/channels/" + channel + "/torrents", magnet_entry(number),
                           "entry-" + std::to_string(number), 20);
        });
        EXPECT_EQ(answer.status, 201) << answer.text;
        return answer.status == 201 ? answer.body["record"].get<std::string>() : "";
    }
    bool has(const std::string& channel, const std::string& record) {
        return ask([&](Node& node) { return records_of(node, channel).contains(record); });
    }
    // What its overlay counted, for people who read a failure.
    std::string counters() {
        std::istringstream lines(ask([](Node& node) { return node.get("/metrics").text; }));
        std::string out;
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with("warren_overlay") && !line.ends_with(" 0")) out += line + "\n";
        return out;
    }
    std::string log() { return node_->log(); }
    void begin_stop() { ::kill(node_->pid(), SIGTERM); }
    void stop() { node_->stop(); }
    NatKind kind() const { return home_.kind; }
    const std::string& name() const { return home_.name; }

private:
    Home home_;
    std::unique_ptr<Node> node_;
    std::string member_;
};

bool both_know(Resident& a, Resident& b) {
    return a.knows(b) && b.knows(a);
}

class NatNodes : public ::testing::Test {
protected:
    void SetUp() override {
        if (!no_namespaces().empty()) GTEST_SKIP() << "NOT TESTED, for want of " << no_namespaces();
    }
    void TearDown() override {
        for (auto& one : residents_)
            one->begin_stop();
        for (auto& one : residents_)
            one->stop();
    }
    // The bootstrap node at 21.1.0.1 comes first.
    Resident& open_node(const std::string& name, const std::string& address,
                        const std::string& listen, std::vector<std::string> settings = {}) {
        return add({name, NatKind::None, net_.add_host(address)}, listen, std::move(settings));
    }
    Resident& node_at_home(NatNet::Home& home, const std::string& name) {
        return add({name, home.kind, net_.add_host(home)}, "0.0.0.0:8090", {bootstrap_});
    }
    Resident& add(const Resident::Home& home, const std::string& listen,
                  std::vector<std::string> settings) {
        settings.push_back("overlay.listen=" + listen);
        return *residents_.emplace_back(std::make_unique<Resident>(home, std::move(settings)));
    }
    bool all_ready() {
        return wait_until(
            [&] { return std::ranges::all_of(residents_, [](auto& one) { return one->ready(); }); },
            40);
    }
    std::string logs() {
        std::string out;
        for (auto& one : residents_)
            out += "---- " + one->name() + "\n" + one->log() + one->counters();
        return out;
    }

    const std::string bootstrap_ = "overlay.bootstrap_peers=21.1.0.1:8090";
    NatNet net_;
    std::vector<std::unique_ptr<Resident>> residents_;
};

// A pair of nodes, and a channel that only they are in; and a third one where they cannot meet.
struct Couple {
    Resident &a, &b;
    std::string channel = {}, record = {};
    bool possible() const { return can_meet(a.kind(), b.kind()); }
};

TEST_F(NatNodes, MeetWhereverTheirBoxesAllowAndElseThroughAThird) {
    open_node("bootstrap", "21.1.0.1", "0.0.0.0:8090", {"overlay.bootstrap=true"});
    auto& third = open_node("third", "22.1.0.1", "0.0.0.0:8090", {bootstrap_});
    std::vector<Resident*> left, right;
    for (const auto kind : kinds) {
        const auto number = std::to_string(left.size());
        left.push_back(&node_at_home(net_.add_home(kind, "3" + number + ".1.0.1"),
                                     std::string("left-") + name_of(kind)));
        right.push_back(&node_at_home(net_.add_home(kind, "4" + number + ".1.0.1"),
                                      std::string("right-") + name_of(kind)));
    }
    ASSERT_TRUE(all_ready()) << logs();

    std::vector<Couple> couples;
    for (auto* a : left)
        for (auto* b : right) {
            auto& couple = couples.emplace_back(Couple{*a, *b});
            couple.channel = a->founds(a->name() + "-to-" + b->name());
            b->joins(couple.channel);
            if (!couple.possible()) third.joins(couple.channel);
            couple.record = a->publishes(couple.channel, couples.size());
        }
    for (auto& couple : couples) {
        SCOPED_TRACE(couple.a.name() + " and " + couple.b.name());
        const bool met =
            !couple.possible() || wait_until([&] { return both_know(couple.a, couple.b); }, 20);
        EXPECT_TRUE(met);
        EXPECT_TRUE(wait_until([&] { return couple.b.has(couple.channel, couple.record); }, 20));
    }
    for (auto& couple : couples)
        if (!couple.possible()) {
            EXPECT_TRUE(couple.a.peer(couple.b).is_null()) << couple.a.name();
            EXPECT_TRUE(couple.b.peer(couple.a).is_null()) << couple.b.name();
        }
    for (auto& one : residents_) {
        const std::string expected = one->kind() == NatKind::None        ? "public"
                                     : one->kind() == NatKind::Symmetric ? "symmetric_nat"
                                                                         : "unknown";
        EXPECT_TRUE(wait_until([&] { return one->connection() == expected; }, 30))
            << one->name() << " believes " << one->connection() << "\n"
            << one->counters();
        EXPECT_EQ(one->log().find(" broken "), std::string::npos) << one->log();
    }
}

TEST_F(NatNodes, HostsBehindOneBoxMeetInside) {
    open_node("bootstrap", "21.1.0.1", "0.0.0.0:8090", {"overlay.bootstrap=true"});
    auto& home = net_.add_home(NatKind::PortRestricted, "31.1.0.1");
    auto& a = node_at_home(home, "a");
    auto& b = node_at_home(home, "b");
    ASSERT_TRUE(all_ready()) << logs();
    EXPECT_TRUE(wait_until([&] { return both_know(a, b); }, 20)) << logs();
    EXPECT_EQ(a.peer(b)["address"], "192.168.1.3:8090");
    EXPECT_EQ(b.peer(a)["address"], "192.168.1.2:8090");
}

TEST_F(NatNodes, MeetOverIpv6Alone) {
    const std::string listen = "[::]:8090";
    const std::string bootstrap = "overlay.bootstrap_peers=[2a00:21::1]:8090";
    open_node("bootstrap", "2a00:21::1", listen, {"overlay.bootstrap=true"});
    auto& a = open_node("a", "2a00:31::1", listen, {bootstrap});
    auto& b = open_node("b", "2a00:32::1", listen, {bootstrap});
    ASSERT_TRUE(all_ready()) << logs();
    EXPECT_TRUE(wait_until([&] { return both_know(a, b); }, 20)) << logs();
    const auto channel = a.founds("over-IPv6");
    b.joins(channel);
    const auto record = a.publishes(channel, 1);
    EXPECT_TRUE(wait_until([&] { return b.has(channel, record); }, 20)) << logs();
}

}  // namespace
}  // namespace warren::test
