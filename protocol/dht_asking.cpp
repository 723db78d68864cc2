// What we ask of others in the DHT: lookups and what follows from them, pings, our own
// registration.
#include <algorithm>

#include "protocol/dht.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds find_patience = 2_s, patience = 5_s;
constexpr Nanoseconds ping_interval = 25_s, refresh_check = 60_s, refresh_after = 900_s;
constexpr Nanoseconds register_interval = 30_s, holder_life = 60_s;
constexpr std::size_t storing_nodes = 8, holders_enough = 4, lookups_max = 64;
constexpr std::size_t requests_max = 1024, pings_a_second = 16;

}  // namespace

// Numbers that nobody can guess: an answer to one proves the address that it came from.
std::uint32_t Dht::remember(Nanoseconds now, Request request) {
    auto identifier = static_cast<std::uint32_t>(hub_.random.next());
    while (requests_.contains(identifier))
        ++identifier;
    request.sent = now;
    ++hub_.counters.dht_asked;
    const bool find = request.ask == Ask::Find || request.ask == Ask::Puncture;
    request.deadline = now + (find ? find_patience : patience);
    requests_[identifier] = request;
    return identifier;
}

void Dht::ping(Nanoseconds now, const PublicKey& key, const Endpoint& address) {
    if (requests_.size() >= requests_max) return void(++hub_.counters.dropped_busy);
    Request request;
    request.to = address;
    request.key = key;
    say(now, address, DhtMessage::PingRequest, encode_dht_identifier(remember(now, request)));
}

void Dht::ask_find(Nanoseconds now, Request request, const DhtId& target, bool force_nodes) {
    DhtFindRequest find;
    find.lan = hub_.settings.own_lan;
    find.target = target;
    find.force_nodes = force_nodes;
    find.identifier = remember(now, request);
    say(now, request.to, DhtMessage::FindRequest, encode(find));
}

std::uint64_t Dht::begin(Nanoseconds now, DhtLookup lookup, bool v6) {
    const auto id = ++last_id_;
    lookup.v6 = v6;
    for (const auto* node :
         families_[v6 ? 1 : 0].table.closest(now, lookup.target, DhtLookup::start_nodes))
        lookup.offer({node->key, node->address}, std::nullopt);
    if (lookup.purpose == DhtPurpose::Find) {
        // What we keep ourselves is as good as what others keep.
        for (const auto value :
             families_[v6 ? 1 : 0].store.get(now, lookup.target, 0, DhtStore::values_of_key_max))
            if (const auto parts = decode_dht_value(value)) lookup.found(value, *parts);
    }
    lookups_.emplace(id, std::move(lookup));
    advance(now, id);
    return id;
}

void Dht::advance(Nanoseconds now, std::uint64_t id) {
    const auto at = lookups_.find(id);
    if (at == lookups_.end() || at->second.storing) return;
    auto& lookup = at->second;
    while (auto* candidate = lookup.next()) {
        Request request;
        request.lookup = id;
        const bool open = !candidate->introducer || contacts_.contains(candidate->contact.address);
        if (!open) {
            candidate->state = DhtLookup::Candidate::Punctured;
            request.ask = Ask::Puncture;
            request.to = candidate->introducer->address;
            request.key = candidate->introducer->key;
            request.then = candidate->contact.address;
            ask_find(now, request, candidate->id, true);
            continue;
        }
        candidate->state = DhtLookup::Candidate::Asked;
        request.ask = Ask::Find;
        request.to = candidate->contact.address;
        request.key = candidate->contact.key;
        ask_find(now, request, lookup.target, lookup.wants_nodes_only());
    }
    if (lookup.done()) finish(now, id);
}

void Dht::on_find_response(Nanoseconds now, const Request& request,
                           const DhtFindResponse& response) {
    const auto at = lookups_.find(request.lookup);
    if (at == lookups_.end()) return;
    auto& lookup = at->second;
    if (auto* candidate = lookup.find(request.to); candidate && request.ask == Ask::Find) {
        candidate->token = response.token;
        candidate->had_values = !response.values.empty();
        for (const auto encoded : response.values) {
            const auto value = decode_dht_value(encoded);
            if (!value || encoded.size() > dht_value_bytes_max) continue;
            if (!value->is_signed()) {
                lookup.found(encoded, *value);
                continue;
            }
            if (value_checks_.full()) continue;
            ++lookup.open_checks;
            const auto token = hub_.next_token();
            value_checks_.add(now, token, {0, request.lookup, 0, to_bytes(encoded)});
            ++hub_.counters.signatures_checked;
            hub_.emit(CheckSignature{token, to_bytes(encoded)});
        }
        bool first = true;  // that one was punctured for us already
        for (const auto& node : response.nodes) {
            const auto key = PublicKey::from(node.public_key);
            if (!key || !is_curve25519_key(key->view()) || *key == hub_.own_key) continue;
            const DhtContact introducer{request.key, request.to};
            const bool punctured = std::exchange(first, false);
            if (node.address.port == 0) continue;
            lookup.offer({*key, node.address},
                         punctured ? std::nullopt : std::optional(introducer));
        }
    }
    request_over(now, request, true);
}

void Dht::request_over(Nanoseconds now, const Request& request, bool answered) {
    if (request.ask == Ask::StorePeer && answered) holders_[request.to] = now;
    const auto at = lookups_.find(request.lookup);
    if (at == lookups_.end()) return;
    auto& lookup = at->second;
    if (request.ask == Ask::Find) {
        --lookup.in_flight;
        if (auto* candidate = lookup.find(request.to))
            candidate->state =
                answered ? DhtLookup::Candidate::Answered : DhtLookup::Candidate::Failed;
        return advance(now, request.lookup);
    }
    if (request.ask == Ask::Puncture) {
        auto* candidate = lookup.find(request.then);
        if (candidate == nullptr) return;
        candidate->state = DhtLookup::Candidate::Asked;
        Request find;
        find.ask = Ask::Find;
        find.lookup = request.lookup;
        find.to = candidate->contact.address;
        find.key = candidate->contact.key;
        return ask_find(now, find, lookup.target, lookup.wants_nodes_only());
    }
    if (!lookup.storing) return;
    --lookup.stores_open;
    if (answered) ++lookup.stores_done;
    if (lookup.stores_open == 0) finish(now, request.lookup);
}

// The second step of a lookup that was made in order to leave something with the nearest.
void Dht::begin_stores(Nanoseconds now, std::uint64_t id, DhtLookup& lookup) {
    lookup.storing = true;
    auto nearest = lookup.answered();
    if (nearest.size() > storing_nodes) nearest.resize(storing_nodes);
    auto& family = families_[lookup.v6 ? 1 : 0];
    if (lookup.purpose == DhtPurpose::Store &&
        (nearest.size() < storing_nodes ||
         nearer(lookup.target, family.table.own(), nearest.back()->id)) &&
        family.store.put(now, lookup.target, lookup.value, hub_.own,
                         lifetime_here(now, lookup.target, family)))
        ++lookup.stores_done;
    for (const auto* node : nearest) {
        Request request;
        request.to = node->contact.address;
        request.key = node->contact.key;
        request.lookup = id;
        ++lookup.stores_open;
        if (lookup.purpose == DhtPurpose::Store) {
            request.ask = Ask::Store;
            const DhtStoreRequest message{
                remember(now, request), node->token, lookup.target, {lookup.value}};
            say(now, request.to, DhtMessage::StoreRequest, encode(message));
        } else if (lookup.purpose == DhtPurpose::Register) {
            request.ask = Ask::StorePeer;
            const DhtStorePeerRequest message{remember(now, request), node->token, lookup.target};
            say(now, request.to, DhtMessage::StorePeerRequest, encode(message));
        } else {
            request.ask = Ask::ConnectPeer;
            const DhtConnectPeerRequest message{remember(now, request), hub_.settings.own_lan,
                                                lookup.target};
            say(now, request.to, DhtMessage::ConnectPeerRequest, encode(message));
        }
    }
}

// Values are left with the nearest node that had none, so that the next one finds them sooner.
void Dht::cache(Nanoseconds now, DhtLookup& lookup) {
    auto values = lookup.values();
    if (values.size() > dht_values_max) values.resize(dht_values_max);
    if (values.empty()) return;
    const auto nodes = lookup.answered();
    const auto without = std::ranges::find_if(nodes, [](const auto* n) { return !n->had_values; });
    if (without == nodes.end()) return;
    Request request;
    request.ask = Ask::Store;
    request.to = (*without)->contact.address;
    request.key = (*without)->contact.key;
    DhtStoreRequest message{remember(now, request), (*without)->token, lookup.target, {}};
    message.values.assign(values.begin(), values.end());
    say(now, request.to, DhtMessage::StoreRequest, encode(message));
}

void Dht::finish(Nanoseconds now, std::uint64_t id) {
    auto& lookup = lookups_.at(id);
    const bool second_step = lookup.purpose == DhtPurpose::Store ||
                             lookup.purpose == DhtPurpose::Register ||
                             lookup.purpose == DhtPurpose::Connect;
    if (second_step && !lookup.storing) {
        begin_stores(now, id, lookup);
        if (lookup.stores_open > 0) return;
    }
    switch (lookup.purpose) {
    case DhtPurpose::Find:
        cache(now, lookup);
        hub_.emit(DhtFound{lookup.ref, lookup.values()});
        break;
    case DhtPurpose::Store: hub_.emit(DhtStored{lookup.ref, lookup.stores_done}); break;
    case DhtPurpose::Connect: hub_.emit(DhtPeersFound{lookup.ref, lookup.peers}); break;
    case DhtPurpose::Refresh:
    case DhtPurpose::Register: break;
    }
    lookups_.erase(id);
}

// The family that we know nodes of; IPv6 only where there is nothing else.
void Dht::find(Nanoseconds now, std::uint64_t ref, const DhtId& key) {
    if (lookups_.size() >= lookups_max) return hub_.emit(DhtFound{ref, {}});
    begin(now, DhtLookup(DhtPurpose::Find, key, ref), families_[0].table.size() == 0);
}

void Dht::store(Nanoseconds now, std::uint64_t ref, const DhtId& key, Bytes value) {
    if (lookups_.size() >= lookups_max || value.size() > dht_value_bytes_max)
        return hub_.emit(DhtStored{ref, 0});
    DhtLookup lookup(DhtPurpose::Store, key, ref);
    lookup.value = std::move(value);
    begin(now, std::move(lookup), families_[0].table.size() == 0);
}

void Dht::store_signed(Nanoseconds now, std::uint64_t ref, const DhtId& key, ByteView data,
                       std::uint32_t version) {
    auto frame = frame_signed_value(data, version, hub_.own_key.view());
    if (frame.size() + signature_bytes > dht_value_bytes_max || signings_.full())
        return hub_.emit(DhtStored{ref, 0});
    sign(now, {std::move(frame), {}, key, ref});
}

void Dht::connect(Nanoseconds now, std::uint64_t ref, const MemberId& member) {
    if (lookups_.size() >= lookups_max) return hub_.emit(DhtPeersFound{ref, {}});
    DhtLookup lookup(DhtPurpose::Connect, DhtId{member.bytes}, ref);
    if (const auto held = peers_held_.find(member); held != peers_held_.end())
        for (const auto& peer : held->second)
            lookup.found_peer(peer.address, peer.key.view());
    begin(now, std::move(lookup), families_[0].table.size() == 0);
}

void Dht::keep_nodes(Nanoseconds now) {
    std::size_t pings = 0;
    for (std::size_t number = 0; number < families_.size(); ++number) {
        auto& family = families_[number];
        family.table.drop_bad(now);
        for (auto* node : family.table.all()) {
            const auto last = std::max(node->pinged, node->answered);
            if (now - last < ping_interval || pings >= pings_a_second) continue;
            node->pinged = now;
            ++pings;
            ping(now, node->key, node->address);
        }
        if (now < family.next_refresh) continue;
        family.next_refresh = now + refresh_check;
        if (family.table.size() == 0) continue;
        for (const auto& id : family.table.stale(now, refresh_after, hub_.random.id<DhtId>()))
            if (lookups_.size() < lookups_max)
                begin(now, DhtLookup(DhtPurpose::Refresh, id, 0), number == 1);
    }
}

void Dht::register_ourselves(Nanoseconds now) {
    const bool alone = families_[0].table.size() + families_[1].table.size() == 0;
    if (now < next_register_ || alone) return;
    next_register_ = now + register_interval;
    // Those that still answer our pings still hold us.
    std::erase_if(holders_, [&](const auto& holder) {
        const auto* node = family_of(holder.first).table.find(holder.first);
        return node == nullptr || now - std::max(node->answered, holder.second) > holder_life;
    });
    if (holders_.size() >= holders_enough) return;
    for (std::size_t number = 0; number < families_.size(); ++number)
        if (families_[number].table.size() > 0)
            begin(now, DhtLookup(DhtPurpose::Register, DhtId{hub_.own.bytes}, 0), number == 1);
}

}  // namespace warren::protocol
