// How one HTTP request asks other workers: until when, whether it may wait for a role that is just
// restarting, and under which ids, so that a repeated request repeats its questions too.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"

namespace warren::api {

enum class Patience : std::uint8_t { Read, Write };

class Errand {
public:
    Errand(Nanoseconds deadline, Patience patience, RequestId base)
        : deadline_(deadline), patience_(patience), base_(base) {}

    Nanoseconds deadline() const { return deadline_; }
    Patience patience() const { return patience_; }
    // The same sequence for the same base: step n of a retry has the id of step n.
    RequestId coming_id() const {
        Bytes text = to_bytes(base_.view());
        text.push_back(step_);
        return cut(sha256(text));
    }
    RequestId next_id() {
        auto out = coming_id();
        ++step_;
        return out;
    }
    std::uint64_t trace() const {
        std::uint64_t out = 0;
        for (std::size_t i = 0; i < sizeof out; ++i)
            out = out << 8 | base_.bytes[i];
        return out;
    }

    // One key on one path is one request, whatever connection it comes by.
    static RequestId id_of(std::string_view method, std::string_view path, std::string_view key) {
        Bytes text;
        for (const auto part : {method, path, key}) {
            append(text, view_of(part));
            text.push_back(0);
        }
        return cut(sha256(text));
    }

private:
    static RequestId cut(const Sha256& hash) {
        return *RequestId::from(ByteView(hash).first(RequestId::size));
    }

    Nanoseconds deadline_;
    Patience patience_;
    RequestId base_;
    std::uint8_t step_ = 0;
};

}  // namespace warren::api
