// 10^6 records are imported into one community while others publish one record at a time: what
// these feel, beside the same in quiet. The storage worker itself; questions as messages.
#include <filesystem>

#include "bench/storage/fairness.h"
#include "bench/support/report.h"

namespace warren::bench {
namespace {

int run(int argc, char** argv) {
    const auto records = std::stoull(option(argc, argv, "records", "1000000"));
    const std::filesystem::path folder = option(argc, argv, "folder", "build/bench/fairness");
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const test::TestIdentity me(1);
    Report report;
    report.bench = "fairness";
    {
        test::Fairness fairness(me, folder, records);
        (void)fairness.quiet(100);  // caches
        const auto quiet = fairness.quiet(1000);
        const auto beside = fairness.beside_import();
        WARREN_CHECK(fairness.present() == fairness.records());
        const auto p99 = percentile(quiet.publish_ms, 0.99);
        report.goals = {{"publish_p99_ms", percentile(beside.publish_ms, 0.99), "ms", 2 * p99 + 20,
                         Goal::Better::Lower, "p99 in quiet: " + std::to_string(p99) + " ms"}};
        const auto spread = [](const std::vector<double>& ms) {
            return nlohmann::json{{"p50", median(ms)},
                                  {"p99", percentile(ms, 0.99)},
                                  {"max", percentile(ms, 1.0)},
                                  {"count", ms.size()}};
        };
        report.raw = {
            {"records", fairness.records()},
            {"import_records_per_s", static_cast<double>(fairness.records()) / beside.seconds},
            {"quiet_publish_ms", spread(quiet.publish_ms)},
            {"beside_publish_ms", spread(beside.publish_ms)}};
    }
    std::filesystem::remove_all(folder);
    return finish(report, argc, argv);
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    return warren::bench::run(argc, argv);
}
