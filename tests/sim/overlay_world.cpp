// Nodes, their time, and what is true of them.
#include "tests/sim/overlay_world.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace warren::sim {

using namespace protocol;

namespace {

constexpr Nanoseconds tick_after_work = 20'000'000, look_interval = 50'000'000;

Nanoseconds exponential(Random& random, Nanoseconds mean) {
    auto uniform = (static_cast<double>(random.below(1'000'000)) + 0.5) / 1e6;
    return static_cast<Nanoseconds>(-std::log(uniform) * static_cast<double>(mean));
}

}  // namespace

OverlaySettings simulated_settings() {
    OverlaySettings out;
    out.source_buckets = 4096;
    out.duplicates_max = 4096;
    return out;
}

World::World(std::uint64_t seed, Weather weather, OverlaySettings settings)
    : random_(seed), internet_(queue_, weather, random_.next(),
                               [this](HostId to, const Endpoint& from, const Bytes& bytes) {
                                   deliver(to, from, bytes);
                               }),
      settings_(std::move(settings)) {}

// ---- nodes

World::Node& World::add_node(const Place& place) {
    nodes_.push_back(std::make_unique<Node>(random_.next()));
    auto& node = *nodes_.back();
    node.host = internet_.add_host(place);
    node.address = internet_.address(node.host);
    node.settings = settings_;
    node.joined = now();
    if (node.address.is_private()) node.settings.own_lan = node.address;
    members_[member_id(node.key.view())] = &node;
    restart(node);
    return node;
}

void World::restart(Node& node) {
    ++node.life;
    node.overlay = std::make_unique<Overlay>(node.key, node.settings, node.random);
    for (const auto& [community, store] : node.stores)
        node.overlay->join(time_of(node), community);
    node.next_tick = 0;
    tick_soon(node, now());
}

void World::leave(Node& node) {
    ++node.life;
    node.overlay.reset();
    internet_.set_online(node.host, false);
}

void World::doze(Node& node, Nanoseconds span) {
    node.asleep_until = now() + span;
    internet_.set_online(node.host, false);
    after(span, [this, &node, life = node.life] {
        if (node.life == life) wake_up(node);
    });
}

void World::wake_up(Node& node) {
    internet_.set_online(node.host, true);
    tick_soon(node, now());
}

void World::leap(Node& node, Nanoseconds by) {
    node.leap += by;
    tick_soon(node, now());
}

void World::join(Node& node, const CommunityId& community) {
    node.stores.try_emplace(community, community);
    node.overlay->join(time_of(node), community);
    drain(node);
}

void World::join(Node& node, const CommunityId& community, const Endpoint& bootstrap) {
    join(node, community);
    node.overlay->add_bootstrap(time_of(node), bootstrap);
    drain(node);
}

void World::publish(Node& node, const CommunityId& community, std::size_t count,
                    std::size_t payload_bytes) {
    auto& store = node.stores.at(community);
    std::vector<Bytes> packets;
    for (std::size_t i = 0; i < count; ++i) {
        Bytes payload(payload_bytes);
        node.random.fill(payload);
        RecordDraft draft{community, RecordKind::Torrent, node.key, store.next_time(), {}, payload};
        packets.push_back(signed_packet(encode_unsigned(draft)));
        store.add(packets.back());
    }
    node.overlay->push(time_of(node), community, packets);
    drain(node);
}

void World::churn(const Sessions& sessions) {
    for (std::size_t i = 0; i < sessions.population; ++i)
        newcomer(sessions);
}

// Sessions have no memory: that all of the first population start at once does not matter.
void World::newcomer(const Sessions& sessions) {
    auto& node = add_node();
    join(node, sessions.community, sessions.bootstrap());
    after(exponential(random_, sessions.mean), [this, &node, sessions] {
        leave(node);
        newcomer(sessions);
    });
}

// ---- time

void World::mix(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15u;
    hash_ ^= hash_ >> 29;
}

void World::tick_soon(Node& node, Nanoseconds when) {
    if (node.next_tick > now() && node.next_tick <= when) return;
    node.next_tick = when;
    after(when - now(), [this, &node, when, life = node.life] {
        if (node.next_tick != when || node.life != life || now() < node.asleep_until) return;
        node.next_tick = 0;
        auto next = node.overlay->tick(time_of(node)) - node.leap;
        tick_soon(node, next);
        drain(node);
    });
}

void World::drain(Node& node) {
    auto effects = node.overlay->take_effects();
    if (effects.empty()) return;
    for (auto& effect : effects)
        std::visit([&](auto& one) { apply(node, one); }, effect);
    tick_soon(node, now() + tick_after_work);
}

void World::deliver(HostId to, const Endpoint& from, const Bytes& bytes) {
    auto& node = *nodes_[to];
    mix(static_cast<std::uint64_t>(now()) ^ (std::uint64_t{to} << 48));
    mix(siphash({}, bytes));
    node.overlay->datagram(time_of(node), from, bytes);
    drain(node);
}

bool World::run_until(Nanoseconds time, const std::function<bool()>& condition) {
    auto end = now() + time;
    while (now() < end) {
        if (condition()) return true;
        run_for(look_interval);
    }
    return condition();
}

// ---- what is true now

std::vector<Peer*> World::verified(Node& node, const CommunityId& community) const {
    std::vector<Peer*> out;
    for (auto& [member, peer] : node.overlay->peers())
        if (peer.trusted() && peer.in(community) != nullptr) out.push_back(&peer);
    return out;
}

std::size_t World::present(Node& node, const CommunityId& community) const {
    auto all = verified(node, community);
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](const Peer* peer) {
        auto at = members_.find(peer->member);
        return at != members_.end() && at->second->overlay != nullptr;
    }));
}

bool World::knows(Node& node, const Node& other, const CommunityId& community) const {
    auto all = verified(node, community);
    return std::any_of(all.begin(), all.end(),
                       [&](const Peer* peer) { return peer->key == other.key; });
}

bool World::all_equal(const CommunityId& community, std::size_t count) {
    const auto& first = nodes_.front()->stores.at(community);
    if (first.size() != count) return false;
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
        const auto& store = node->stores.at(community);
        return store.size() == count && store.refs() == first.refs();
    });
}

std::string World::report() const {
    std::string out;
    for (const auto& node : nodes_) {
        if (!node->overlay) continue;
        out += internet_.outside(node->host).text();
        each_counter(node->overlay->counters(), [&](const char* name, std::uint64_t value) {
            if (value != 0) out += std::string(" ") + name + "=" + std::to_string(value);
        });
        out += "\n";
    }
    return out;
}

}  // namespace warren::sim
