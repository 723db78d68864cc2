// Commands that become another program: warrend owns the settings and the node's life, warren-sign
// the identity; we only find them.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/node.h"

namespace warren::cli {

namespace {

// Beside our own binary, so that a build tree and an installation each find theirs.
std::string path_of(const std::string& program) {
    std::array<char, PATH_MAX> own{};
    const auto length = ::readlink("/proc/self/exe", own.data(), own.size() - 1);
    if (length <= 0) return program;
    std::string path(own.data(), static_cast<std::size_t>(length));
    path = path.substr(0, path.rfind('/')) + "/" + program;
    return ::access(path.c_str(), X_OK) == 0 ? path : program;
}

Exit become(const std::string& program, std::vector<std::string> words) {
    const auto path = path_of(program);
    words.insert(words.begin(), path);
    std::vector<char*> arguments;
    for (auto& word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execvp(path.c_str(), arguments.data());
    print_error("cannot start " + path + ": " + std::strerror(errno) + "\n  what to do: install " +
                program + " beside this program or in PATH");
    return Exit::Unavailable;
}

Exit become_sign(const Call& call, const std::string& verb) {
    return become("warren-sign", {verb, state_dir_of(call) + "/keys/node.key", call.text("FILE")});
}

Exit become_warrend(const Call& call, std::vector<std::string> words) {
    const char* state = std::getenv("WARREN_STATE");
    if (call.has("--state") || (state != nullptr && *state != '\0'))
        words.insert(words.end(), {"--state", state_dir_of(call)});
    if (call.has("--config")) words.insert(words.end(), {"--config", call.text("--config")});
    for (const auto& setting : call.texts("--set"))
        words.insert(words.end(), {"--set", setting});
    return become("warrend", std::move(words));
}

}  // namespace

Exit run_up(const Call& call) {
    return become_warrend(call, {});
}
Exit run_identity_export(const Call& call) {
    return become_sign(call, "export");
}
Exit run_identity_import(const Call& call) {
    return become_sign(call, "import");
}
Exit run_config_check(const Call& call) {
    return become_warrend(call, {"--check", call.text("FILE")});
}
Exit run_config_show(const Call& call) {
    return become_warrend(call, {"--show"});
}
Exit run_config_sample(const Call& call) {
    return become_warrend(call, {"--sample"});
}

}  // namespace warren::cli
