#include "workers/crypto/sign/identity_tool.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "protocol/ipv8.h"
#include "workers/crypto/sign/signing_key.h"

namespace warren::crypto {

namespace {

constexpr int refused = 1, usage = 64, bad_data = 65;

int complain(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    return refused;
}

std::string because(const std::string& path, const char* what) {
    return path + ": " + what + ": " + std::strerror(errno);
}

bool make_folder(const std::string& path) {
    return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

int import_key(const std::string& key_file, const std::string& from) {
    struct stat facts = {};
    if (::lstat(key_file.c_str(), &facts) == 0)
        return complain(key_file +
                        " exists: this node has an identity\n  what to do: stop the node and move "
                        "that file to a safe place first; what it published stays its own");
    const auto keys = key_file.substr(0, key_file.rfind('/'));
    if (!make_folder(keys.substr(0, keys.rfind('/'))) || !make_folder(keys))
        return complain(because(keys, "cannot be made"));
    const int fd = from == "-" ? STDIN_FILENO : ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return complain(because(from, "cannot be opened"));
    if (from != "-" && ::fstat(fd, &facts) == 0 && (facts.st_mode & 077) != 0)
        std::fprintf(stderr, "warning: others can read %s; it holds the whole identity\n",
                     from.c_str());
    const auto key = SigningKey::take_over(key_file, fd);
    if (fd != STDIN_FILENO) ::close(fd);
    if (!key.ok()) {
        const bool theirs = key.error().kind == ErrorKind::BadInput;
        complain((theirs ? from + " " : "") + key.error().text);
        return theirs ? bad_data : refused;
    }
    std::printf("member %s\n", protocol::member_id(key->public_key().view()).hex().c_str());
    return 0;
}

int export_key(const std::string& key_file, const std::string& to) {
    if (to == "-" && ::isatty(STDOUT_FILENO) == 1)
        return complain("a private key is not shown on a terminal: name a file, or a pipe");
    const int fd =
        to == "-" ? STDOUT_FILENO
                  : ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return complain(because(to, "cannot be created"));
    const auto done = SigningKey::export_file(key_file, fd);
    const bool synced = to == "-" || (done.ok() && ::fsync(fd) == 0);
    if (to != "-") {
        ::close(fd);
        if (!done.ok() || !synced) ::unlink(to.c_str());
    }
    if (!done.ok()) return complain(done.error().text);
    if (!synced) return complain(because(to, "cannot be synced to disk"));
    std::fprintf(stderr, "warning: whoever has these 74 bytes is this node; keep them secret, and "
                         "never run two nodes with them\n");
    return 0;
}

}  // namespace

int run_identity_tool(const std::vector<std::string>& words) {
    ::prctl(PR_SET_DUMPABLE, 0);  // the secret is in no core
    if (words.size() == 3 && words[0] == "import") return import_key(words[1], words[2]);
    if (words.size() == 3 && words[0] == "export") return export_key(words[1], words[2]);
    complain("usage: warren-sign import|export KEY_FILE FILE; see warren identity --help");
    return usage;
}

}  // namespace warren::crypto
