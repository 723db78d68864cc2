// One lookup in the DHT: whom to ask next, what was found. Pure bookkeeping; the DHT sends.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "protocol/dht_messages.h"

namespace warren::protocol {

struct DhtContact {
    PublicKey key;
    Endpoint address;
};

enum class DhtPurpose { Find, Store, Refresh, Register, Connect };

class DhtLookup {
public:
    static constexpr std::size_t start_nodes = 8, parallel = 4, nodes_total = 24;

    struct Candidate {
        DhtContact contact;
        DhtId id;
        std::optional<DhtContact> introducer;  // has to puncture it for us first
        enum State { Waiting, Punctured, Asked, Answered, Failed } state = Waiting;
        DhtToken token;
        bool had_values = false;
    };

    DhtLookup(DhtPurpose why, const DhtId& whither, std::uint64_t for_ref)
        : purpose(why), target(whither), ref(for_ref) {}

    // Taken if few are waiting or it is nearer than the fourth of those.
    void offer(const DhtContact& contact, const std::optional<DhtContact>& introducer);
    Candidate* next();  // to ask now; null: none, or enough are being asked
    Candidate* find(const Endpoint& address);
    bool done() const { return in_flight == 0 && open_checks == 0 && !has_waiting(); }
    bool wants_nodes_only() const { return purpose != DhtPurpose::Find; }
    // Those that answered, nearest first.
    std::vector<Candidate*> answered();
    // Of signed values the newest of each signer, of others all.
    void found(ByteView encoded, const DhtValue& parts);
    std::vector<Bytes> values() const;
    void found_peer(const Endpoint& address, ByteView key);  // once, however many hold it

    DhtPurpose purpose;
    DhtId target;
    std::uint64_t ref = 0;
    bool v6 = false;
    std::size_t in_flight = 0;    // finds
    std::size_t open_checks = 0;  // signatures of values
    bool storing = false;         // the second step: stores are on their way
    std::size_t stores_open = 0, stores_done = 0;
    Bytes value;                                    // to store
    std::vector<std::pair<Endpoint, Bytes>> peers;  // Connect: addresses and keys

private:
    bool has_waiting() const;

    std::vector<Candidate> candidates_;  // nearest first
    std::size_t asked_ = 0;
    struct Found {
        Bytes encoded;
        std::uint32_t version = 0;
    };
    std::map<Bytes, Found> found_;  // by signer, or by content
};

}  // namespace warren::protocol
