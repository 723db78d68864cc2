// What we answer to others in the DHT. Whoever comes here has proven its address.
#include <algorithm>

#include "protocol/dht.h"

namespace warren::protocol {

namespace {

constexpr std::size_t nearest_counted = 20, peers_held_max = 1024, storings_max = 256;

}  // namespace

DhtToken Dht::token_for(const Asker& asker) const {
    return make_dht_token(asker.from, member_id(asker.key.view()), secrets_[0]);
}

bool Dht::token_right(const Asker& asker, const DhtToken& token) const {
    const auto member = member_id(asker.key.view());
    return std::ranges::any_of(secrets_, [&](const DhtSecret& secret) {
        return equal_constant_time(make_dht_token(asker.from, member, secret).view(), token.view());
    });
}

void Dht::on_question(Nanoseconds now, const Asker& asker, std::uint8_t id, ByteView payload) {
    const auto malformed = [&] { ++hub_.counters.dropped_malformed; };
    ++hub_.counters.dht_answered;
    switch (static_cast<DhtMessage>(id)) {
    case DhtMessage::FindRequest: {
        const auto request = decode_dht_find_request(payload);
        return request ? on_find(now, asker, *request) : malformed();
    }
    case DhtMessage::StoreRequest: {
        const auto request = decode_dht_store_request(payload);
        return request ? on_store(now, asker, *request) : malformed();
    }
    case DhtMessage::StorePeerRequest: {
        const auto request = decode_dht_store_peer_request(payload);
        return request ? on_store_peer(now, asker, *request) : malformed();
    }
    case DhtMessage::ConnectPeerRequest: {
        const auto request = decode_dht_connect_peer_request(payload);
        return request ? on_connect_peer(now, asker, *request) : malformed();
    }
    case DhtMessage::PingRequest:
    case DhtMessage::PingResponse:
    case DhtMessage::StoreResponse:
    case DhtMessage::FindResponse:
    case DhtMessage::StorePeerResponse:
    case DhtMessage::ConnectPeerResponse: break;  // handled before
    }
}

void Dht::puncture(const Endpoint& whom, const Endpoint& lan, const Endpoint& wan,
                   std::uint32_t identifier) {
    const bool old = !lan.v6 && !wan.v6;
    const PunctureRequest request{old ? Style::Old : Style::New, lan, wan,
                                  static_cast<std::uint16_t>(identifier % 65536)};
    const auto id = old ? BaseMessage::PunctureRequest : BaseMessage::NewPunctureRequest;
    hub_.send(whom, frame_unsigned(dht_community, static_cast<std::uint8_t>(id), ++hub_.global_time,
                                   encode(request)));
}

void Dht::on_find(Nanoseconds now, const Asker& asker, const DhtFindRequest& request) {
    auto& family = family_of(asker.from);
    DhtFindResponse response;
    response.identifier = request.identifier;
    response.token = token_for(asker);
    if (!request.force_nodes)
        response.values = family.store.get(now, request.target, request.offset, dht_values_max);
    if (response.values.empty()) {
        const auto nodes = family.table.closest(now, request.target, dht_nodes_max, asker.from);
        for (const auto* node : nodes)
            response.nodes.push_back({node->address, node->key.view()});
        if (!nodes.empty())
            puncture(nodes.front()->address, request.lan, asker.from, request.identifier);
    }
    say(now, asker.from, DhtMessage::FindResponse, encode(response));
}

Nanoseconds Dht::lifetime_here(Nanoseconds now, const DhtId& target, Family& family) {
    const auto closest = family.table.closest(now, target, nearest_counted);
    const auto count = std::ranges::count_if(
        closest, [&](const DhtNode* node) { return nearer(target, node->id, family.table.own()); });
    return dht_lifetime(static_cast<std::size_t>(count));
}

void Dht::on_store(Nanoseconds now, const Asker& asker, const DhtStoreRequest& request) {
    if (!token_right(asker, request.token) || storings_.size() >= storings_max)
        return void(++hub_.counters.dropped_unproven);
    const bool too_much = request.values.size() > dht_values_max ||
                          std::ranges::any_of(request.values, [](ByteView v) {
                              return v.size() > dht_value_bytes_max;
                          });
    if (too_much) return void(++hub_.counters.dropped_malformed);
    const auto id = ++last_id_;
    auto& storing = storings_[id];
    storing = {asker, request.identifier, request.target, {}, 0};
    for (const auto encoded : request.values) {
        const auto value = decode_dht_value(encoded);
        if (!value) continue;
        storing.values.push_back(to_bytes(encoded));
        if (!value->is_signed()) continue;
        if (value_checks_.full()) {
            storing.values.pop_back();
            continue;
        }
        ++storing.open;
        const auto token = hub_.next_token();
        value_checks_.add(now, token, {id, 0, storing.values.size() - 1, {}});
        ++hub_.counters.signatures_checked;
        hub_.emit(CheckSignature{token, to_bytes(encoded)});
    }
    if (storing.open == 0) finish_storing(now, id);
}

void Dht::value_checked(Nanoseconds now, const ValueCheck& check, bool valid) {
    if (!valid) ++hub_.counters.bad_signatures;
    if (const auto storing = storings_.find(check.storing); storing != storings_.end()) {
        if (!valid) storing->second.values[check.index].clear();
        if (--storing->second.open == 0) finish_storing(now, check.storing);
    }
    const auto lookup = lookups_.find(check.lookup);
    if (lookup == lookups_.end()) return;
    --lookup->second.open_checks;
    const auto value = decode_dht_value(check.value);
    if (valid && value) lookup->second.found(check.value, *value);
    advance(now, check.lookup);
}

void Dht::finish_storing(Nanoseconds now, std::uint64_t id) {
    const auto storing = std::move(storings_.extract(id).mapped());
    auto& family = family_of(storing.asker.from);
    const auto lifetime = lifetime_here(now, storing.target, family);
    const auto source = member_id(storing.asker.key.view());
    for (const auto& value : storing.values)
        if (!value.empty()) family.store.put(now, storing.target, value, source, lifetime);
    say(now, storing.asker.from, DhtMessage::StoreResponse,
        encode_dht_identifier(storing.identifier));
}

void Dht::on_store_peer(Nanoseconds now, const Asker& asker, const DhtStorePeerRequest& request) {
    const auto member = member_id(asker.key.view());
    const bool right = token_right(asker, request.token) &&
                       std::ranges::equal(request.target.view(), member.view());
    if (!right) return void(++hub_.counters.dropped_unproven);
    if (!peers_held_.contains(member) && peers_held_.size() >= peers_held_max)
        return void(++hub_.counters.dropped_busy);
    auto& held = peers_held_[member];
    const auto known = std::ranges::find(held, asker.from, &HeldPeer::address);
    if (known != held.end())
        known->pinged = now;
    else if (held.size() < dht_nodes_max)
        held.push_back({asker.key, asker.from, now});
    say(now, asker.from, DhtMessage::StorePeerResponse, encode_dht_identifier(request.identifier));
}

void Dht::on_connect_peer(Nanoseconds now, const Asker& asker,
                          const DhtConnectPeerRequest& request) {
    DhtConnectPeerResponse response;
    response.identifier = request.identifier;
    const auto held = peers_held_.find(MemberId{request.target.bytes});
    if (held != peers_held_.end())
        for (const auto& peer : held->second) {
            if (peer.address.v6 != asker.from.v6 || peer.address == asker.from) continue;
            response.nodes.push_back({peer.address, peer.key.view()});
            puncture(peer.address, request.lan, asker.from, request.identifier);
        }
    say(now, asker.from, DhtMessage::ConnectPeerResponse, encode(response));
}

}  // namespace warren::protocol
