// Listens to the taps of all workers of the node, restarts included: their endpoints stay the same,
// and new ones are picked up from the roster.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/pipe/worker.h"

namespace warren::pipe {

class TapReader {
public:
    explicit TapReader(Host& host);
    ~TapReader();
    void subscribe(const std::string& topic_prefix);
    void on_roster();  // call from Service::on_roster

    std::function<void(std::string_view topic, std::string_view json)> on_message;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace warren::pipe
