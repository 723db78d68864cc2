// The few options of warrend, by hand.
#include "supervisor/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace warren::supervisor {

namespace {

using Action = CommandLine::Action;

Result<Override> parse_override(const std::string& text) {
    auto equals = text.find('=');
    if (equals == std::string::npos)
        return bad_input(fmt::format("--set {}: write --set section.name=value, such as --set "
                                     "overlay.listen=0.0.0.0:8090",
                                     text));
    return Override{"--set " + text, text.substr(0, equals), text.substr(equals + 1)};
}

std::string default_config() {
    const char* folder = std::getenv("CONFIGURATION_DIRECTORY");
    if (folder == nullptr) return {};
    auto file = std::string(folder) + "/warren.toml";
    return ::access(file.c_str(), R_OK) == 0 ? file : std::string();
}

}  // namespace

Result<CommandLine> parse_command_line(int argc, char** argv) {
    CommandLine out;
    out.config = default_config();
    std::vector<std::string> words(argv + 1, argv + argc);
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& word = words[i];
        bool has_next = i + 1 < words.size() && !words[i + 1].starts_with("--");
        bool wants_next = word == "--config" || word == "--state" || word == "--workers" ||
                          word == "--set" || word == "--check";
        if (wants_next && !has_next)
            return bad_input(fmt::format("{} needs a value: see warrend --help", word));
        if (word == "--config") {
            out.config = words[++i];
        } else if (word == "--state") {
            out.state = words[++i];
        } else if (word == "--workers") {
            out.workers = words[++i];
        } else if (word == "--set") {
            WARREN_TRY(auto given, parse_override(words[++i]));
            out.overrides.push_back(std::move(given));
        } else if (word == "--check") {
            out.action = Action::Check;
            out.config = words[++i];
        } else if (word == "--show") {
            out.action = Action::Show;
            if (has_next) out.config = words[++i];
        } else if (word == "--sample") {
            out.action = Action::Sample;
        } else if (word == "--reference") {
            out.action = Action::Reference;
        } else if (word == "--version") {
            out.action = Action::Version;
        } else if (word == "--help" || word == "-h") {
            out.action = Action::Help;
        } else {
            return bad_input(fmt::format("unknown option {}: see warrend --help", word));
        }
    }
    return out;
}

std::string help_text() {
    return "usage: warrend [--config FILE] [--state DIR] [--set SECTION.NAME=VALUE]...\n"
           "       warrend --check FILE | --show [FILE] | --sample | --reference | --version\n\n"
           "Runs a Warren node: starts its workers, keeps them running, stops them in order.\n\n"
           "  --config FILE     settings file (TOML)\n"
           "  --state DIR       where everything durable lies (node.state_dir)\n"
           "  --workers DIR     where the worker programs lie; default: beside warrend\n"
           "  --set KEY=VALUE   one setting, such as overlay.listen=0.0.0.0:8090; lists by commas\n"
           "  --check FILE      say whether a settings file is right\n"
           "  --show [FILE]     print all settings in effect\n"
           "  --sample          print an annotated settings file\n"
           "  --reference       print the reference of all settings (Markdown)\n\n"
           "signals: SIGTERM, SIGINT stop (a second one at once); SIGHUP reloads the settings "
           "file\n"
           "exit: 0 stopped, 64 wrong options, 69 port taken, 75 state directory in use, 78 "
           "settings\n";
}

}  // namespace warren::supervisor
