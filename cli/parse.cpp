// Builds a CLI11 parser from the rows and checks what it found against them.
#include "cli/parse.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>

#include "cli/help.h"

namespace warren::cli {

namespace {

constexpr std::string_view version = "0.1.0";
// CLI11 takes "[a,b]" for a list of two; this in front keeps such a word whole.
constexpr char shield = '\x01';

Reply usage(std::string_view what, std::string_view path) {
    std::string out = "warren: " + std::string(what) + "\n  see: warren ";
    if (!path.empty()) out += std::string(path) + " ";
    return {Exit::Usage, out + "--help\n"};
}

std::string path_of(const CLI::App* app) {
    if (app->get_parent() == nullptr) return "";
    auto above = path_of(app->get_parent());
    return above.empty() ? app->get_name() : above + " " + app->get_name();
}

CLI::App* deepest(CLI::App* app) {
    auto parsed = app->get_subcommands();
    return parsed.empty() ? app : deepest(parsed.front());
}

void add_option(CLI::App& app, const OptionRow& row) {
    const std::string name(row.name);
    if (row.kind == OptionKind::Flag) {
        app.add_flag(name);
        return;
    }
    auto* option = app.add_option(name);
    if (row.kind == OptionKind::Texts)
        option->expected(1, CLI::detail::expected_max_vector_size)->take_all();
    else
        option->expected(1);
    option->allow_extra_args(row.kind == OptionKind::Texts && row.positional());
    if (row.required) option->required();
}

CLI::App* app_of(CLI::App& root, std::string_view path) {
    CLI::App* at = &root;
    while (!path.empty()) {
        auto space = path.find(' ');
        std::string name(path.substr(0, space));
        path = space == std::string_view::npos ? "" : path.substr(space + 1);
        auto* above = at;
        auto same =
            above->get_subcommands([&](const CLI::App* app) { return app->get_name() == name; });
        at = same.empty() ? above->add_subcommand(name) : same.front();
        at->require_subcommand(0, 1);
    }
    return at;
}

void build(CLI::App& root) {
    root.fallthrough();  // so that global options may stand behind the command, too
    root.require_subcommand(0, 1);
    root.set_help_flag("-h,--help");
    root.add_flag("--version");
    for (const auto& option : global_options())
        add_option(root, option);
    for (const auto& row : command_rows()) {
        auto* app = app_of(root, row.path);
        for (const auto& option : row.options)
            add_option(*app, option);
        if (!row.reads) continue;
        for (const auto& option : output_options())
            add_option(*app, option);
    }
}

const CommandRow* row_of(std::string_view path) {
    for (const auto& row : command_rows())
        if (row.path == path) return &row;
    return nullptr;
}

// What is wrong with a value, or nothing.
std::string fault_of(const OptionRow& row, const std::string& value) {
    const std::string name(row.name);
    if (value.empty() && row.positional()) return name + " is empty";
    if (!row.choices.empty()) {
        std::string padded = "|" + std::string(row.choices) + "|";
        if (value.find('|') == std::string::npos &&
            padded.find("|" + value + "|") != std::string::npos)
            return "";
        return name + " is \"" + value + "\"; write one of " + std::string(row.choices);
    }
    if (row.kind != OptionKind::Number) return "";
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error == std::errc{} && end == value.data() + value.size() && number >= row.min &&
        number <= row.max)
        return "";
    return name + " is \"" + value + "\"; write a number from " + std::to_string(row.min) + " to " +
           std::to_string(row.max);
}

// Takes the values of these rows over from the parser; the text says what is wrong.
std::string take_values(Call& call, const CLI::App& app, std::span<const OptionRow> rows) {
    for (const auto& row : rows) {
        const auto* option = app.get_option_no_throw(std::string(row.name));
        if (option == nullptr || option->count() == 0) continue;
        if (row.kind == OptionKind::Flag) {
            call.add(row.name, "true");
            continue;
        }
        for (std::string value : option->results()) {
            if (value.starts_with(shield)) value.erase(0, 1);
            auto fault = fault_of(row, value);
            if (!fault.empty()) return fault;
            call.add(row.name, value);
        }
    }
    return "";
}

std::string children_of(const CLI::App& app) {
    std::string out;
    for (const auto* child : app.get_subcommands({}))
        out += (out.empty() ? "" : "|") + child->get_name();
    return out;
}

Reply unexpected(CLI::App& root) {
    auto* at = deepest(&root);
    auto words = root.remaining(true);
    std::string word = words.empty() ? "" : words.front();
    std::string text = "\"" + word + "\" is not expected here";
    if (word.starts_with("-")) {
        text = "there is no option " + word;
        if (at != &root) text += " in \"warren " + path_of(at) + "\"";
    } else if (auto children = at->get_subcommands({}); !children.empty()) {
        std::vector<std::string> names;
        for (const auto* child : children)
            names.push_back(child->get_name());
        text = "there is no command \"" + word + "\"";
        if (auto near = nearest(word, names); !near.empty())
            text += "; did you mean \"" + near + "\"?";
    }
    return usage(text, path_of(at));
}

std::variant<Call, Reply> to_call(CLI::App& root) {
    auto* at = deepest(&root);
    const auto path = path_of(at);
    if (root.get_option("--version")->count() > 0)
        return Reply{Exit::Ok, "warren " + std::string(version) + "\n"};
    const auto* row = row_of(path);
    if (row == nullptr && at == &root) return Reply{Exit::Usage, overview()};
    if (row == nullptr)
        return usage("\"" + path + "\" needs one more word: " + children_of(*at), path);
    Call call(*row);
    for (auto fault :
         {take_values(call, root, global_options()), take_values(call, *at, row->options),
          row->reads ? take_values(call, *at, output_options()) : std::string()})
        if (!fault.empty()) return usage(fault, path);
    return call;
}

}  // namespace

std::variant<Call, Reply> parse(int argc, const char* const* argv) {
    CLI::App root("warren");
    build(root);
    std::vector<std::string> words;  // CLI11 wants the last word first
    for (int i = argc - 1; i > 0; --i) {
        words.emplace_back(argv[i]);
        if (words.back().starts_with('[')) words.back().insert(0, 1, shield);
    }
    try {
        root.parse(words);
    } catch (const CLI::CallForHelp&) {
        return Reply{Exit::Ok, help_of(path_of(deepest(&root)))};
    } catch (const CLI::ExtrasError&) {
        return unexpected(root);
    } catch (const CLI::ParseError& error) {
        return usage(error.what(), path_of(deepest(&root)));
    }
    return to_call(root);
}

}  // namespace warren::cli
