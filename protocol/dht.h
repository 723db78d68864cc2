// IPv8's DHT, sans I/O: a table and a store for each address family, lookups, stores, and peers
// that can be found by their key. Whoever asks has shown first that it receives at its address: it
// answered a ping with a random 32-bit number of ours. Until then it gets that ping instead of an
// answer, which is never more than it sent, and its question waits for the proof.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>

#include "protocol/dht_lookup.h"
#include "protocol/dht_store.h"
#include "protocol/dht_table.h"
#include "protocol/overlay_hub.h"
#include "protocol/signature_checks.h"

namespace warren::protocol {

class Dht {
public:
    explicit Dht(Hub& hub);

    void on_datagram(Nanoseconds now, const Endpoint& from, const Header& header, ByteView bytes);
    void signature_result(Nanoseconds now, Token token, bool valid);
    void signed_bytes(Nanoseconds now, Token token, const Signature& signature);
    void failed(Nanoseconds now, Token token);
    Nanoseconds tick(Nanoseconds now);
    // Our address as others see it: our place in that family's table follows from it.
    void own_address(Nanoseconds now, const Endpoint& wan);

    // ---- for users; `ref` is what the effect that answers bears
    void find(Nanoseconds now, std::uint64_t ref, const DhtId& key);                // DhtFound
    void store(Nanoseconds now, std::uint64_t ref, const DhtId& key, Bytes value);  // DhtStored
    void store_signed(Nanoseconds now, std::uint64_t ref, const DhtId& key, ByteView data,
                      std::uint32_t version);
    void connect(Nanoseconds now, std::uint64_t ref, const MemberId& member);  // DhtPeersFound
    struct Status {
        DhtId own;
        std::size_t nodes = 0, good = 0, buckets = 0, values = 0, keys = 0, peers_held = 0;
    };
    Status status(Nanoseconds now, bool v6);

private:
    enum class Ask { Ping, Find, Store, StorePeer, ConnectPeer, Puncture };
    struct Request {
        Ask ask = Ask::Ping;
        Endpoint to;
        PublicKey key;
        Nanoseconds sent = 0, deadline = 0;
        std::uint64_t lookup = 0;
        Endpoint then;  // Puncture: whom it opens the way to
        unsigned wrong = 0;
    };
    struct Asker {
        PublicKey key;
        Endpoint from;
    };
    struct Storing {  // a store request with values whose signatures are being checked
        Asker asker;
        std::uint32_t identifier = 0;
        DhtId target;
        std::vector<Bytes> values;  // in order; emptied when its signature is wrong
        std::size_t open = 0;
    };
    struct ValueCheck {
        std::uint64_t storing = 0, lookup = 0;  // either of them
        std::size_t index = 0;
        Bytes value;
    };
    struct Signing {  // a message to send, or a value to store
        Bytes unsigned_bytes;
        Endpoint to;
        std::optional<DhtId> value_for;
        std::uint64_t ref = 0;
    };
    struct Contact {  // an address that has proven itself
        PublicKey key;
        Nanoseconds heard = 0;
        std::deque<Nanoseconds> queries;
    };
    struct Held {  // a question that waits for the proof of its sender's address
        Bytes datagram;
        Nanoseconds until = 0;
    };
    struct HeldPeer {
        PublicKey key;
        Endpoint address;
        Nanoseconds pinged = 0;
    };
    struct Family {
        explicit Family(const DhtId& own) : table(own) {}
        DhtTable table;
        DhtStore store;
        Nanoseconds next_refresh = 0;
    };

    // ---- coming in (dht.cpp)
    Family& family_of(const Endpoint& address) { return families_[address.v6 ? 1 : 0]; }
    bool worth_checking(Nanoseconds now, const Endpoint& from, const SignedParts& parts,
                        std::uint8_t id);
    void on_message(Nanoseconds now, const Asker& asker, std::uint8_t id, ByteView payload,
                    const Bytes& datagram);
    void on_response(Nanoseconds now, const Asker& asker, std::uint8_t id, ByteView payload);
    bool proven(Nanoseconds now, const Asker& asker);
    void prove(Nanoseconds now, const Asker& asker, const Bytes& question);
    void proved(Nanoseconds now, const Asker& asker);
    bool too_many_queries(Nanoseconds now, const Endpoint& from);
    void met(Nanoseconds now, const PublicKey& key, const Endpoint& address);

    // ---- answers (dht_answers.cpp)
    void on_question(Nanoseconds now, const Asker& asker, std::uint8_t id, ByteView payload);
    void on_find(Nanoseconds now, const Asker& asker, const DhtFindRequest& request);
    void on_store(Nanoseconds now, const Asker& asker, const DhtStoreRequest& request);
    void on_store_peer(Nanoseconds now, const Asker& asker, const DhtStorePeerRequest& request);
    void on_connect_peer(Nanoseconds now, const Asker& asker, const DhtConnectPeerRequest& request);
    void value_checked(Nanoseconds now, const ValueCheck& check, bool valid);
    void finish_storing(Nanoseconds now, std::uint64_t id);
    void puncture(const Endpoint& whom, const Endpoint& lan, const Endpoint& wan,
                  std::uint32_t identifier);
    DhtToken token_for(const Asker& asker) const;
    bool token_right(const Asker& asker, const DhtToken& token) const;
    Nanoseconds lifetime_here(Nanoseconds now, const DhtId& target, Family& family);

    // ---- questions of our own (dht_asking.cpp)
    std::uint64_t begin(Nanoseconds now, DhtLookup lookup, bool v6);
    void advance(Nanoseconds now, std::uint64_t id);
    void finish(Nanoseconds now, std::uint64_t id);
    void begin_stores(Nanoseconds now, std::uint64_t id, DhtLookup& lookup);
    void cache(Nanoseconds now, DhtLookup& lookup);
    void on_find_response(Nanoseconds now, const Request& request, const DhtFindResponse& response);
    void request_over(Nanoseconds now, const Request& request, bool answered);
    std::uint32_t remember(Nanoseconds now, Request request);
    void ping(Nanoseconds now, const PublicKey& key, const Endpoint& address);
    void ask_find(Nanoseconds now, Request request, const DhtId& target, bool force_nodes);
    void keep_nodes(Nanoseconds now);
    void register_ourselves(Nanoseconds now);

    void say(Nanoseconds now, const Endpoint& to, DhtMessage id, ByteView payload);
    void sign(Nanoseconds now, Signing signing);

    Hub& hub_;
    std::array<Family, 2> families_;
    std::array<DhtSecret, 2> secrets_;
    Nanoseconds secrets_since_ = 0, next_sweep_ = 0, next_keep_ = 0, next_register_ = 0;
    TokenBucket stranger_checks_;
    SignatureChecks checks_;
    Pending<ValueCheck> value_checks_;
    Pending<Signing> signings_;
    std::map<std::uint32_t, Request> requests_;
    std::map<Endpoint, Contact> contacts_;
    std::map<Endpoint, Held> held_;
    std::map<std::uint64_t, Storing> storings_;
    std::map<std::uint64_t, DhtLookup> lookups_;
    std::map<MemberId, std::vector<HeldPeer>> peers_held_;
    std::map<Endpoint, Nanoseconds> holders_;  // of our own registration: since when
    std::uint64_t last_id_ = 0;
};

}  // namespace warren::protocol
