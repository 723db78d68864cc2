// See overlay_arrivals.h.
#include "protocol/overlay_arrivals.h"

#include <algorithm>

namespace warren::protocol {

namespace {
constexpr std::size_t assembly_bytes_max = 4 * 1024 * 1024;
constexpr Nanoseconds assembly_life = 30'000'000'000;

// Bounds around what arrived, short on the wire. Between bound and record could only lie what has
// its time and the first bytes of its id; the next comparison would find it.
constexpr std::ptrdiff_t bound_bytes = 4;
RecordRef at_or_below(RecordRef ref) {
    std::fill(ref.id.bytes.begin() + bound_bytes, ref.id.bytes.end(), std::uint8_t{0});
    return ref;
}
RecordRef above(RecordRef ref) {
    std::fill(ref.id.bytes.begin() + bound_bytes, ref.id.bytes.end(), std::uint8_t{0xff});
    return next_ref(ref);
}
}  // namespace

void Assembly::forget(std::map<Key, Piece>::iterator at) {
    bytes_ -= at->second.bytes;
    pieces_.erase(at);
}

std::optional<Bytes> Assembly::add(Nanoseconds now, const MemberId& from,
                                   const Fragment& fragment) {
    for (auto at = pieces_.begin(); at != pieces_.end();) {
        auto next = std::next(at);
        if (at->second.expires <= now) forget(at);
        at = next;
    }
    if (bytes_ + fragment.bytes.size() > assembly_bytes_max) return std::nullopt;
    auto at = pieces_.try_emplace({from, fragment.ref}).first;
    auto& piece = at->second;
    if (piece.parts.empty()) piece.parts.resize(fragment.total);
    piece.expires = now + assembly_life;
    if (piece.parts.size() != fragment.total) {
        forget(at);
        return std::nullopt;
    }
    auto& part = piece.parts[fragment.index];
    if (!part.empty()) return std::nullopt;
    part = to_bytes(fragment.bytes);
    piece.bytes += part.size();
    bytes_ += part.size();
    if (++piece.have < piece.parts.size()) return std::nullopt;
    Bytes whole;
    for (const auto& bytes : piece.parts)
        append(whole, bytes);
    forget(at);
    return whole;
}

void Arrivals::add(std::uint8_t first, std::uint8_t last, const RecordRef& lower,
                   const RecordRef& upper) {
    const auto at = std::ranges::find_if(
        stretches_, [&](const Stretch& stretch) { return stretch.first > first; });
    stretches_.insert(at, {first, last, lower, upper});
}

std::vector<SyncRange> Arrivals::rest_of(const SyncRange& range) const {
    std::vector<SyncRange> arrived;
    RecordRef from;
    std::size_t part = 0;
    for (const auto& [first, last, lower, upper] : stretches_) {
        const auto begin = first == part ? from : at_or_below(lower);
        from = above(upper);
        if (begin < from) arrived.push_back({begin, from});
        part = last + std::size_t{1};
    }
    if (parts_ > 0 && part >= parts_ && !cut_) arrived.push_back({from, sync_end()});
    return without(range, std::move(arrived));
}

bool Arrivals::complete(std::uint64_t parts_seen) const {
    return parts_ > 0 && parts_seen == full_mask(parts_);
}

std::uint64_t full_mask(std::uint8_t parts) {
    return parts >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << parts) - 1;
}

std::vector<SyncRange> without(const SyncRange& range, std::vector<SyncRange> others) {
    std::ranges::sort(others, {}, &SyncRange::lower);
    std::vector<SyncRange> out;
    auto lower = range.lower;
    for (const auto& other : others) {
        if (other.upper <= lower || other.lower >= range.upper) continue;
        if (lower < other.lower) out.push_back({lower, other.lower});
        lower = other.upper;
    }
    if (lower < range.upper) out.push_back({lower, range.upper});
    return out;
}

}  // namespace warren::protocol
