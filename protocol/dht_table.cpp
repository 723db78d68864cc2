// Buckets: what comes in, what has to go.
#include "protocol/dht_table.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds good_window = 900_s;
constexpr unsigned failures_max = 2;

}  // namespace

DhtStatus DhtNode::status(Nanoseconds now) const {
    if (failures >= failures_max) return DhtStatus::Bad;
    if (answered == 0) return DhtStatus::Unknown;
    const bool heard =
        now - answered < good_window || (queried != 0 && now - queried < good_window);
    return heard ? DhtStatus::Good : DhtStatus::Unknown;
}

DhtTable::Bucket& DhtTable::bucket_of(const DhtId& id) {
    return buckets_[std::min(common_bits(own_, id), buckets_.size() - 1)];
}

bool DhtTable::split() {
    if (buckets_.size() >= 8 * DhtId::size) return false;
    const auto level = buckets_.size();
    Bucket nearer_ones{{}, buckets_.back().changed};
    std::erase_if(buckets_.back().nodes, [&](const DhtNode& node) {
        if (common_bits(own_, node.id) < level) return false;
        nearer_ones.nodes.push_back(node);
        return true;
    });
    buckets_.push_back(std::move(nearer_ones));
    return true;
}

DhtNode* DhtTable::add(Nanoseconds now, const DhtNode& node) {
    if (node.id == own_) return nullptr;
    if (auto* known = find(node.address)) {
        if (known->key == node.key) return known;
        // Another key at that address: the old node answers no more, or it is a lie.
        if (known->status(now) != DhtStatus::Bad) return nullptr;
        std::erase_if(bucket_of(known->id).nodes,
                      [&](const DhtNode& other) { return other.address == node.address; });
    }
    while (true) {
        auto& bucket = bucket_of(node.id);
        auto& nodes = bucket.nodes;
        const auto same = std::ranges::find(nodes, node.id, &DhtNode::id);
        if (same != nodes.end()) return nullptr;  // one place, two ports: the first one stays
        if (nodes.size() < bucket_nodes) {
            bucket.changed = now;
            return &nodes.emplace_back(node);
        }
        if (&bucket == &buckets_.back() && split()) continue;
        const auto gone = std::ranges::find_if(nodes, [&](const DhtNode& other) {
            return other.status(now) == DhtStatus::Bad ||
                   (node.round_trip > 0 && other.round_trip >= 2 * node.round_trip);
        });
        if (gone == nodes.end()) return nullptr;
        bucket.changed = now;
        *gone = node;
        return &*gone;
    }
}

DhtNode* DhtTable::find(const Endpoint& address) {
    for (auto& bucket : buckets_)
        for (auto& node : bucket.nodes)
            if (node.address == address) return &node;
    return nullptr;
}

void DhtTable::answered(Nanoseconds now, const Endpoint& address, Nanoseconds round_trip) {
    auto* node = find(address);
    if (node == nullptr) return;
    node->answered = now;
    node->failures = 0;
    node->round_trip = round_trip;
}

void DhtTable::failed(const Endpoint& address) {
    if (auto* node = find(address)) ++node->failures;
}

void DhtTable::drop_bad(Nanoseconds now) {
    for (auto& bucket : buckets_)
        std::erase_if(bucket.nodes,
                      [&](const DhtNode& node) { return node.status(now) == DhtStatus::Bad; });
}

void DhtTable::move_to(Nanoseconds now, const DhtId& own) {
    if (own == own_) return;
    auto before = std::exchange(buckets_, std::vector<Bucket>(1));
    own_ = own;
    for (const auto& bucket : before)
        for (const auto& node : bucket.nodes)
            add(now, node);
}

std::vector<DhtNode*> DhtTable::all() {
    std::vector<DhtNode*> out;
    for (auto& bucket : buckets_)
        for (auto& node : bucket.nodes)
            out.push_back(&node);
    return out;
}

std::vector<DhtNode*> DhtTable::closest(Nanoseconds now, const DhtId& target, std::size_t count,
                                        const Endpoint& except) {
    auto out = all();
    std::erase_if(out, [&](const DhtNode* node) {
        return node->status(now) == DhtStatus::Bad || node->address == except;
    });
    std::ranges::sort(
        out, [&](const DhtNode* a, const DhtNode* b) { return nearer(target, a->id, b->id); });
    if (out.size() > count) out.resize(count);
    return out;
}

std::size_t DhtTable::size() const {
    std::size_t out = 0;
    for (const auto& bucket : buckets_)
        out += bucket.nodes.size();
    return out;
}

std::vector<DhtId> DhtTable::stale(Nanoseconds now, Nanoseconds age, const DhtId& noise) {
    std::vector<DhtId> out;
    for (std::size_t level = 0; level < buckets_.size(); ++level) {
        if (now - buckets_[level].changed < age) continue;
        buckets_[level].changed = now;
        // Shares `level` bits with us, differs in the next, then anything.
        auto id = noise;
        for (std::size_t bit = 0; bit <= level; ++bit) {
            const bool want = bit_of(own_, bit) != (bit == level);
            if (bit_of(id, bit) != want)
                id.bytes[bit / 8] ^= static_cast<std::uint8_t>(0x80u >> (bit % 8));
        }
        out.push_back(id);
    }
    return out;
}

}  // namespace warren::protocol
