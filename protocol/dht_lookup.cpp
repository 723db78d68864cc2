// The order in which a lookup asks.
#include "protocol/dht_lookup.h"

#include <algorithm>

namespace warren::protocol {

bool DhtLookup::has_waiting() const {
    return asked_ < nodes_total && std::ranges::any_of(candidates_, [](const Candidate& c) {
               return c.state == Candidate::Waiting;
           });
}

void DhtLookup::offer(const DhtContact& contact, const std::optional<DhtContact>& introducer) {
    if (find(contact.address) != nullptr || contact.address.v6 != v6) return;
    Candidate fresh;
    fresh.contact = contact;
    fresh.id = dht_node_id(contact.address, member_id(contact.key.view()));
    fresh.introducer = introducer;
    std::size_t waiting = 0;
    for (const auto& other : candidates_) {
        if (other.state != Candidate::Waiting || ++waiting < parallel) continue;
        if (introducer && !nearer(target, fresh.id, other.id)) return;
        break;
    }
    const auto place = std::ranges::find_if(
        candidates_, [&](const Candidate& other) { return nearer(target, fresh.id, other.id); });
    candidates_.insert(place, std::move(fresh));
}

DhtLookup::Candidate* DhtLookup::next() {
    if (in_flight >= parallel || asked_ >= nodes_total) return nullptr;
    for (auto& candidate : candidates_) {
        if (candidate.state != Candidate::Waiting) continue;
        ++asked_;
        ++in_flight;
        return &candidate;
    }
    return nullptr;
}

DhtLookup::Candidate* DhtLookup::find(const Endpoint& address) {
    const auto at = std::ranges::find_if(
        candidates_, [&](const Candidate& c) { return c.contact.address == address; });
    return at == candidates_.end() ? nullptr : &*at;
}

std::vector<DhtLookup::Candidate*> DhtLookup::answered() {
    std::vector<Candidate*> out;
    for (auto& candidate : candidates_)
        if (candidate.state == Candidate::Answered) out.push_back(&candidate);
    return out;
}

void DhtLookup::found(ByteView encoded, const DhtValue& parts) {
    const auto of = to_bytes(parts.is_signed() ? parts.public_key : encoded);
    const auto [at, fresh] = found_.try_emplace(of, Found{to_bytes(encoded), parts.version});
    if (!fresh && parts.version > at->second.version)
        at->second = {to_bytes(encoded), parts.version};
}

std::vector<Bytes> DhtLookup::values() const {
    std::vector<Bytes> out;
    for (const auto& [of, found] : found_)
        out.push_back(found.encoded);
    return out;
}

void DhtLookup::found_peer(const Endpoint& address, ByteView key) {
    const bool known =
        std::ranges::any_of(peers, [&](const auto& peer) { return peer.first == address; });
    if (!known && peers.size() < dht_nodes_max) peers.emplace_back(address, to_bytes(key));
}

}  // namespace warren::protocol
