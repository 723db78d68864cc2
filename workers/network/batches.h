// Gathers what goes to verify: signatures of walk messages, and records by community. A batch is
// what queued while earlier ones were on their way; a full queue drops what nobody asked for.
#pragma once

#include <map>
#include <vector>

#include "protocol/overlay.h"
#include "workers/network/outbox.h"

namespace warren::network {

class Batches {
public:
    // `answered` is called after each batch whose answers went into the overlay.
    Batches(pipe::Host& host, Outbox& outbox, protocol::Overlay& overlay,
            std::function<void()> answered);

    void add(protocol::CheckSignature check);
    void add(protocol::StoreRecords records);
    void send();  // as many batches as may be on their way
    bool checking() const { return !checks_.empty() || checks_on_their_way_ > 0; }

private:
    struct Source {
        CommunityId community;
        bool solicited = false;
        auto operator<=>(const Source&) const = default;
    };
    struct Line {
        std::vector<protocol::StoreRecords> waiting;
        std::size_t bytes = 0;
        unsigned on_their_way = 0;
    };

    std::vector<protocol::StoreRecords> take_records(Line& line);
    pipe::Task<void> check(std::vector<protocol::CheckSignature> batch);
    pipe::Task<void> verify(Source source, std::vector<protocol::StoreRecords> batch);

    pipe::Host& host_;
    Outbox& outbox_;
    protocol::Overlay& overlay_;
    std::function<void()> answered_;
    std::vector<protocol::CheckSignature> checks_;
    unsigned checks_on_their_way_ = 0;
    std::map<Source, Line> lines_;
};

}  // namespace warren::network
