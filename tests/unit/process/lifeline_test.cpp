// Every lifeline message there and back, descriptors included, and what must be refused.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>

#include <set>

#include "base/random.h"
#include "ipc-schema/lifeline_generated.h"
#include "runtime/process/lifeline.h"
#include "runtime/process/lifeline_codec.h"

namespace warren::process {
namespace {

Fd some_file() {
    return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

bool same_file(const Fd& a, const Fd& b) {
    struct stat one {
    }, two{};
    return ::fstat(a.get(), &one) == 0 && ::fstat(b.get(), &two) == 0 && one.st_ino == two.st_ino &&
           one.st_dev == two.st_dev;
}

Roster sample_roster() {
    return {{.role = Role::Storage,
             .index = 2,
             .epoch = 1ull << 40,
             .state = WorkerState::Degraded,
             .inbox = "ipc:///run/x/pipe/storage-2",
             .tap = "ipc:///run/x/tap/storage-2",
             .pid = 77,
             .restarts = 3,
             .reason = "no heartbeat"}};
}

Welcome sample_welcome() {
    Welcome out;
    out.role = Role::Network;
    out.index = 1;
    out.count = 2;
    out.epoch = 5ull << 32 | 9;
    out.node_epoch = 5;
    out.settings.set("overlay.lan", "true");
    out.secret_key.fill(0x5a);
    for (std::size_t i = 1; i < role_count; ++i) {
        out.public_keys.push_back({static_cast<Role>(i), {}});
        out.public_keys.back().public_key.fill(static_cast<std::uint8_t>(i));
    }
    out.routing_seed.fill(7);
    out.inbox = "ipc:///run/x/pipe/network-1";
    out.tap = "ipc:///run/x/tap/network-1";
    out.roster = sample_roster();
    out.slots.version = 4;
    out.slots.workers[63] = 1;
    out.inbox_listener = some_file();
    out.tap_listener = Fd(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    out.listeners.push_back({Fd(::open("/dev/full", O_RDONLY | O_CLOEXEC)), "0.0.0.0:8090"});
    return out;
}

class LifelineTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto pair = Lifeline::make_pair();
        ASSERT_TRUE(pair);
        up_.emplace(std::move(pair->first));
        auto adopted = Lifeline::adopt(pair->second.release());
        ASSERT_TRUE(adopted);
        down_.emplace(std::move(*adopted));
    }
    template <typename T>
    T round_trip(T message) {
        auto sent = up_->send(Message(std::move(message)));
        EXPECT_TRUE(sent) << sent.error().text;
        auto got = down_->receive();
        EXPECT_TRUE(got && *got);
        return std::get<T>(std::move(**got));
    }
    std::string refusal_of(ByteView frame) {
        EXPECT_EQ(::send(up_->fd(), frame.data(), frame.size(), 0),
                  static_cast<ssize_t>(frame.size()));
        auto got = down_->receive();
        return got ? "" : got.error().text;
    }

    std::optional<Lifeline> up_, down_;
};

TEST_F(LifelineTest, CarriesAWelcomeWithItsDescriptors) {
    auto want = sample_welcome();
    auto got = round_trip(sample_welcome());
    EXPECT_EQ(got.role, want.role);
    EXPECT_EQ(got.index, want.index);
    EXPECT_EQ(got.count, want.count);
    EXPECT_EQ(got.epoch, want.epoch);
    EXPECT_EQ(got.node_epoch, want.node_epoch);
    EXPECT_EQ(got.settings.all(), want.settings.all());
    EXPECT_EQ(got.secret_key, want.secret_key);
    ASSERT_EQ(got.public_keys.size(), want.public_keys.size());
    EXPECT_EQ(got.public_keys[3].public_key, want.public_keys[3].public_key);
    EXPECT_EQ(got.routing_seed, want.routing_seed);
    EXPECT_EQ(got.slots.version, 4u);
    EXPECT_EQ(got.slots.workers, want.slots.workers);
    ASSERT_EQ(got.roster.size(), 1u);
    EXPECT_EQ(got.roster[0].reason, "no heartbeat");
    EXPECT_EQ(got.roster[0].state, WorkerState::Degraded);
    EXPECT_EQ(got.roster[0].epoch, 1ull << 40);
    EXPECT_TRUE(same_file(got.inbox_listener, want.inbox_listener));
    EXPECT_TRUE(same_file(got.tap_listener, want.tap_listener));
    ASSERT_EQ(got.listeners.size(), 1u);
    EXPECT_EQ(got.listeners[0].address, "0.0.0.0:8090");
    EXPECT_TRUE(same_file(got.listeners[0].fd, want.listeners[0].fd));
    EXPECT_EQ(::fcntl(got.tap_listener.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(LifelineTest, CarriesEveryOtherMessage) {
    EXPECT_EQ(round_trip(RosterChanged{sample_roster(), 3}).roster[0].tap, sample_roster()[0].tap);
    SlotMap slots;
    slots.workers[5] = 9;
    EXPECT_EQ(round_trip(SlotsChanged{slots}).slots.workers, slots.workers);
    Settings settings;
    settings.set("a.b", "c\nd");
    EXPECT_EQ(round_trip(SettingsChanged{settings}).settings.all(), settings.all());
    round_trip(Drain{});
    round_trip(Stop{});
    auto reply = round_trip(ControlReply{7, true, "done"});
    EXPECT_EQ(reply.id, 7u);
    EXPECT_TRUE(reply.ok);
    EXPECT_EQ(reply.text, "done");
    EXPECT_TRUE(is_compatible(round_trip(hello_of_this_process())));
    EXPECT_EQ(round_trip(WorkerReady{"note"}).note, "note");
    EXPECT_EQ(round_trip(Heartbeat{12, 34}).resident_kib, 34u);
    round_trip(Drained{});
    EXPECT_EQ(round_trip(SlotsReleased{8}).version, 8u);
    auto violation = round_trip(ProtocolViolation{Role::Torrent, 1, "x"});
    EXPECT_EQ(violation.role, Role::Torrent);
    EXPECT_EQ(violation.what, "x");
    EXPECT_EQ(round_trip(InFlightAtDeath{Role::Verify, 0, {1, 2, 3}}).ids.size(), 3u);
    EXPECT_EQ(round_trip(Scale{1, Role::Storage, 4}).count, 4u);
    EXPECT_EQ(round_trip(Reload{2}).id, 2u);
    EXPECT_EQ(round_trip(StopNode{3}).id, 3u);
    EXPECT_EQ(round_trip(ListSettings{4}).id, 4u);
}

TEST_F(LifelineTest, TellsSilenceFromTheEnd) {
    auto nothing = down_->receive();
    ASSERT_TRUE(nothing);
    EXPECT_FALSE(*nothing);
    up_.reset();
    auto end = down_->receive();
    ASSERT_TRUE(end && *end);
    EXPECT_TRUE(std::holds_alternative<LifelineClosed>(**end));
    EXPECT_EQ(down_->send(Drained{}).error().kind, ErrorKind::Unavailable);
}

TEST_F(LifelineTest, WaitsForAWelcomeUntilItsDeadline) {
    EXPECT_EQ(down_->welcome(monotonic_now()).error().kind, ErrorKind::Expired);
    ASSERT_TRUE(up_->send(Drain{}));
    EXPECT_EQ(down_->welcome(monotonic_now() + 1_s).error().kind, ErrorKind::BadInput);
    ASSERT_TRUE(up_->send(sample_welcome()));
    EXPECT_TRUE(down_->welcome(monotonic_now() + 1_s));
}

TEST_F(LifelineTest, AFullLifelineIsAnOrdinaryResult) {
    Result<void> sent;
    for (int i = 0; i < 100'000 && sent; ++i)
        sent = up_->send(WorkerReady{std::string(1000, 'x')});
    EXPECT_EQ(sent.error().kind, ErrorKind::Unavailable);
}

TEST_F(LifelineTest, RefusesWhatIsMalformed) {
    auto good = encode(sample_welcome());
    auto cut = good;
    cut.resize(cut.size() - 9);
    EXPECT_EQ(refusal_of(cut), "malformed lifeline message");
    EXPECT_EQ(refusal_of(Bytes(64, 0xff)), "malformed lifeline message");
    EXPECT_EQ(refusal_of(good), "welcome needs 3 descriptors and came with 0");
    auto other_file = encode(Drain{});
    other_file[4] ^= 1;  // the file identifier
    EXPECT_EQ(refusal_of(other_file), "malformed lifeline message");

    flatbuffers::FlatBufferBuilder unknown;
    auto body = ipc::CreateDrain(unknown).Union();
    ipc::FinishLifelineBuffer(
        unknown, ipc::CreateLifeline(unknown, static_cast<ipc::LifelineBody>(99), body));
    EXPECT_EQ(refusal_of({unknown.GetBufferPointer(), unknown.GetSize()}),
              "unknown lifeline message");
}

TEST_F(LifelineTest, RefusesValuesOutOfBounds) {
    flatbuffers::FlatBufferBuilder role;
    auto scale = ipc::CreateScale(role, 1, static_cast<ipc::Role>(9), 1).Union();
    ipc::FinishLifelineBuffer(role, ipc::CreateLifeline(role, ipc::LifelineBody::Scale, scale));
    EXPECT_EQ(refusal_of({role.GetBufferPointer(), role.GetSize()}),
              "lifeline message is out of bounds");

    flatbuffers::FlatBufferBuilder slots;
    auto map = ipc::CreateSlotMap(slots, 1, slots.CreateVector(std::vector<std::uint8_t>(3)));
    auto changed = ipc::CreateSlotsChanged(slots, map).Union();
    ipc::FinishLifelineBuffer(slots,
                              ipc::CreateLifeline(slots, ipc::LifelineBody::SlotsChanged, changed));
    EXPECT_EQ(refusal_of({slots.GetBufferPointer(), slots.GetSize()}),
              "lifeline message is out of bounds");
}

TEST_F(LifelineTest, RefusesAFrameThatExpands) {  // R-I8: one text, pointed at a thousand times
    flatbuffers::FlatBufferBuilder builder;
    auto text = builder.CreateString(std::string(20'000, 'a'));
    std::vector<flatbuffers::Offset<ipc::Setting>> rows;
    for (int i = 0; i < 900; ++i)
        rows.push_back(ipc::CreateSetting(builder, text, text));
    auto changed = ipc::CreateSettingsChanged(builder, builder.CreateVector(rows)).Union();
    ipc::FinishLifelineBuffer(
        builder, ipc::CreateLifeline(builder, ipc::LifelineBody::SettingsChanged, changed));
    EXPECT_EQ(refusal_of({builder.GetBufferPointer(), builder.GetSize()}),
              "lifeline message is out of bounds");
}

TEST_F(LifelineTest, SurvivesAnyDamageToAFrame) {
    SeededRandom random(1);
    auto good = encode(sample_welcome());
    int refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        auto frame = good;
        for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
            frame[random.below(frame.size())] = static_cast<std::uint8_t>(random.next());
        refused += decode(frame) ? 0 : 1;
    }
    EXPECT_GT(refused, 1000);
}

TEST(Lifeline, RefusesADescriptorThatIsNone) {
    auto adopted = Lifeline::adopt(some_file().release());
    ASSERT_FALSE(adopted);
    EXPECT_EQ(adopted.error().kind, ErrorKind::Environment);
}

}  // namespace
}  // namespace warren::process
