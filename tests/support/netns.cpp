#include "tests/support/netns.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "tests/support/node.h"

namespace warren::test {

namespace {

process::Fd current() {
    return process::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

std::string tool_path(const std::string& name) {
    for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"})
        if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
    return {};
}

bool write_text(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    return static_cast<bool>(file << text << std::flush);
}

// As root of a user namespace of our own we may make network namespaces, and come back to the
// first.
bool enter_user_namespace() {
    const auto user = ::getuid(), group = ::getgid();
    return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
           write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", fmt::format("0 {} 1", user)) &&
           write_text("/proc/self/gid_map", fmt::format("0 {} 1", group));
}

bool can_unshare() {
    const auto home = current();
    return ::unshare(CLONE_NEWNET) == 0 && ::setns(home.get(), CLONE_NEWNET) == 0;
}

}  // namespace

namespace {

std::string look_for_namespaces() {
    for (const char* name : {"ip", "nft"})
        if (tool_path(name).empty())
            return fmt::format("the program {} (packages iproute2, nftables)", name);
    if (!can_unshare() && !(enter_user_namespace() && can_unshare()))
        return fmt::format("the right to make network namespaces: be root, or allow unprivileged "
                           "user namespaces ({})",
                           std::strerror(errno));
    const Netns probe;
    const auto answer = probe.inside([] {
        return run_program({tool_path("nft"), "add table ip t; add chain ip t c { type nat hook "
                                              "postrouting priority 100; }; add rule ip t c "
                                              "masquerade"});
    });
    if (answer.exit_code != 0) return "NAT by nf_tables in the kernel: " + answer.output;
    return {};
}

}  // namespace

const std::string& no_namespaces() {
    static const auto missing = look_for_namespaces();
    return missing;
}

Netns::Netns() {
    const auto home = current();
    WARREN_CHECK(::unshare(CLONE_NEWNET) == 0);
    fd_ = current();
    WARREN_CHECK(::setns(home.get(), CLONE_NEWNET) == 0);
    ip("link set lo up\n");
}

std::string Netns::path() const {
    return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get());
}

Netns::Visit::Visit(int fd) : home_(current()) {
    WARREN_CHECK(::setns(fd, CLONE_NEWNET) == 0);
}

Netns::Visit::~Visit() {
    WARREN_CHECK(::setns(home_.get(), CLONE_NEWNET) == 0);
}

void Netns::run(const std::string& tool, const std::string& option, const std::string& text) const {
    const process::Fd script(::memfd_create("script", MFD_CLOEXEC));
    ASSERT_EQ(::write(script.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    const auto file = fmt::format("/proc/{}/fd/{}", ::getpid(), script.get());
    const auto done = inside([&] { return run_program({tool_path(tool), option, file}); });
    ASSERT_EQ(done.exit_code, 0) << tool << ": " << done.output << "\n" << text;
}

void Netns::ip(const std::string& lines) const {
    run("ip", "-batch", lines);
}

void Netns::nft(const std::string& rules) const {
    run("nft", "-f", rules);
}

void Netns::set(const std::string& name, const std::string& value) const {
    ASSERT_TRUE(inside([&] { return write_text("/proc/sys/net/" + name, value); })) << name;
}

std::string Netns::get(const std::string& name) const {
    std::string out;
    inside([&] { std::ifstream("/proc/sys/net/" + name) >> out; });
    return out;
}

}  // namespace warren::test
