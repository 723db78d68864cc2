// Network namespaces of a test. They have no names, so they are gone with their last process and
// descriptor, however the test ends.
#pragma once

#include <string>
#include <utility>

#include "runtime/process/fd.h"

namespace warren::test {

// Empty: namespaces with NAT can be made here; else what is missing. Who is not root enters a user
// namespace first, so call it before there is a second thread.
const std::string& no_namespaces();

class Netns {
public:
    Netns();  // its loopback is up
    Netns(Netns&&) = default;

    std::string path() const;  // for `ip link ... netns`
    // Does it with this thread inside: sockets and processes that it makes belong there.
    template <typename What>
    auto inside(What&& what) const {
        Visit visit(fd_.get());
        return std::forward<What>(what)();
    }
    void ip(const std::string& lines) const;   // as `ip -batch` takes them
    void nft(const std::string& rules) const;  // as `nft -f` takes them
    // Below /proc/sys/net.
    void set(const std::string& name, const std::string& value) const;
    std::string get(const std::string& name) const;

private:
    class Visit {
    public:
        explicit Visit(int fd);
        ~Visit();
        Visit(const Visit&) = delete;
        Visit& operator=(const Visit&) = delete;

    private:
        process::Fd home_;
    };
    void run(const std::string& tool, const std::string& option, const std::string& text) const;

    process::Fd fd_;
};

}  // namespace warren::test
