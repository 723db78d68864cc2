// What a change of the roster says on the tap, and who says it.
#include <gmock/gmock.h>

#include "runtime/pipe/roster_events.h"

namespace warren::test {
namespace {

using process::Role;
using process::WorkerState;

class TopicTap final : public pipe::Tap {
public:
    bool wanted(std::string_view) const override { return true; }
    void publish(std::string_view topic, std::string_view json) override {
        lines.push_back(std::string(topic) + " " + std::string(json));
    }
    std::vector<std::string> lines;
};

process::RosterEntry row(Role role, WorkerState state, std::uint32_t restarts = 0) {
    process::RosterEntry out;
    out.role = role;
    out.state = state;
    out.restarts = restarts;
    return out;
}

TEST(RosterEvents, TheFirstReadyWorkerTellsOfARestart) {
    const process::Roster before = {row(Role::Storage, WorkerState::Ready),
                                    row(Role::Sign, WorkerState::Ready)};
    const process::Roster after = {row(Role::Storage, WorkerState::Starting, 1),
                                   row(Role::Sign, WorkerState::Ready)};
    TopicTap tap;
    pipe::tell_changes(tap, row(Role::Sign, WorkerState::Ready), before, after);
    EXPECT_THAT(tap.lines, testing::ElementsAre(testing::StartsWith("event.worker.restarted"),
                                                testing::HasSubstr("\"state\":\"starting\"")));
    TopicTap silent;
    pipe::tell_changes(silent, row(Role::Verify, WorkerState::Ready), before, after);
    EXPECT_TRUE(silent.lines.empty());
}

TEST(RosterEvents, TheNewOwnerTellsOfItsSlots) {
    process::SlotMap before, after;
    before.workers[3] = process::slot_unassigned;
    after.workers[3] = 1;
    after.workers[4] = 0;
    TopicTap tap;
    pipe::tell_changes(tap, std::uint16_t{1}, before, after);
    EXPECT_THAT(tap.lines, testing::ElementsAre("event.slot.moved {\"slot\":3,\"to\":1}"));
}

}  // namespace
}  // namespace warren::test
