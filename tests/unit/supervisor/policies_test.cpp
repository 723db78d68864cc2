// Pure decisions: when to restart, when to lose patience, how to stop.
#include <gtest/gtest.h>

#include "supervisor/drain.h"
#include "supervisor/health.h"
#include "supervisor/restart_policy.h"
#include "supervisor/role_table.h"

namespace warren::supervisor {
namespace {

TEST(RestartPolicy, RestartsAtOnceThenBacksOff) {  // R-V2
    RestartPolicy policy;
    Nanoseconds now = 1000_s;
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(policy.on_crash(now += 10_ms).at, now);
    EXPECT_FALSE(policy.crash_looping());
    for (auto wait : {250_ms, 500_ms, 1_s, 2_s, 4_s, 8_s, 16_s, 30_s, 30_s}) {
        EXPECT_EQ(policy.on_crash(now).at, now + wait);
        EXPECT_TRUE(policy.crash_looping());
        now += wait;
    }
}

TEST(RestartPolicy, ATenMinuteCrashLoopIsAtMost35Spawns) {
    RestartPolicy policy;
    Nanoseconds now = 0, end = 600_s;
    int spawns = 1;
    while ((now = policy.on_crash(now + 1_ms).at) < end)
        ++spawns;
    EXPECT_LE(spawns, 35);
    EXPECT_GE(spawns, 20);
}

TEST(RestartPolicy, RareCrashesAreNoLoop) {
    RestartPolicy policy;
    for (Nanoseconds now = 0; now < 1000_s; now += 3_s)
        ASSERT_EQ(policy.on_crash(now).at, now);
}

TEST(RestartPolicy, TenHealthyMinutesClearTheTally) {
    RestartPolicy policy;
    Nanoseconds now = 1_s;
    for (int i = 0; i < 8; ++i)
        (void)policy.on_crash(now);
    policy.on_ready(now);
    EXPECT_GT(policy.on_crash(now + 599_s).at, now + 599_s);
    policy.on_ready(now + 700_s);
    EXPECT_EQ(policy.on_crash(now + 1300_s).at, now + 1300_s);
    EXPECT_FALSE(policy.crash_looping());
}

TEST(RestartPolicy, DoesNotRetryUsageAndSettings) {
    EXPECT_FALSE(RestartPolicy::is_retried(64));
    EXPECT_FALSE(RestartPolicy::is_retried(78));
    for (int code : {-1, 0, 1, 69, 70, 74, 75, 127})
        EXPECT_TRUE(RestartPolicy::is_retried(code)) << code;
}

TEST(Health, GoesFromSilentToStalledToHopeless) {  // R-V1
    Health health;
    health.started(10_s);
    health.heard(11_s);
    EXPECT_EQ(health.at(11_s + 1999_ms), Vitality::Alive);
    EXPECT_EQ(health.at(13_s), Vitality::Silent);
    EXPECT_EQ(health.at(16_s), Vitality::Stalled);
    EXPECT_EQ(health.at(16_s + 500_ms), Vitality::Hopeless);
    EXPECT_EQ(health.next_change(11_s), 13_s);
    EXPECT_EQ(health.next_change(13_s), 16_s);
    EXPECT_EQ(health.next_change(16_s), 16_s + 500_ms);
    health.heard(16_s);
    EXPECT_EQ(health.at(16_s), Vitality::Alive);
}

TEST(Health, HasPatienceWithAStartAndExcusesOurOwnPause) {
    Health health;
    health.started(10_s);
    EXPECT_EQ(health.at(40_s), Vitality::Alive);
    EXPECT_EQ(health.at(42_s), Vitality::Silent);
    EXPECT_EQ(health.at(46_s), Vitality::Hopeless);
    health.heard(50_s);
    health.excuse(90_s);
    EXPECT_EQ(health.at(91_s), Vitality::Alive);
    EXPECT_EQ(health.at(92_s), Vitality::Silent);
}

TEST(DrainPlan, GivesUnusedTimeToLaterSteps) {
    DrainPlan plan;
    EXPECT_FALSE(plan.running());
    plan.begin(100_s, 5_s);
    for (unsigned step = 0; step < drain_steps; ++step) {
        EXPECT_FALSE(plan.finished());
        EXPECT_EQ(plan.step_deadline(), 101_s + static_cast<Nanoseconds>(step) * 1_s);
        plan.next_step();
    }
    EXPECT_TRUE(plan.finished());
}

TEST(RoleTable, HasEveryRoleOnceAndStopsUpstreamFirst) {
    EXPECT_EQ(role_table().size(), process::role_count - 1);
    for (std::size_t i = 1; i < process::role_count; ++i) {
        auto role = static_cast<Role>(i);
        EXPECT_EQ(spec_of(role).role, role);
        EXPECT_EQ(spec_of(role).section.substr(8), process::name_of(role));
        EXPECT_EQ(spec_of(role).program.substr(7), process::name_of(role));
    }
    EXPECT_LT(spec_of(Role::Api).drain_step, spec_of(Role::Network).drain_step);
    EXPECT_LT(spec_of(Role::Network).drain_step, spec_of(Role::Torrent).drain_step);
    EXPECT_LT(spec_of(Role::Torrent).drain_step, spec_of(Role::Verify).drain_step);
    EXPECT_EQ(spec_of(Role::Verify).drain_step, spec_of(Role::Sign).drain_step);
    EXPECT_LT(spec_of(Role::Sign).drain_step, spec_of(Role::Storage).drain_step);
    EXPECT_EQ(spec_of(Role::Storage).drain_step, drain_steps - 1);
}

}  // namespace
}  // namespace warren::supervisor
