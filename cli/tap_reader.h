// Listens to the taps of all workers. Follows the roster file, so it survives restarts and scaling.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "cli/node.h"

namespace warren::cli {

struct TapMessage {
    std::string topic;
    std::string json;
};

std::set<std::string> tap_endpoints(const RosterFile& roster);

class TapReader {
public:
    static Result<TapReader> open(const std::string& topic_prefix);
    TapReader(TapReader&&) noexcept;
    TapReader& operator=(TapReader&&) noexcept;
    ~TapReader();

    // Connects what is new and lets go of what is not listed any more.
    void follow(const std::set<std::string>& endpoints);
    std::optional<TapMessage> next(std::int64_t timeout_ms);

private:
    struct Sockets;
    explicit TapReader(std::unique_ptr<Sockets> sockets);
    std::unique_ptr<Sockets> sockets_;
    std::set<std::string> endpoints_;
};

}  // namespace warren::cli
