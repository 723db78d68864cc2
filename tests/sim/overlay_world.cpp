// The simulated network.
#include "tests/sim/overlay_world.h"

#include <algorithm>

#include "base/hash.h"

namespace warren::sim {

using namespace protocol;

Signature fake_signature(ByteView signed_bytes) {
    Signature out;
    auto first = sha256(signed_bytes);
    auto second = sha256(first);
    std::copy(first.begin(), first.end(), out.bytes.begin());
    std::copy(second.begin(), second.end(), out.bytes.begin() + 32);
    return out;
}

bool fake_verify(ByteView packet) {
    if (packet.size() < signature_bytes) return false;
    auto body = packet.first(packet.size() - signature_bytes);
    auto signature = packet.last(signature_bytes);
    return equal_constant_time(fake_signature(body).view(), signature);
}

PublicKey make_key(Random& random) {
    PublicKey out;
    random.fill(out.bytes);
    auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), out.bytes.begin());
    return out;
}

Bytes signed_packet(Bytes unsigned_bytes) {
    auto signature = fake_signature(unsigned_bytes);
    append(unsigned_bytes, signature.view());
    return unsigned_bytes;
}

// ---- store

RecordVerdict MemoryStore::add(ByteView packet) {
    if (!fake_verify(packet)) return RecordVerdict::BadSignature;
    auto record = decode_record(packet);
    if (!record || record->community != community_) return RecordVerdict::Refused;
    if (records_.contains(record->ref())) return RecordVerdict::Known;
    records_[record->ref()] = {to_bytes(packet), element_value(key_, record->id)};
    return RecordVerdict::Accepted;
}

CommunityRoot MemoryStore::root() {
    CommunityRoot out;
    out.sum = sum({RecordRef{}, sync_end()});
    if (!records_.empty()) out.newest = records_.rbegin()->first.time;
    return out;
}

std::set<RecordRef> MemoryStore::refs() const {
    std::set<RecordRef> out;
    for (const auto& [ref, stored] : records_)
        out.insert(ref);
    return out;
}

RangeSum MemoryStore::sum(const SyncRange& range) {
    RangeSum out;
    auto end = records_.lower_bound(range.upper);
    for (auto at = records_.lower_bound(range.lower); at != end; ++at)
        out.add(at->second.value);
    return out;
}

std::vector<RecordRef> MemoryStore::refs(const SyncRange& range, std::size_t limit) {
    std::vector<RecordRef> out;
    auto end = records_.lower_bound(range.upper);
    for (auto at = records_.lower_bound(range.lower); at != end && out.size() < limit; ++at)
        out.push_back(at->first);
    return out;
}

std::vector<RecordRef> MemoryStore::split(const SyncRange& range, std::size_t parts) {
    auto all = refs(range, records_.size());
    std::vector<RecordRef> out;
    for (std::size_t i = 1; i < parts; ++i)
        if (auto at = i * all.size() / parts; at > 0 && (out.empty() || out.back() < all[at]))
            out.push_back(all[at]);
    return out;
}

std::vector<Bytes> MemoryStore::fetch(std::uint64_t session, ByteView selections,
                                      std::size_t bytes_max) {
    std::vector<Bytes> out;
    auto decoded = decode_selections(selections);
    if (!decoded) return out;
    auto key = session_key(community_, session);
    std::size_t used = 0;
    for (const auto& selection : *decoded) {
        std::set<std::uint64_t> wanted(selection.ids.begin(), selection.ids.end());
        auto end = records_.lower_bound(selection.range.upper);
        for (auto at = records_.lower_bound(selection.range.lower); at != end; ++at) {
            if (!wanted.contains(short_id(key, at->first.id))) continue;
            if (used + at->second.packet.size() > bytes_max) return out;
            used += at->second.packet.size();
            out.push_back(at->second.packet);
        }
    }
    return out;
}

// ---- world

World::Node::Node(World& world, Endpoint at, std::uint64_t seed)
    : address(at), random(seed), key(make_key(random)) {
    (void)world;
}

World::World(std::uint64_t seed, Weather weather) : random_(seed), weather_(weather) {}

World::Node& World::add_node() {
    auto number = static_cast<std::uint8_t>(nodes_.size() + 1);
    auto address = Endpoint::ipv4(10, number, 0, 1, 8090);
    nodes_.push_back(std::make_unique<Node>(*this, address, random_.next()));
    auto& node = *nodes_.back();
    by_address_[address] = &node;
    restart(node);
    return node;
}

void World::restart(Node& node) {
    ++node.life;
    OverlaySettings settings;
    settings.lan = true;
    settings.source_buckets = 4096;
    settings.duplicates_max = 4096;
    node.overlay = std::make_unique<Overlay>(node.key, settings, node.random);
    for (const auto& [community, store] : node.stores)
        node.overlay->join(now_, community);
    node.next_tick = 0;
    tick_soon(node, now_);
}

void World::join(Node& node, const CommunityId& community) {
    node.stores.try_emplace(community, community);
    node.overlay->join(now_, community);
    drain(node);
}

void World::publish(Node& node, const CommunityId& community, std::size_t count,
                    std::size_t payload_bytes) {
    auto& store = node.stores.at(community);
    std::vector<Bytes> packets;
    for (std::size_t i = 0; i < count; ++i) {
        Bytes payload(payload_bytes);
        node.random.fill(payload);
        node.clock = std::max(node.clock, store.root().newest) + 1;
        RecordDraft draft{community, RecordKind::Torrent, node.key, node.clock, {}, payload};
        packets.push_back(signed_packet(encode_unsigned(draft)));
        store.add(packets.back());
    }
    node.overlay->push(now_, community, packets);
    drain(node);
}

void World::mix(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15u;
    hash_ ^= hash_ >> 29;
}

void World::after(Nanoseconds delay, std::function<void()> what) {
    events_.emplace(now_ + delay, std::move(what));
}

void World::answer(Node& node, Nanoseconds delay, std::function<void(Overlay&)> what) {
    after(delay, [this, &node, life = node.life, what = std::move(what)] {
        if (node.life != life) return;
        what(*node.overlay);
        drain(node);
    });
}

void World::tick_soon(Node& node, Nanoseconds when) {
    if (node.next_tick > now_ && node.next_tick <= when) return;
    node.next_tick = when;
    after(when - now_, [this, &node, when, life = node.life] {
        if (node.next_tick != when || node.life != life) return;
        node.next_tick = 0;
        auto next = node.overlay->tick(now_);
        tick_soon(node, next);
        drain(node);
    });
}

void World::drain(Node& node) {
    auto effects = node.overlay->take_effects();
    if (effects.empty()) return;
    for (auto& effect : effects)
        apply(node, effect);
    tick_soon(node, now_ + 20'000'000);
}

void World::inject(const Endpoint& from, const Endpoint& to, Bytes bytes) {
    deliver(from, to, bytes);
}

void World::deliver(const Endpoint& from, const Endpoint& to, const Bytes& bytes) {
    auto at = by_address_.find(to);
    if (at == by_address_.end()) return;
    mix(static_cast<std::uint64_t>(now_));
    mix(siphash({}, bytes));
    at->second->overlay->datagram(now_, from, bytes);
    drain(*at->second);
}

void World::send(Node& node, const SendDatagram& effect) {
    if (on_send) on_send(node.address, effect.to, effect.bytes);
    auto chance = [&] { return static_cast<double>(random_.below(1'000'000)) / 1e6; };
    auto copies = chance() < weather_.duplicates ? 2 : 1;
    if (chance() < weather_.loss) copies = 0;
    auto spread = static_cast<std::uint64_t>(weather_.latency_max - weather_.latency_min + 1);
    for (int i = 0; i < copies; ++i) {
        auto delay = weather_.latency_min + static_cast<Nanoseconds>(random_.below(spread));
        after(delay, [this, from = node.address, to = effect.to, bytes = effect.bytes] {
            deliver(from, to, bytes);
        });
    }
}

void World::apply(Node& node, Effect& effect) {
    constexpr Nanoseconds quick = 1'000'000, commit = 8'000'000;
    if (auto* e = std::get_if<SendDatagram>(&effect)) return send(node, *e);
    if (auto* e = std::get_if<CheckSignature>(&effect))
        return answer(node, quick, [t = now_, token = e->token, packet = e->packet](Overlay& o) {
            o.signature_result(t + quick, token, fake_verify(packet));
        });
    if (auto* e = std::get_if<SignAndSend>(&effect))
        return answer(node, quick,
                      [t = now_, token = e->token, bytes = e->unsigned_bytes](Overlay& o) {
                          o.signed_bytes(t + quick, token, fake_signature(bytes));
                      });
    if (auto* e = std::get_if<StoreRecords>(&effect))
        return answer(node, commit, [this, &node, r = std::move(*e)](Overlay& o) {
            std::vector<RecordVerdict> verdicts;
            for (const auto& packet : r.packets)
                verdicts.push_back(node.stores.at(r.community).add(packet));
            o.stored(now_, r.token, verdicts);
        });
    if (auto* e = std::get_if<Reconcile>(&effect))
        return answer(node, quick, [this, &node, r = std::move(*e)](Overlay& o) {
            auto& store = node.stores.at(r.community);
            if (r.opening) return o.reconciled(now_, r.token, {encode_elements(open_sync(store))});
            auto elements = decode_elements(r.elements);
            if (!elements) return o.failed(now_, r.token);
            auto side = r.responder ? SyncSide::Responder : SyncSide::Initiator;
            auto out =
                protocol::reconcile(store, session_key(r.community, r.session), *elements, side);
            auto answers = encode_elements(out.answers);
            auto wants = encode_selections(out.wants);
            auto offers = encode_selections(out.offers);
            o.reconciled(now_, r.token, {answers, wants, offers});
        });
    if (auto* e = std::get_if<GetRoot>(&effect))
        return answer(node, quick, [this, &node, r = *e](Overlay& o) {
            o.root(now_, r.token, node.stores.at(r.community).root());
        });
    if (auto* e = std::get_if<FetchRecords>(&effect))
        return answer(node, quick, [this, &node, r = std::move(*e)](Overlay& o) {
            auto& store = node.stores.at(r.community);
            o.fetched(now_, r.token, store.fetch(r.session, r.selections, r.bytes_max));
        });
    if (auto* e = std::get_if<FindSwarm>(&effect))
        return answer(node, quick, [&node, r = *e](Overlay& o) {
            std::uint32_t bitmap = 0;
            std::uint16_t port = 0;
            for (std::size_t i = 0; i < r.infohashes.size(); ++i)
                if (auto at = node.swarms.find(r.infohashes[i]); at != node.swarms.end()) {
                    bitmap |= 1u << i;
                    port = at->second;
                }
            o.have_swarms(r.token, bitmap, port);
        });
    if (auto* e = std::get_if<AddTorrentPeers>(&effect))
        for (const auto& peer : e->peers)
            node.torrent_peers[e->infohash].insert(peer);
}

void World::step() {
    auto first = events_.begin();
    now_ = std::max(now_, first->first);
    auto what = std::move(first->second);
    events_.erase(first);
    what();
}

void World::run_for(Nanoseconds time) {
    auto end = now_ + time;
    while (!events_.empty() && events_.begin()->first <= end)
        step();
    now_ = end;
}

bool World::run_until(Nanoseconds time, const std::function<bool()>& condition) {
    auto end = now_ + time;
    while (now_ < end) {
        if (condition()) return true;
        run_for(50'000'000);
    }
    return condition();
}

bool World::all_equal(const CommunityId& community, std::size_t count) {
    const auto& first = nodes_.front()->stores.at(community);
    if (first.size() != count) return false;
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
        const auto& store = node->stores.at(community);
        return store.size() == count && store.refs() == first.refs();
    });
}

}  // namespace warren::sim
