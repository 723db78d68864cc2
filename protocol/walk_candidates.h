// Addresses of one community that nobody of us has met yet: introduced by peers, or found through
// bootstrap and cache. Bounded, also by who introduced them and by
// region (R-U6).
#pragma once

#include <map>
#include <optional>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "base/random.h"

namespace warren::protocol {

class Candidates {
public:
    enum class Source { Introduced, Discovered };

    // False: known already, or no room.
    bool add(Nanoseconds now, const Endpoint& address, const MemberId& introducer, Source source);
    // Whom to ask now: mostly an introduced one, any region's oldest; who did not answer the first
    // time is asked once more.
    std::optional<Endpoint> take(Nanoseconds now, Random& random);
    void asked(Nanoseconds now, const Endpoint& address);  // not by take()
    // The introducer, when it was one of ours.
    std::optional<MemberId> met(const Endpoint& address);
    bool may_retry(Nanoseconds now, const Endpoint& address);  // it punctured its NAT for us
    void expire(Nanoseconds now);

    bool waiting(Nanoseconds now) const;  // is there anybody to take?
    std::size_t outstanding(Nanoseconds now) const;
    std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        MemberId introducer;
        Source source = Source::Introduced;
        Nanoseconds learned = 0, asked = 0;
        unsigned tries = 0;
    };
    static bool due(const Entry& entry, Nanoseconds now);

    std::map<Endpoint, Entry> entries_;
};

}  // namespace warren::protocol
