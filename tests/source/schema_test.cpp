// Schemas only grow: flatc holds each against its baseline, the last shape that was promised
// (scripts/schema-baseline renews it). So captured frames stay readable.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/source/tree.h"

namespace warren::source_rules {
namespace {

namespace fs = std::filesystem;

CommandResult conform(const fs::path& baseline, const fs::path& schema) {
    return run({WARREN_FLATC, "--conform", baseline.string(), "--conform-includes",
                baseline.parent_path().string(), "-I", schema.parent_path().string(),
                schema.string()});
}

TEST(Schema, ConformsToTheBaseline) {
    const fs::path folder = fs::path(WARREN_SOURCE_DIR) / "ipc-schema";
    std::size_t seen = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() != ".fbs") continue;
        ++seen;
        const fs::path baseline = folder / "baseline" / entry.path().filename();
        if (!fs::exists(baseline)) {
            ADD_FAILURE() << entry.path().filename() << " has no baseline: scripts/schema-baseline";
            continue;
        }
        const CommandResult result = conform(baseline, entry.path());
        EXPECT_EQ(result.exit_code, 0) << result.output;
    }
    EXPECT_GE(seen, 5u);
}

TEST(Schema, NoneIsDropped) {
    const fs::path folder = fs::path(WARREN_SOURCE_DIR) / "ipc-schema";
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / "baseline")) {
        EXPECT_TRUE(fs::exists(folder / entry.path().filename())) << entry.path();
    }
}

TEST(Schema, AnIncompatibleChangeIsFound) {
    const fs::path folder = fs::path(::testing::TempDir()) / "schema_test";
    fs::create_directories(folder);
    const auto write = [&](const char* name, const char* text) {
        std::ofstream(folder / name) << text;
        return folder / name;
    };
    const fs::path old = write("old.fbs", "table A { x:int (id: 0); y:string (id: 1); }");
    const fs::path grown =
        write("grown.fbs", "table A { x:int (id: 0); y:string (id: 1); z:bool (id: 2); }");
    const fs::path changed = write("changed.fbs", "table A { x:int (id: 0); y:double (id: 1); }");
    EXPECT_EQ(conform(old, grown).exit_code, 0) << conform(old, grown).output;
    EXPECT_NE(conform(old, changed).exit_code, 0);
    fs::remove_all(folder);
}

}  // namespace
}  // namespace warren::source_rules
