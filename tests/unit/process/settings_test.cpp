// The rows of the settings table, and checking values against them.
#include <gtest/gtest.h>

#include <set>

#include "runtime/process/roster.h"
#include "runtime/process/settings.h"

namespace warren::process {
namespace {

TEST(SettingRows, AreConsistent) {
    std::set<std::string> keys;
    for (const auto& row : setting_rows()) {
        auto key = key_of(row);
        EXPECT_TRUE(keys.insert(key).second) << key << " stands twice";
        EXPECT_EQ(find_setting(key), &row);
        EXPECT_EQ(find_setting(row.section, row.name), &row);
        EXPECT_NE(row.roles & all_roles, 0u) << key;
        EXPECT_FALSE(row.sentence.empty()) << key;
        EXPECT_TRUE(check_value(row, row.fallback)) << key << " refuses its own default";
        if (row.type == SettingType::Integer) {
            EXPECT_LE(row.min, row.max) << key;
        }
        if (row.section.starts_with("workers.")) {
            EXPECT_TRUE(role_from(row.section.substr(8))) << key;
        }
    }
    EXPECT_EQ(find_setting("overlay.nothing"), nullptr);
    EXPECT_EQ(find_setting("nothing"), nullptr);
}

struct Case {
    const char* key;
    std::string value;
    const char* error;  // empty: right
};

TEST(SettingRows, RefuseWhatIsWrongAndSayWhatToWrite) {
    const Case cases[] = {
        {"workers.storage.count", "0", ""},
        {"workers.storage.count", "16", ""},
        {"workers.storage.count", "17",
         "workers.storage.count = 17 is out of bounds: write 0 to 16 processes"},
        {"workers.verify.count", "0",
         "workers.verify.count = 0 is out of bounds: write 1 to 64 processes"},
        {"workers.storage.count", "two",
         "workers.storage.count must be a whole number from 0 to 16 processes, such as 1"},
        {"torrent.dht", "yes", "torrent.dht must be true or false"},
        {"torrent.disk", "mmap", ""},
        {"torrent.disk", "raw", "torrent.disk = \"raw\" is not known: write one of posix, mmap"},
        {"api.listen", "[::1]:0", ""},
        {"api.listen", "localhost",
         "api.listen = \"localhost\" is not an address: write ADDRESS:PORT, such as "
         "127.0.0.1:8085"},
        {"overlay.bootstrap_peers", "a.example:80\n192.0.2.1:5", ""},
        {"overlay.bootstrap_peers", "a.example:80\nb:70000",
         "overlay.bootstrap_peers has \"b:70000\": write HOST:PORT, such as 192.0.2.7:8090"},
        {"torrent.share_root", "share",
         "torrent.share_root = \"share\" must be an absolute path, such as /srv/warren"},
        {"torrent.share_root", std::string(5000, '/'),
         "torrent.share_root is longer than 4096 bytes: write a shorter one"},
        {"workers.api.cpu_affinity", "0-1,4", ""},
        {"workers.api.cpu_affinity", "1-0",
         "workers.api.cpu_affinity = \"1-0\" must name processors, such as 0-1,4"},
    };
    for (const auto& c : cases) {
        const auto* row = find_setting(c.key);
        ASSERT_NE(row, nullptr) << c.key;
        auto checked = check_value(*row, c.value);
        EXPECT_EQ(checked ? "" : checked.error().text, c.error);
    }
}

TEST(Settings, ReadBackByType) {
    Settings settings;
    settings.set("a.number", "-7");
    settings.set("a.flag", "true");
    settings.set("a.list", "x\ny");
    settings.set("a.none", "");
    EXPECT_EQ(settings.integer("a.number"), -7);
    EXPECT_TRUE(settings.flag("a.flag"));
    EXPECT_EQ(settings.list("a.list"), (std::vector<std::string>{"x", "y"}));
    EXPECT_TRUE(settings.list("a.none").empty());
    EXPECT_DEATH((void)settings.text("a.missing"), "a.missing not handed");
}

TEST(Roster, NamesGoBothWaysAndSlotsAreFixed) {
    for (std::size_t i = 0; i < role_count; ++i)
        EXPECT_EQ(role_from(name_of(static_cast<Role>(i))), static_cast<Role>(i));
    EXPECT_FALSE(role_from("nobody"));
    std::set<std::uint8_t> seen;
    CommunityId id;
    for (int i = 0; i < 2000; ++i) {
        id.bytes[0] = static_cast<std::uint8_t>(i);
        id.bytes[1] = static_cast<std::uint8_t>(i >> 8);
        seen.insert(slot_of(id));
    }
    EXPECT_EQ(seen.size(), slot_count);
    EXPECT_EQ(*seen.rbegin(), slot_count - 1);
    EXPECT_EQ(slot_of(CommunityId{}), 0xde % slot_count);  // SHA-256 of 20 zero bytes: de47c9b2…
}

}  // namespace
}  // namespace warren::process
