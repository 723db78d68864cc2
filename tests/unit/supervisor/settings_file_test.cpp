// The settings file: exact errors, overrides, what each role gets, and drift of what derives.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "supervisor/command_line.h"
#include "supervisor/settings_file.h"

namespace warren::supervisor {
namespace {

std::string error_of(std::string_view text, std::vector<Override> overrides = {}) {
    auto parsed = parse_settings(text, "w.toml", overrides);
    return parsed ? "" : parsed.error().text;
}

TEST(SettingsFile, NamesFileLineAndColumn) {
    const std::pair<const char*, const char*> cases[] = {
        {"[overlay]\nwalk_intervall_ms = 5\n",
         "w.toml:2:1: unknown setting overlay.walk_intervall_ms: did you mean walk_interval_ms?"},
        {"[api]\n  share_root = \"/x\"\n",
         "w.toml:2:3: unknown setting api.share_root: did you mean share_root in [torrent]?"},
        {"[storag]\n", "w.toml:1:2: unknown section [storag]: write [storage]"},
        {"[torrent]\ncolour = \"red\"\n",
         "w.toml:2:1: unknown setting torrent.colour: `warren config sample` shows all"},
        {"lan = true\n", "w.toml:1:1: unknown setting lan: did you mean lan in [overlay]?"},
        {"[torrent]\ndht = 1\n",
         "w.toml:2:7: torrent.dht must be true or false, not a whole number"},
        {"[torrent]\nconnections_max = \"9\"\n",
         "w.toml:2:19: torrent.connections_max must be a whole number, not a text"},
        {"[overlay]\nbootstrap_peers = [1]\n", "w.toml:2:19: overlay.bootstrap_peers must be a "
                                               "list of texts, such as [\"a\", \"b\"], not "
                                               "this list"},
        {"[overlay]\nlisten_v6 = \"0.0.0.0:1\"\n",
         "w.toml:2:13: overlay.listen_v6 = \"0.0.0.0:1\" is not an IPv6 address: write "
         "[ADDRESS]:PORT, such as [::]:8090, or nothing"},
        {"[overlay]\nbootstrap = [\"a:1\"]\n",
         "w.toml:2:13: overlay.bootstrap must be true or false, not this list"},
        {"[workers.storage]\ncount = 99\n",
         "w.toml:2:9: workers.storage.count = 99 is out of bounds: write 0 to 16 processes"},
        {"[api]\nlisten = 8085\n",
         "w.toml:2:10: api.listen must be a text in quotes, not a whole number"},
        {"[node]\njournal = \"true\"\n", "w.toml:2:1: unknown setting node.journal: "},
        {"[api]\ntoken_sha256 = \"00\"\n", "w.toml:2:1: unknown setting api.token_sha256"},
        {"[api\n", "w.toml:1:5: this is not TOML: "},
        {"[storage]\npin = [\"64=1\"]\n", "w.toml:2:7: storage.pin: \"64\" in \"64=1\" is neither "
                                          "a slot nor a community: write 0 to 63"},
        {"[storage]\npin = [\"3=1\"]\n", "w.toml: storage.pin gives slot 3 to storage-1, but "
                                         "[workers.storage] count is 1: write 0"},
    };
    for (const auto& [text, want] : cases)
        EXPECT_EQ(error_of(text).substr(0, std::strlen(want)), want) << error_of(text);
}

TEST(SettingsFile, TellsAllErrorsAtOnce) {
    auto errors = error_of("[torrent]\ndht = 1\n[sign]\nrate_per_s = 0\n");
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
}

TEST(SettingsFile, SurvivesAnythingThatIsNoFile) {  // F-30
    EXPECT_EQ(error_of(""), "");
    EXPECT_NE(error_of(std::string_view("\0\xff\x01", 3)), "");
    EXPECT_NE(error_of(std::string(100'000, '[')), "");
    EXPECT_NE(load_settings("/nonexistent/w.toml", {}).error().text.find("/nonexistent/w.toml"),
              std::string::npos);
}

TEST(SettingsFile, TakesValuesOverDefaultsAndOptionsOverBoth) {
    auto parsed = parse_settings("[overlay]\nlan = true\nbootstrap_peers = [\"a:1\", \"b:2\"]\n"
                                 "[workers.verify]\ncount = 3\n",
                                 "w.toml",
                                 {{"--set workers.verify.count=4", "workers.verify.count", "4"},
                                  {"--set api.hosts=x,y", "api.hosts", "x,y"}});
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_TRUE(parsed->flag("overlay.lan"));
    EXPECT_EQ(parsed->list("overlay.bootstrap_peers").size(), 2u);
    EXPECT_EQ(parsed->integer("workers.verify.count"), 4);
    EXPECT_EQ(parsed->list("api.hosts"), (std::vector<std::string>{"x", "y"}));
    EXPECT_EQ(parsed->text("api.listen"), "127.0.0.1:8085");
    EXPECT_EQ(error_of("", {{"--set api.lisen=1", "api.lisen", "1"}}),
              "--set api.lisen=1: unknown setting api.lisen: did you mean listen?");
    EXPECT_EQ(error_of("", {{"--set torrent.dht=2", "torrent.dht", "2"}}),
              "--set torrent.dht=2: torrent.dht must be true or false");
}

TEST(SettingsFile, GivesARoleItsOwnRowsOnly) {
    auto all = *parse_settings("", "w.toml", {});
    auto network = settings_for(process::Role::Network, all);
    EXPECT_TRUE(network.has("overlay.listen"));
    EXPECT_TRUE(network.has("workers.network.queue_bytes"));
    EXPECT_FALSE(network.has("workers.storage.queue_bytes"));
    EXPECT_FALSE(network.has("api.token_sha256"));
    EXPECT_FALSE(network.has("sign.key_file"));
    EXPECT_TRUE(settings_for(process::Role::Sign, all).has("sign.key_file"));
}

TEST(SettingsFile, ListsWithoutSecrets) {
    auto all = *parse_settings("", "w.toml", {});
    all.set("api.token_sha256", "feed");
    auto listed = nlohmann::json::parse(settings_json(all));
    EXPECT_EQ(listed["api.listen"], "127.0.0.1:8085");
    EXPECT_EQ(listed["torrent.dht"], false);
    EXPECT_EQ(listed["storage.threads"], 4);
    EXPECT_TRUE(listed["overlay.bootstrap_peers"].is_array());
    EXPECT_EQ(settings_json(all).find("feed"), std::string::npos);
    auto shown = parse_settings(show_text(all), "shown", {});
    ASSERT_TRUE(shown) << shown.error().text;
}

std::string in_tree(const std::string& path) {
    std::ifstream file(WARREN_SOURCE_DIR "/" + path);
    std::stringstream out;
    out << file.rdbuf();
    return out.str();
}

TEST(SettingsFile, CommittedSampleAndReferenceAreOfTheseRows) {
    EXPECT_EQ(in_tree("configs/warren.toml"), sample_text())
        << "write: warrend --sample > configs/warren.toml";
    EXPECT_EQ(in_tree("docs/settings.md"), reference_text())
        << "write: warrend --reference > docs/settings.md";
}

TEST(SettingsFile, SampleIsRightWhenEveryLineIsUncommented) {
    std::stringstream lines(sample_text());
    std::string file;
    for (std::string line; std::getline(lines, line);) {
        bool setting = line.starts_with("# ") && line.find(" = ") != std::string::npos &&
                       line.find(' ', 2) == line.find(" = ");
        file += (setting ? line.substr(2) : line) + "\n";
    }
    auto parsed = parse_settings(file, "sample", {});
    ASSERT_TRUE(parsed) << parsed.error().text;
    EXPECT_EQ(parsed->all(), parse_settings("", "", {})->all());
    EXPECT_NE(file.find("\nlisten = "), std::string::npos);
}

TEST(CommandLine, SaysWhatIsWrong) {
    auto parse = [](std::vector<std::string> words) {
        words.insert(words.begin(), "warrend");
        std::vector<char*> argv;
        for (auto& word : words)
            argv.push_back(word.data());
        return parse_command_line(static_cast<int>(argv.size()), argv.data());
    };
    EXPECT_EQ(parse({"--sate"}).error().text, "unknown option --sate: see warrend --help");
    EXPECT_EQ(parse({"--state"}).error().text, "--state needs a value: see warrend --help");
    EXPECT_NE(parse({"--set", "x"}).error().text.find("write --set section.name=value"),
              std::string::npos);
    auto line = parse({"--state", "/s", "--set", "a.b=c=d", "--config", "f"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->state, "/s");
    EXPECT_EQ(line->config, "f");
    EXPECT_EQ(line->overrides.at(0).value, "c=d");
}

}  // namespace
}  // namespace warren::supervisor
