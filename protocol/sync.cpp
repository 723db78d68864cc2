// The rules of reconciliation. Every answer either settles a range or cuts it into smaller ones, so
// the exchange ends; it keeps no state between datagrams.
#include "protocol/sync.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/hash.h"

namespace warren::protocol {

namespace {

constexpr std::size_t separator_bytes = 8;
constexpr std::uint64_t day_s = 86'400;
constexpr std::uint64_t next_to_none = 16;  // of so many: whole ranges go over, known ones twice
constexpr std::size_t symbol_bytes = 14, fingerprint_bytes = 24, leaf_filled = 96;
constexpr std::size_t dense_least = 4;  // so few ranges tell nothing about the rest

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

std::vector<RecordRef> interior_bounds(RangeView& view, const SyncRange& range, std::size_t parts) {
    auto bounds = view.split(range, parts);
    if (!bounds.empty()) return bounds;
    // The view's buckets are too coarse here; a record itself is a bound that moves us on.
    const auto refs = view.refs(range, sync_leaf_records);
    if (!refs.empty() && refs.back() > range.lower) bounds.push_back(refs.back());
    return bounds;
}

// Which records one side speaks of.
struct Of {
    RangeView* view;
    bool lasting = false;
};
Of lasting_of(RangeView& view) {
    return {&view.lasting(), true};
}

void add_fingerprint(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    to.push_back({.range = range,
                  .mode = SyncMode::Fingerprint,
                  .sum = of.view->sum(range),
                  .lasting = of.lasting});
}

void add_parts(const Of& of, const SyncRange& range, std::size_t parts,
               std::vector<SyncElement>& to) {
    RecordRef lower = range.lower;
    for (const auto& exact : interior_bounds(*of.view, range, parts)) {
        if (exact <= lower || exact >= range.upper) continue;
        const RecordRef bound = shortened(exact, lower);
        add_fingerprint(of, {lower, bound}, to);
        lower = bound;
    }
    add_fingerprint(of, {lower, range.upper}, to);
}

// A range as a whole: one fingerprint, or those of its parts.
void add_opening(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    if (of.view->sum(range).count > sync_leaf_records)
        add_parts(of, range, sync_open_parts, to);
    else
        add_fingerprint(of, range, to);
}

void add_same(const Of& of, const SyncRange& range, std::vector<SyncElement>& to) {
    const bool goes_on = !to.empty() && to.back().mode == SyncMode::Same &&
                         to.back().lasting == of.lasting && to.back().range.upper == range.lower;
    if (goes_on)
        to.back().range.upper = range.upper;
    else
        to.push_back({.range = range, .lasting = of.lasting});
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

// Of ranges that came together and hold something on both sides: the share that differs tells in
// how many records each of these does. Where all do, that may be any number.
struct Density {
    bool dense = false;
    double each = 1;
};

bool has_next_to_none(std::uint64_t few, std::uint64_t many) {
    return few == 0 || few < many / next_to_none;
}

Density density_of(const std::vector<SyncElement>& elements, const std::vector<RangeSum>& own) {
    std::size_t compared = 0, differ = 0;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const auto& theirs = elements[i].sum;
        if (elements[i].mode != SyncMode::Fingerprint) continue;
        if (has_next_to_none(theirs.count, own[i].count) ||
            has_next_to_none(own[i].count, theirs.count))
            continue;
        ++compared;
        if (theirs != own[i]) ++differ;
    }
    if (differ == 0) return {};
    // Differences fall on ranges as by chance: none on exp(-mean) of them.
    const double share = static_cast<double>(differ) / static_cast<double>(compared + 1);
    return {compared >= dense_least && differ == compared, -std::log(1 - share) / share};
}

// One reconcile() call: what it reads and what it collects.
struct Run {
    RangeView& view;
    const SyncKey& key;
    SyncSide side;
    Reconciled out = {};
    Density density = {};
    Of of = {&view};  // of the element at hand

    std::vector<std::uint64_t> own_ids(const SyncRange& range, std::size_t limit) {
        std::vector<std::uint64_t> ids;
        for (const auto& ref : of.view->refs(range, limit))
            ids.push_back(short_id(key, ref.id));
        return sorted(std::move(ids));
    }
    void tell(const SyncRange& range, const RangeSum& own) {
        out.answers.push_back(
            {.range = range, .mode = SyncMode::Fingerprint, .sum = own, .lasting = of.lasting});
    }
    void split(const SyncRange& range, std::uint64_t records) {
        auto parts = sync_fan_out;
        // Where all differ, what counts is to come down to ids.
        if (density.dense && records <= sync_bulk_records)
            parts = std::max<std::size_t>(records / leaf_filled + 1, 2);
        add_parts(of, range, parts, out.answers);
    }
    // Zero: other ways to answer are cheaper.
    std::size_t symbols_of(std::uint64_t own, std::uint64_t theirs) const {
        const auto apart = static_cast<double>(std::max(own, theirs) - std::min(own, theirs));
        const auto count = symbols_for(std::max(density.each, apart + density.each - 1));
        const bool cheap = count * symbol_bytes <= sync_fan_out * fingerprint_bytes;
        return !density.dense && cheap && count <= sync_symbols_max ? count : 0;
    }

    // Of the responder: the initiator may ask, for so many.
    void ask(const SyncRange& range, std::size_t symbols) {
        out.answers.push_back({.range = range,
                               .mode = SyncMode::AskSymbols,
                               .lasting = of.lasting,
                               .asked = static_cast<std::uint8_t>(symbols)});
    }

    // ---- the responder
    void tell_ids(const SyncRange& range) {
        out.answers.push_back({.range = range,
                               .mode = SyncMode::Ids,
                               .ids = own_ids(range, sync_ids_max),
                               .lasting = of.lasting});
    }
    void tell_symbols(const SyncRange& range, const RangeSum& own, std::size_t count) {
        const auto ids = own_ids(range, own.count);
        out.answers.push_back({.range = range,
                               .mode = SyncMode::Symbols,
                               .lasting = of.lasting,
                               .symbols = coded_symbols(ids, count)});
    }
    void respond(const SyncRange& range, const RangeSum& own, std::size_t symbols,
                 std::size_t symbols_most) {
        const bool few = own.count <= sync_leaf_records || symbols == 0;
        const bool shorter = symbols == 0 || own.count * 8 <= symbols * symbol_bytes;
        if (own.count <= sync_ids_max && few && shorter) return tell_ids(range);
        if (symbols > 0 && own.count <= symbols_most) return tell_symbols(range, own, symbols);
        if (symbols > 0 && own.count <= sync_symbols_asked) return ask(range, symbols);
        split(range, own.count);
    }
    void answer_fingerprint(const SyncRange& range, const RangeSum& own, const RangeSum& theirs) {
        if (own == theirs) return add_same(of, range, out.answers);
        if (own.count > 0 && has_next_to_none(theirs.count, own.count)) {
            if (own.count <= sync_bulk_records) return tell(range, own);
            return split(range, own.count);
        }
        const auto symbols = symbols_of(own.count, theirs.count);
        if (symbols == 0 && !density.dense && own.count > sync_leaf_records)
            return split(range, own.count);
        respond(range, own, symbols, sync_symbols_unasked);
    }

    // ---- the initiator
    // The side that has next to none gives that, too: then nothing is left to compare.
    void give_all(const SyncRange& range, const RangeSum& own, const RangeSum& theirs) {
        if (theirs.count > 0) out.wants.push_back({range, {}, of.lasting, theirs.count});
        if (own.count > 0) out.offers.push_back({range, {}, of.lasting, own.count});
    }
    void take_lopsided(const SyncRange& range, const RangeSum& own, const RangeSum& theirs) {
        if (std::max(own.count, theirs.count) <= sync_bulk_records)
            return give_all(range, own, theirs);
        return own.count == 0 ? tell(range, own) : split(range, own.count);
    }
    // They gave everything that is theirs, or we everything that is ours: then no id needs naming.
    void settle(const SyncRange& range, SetDifference apart, std::size_t theirs, std::size_t ours) {
        const auto add = [&](std::vector<std::uint64_t>& ids, std::size_t whole,
                             std::vector<Selection>& to) {
            if (ids.empty()) return;
            if (ids.size() == whole)
                to.push_back({range, {}, of.lasting, whole});
            else
                to.push_back({range, std::move(ids), of.lasting});
        };
        add(apart.theirs, theirs, out.wants);
        add(apart.ours, ours, out.offers);
    }
    void take_fingerprint(const SyncRange& range, const RangeSum& own, const RangeSum& theirs) {
        if (own == theirs) return;
        if (has_next_to_none(own.count, theirs.count) || has_next_to_none(theirs.count, own.count))
            return take_lopsided(range, own, theirs);
        const auto symbols = symbols_of(own.count, theirs.count);
        const auto most = std::max(own.count, theirs.count);
        if (symbols > 0 && most <= sync_symbols_asked) return ask(range, symbols);
        const auto leaf = density.dense ? sync_ids_max : sync_leaf_records;
        if (most <= leaf) return ask(range, 0);
        split(range, own.count);
    }
    void take_ids(const SyncRange& range, const RangeSum& own,
                  const std::vector<std::uint64_t>& came) {
        if (came.empty()) return take_lopsided(range, own, {});
        if (own.count > sync_symbols_unasked) return split(range, own.count);
        const auto ours = own_ids(range, own.count);
        const auto theirs = sorted(came);
        settle(range, {without(theirs, ours), without(ours, theirs)}, theirs.size(), ours.size());
    }
    void take_symbols(const SyncRange& range, const RangeSum& own,
                      const std::vector<CodedSymbol>& symbols) {
        // Theirs are about as many as ours, or they lie.
        const bool readable = own.count <= 2 * sync_symbols_asked;
        const auto ours = own_ids(range, readable ? own.count : 0);
        auto apart = readable ? differences(symbols, ours) : std::nullopt;
        if (!apart && own.count <= sync_ids_max) return ask(range, 0);
        if (!apart) {
            density.dense = true;
            return split(range, own.count);
        }
        // The first symbol has all of a set.
        const auto theirs = static_cast<std::uint64_t>(symbols.front().count);
        settle(range, std::move(*apart), theirs, ours.size());
    }

    // They speak of a range of which we pruned a part: we speak of what lasts there, and of all in
    // the rest.
    void around(GlobalTime floor, const SyncRange& range) {
        const RecordRef bound{floor, {}};
        add_fingerprint(lasting_of(view), {range.lower, std::min(range.upper, bound)}, out.answers);
        if (bound < range.upper) add_fingerprint({&view}, {bound, range.upper}, out.answers);
    }
    bool reaches_below_floor(const SyncElement& element) const {
        return !element.lasting && element.range.lower.time < view.floor();
    }
    RangeSum own_sum(const SyncElement& element) {
        if (element.mode == SyncMode::Same || reaches_below_floor(element)) return {};
        return (element.lasting ? view.lasting() : view).sum(element.range);
    }

    void on(const SyncElement& element, const RangeSum& own) {
        const auto& range = element.range;
        if (element.mode == SyncMode::Same) return;
        if (reaches_below_floor(element)) return around(view.floor(), range);
        of = element.lasting ? lasting_of(view) : Of{&view};
        const bool leads = side == SyncSide::Initiator;
        switch (element.mode) {
        case SyncMode::Same:
        case SyncMode::All: return;
        case SyncMode::Fingerprint:
            return leads ? take_fingerprint(range, own, element.sum)
                         : answer_fingerprint(range, own, element.sum);
        case SyncMode::Ids: return leads ? take_ids(range, own, element.ids) : tell(range, own);
        case SyncMode::Symbols:
            return leads ? take_symbols(range, own, element.symbols) : tell(range, own);
        case SyncMode::AskSymbols:
            if (!leads) return respond(range, own, element.asked, sync_symbols_asked);
            return own.count <= 2 * sync_symbols_asked ? ask(range, element.asked)
                                                       : split(range, own.count);
        }
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
    add_opening({&view}, {floor, sync_end()}, out);
    return out;
}

Reconciled reconcile(RangeView& view, const SyncKey& session_key,
                     const std::vector<SyncElement>& elements, SyncSide side) {
    Run run{view, session_key, side};
    std::vector<RangeSum> own;
    for (const auto& element : elements)
        own.push_back(run.own_sum(element));
    run.density = density_of(elements, own);
    for (std::size_t i = 0; i < elements.size(); ++i)
        run.on(elements[i], own[i]);
    return std::move(run.out);
}

}  // namespace warren::protocol
