// The rules of reconciliation. Every answer either settles a range or cuts it into smaller ones, so
// the exchange ends; it keeps no state between datagrams.
#include "protocol/sync.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace warren::protocol {

namespace {

constexpr std::size_t separator_bytes = 8;
constexpr std::uint64_t day_s = 86'400;

SyncKey key_from(std::string_view purpose, const CommunityId& community, ByteView more) {
    Bytes seed = to_bytes(view_of(purpose));
    append(seed, community.view());
    append(seed, more);
    const Sha256 digest = sha256(seed);
    SyncKey out;
    std::memcpy(out.data(), digest.data(), out.size());
    return out;
}

// Any bound serves, so a split point may move down to one that is short on the wire: the beginning
// of its time, or a prefix of its id where the time is that of the bound before.
RecordRef shortened(const RecordRef& bound, const RecordRef& before) {
    RecordRef out{bound.time, {}};
    if (bound.time > before.time) return out;
    std::memcpy(out.id.bytes.data(), bound.id.bytes.data(), separator_bytes);
    return out > before ? out : bound;
}

std::vector<RecordRef> interior_bounds(RangeView& view, const SyncRange& range) {
    auto bounds = view.split(range, sync_fan_out);
    if (!bounds.empty()) return bounds;
    // The view's buckets are too coarse here; a record itself is a bound that moves us on.
    const auto refs = view.refs(range, sync_leaf_records);
    if (!refs.empty() && refs.back() > range.lower) bounds.push_back(refs.back());
    return bounds;
}

// Which records one side speaks of.
struct Of {
    RangeView& view;
    bool lasting = false;
};
Of lasting_of(RangeView& view) {
    return {view.lasting(), true};
}

void add_fingerprint(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    to.push_back({range, SyncMode::Fingerprint, of.view.sum(range), {}, of.lasting});
}

void add_parts(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    RecordRef lower = range.lower;
    for (const auto& exact : interior_bounds(of.view, range)) {
        if (exact <= lower || exact >= range.upper) continue;
        const RecordRef bound = shortened(exact, lower);
        add_fingerprint(of, {lower, bound}, to);
        lower = bound;
    }
    add_fingerprint(of, {lower, range.upper}, to);
}

// A range as a whole: one fingerprint, or those of its parts.
void add_opening(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    if (of.view.sum(range).count > sync_leaf_records)
        add_parts(of, range, to);
    else
        add_fingerprint(of, range, to);
}

void add_same(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    const bool goes_on = !to.empty() && to.back().mode == SyncMode::Same &&
                         to.back().lasting == of.lasting && to.back().range.upper == range.lower;
    if (goes_on)
        to.back().range.upper = range.upper;
    else
        to.push_back({range, SyncMode::Same, {}, {}, of.lasting});
}

std::vector<std::uint64_t> sorted(std::vector<std::uint64_t> ids) {
    std::sort(ids.begin(), ids.end());
    return ids;
}

std::vector<std::uint64_t> without(const std::vector<std::uint64_t>& all,
                                   const std::vector<std::uint64_t>& some) {
    std::vector<std::uint64_t> out;
    std::set_difference(all.begin(), all.end(), some.begin(), some.end(), std::back_inserter(out));
    return out;
}

// One reconcile() call: what it reads and what it collects.
struct Run {
    RangeView& view;
    const SyncKey& key;
    SyncSide side;
    Reconciled out;

    std::vector<std::uint64_t> own_ids(const Of& of, const SyncRange& range) {
        std::vector<std::uint64_t> ids;
        for (const auto& ref : of.view.refs(range, sync_ids_max))
            ids.push_back(short_id(key, ref.id));
        return sorted(std::move(ids));
    }

    void on_ids(const Of& of, const SyncRange& range, const std::vector<std::uint64_t>& came,
                const RangeSum& own) {
        if (own.count > sync_ids_max) return add_parts(of, range, out.answers);
        auto ours = own_ids(of, range);
        const auto theirs = sorted(came);
        if (side == SyncSide::Responder) {
            if (ours == theirs) return add_same(of, range, out.answers);
            out.answers.push_back({range, SyncMode::Ids, {}, std::move(ours), of.lasting});
            return;
        }
        auto wants = without(theirs, ours);
        auto offers = without(ours, theirs);
        if (!wants.empty()) out.wants.push_back({range, std::move(wants), of.lasting});
        if (!offers.empty()) out.offers.push_back({range, std::move(offers), of.lasting});
    }

    // They speak of a range of which we pruned a part: we speak of what lasts there, and of all in
    // the rest.
    void around(GlobalTime floor, const SyncRange& range) {
        const RecordRef bound{floor, {}};
        add_fingerprint(lasting_of(view), {range.lower, std::min(range.upper, bound)}, out.answers);
        if (bound < range.upper) add_fingerprint({view}, {bound, range.upper}, out.answers);
    }

    void on_fingerprint(const Of& of, const SyncRange& range, const RangeSum& theirs) {
        const RangeSum own = of.view.sum(range);
        if (own == theirs) {
            if (side == SyncSide::Responder) add_same(of, range, out.answers);
            return;
        }
        // Says as much as an empty list.
        if (theirs.count == 0) return on_ids(of, range, {}, own);
        if (own.count > sync_leaf_records) return add_parts(of, range, out.answers);
        out.answers.push_back({range, SyncMode::Ids, {}, own_ids(of, range), of.lasting});
    }

    void on_element(const SyncElement& element) {
        if (element.mode == SyncMode::Same) return;
        if (!element.lasting && element.range.lower.time < view.floor())
            return around(view.floor(), element.range);
        const Of of = element.lasting ? lasting_of(view) : Of{view};
        if (element.mode == SyncMode::Fingerprint)
            return on_fingerprint(of, element.range, element.sum);
        on_ids(of, element.range, element.ids, of.view.sum(element.range));
    }
};

}  // namespace

SyncEpoch sync_epoch(const CommunityId& community, std::int64_t unix_s) {
    const auto shift = Reader(community.view()).u32() % day_s;
    return (static_cast<std::uint64_t>(std::max<std::int64_t>(unix_s, 0)) + shift) / day_s;
}

SyncKey fingerprint_key(const CommunityId& community, SyncEpoch epoch) {
    return key_from("warren sync fingerprint", community, Writer().u64(epoch).peek());
}

SyncKey session_key(const CommunityId& community, std::uint64_t session) {
    return key_from("warren sync session", community, Writer().u64(session).peek());
}

std::uint64_t short_id(const SyncKey& key, const RecordId& id) {
    return siphash(key, id.view());
}

void RangeSum::add(const RangeSum& other) {
    count += other.count;
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
}

void RangeSum::subtract(const RangeSum& other) {
    count -= other.count;
    high -= other.high + (low < other.low ? 1 : 0);
    low -= other.low;
}

RangeSum element_value(const SyncKey& fingerprint_key, const RecordId& id) {
    const auto [high, low] = siphash128(fingerprint_key, id.view());
    return {1, high, low};
}

RecordRef sync_end() {
    return {sync_end_time, {}};
}

std::vector<SyncElement> open_sync(RangeView& view, GlobalTime their_floor) {
    const RecordRef floor{std::max(view.floor(), their_floor), {}};
    std::vector<SyncElement> out;
    if (floor.time > 0) add_opening(lasting_of(view), {{}, floor}, out);
    add_opening({view}, {floor, sync_end()}, out);
    return out;
}

Reconciled reconcile(RangeView& view, const SyncKey& session_key,
                     const std::vector<SyncElement>& elements, SyncSide side) {
    Run run{view, session_key, side, {}};
    for (const auto& element : elements)
        run.on_element(element);
    return std::move(run.out);
}

}  // namespace warren::protocol
