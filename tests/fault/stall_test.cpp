// F-02: each worker is stopped in turn. Dependents answer 503 within 2.5 s, the worker is replaced
// within 6.5 s, and what does not need it goes on as before: p99 <= 2 x its own baseline (+ 20 ms).
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <iostream>

#include "base/clock.h"
#include "tests/support/journey.h"

namespace warren::test {
namespace {

struct Case {
    std::string role;
    std::string dependent;    // a GET that needs the role
    std::string independent;  // one that does not
};

double p99(std::vector<double> values) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(static_cast<double>(values.size() - 1) * 0.99)];
}

class Stall : public testing::TestWithParam<Case> {};

TEST_P(Stall, IsSeenAnsweredAndReplaced) {
    const auto& param = GetParam();
    Node node({.name = "stall"});
    ASSERT_TRUE(node.start()) << node.log();
    std::vector<double> baseline, during;
    for (int i = 0; i < 300; ++i) {
        const auto answer = node.get(param.independent);
        ASSERT_EQ(answer.status, 200) << answer.text;
        baseline.push_back(answer.milliseconds);
    }
    const auto stopped = node.worker(param.role);
    ASSERT_GT(stopped, 0);
    ASSERT_EQ(node.get(param.dependent).status, 200);
    const auto began = monotonic_now();
    const auto elapsed_s = [&] { return static_cast<double>(monotonic_now() - began) / 1e9; };
    ::kill(stopped, SIGSTOP);
    double refused_s = 0, replaced_s = 0;
    while (replaced_s == 0 && elapsed_s() < 12) {
        const auto other = node.get(param.independent);
        EXPECT_EQ(other.status, 200)
            << "an endpoint that does not need " << param.role << ": " << other.text;
        during.push_back(other.milliseconds);
        if (refused_s == 0 && elapsed_s() > 2.0) {
            const auto answer = node.get(param.dependent, 3);
            if (answer.status == 503) refused_s = elapsed_s();
        }
        const auto now = node.worker(param.role);
        if (now > 0 && now != stopped && node.worker_state(param.role) == "ready")
            replaced_s = elapsed_s();
        ::poll(nullptr, 0, 5);
    }
    std::cerr << param.role << ": 503 after " << refused_s << " s, replaced after " << replaced_s
              << " s, p99 " << p99(during) << " ms against " << p99(baseline) << " ms\n";
    if (param.role != "api") {
        EXPECT_GT(refused_s, 0) << "the dependent endpoint never answered 503";
        EXPECT_LE(refused_s, 2.5);
    }
    EXPECT_GT(replaced_s, 0) << "it was not replaced";
    EXPECT_LE(replaced_s, 6.5);
    EXPECT_LE(p99(during), 2 * p99(baseline) + 20);
    EXPECT_TRUE(wait_until([&] { return node.get(param.dependent).status == 200; }, 5));
}

INSTANTIATE_TEST_SUITE_P(EachRole, Stall,
                         testing::Values(Case{"storage", "/api/v1/channels", "/api/v1/status"},
                                         Case{"network", "/api/v1/peers", "/api/v1/channels"},
                                         Case{"torrent", "/api/v1/downloads", "/api/v1/channels"},
                                         Case{"api", "/api/v1/status", "/api/v1/channels"}),
                         [](const auto& each) { return each.param.role; });

std::string status_of(Node& node, const std::string& role) {
    const auto answer = node.get("/api/v1/status");
    if (answer.status != 200) return {};
    for (const auto& worker : answer.body["workers"])
        if (worker["role"] == role) return worker["state"];
    return {};
}

// verify and sign have no GET of their own: publishing needs sign, and verify is only seen to be
// replaced.
TEST(StallOfCrypto, SigningFailsCleanlyAndComesBack) {
    // One api worker: what its status says, its other routes know.
    Node node({.name = "stall-sign", .settings = {"workers.api.count=1"}});
    ASSERT_TRUE(node.start()) << node.log();
    ASSERT_FALSE(create_channel(node, "Before", "before").empty());
    for (const std::string role : {"sign", "verify"}) {
        const auto stopped = node.worker(role);
        ::kill(stopped, SIGSTOP);
        if (role == "sign") {
            EXPECT_TRUE(wait_until([&] { return status_of(node, "sign") == "degraded"; }, 2.5));
            const auto answer = node.post("/api/v1/channels", {{"name", "During"}}, "during", 12);
            EXPECT_EQ(answer.status, 503) << answer.text;
            EXPECT_LE(answer.milliseconds, 1000);
        }
        EXPECT_TRUE(wait_until(
            [&] { return node.worker(role) != stopped && node.worker_state(role) == "ready"; },
            6.5))
            << role;
    }
    EXPECT_FALSE(create_channel(node, "During", "during").empty())
        << "the same key works once sign is back";
}

}  // namespace
}  // namespace warren::test
