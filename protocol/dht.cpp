// What comes in from the DHT: cheap checks, signatures, proof of addresses; and the clock.
#include "protocol/dht.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds check_patience = 8_s, hold = 2_s, contact_life = 900_s;
constexpr Nanoseconds query_window = 5_s, secret_life = 300_s, keep_interval = 1_s;
constexpr Nanoseconds sweep_interval = 60_s, held_peer_life = 60_s;
constexpr std::size_t queries_max = 10, contacts_max = 4096, held_max = 256;
constexpr unsigned wrong_max = 3;
constexpr double ping_bytes = 167;

bool is_answer(std::uint8_t id) {
    return id % 2 == 0;
}

}  // namespace

Dht::Dht(Hub& hub)
    : hub_(hub), families_{Family(dht_node_id({}, hub.own)), Family(dht_node_id({}, hub.own))},
      stranger_checks_({500, 100}), checks_(hub, 1024, check_patience),
      value_checks_(1024, check_patience), signings_(1024, check_patience) {
    for (auto& secret : secrets_)
        hub_.random.fill(secret);
}

void Dht::own_address(Nanoseconds now, const Endpoint& wan) {
    family_of(wan).table.move_to(now, dht_node_id(wan, hub_.own));
}

bool Dht::too_many_queries(Nanoseconds now, const Endpoint& from) {
    const auto contact = contacts_.find(from);
    if (contact == contacts_.end()) return false;
    auto& queries = contact->second.queries;
    while (!queries.empty() && now - queries.front() > query_window)
        queries.pop_front();
    if (queries.size() >= queries_max) return true;
    queries.push_back(now);
    return false;
}

// Before the signature: is it an answer that we wait for, or a question that we have time for?
bool Dht::worth_checking(Nanoseconds now, const Endpoint& from, const SignedParts& parts,
                         std::uint8_t id) {
    auto& counters = hub_.counters;
    if (!is_answer(id)) {
        if (too_many_queries(now, from)) return ++counters.dropped_source_budget, false;
        if (contacts_.contains(from)) return true;
        if (stranger_checks_.take(now, 1) && hub_.stranger_checks.take(now, 1)) return true;
        return ++counters.dropped_check_budget, false;
    }
    const auto identifier = Reader(parts.payload).u32();
    const auto request = requests_.find(identifier);
    if (request != requests_.end() && request->second.to == from)
        return std::ranges::equal(request->second.key.view(), parts.public_key);
    for (auto other = requests_.begin(); other != requests_.end();) {
        const auto guessed = other++;
        if (guessed->second.to == from && ++guessed->second.wrong > wrong_max)
            requests_.erase(guessed);
    }
    return ++counters.dropped_unsolicited, false;
}

void Dht::on_datagram(Nanoseconds now, const Endpoint& from, const Header& header, ByteView bytes) {
    auto& counters = hub_.counters;
    const auto id = header.message_id;
    if (id < static_cast<std::uint8_t>(DhtMessage::PingRequest) ||
        id > static_cast<std::uint8_t>(DhtMessage::ConnectPeerResponse))
        return void(++counters.dropped_unknown_message);
    const auto parts = decode_signed(bytes, WithGlobalTime::No);
    if (!parts || !is_curve25519_key(parts->public_key) || parts->payload.size() < 4)
        return void(++counters.dropped_malformed);
    checks_.submit(now, from, bytes, [&] { return worth_checking(now, from, *parts, id); });
}

void Dht::signature_result(Nanoseconds now, Token token, bool valid) {
    if (const auto value = value_checks_.take(token)) return value_checked(now, *value, valid);
    const auto message = checks_.result(token, valid);
    if (!message) return;
    const auto parts = decode_signed(message->datagram, WithGlobalTime::No);
    on_message(now, {message->key, message->from}, message->datagram[prefix_bytes], parts->payload,
               message->datagram);
}

void Dht::on_message(Nanoseconds now, const Asker& asker, std::uint8_t id, ByteView payload,
                     const Bytes& datagram) {
    if (is_answer(id)) return on_response(now, asker, id, payload);
    if (auto* node = family_of(asker.from).table.find(asker.from); node && node->key == asker.key)
        node->queried = now;
    if (id == static_cast<std::uint8_t>(DhtMessage::PingRequest)) {
        const auto identifier = decode_dht_identifier(payload);
        if (!identifier) return void(++hub_.counters.dropped_malformed);
        const auto held = peers_held_.find(member_id(asker.key.view()));
        if (held != peers_held_.end())
            for (auto& peer : held->second)
                if (peer.address == asker.from) peer.pinged = now;
        if (!proven(now, asker) && !hub_.stranger_bytes.take(now, ping_bytes))
            return void(++hub_.counters.dropped_reply_budget);
        ++hub_.counters.dht_answered;
        return say(now, asker.from, DhtMessage::PingResponse, encode_dht_identifier(*identifier));
    }
    if (!proven(now, asker)) return prove(now, asker, datagram);
    on_question(now, asker, id, payload);
}

bool Dht::proven(Nanoseconds now, const Asker& asker) {
    const auto contact = contacts_.find(asker.from);
    if (contact == contacts_.end() || contact->second.key != asker.key) return false;
    contact->second.heard = now;
    return true;
}

// No more than they sent: a ping is shorter than any question.
void Dht::prove(Nanoseconds now, const Asker& asker, const Bytes& question) {
    if (held_.contains(asker.from) || held_.size() >= held_max ||
        !hub_.stranger_bytes.take(now, ping_bytes) ||
        !hub_.waiting_room.enter(asker.from, question.size()))
        return void(++hub_.counters.dropped_unproven);
    held_[asker.from] = {question, now + hold};
    ping(now, asker.key, asker.from);
}

void Dht::proved(Nanoseconds now, const Asker& asker) {
    if (contacts_.size() >= contacts_max && !contacts_.contains(asker.from))
        contacts_.erase(std::ranges::min_element(
            contacts_, {}, [](const auto& contact) { return contact.second.heard; }));
    auto& contact = contacts_[asker.from];
    if (contact.key != asker.key) contact = {asker.key, now, {}};
    contact.heard = now;
    DhtNode node;
    node.id = dht_node_id(asker.from, member_id(asker.key.view()));
    node.key = asker.key;
    node.address = asker.from;
    family_of(asker.from).table.add(now, node);
    const auto held = held_.find(asker.from);
    if (held == held_.end()) return;
    const auto question = std::move(held->second.datagram);
    held_.erase(held);
    hub_.waiting_room.leave(asker.from, question.size());
    const auto parts = decode_signed(question, WithGlobalTime::No);
    if (parts && std::ranges::equal(parts->public_key, asker.key.view()))
        on_question(now, asker, question[prefix_bytes], parts->payload);
}

void Dht::on_response(Nanoseconds now, const Asker& asker, std::uint8_t id, ByteView payload) {
    const auto at = requests_.find(Reader(payload).u32());
    if (at == requests_.end() || at->second.to != asker.from) return;
    const auto request = at->second;
    const auto expects = [&](DhtMessage message) {
        return id == static_cast<std::uint8_t>(message);
    };
    const bool find = request.ask == Ask::Find || request.ask == Ask::Puncture;
    const bool fits = request.ask == Ask::Ping        ? expects(DhtMessage::PingResponse)
                      : find                          ? expects(DhtMessage::FindResponse)
                      : request.ask == Ask::Store     ? expects(DhtMessage::StoreResponse)
                      : request.ask == Ask::StorePeer ? expects(DhtMessage::StorePeerResponse)
                                                      : expects(DhtMessage::ConnectPeerResponse);
    if (!fits) return void(++hub_.counters.dropped_unsolicited);
    requests_.erase(at);
    ++hub_.counters.dht_answers_received;
    proved(now, asker);
    family_of(asker.from).table.answered(now, asker.from, now - request.sent);
    if (find) {
        const auto response = decode_dht_find_response(payload);
        if (!response) return request_over(now, request, false);
        return on_find_response(now, request, *response);
    }
    if (request.ask == Ask::ConnectPeer) {
        const auto response = decode_dht_connect_peer_response(payload);
        const auto lookup = lookups_.find(request.lookup);
        if (response && lookup != lookups_.end())
            for (const auto& node : response->nodes)
                lookup->second.found_peer(node.address, node.public_key);
    }
    request_over(now, request, true);
}

void Dht::met(Nanoseconds now, const PublicKey& key, const Endpoint& address) {
    auto& table = family_of(address).table;
    if (table.find(address) != nullptr) return;
    DhtNode node;
    node.id = dht_node_id(address, member_id(key.view()));
    node.key = key;
    node.address = address;
    node.pinged = now;
    if (table.add(now, node) != nullptr) ping(now, key, address);
}

void Dht::signed_bytes(Nanoseconds now, Token token, const Signature& signature) {
    auto signing = signings_.take(token);
    if (!signing) return;
    append(signing->unsigned_bytes, signature.view());
    if (signing->value_for)
        return store(now, signing->ref, *signing->value_for, std::move(signing->unsigned_bytes));
    hub_.send(signing->to, std::move(signing->unsigned_bytes));
}

void Dht::failed(Nanoseconds now, Token token) {
    if (const auto signing = signings_.take(token); signing && signing->value_for)
        hub_.emit(DhtStored{signing->ref, 0});
    if (const auto value = value_checks_.take(token)) value_checked(now, *value, false);
    checks_.failed(token);
}

void Dht::sign(Nanoseconds now, Signing signing) {
    if (signings_.full()) return void(++hub_.counters.dropped_busy);
    const auto token = hub_.next_token();
    hub_.emit(SignAndSend{token, signing.unsigned_bytes, signing.to});
    signings_.add(now, token, std::move(signing));
}

void Dht::say(Nanoseconds now, const Endpoint& to, DhtMessage id, ByteView payload) {
    sign(now,
         {frame_signed_untimed(dht_community, static_cast<std::uint8_t>(id), hub_.own_key, payload),
          to, std::nullopt, 0});
}

Nanoseconds Dht::tick(Nanoseconds now) {
    checks_.clear_expired(now);
    signings_.clear_expired(now);
    while (const auto value = value_checks_.take_expired(now))
        value_checked(now, *value, false);
    std::vector<Request> silent;
    std::erase_if(requests_, [&](const auto& entry) {
        if (entry.second.deadline > now) return false;
        silent.push_back(entry.second);
        return true;
    });
    for (const auto& request : silent) {
        family_of(request.to).table.failed(request.to);
        request_over(now, request, false);
    }
    if (now >= next_keep_) {
        next_keep_ = now + keep_interval;
        if (now - secrets_since_ >= secret_life) {
            secrets_[1] = secrets_[0];
            hub_.random.fill(secrets_[0]);
            secrets_since_ = now;
        }
        std::erase_if(held_, [&](const auto& held) {
            if (held.second.until > now) return false;
            hub_.waiting_room.leave(held.first, held.second.datagram.size());
            return true;
        });
        std::erase_if(contacts_,
                      [&](const auto& c) { return now - c.second.heard > contact_life; });
        for (auto at = peers_held_.begin(); at != peers_held_.end();) {
            std::erase_if(at->second,
                          [&](const HeldPeer& peer) { return now - peer.pinged > held_peer_life; });
            at = at->second.empty() ? peers_held_.erase(at) : std::next(at);
        }
        for (const auto& [member, peer] : hub_.peers.all())
            if (peer.trusted() && peer.communities.contains(dht_community))
                met(now, peer.key, peer.address);
        keep_nodes(now);
        register_ourselves(now);
    }
    if (now >= next_sweep_) {
        next_sweep_ = now + sweep_interval;
        for (auto& family : families_)
            family.store.sweep(now);
    }
    return requests_.empty() ? next_keep_ : std::min(next_keep_, now + 100_ms);
}

Dht::Status Dht::status(Nanoseconds now, bool v6) {
    auto& family = families_[v6 ? 1 : 0];
    Status out;
    out.own = family.table.own();
    for (const auto* node : family.table.all())
        if (node->status(now) == DhtStatus::Good) ++out.good;
    out.nodes = family.table.size();
    out.buckets = family.table.buckets();
    out.values = family.store.size();
    out.keys = family.store.keys();
    for (const auto& [member, held] : peers_held_)
        for (const auto& peer : held)
            if (peer.address.v6 == v6) ++out.peers_held;
    return out;
}

}  // namespace warren::protocol
