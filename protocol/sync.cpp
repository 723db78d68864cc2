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
constexpr std::size_t ids_asked = 512;      // of a range that is answered with ids, if asked for
constexpr std::size_t symbol_bytes = 14, fingerprint_bytes = 24, leaf_filled = 96;

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

bool has_next_to_none(std::uint64_t few, std::uint64_t many) {
    return few == 0 || few < many / next_to_none;
}

// In how many records a range that differs is likely to differ, from all those that came together
// and hold something on both sides.
class Density {
public:
    void add(const RangeSum& own, const RangeSum& theirs) {
        if (has_next_to_none(theirs.count, own.count) || has_next_to_none(own.count, theirs.count))
            return;
        const auto more = static_cast<double>(own.count) - static_cast<double>(theirs.count);
        compared_ += 1;
        differ_ += own == theirs ? 0 : 1;
        sum_ += more;
        squares_ += more * more;
    }
    // Differences fall on ranges as by chance, so none fall on exp(-mean) of them, and the numbers
    // of records differ with a variance of that mean, whoever has more. The first says it well
    // until all ranges differ.
    double each() const {
        if (differ_ == 0) return 1;
        const auto share = differ_ / (compared_ + 1);
        const auto by_share = -std::log(1 - share) / share;
        if (compared_ < variance_least || share < share_most) return by_share;
        const auto mean = sum_ / compared_;
        return std::max(by_share, squares_ / compared_ - mean * mean);
    }

private:
    static constexpr double variance_least = 8, share_most = 0.8;
    double compared_ = 0, differ_ = 0, sum_ = 0, squares_ = 0;
};

// One reconcile() call: what it reads and what it collects.
struct Run {
    RangeView& view;
    const SyncKey& key;
    SyncSide side;
    Reconciled out = {};
    double each = 1;  // differences of a range that differs
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
        // Where nearly all differ, what counts is to come down to ids.
        const bool small = records <= sync_bulk_records && symbols_of(1, 1) == 0;
        add_parts(of, range, small ? records / leaf_filled + 1 : sync_fan_out, out.answers);
    }
    // Zero: other ways to answer are cheaper.
    std::size_t symbols_of(std::uint64_t own, std::uint64_t theirs) const {
        const auto apart = static_cast<double>(std::max(own, theirs) - std::min(own, theirs));
        const auto count = symbols_for(std::max(each, apart + each / 2));
        const bool cheap = count * symbol_bytes <= sync_fan_out * fingerprint_bytes;
        return cheap && count <= sync_symbols_max ? count : 0;
    }
    // Of the responder: the initiator may ask, for so many.
    void ask(const SyncRange& range, std::size_t symbols) {
        out.answers.push_back({.range = range,
                               .mode = SyncMode::AskSymbols,
                               .lasting = of.lasting,
                               .asked = static_cast<std::uint8_t>(symbols)});
    }

    // ---- the responder
    // Ours in the range: as many elements as its records need.
    void tell_ids(const SyncRange& range) {
        const auto refs = of.view->refs(range, ids_asked);
        auto lower = range.lower;
        for (std::size_t from = 0; from == 0 || from < refs.size(); from += sync_ids_max) {
            SyncElement part{
                .range = {lower, range.upper}, .mode = SyncMode::Ids, .lasting = of.lasting};
            const auto to = std::min(from + sync_ids_max, refs.size());
            if (to < refs.size()) {
                const RecordRef time{refs[to].time, {}};
                part.range.upper = lower = time > refs[to - 1] ? time : refs[to];
            }
            for (auto at = from; at < to; ++at)
                part.ids.push_back(short_id(key, refs[at].id));
            std::ranges::sort(part.ids);
            out.answers.push_back(std::move(part));
        }
    }
    void tell_symbols(const SyncRange& range, const RangeSum& own, std::size_t count) {
        const auto ids = own_ids(range, own.count);
        out.answers.push_back({.range = range,
                               .mode = SyncMode::Symbols,
                               .lasting = of.lasting,
                               .symbols = coded_symbols(ids, count)});
    }
    enum class Asked { No, Yes };
    void respond(const SyncRange& range, const RangeSum& own, std::size_t symbols, Asked asked) {
        const bool yes = asked == Asked::Yes;
        const bool shorter = symbols == 0 || own.count * 8 <= symbols * symbol_bytes;
        if (shorter && own.count <= (yes ? ids_asked : sync_ids_max)) return tell_ids(range);
        if (shorter && own.count <= ids_asked) return ask(range, 0);
        if (symbols > 0 && own.count <= (yes ? sync_symbols_asked : sync_symbols_unasked))
            return tell_symbols(range, own, symbols);
        if (symbols > 0 && own.count <= sync_symbols_asked) return ask(range, symbols);
        split(range, own.count);
    }
    void answer_fingerprint(const SyncRange& range, const RangeSum& own, const RangeSum& theirs) {
        if (own == theirs) return add_same(of, range, out.answers);
        if (own.count > 0 && has_next_to_none(theirs.count, own.count)) {
            if (own.count <= sync_bulk_records) return tell(range, own);
            return split(range, own.count);
        }
        respond(range, own, symbols_of(own.count, theirs.count), Asked::No);
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
        if (most <= ids_asked) return ask(range, 0);
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
        if (!apart && own.count <= ids_asked) return ask(range, 0);
        if (!apart) return split(range, own.count);
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
            if (!leads) return respond(range, own, element.asked, Asked::Yes);
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
    Density density;
    for (const auto& element : elements) {
        own.push_back(run.own_sum(element));
        if (element.mode == SyncMode::Fingerprint) density.add(own.back(), element.sum);
    }
    run.each = density.each();
    for (std::size_t i = 0; i < elements.size(); ++i)
        run.on(elements[i], own[i]);
    return std::move(run.out);
}

}  // namespace warren::protocol
