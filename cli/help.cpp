// Help texts from the rows.
#include "cli/help.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <utility>
#include <vector>

#include "cli/commands.h"

namespace warren::cli {

namespace {

std::string flat(std::string_view text) {
    std::string out(text);
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
}

std::string synopsis(const CommandRow& row) {
    std::string out = "warren " + std::string(row.path);
    for (const auto& option : row.options) {
        if (!option.positional()) continue;
        std::string word(option.name);
        if (option.kind == OptionKind::Texts) word += "...";
        out += option.required ? " " + word : " [" + word + "]";
    }
    for (const auto& option : row.options)
        if (!option.positional()) return out + " [options]";
    return row.reads ? out + " [options]" : out;
}

std::string left_of(const OptionRow& option) {
    std::string out(option.name);
    if (!option.positional() && !option.value.empty()) out += " " + std::string(option.value);
    return out;
}

std::string line(std::string_view left, std::string_view right, std::size_t width) {
    std::string out = "  " + std::string(left);
    out.resize(std::max(out.size() + 2, width + 4), ' ');
    return out + flat(right) + "\n";
}

std::string options_block(std::string_view title, std::span<const OptionRow> options) {
    if (options.empty()) return "";
    std::string out = "\n" + std::string(title) + ":\n";
    std::size_t width = 0;
    for (const auto& option : options)
        width = std::max(width, left_of(option).size());
    for (const auto& option : options)
        out += line(left_of(option), option.sentence, width);
    return out;
}

std::string exits_block() {
    std::string out = "\nExit codes:\n";
    for (const auto& row : exit_rows())
        out += line(std::to_string(static_cast<int>(row.code)), row.sentence, 3);
    return out;
}

std::string command_help(const CommandRow& row) {
    std::string out = "Usage: " + synopsis(row) + "\n\n  " + flat(row.sentence) + "\n";
    out += options_block("Options", row.options);
    if (row.reads) out += options_block("Output", output_options());
    out += options_block("Everywhere", global_options());
    out += exits_block();
    out += "\nExamples:\n";
    for (auto example : row.examples)
        out += "  warren " + std::string(example) + "\n";
    return out;
}

bool below(const CommandRow& row, std::string_view path) {
    return row.path == path || (row.path.starts_with(path) && row.path[path.size()] == ' ');
}

std::string table_of(std::string_view path) {
    std::string out;
    for (const auto& row : command_rows())
        if (path.empty() || below(row, path)) out += line(row.path, row.sentence, 16);
    return out;
}

std::vector<std::string> words_after(std::string_view path) {
    std::vector<std::string> out;
    for (const auto& row : command_rows()) {
        if (!path.empty() && (!below(row, path) || row.path == path)) continue;
        auto rest = path.empty() ? row.path : row.path.substr(path.size() + 1);
        std::string word(rest.substr(0, rest.find(' ')));
        if (std::find(out.begin(), out.end(), word) == out.end()) out.push_back(word);
    }
    return out;
}

std::string joined(std::vector<std::string> words) {
    std::string out;
    for (const auto& word : words)
        out += (out.empty() ? "" : " ") + word;
    return out;
}

// What may follow a path: the next words of commands, or options and fixed choices.
std::vector<std::string> completions_of(std::string_view path) {
    auto out = words_after(path);
    auto add = [&](std::span<const OptionRow> options) {
        for (const auto& option : options) {
            if (!option.positional()) out.emplace_back(option.name);
            auto choices = option.positional() ? option.choices : std::string_view();
            for (; !choices.empty();) {
                auto bar = choices.find('|');
                out.emplace_back(choices.substr(0, bar));
                choices = bar == std::string_view::npos ? "" : choices.substr(bar + 1);
            }
        }
    };
    for (const auto& row : command_rows()) {
        if (row.path != path) continue;
        add(row.options);
        if (row.reads) add(output_options());
    }
    add(global_options());
    out.emplace_back("--help");
    return out;
}

std::string bash_case(std::string_view path) {
    return "    \"" + std::string(path) + "\") words=\"" + joined(completions_of(path)) + "\" ;;\n";
}

std::string escaped_scdoc(std::string_view text) {
    std::string out;
    for (char c : flat(text)) {
        if (c == '_' || c == '*' || c == '\\' || c == '#') out += '\\';
        out += c;
    }
    return out;
}

std::string scdoc_options(std::span<const OptionRow> options) {
    std::string out;
    for (const auto& option : options) {
        out += "*" + escaped_scdoc(option.name) + "*";
        if (!option.positional() && !option.value.empty())
            out += " _" + escaped_scdoc(option.value) + "_";
        out += "\n\t" + escaped_scdoc(option.sentence) + "\n\n";
    }
    return out;
}

}  // namespace

std::string overview() {
    std::string out =
        "Usage: warren COMMAND [options]\n\n"
        "  The command line of a Warren node. It talks to the running node over its REST\n"
        "  interface and says so when there is none.\n\nCommands:\n";
    out += table_of("");
    out += options_block("Everywhere", global_options());
    out += options_block("Where data is printed", output_options());
    out += exits_block();
    return out + "\nExamples:\n  warren up\n  warren status\n  warren search open film\n"
                 "  warren COMMAND --help\n";
}

std::string help_of(std::string_view path) {
    if (path.empty()) return overview();
    for (const auto& row : command_rows())
        if (row.path == path) return command_help(row);
    std::string out = "Usage: warren " + std::string(path) + " COMMAND [options]\n\nCommands:\n";
    return out + table_of(path) + "\n  warren " + std::string(path) + " COMMAND --help\n";
}

std::string completion_bash() {
    std::string out = "# bash completion of warren; made by `warren completion bash`\n"
                      "_warren() {\n"
                      "  local path=\"\" word words=\"\" i\n"
                      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                      "    word=\"${COMP_WORDS[i]}\"\n"
                      "    case \"${path:+$path }$word\" in\n";
    std::string known;
    std::string cases = bash_case("");
    for (const auto& group : group_rows()) {
        known += std::string(known.empty() ? "" : "|") + "\"" + std::string(group.name) + "\"";
        cases += bash_case(group.name);
    }
    for (const auto& row : command_rows()) {
        known += "|\"" + std::string(row.path) + "\"";
        cases += bash_case(row.path);
    }
    out += "    " + known +
           ") path=\"${path:+$path }$word\" ;;\n    esac\n  done\n  case \"$path\" in\n";
    out += cases;
    return out + "  esac\n"
                 "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                 "}\n"
                 "complete -o default -F _warren warren\n";
}

std::string reference_markdown() {
    std::string out =
        "# warren: the command line\n\nMade by `warren help-all`; a test notices drift.\n\n"
        "```\n" +
        overview() + "```\n";
    for (const auto& row : command_rows()) {
        out += "\n## warren " + std::string(row.path) + "\n\n```\n" + synopsis(row) + "\n```\n\n" +
               flat(row.sentence) + "\n";
        if (!row.options.empty()) out += "\n```" + options_block("Options", row.options) + "```\n";
        out += "\n```sh\n";
        for (auto example : row.examples)
            out += "warren " + std::string(example) + "\n";
        out += "```\n";
    }
    return out;
}

std::string reference_scdoc() {
    std::string out = "warren(1)\n\n# NAME\n\nwarren - the command line of a Warren node\n\n"
                      "# SYNOPSIS\n\n*warren* _COMMAND_ [options]\n\n# COMMANDS\n\n";
    for (const auto& row : command_rows()) {
        out += "## " + escaped_scdoc(synopsis(row)) + "\n\n" + escaped_scdoc(row.sentence) + "\n\n";
        out += scdoc_options(row.options);
    }
    out += "# OPTIONS\n\n" + scdoc_options(global_options()) + "Where data is printed:\n\n" +
           scdoc_options(output_options()) + "# EXIT STATUS\n\n";
    for (const auto& row : exit_rows())
        out += "*" + std::to_string(static_cast<int>(row.code)) + "*\n\t" +
               escaped_scdoc(row.sentence) + "\n\n";
    return out + "# SEE ALSO\n\n*warrend*(8)\n";
}

std::string nearest(std::string_view word, std::span<const std::string> candidates) {
    std::string best;
    std::size_t best_distance = word.size() < 4 ? 2 : 3;
    for (const auto& candidate : candidates) {
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});
        for (std::size_t i = 1; i <= word.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i);
            for (std::size_t j = 1; j <= candidate.size(); ++j) {
                auto change = diagonal + (word[i - 1] == candidate[j - 1] ? 0u : 1u);
                diagonal = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

Exit run_completion(const Call&) {
    std::fputs(completion_bash().c_str(), stdout);
    return Exit::Ok;
}

Exit run_help_all(const Call& call) {
    auto text =
        call.text("--format", "markdown") == "scdoc" ? reference_scdoc() : reference_markdown();
    std::fputs(text.c_str(), stdout);
    return Exit::Ok;
}

}  // namespace warren::cli
