// The last cheap step before a signature is looked at, where anybody may ask (discovery, DHT): was
// the same datagram here lately, is there budget and room? A copy is a copy, whoever sends it
// (R-U7): a thief on the way may so keep one datagram out, which he could anyway.
#pragma once

#include <utility>

#include "protocol/overlay_hub.h"

namespace warren::protocol {

class SignatureChecks {
public:
    struct Verified {
        Endpoint from;
        PublicKey key;
        Bytes datagram;
    };

    SignatureChecks(Hub& hub, std::size_t waiting_max, Nanoseconds patience)
        : hub_(hub), seen_(hub.random, hub.settings.duplicates_max),
          waiting_(waiting_max, patience) {}

    // `affordable` is asked about what is new only, and counts what it refuses.
    template <typename Affordable>
    void submit(Nanoseconds now, const Endpoint& from, ByteView datagram, Affordable&& affordable) {
        auto& counters = hub_.counters;
        const auto digest = seen_.digest(datagram);  // whoever repeats it
        if (seen_.seen(now, digest)) return void(++counters.dropped_duplicate);
        if (!affordable()) return;
        if (waiting_.full()) return void(++counters.dropped_check_budget);
        seen_.insert(digest);
        const auto token = hub_.next_token();
        waiting_.add(now, token, {from, to_bytes(datagram)});
        ++counters.signatures_checked;
        hub_.emit(CheckSignature{token, to_bytes(datagram)});
    }
    // Nothing: not one of these, not right, or our own.
    std::optional<Verified> result(Token token, bool valid) {
        auto check = waiting_.take(token);
        if (!check) return std::nullopt;
        if (!valid) return ++hub_.counters.bad_signatures, std::nullopt;
        const auto parts = decode_signed(check->datagram, WithGlobalTime::No);
        const auto key = parts ? PublicKey::from(parts->public_key) : std::nullopt;
        if (!key || *key == hub_.own_key) return std::nullopt;
        return Verified{check->from, *key, std::move(check->datagram)};
    }
    void failed(Token token) { (void)waiting_.take(token); }
    void clear_expired(Nanoseconds now) { waiting_.clear_expired(now); }

private:
    struct Check {
        Endpoint from;
        Bytes datagram;
    };

    Hub& hub_;
    DuplicateFilter seen_;
    Pending<Check> waiting_;
};

}  // namespace warren::protocol
