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

TEST(RosterEvents, ARestartAndEachStateAreTold) {
    const process::Roster before = {row(Role::Storage, WorkerState::Ready),
                                    row(Role::Sign, WorkerState::Ready)};
    const process::Roster after = {row(Role::Storage, WorkerState::Starting, 1),
                                   row(Role::Sign, WorkerState::Ready)};
    TopicTap tap;
    pipe::tell_changes(tap, before, after);
    EXPECT_THAT(tap.lines, testing::ElementsAre(testing::StartsWith("event.worker.restarted"),
                                                testing::HasSubstr("\"state\":\"starting\"")));
    EXPECT_TRUE(pipe::speaks_for_the_node(Role::Storage, 0, before));
    EXPECT_FALSE(pipe::speaks_for_the_node(Role::Sign, 0, before));
    EXPECT_TRUE(pipe::speaks_for_the_node(Role::Sign, 0, after));
}

TEST(RosterEvents, AMoveIsToldOnceItIsComplete) {
    process::SlotMap told, now;
    told.workers.assign(process::slot_count, 0);
    now = told;
    now.workers[3] = process::slot_unassigned;
    TopicTap tap;
    pipe::tell_changes(&tap, told, now);
    EXPECT_TRUE(tap.lines.empty());
    now.workers[3] = 1;
    pipe::tell_changes(&tap, told, now);
    EXPECT_THAT(tap.lines,
                testing::ElementsAre("event.slot.moved {\"slot\":3,\"from\":0,\"to\":1}"));
}

}  // namespace
}  // namespace warren::test
