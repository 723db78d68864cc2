#include "bench/peers/record_set.h"

#include <algorithm>

#include "base/check.h"

namespace warren::bench {

using namespace protocol;

RecordSet::RecordSet(const CommunityId& community, const std::vector<Bytes>& packets)
    : community_(community) {
    for (const auto& packet : packets) {
        auto record = decode_record(packet);
        WARREN_CHECK(record.ok() && record->community == community);
        records_.push_back({record->ref(), packet});
    }
    std::ranges::sort(records_, {}, &Stored::ref);
    rekey(sync_epoch(community, wall_now_ms() / 1000));
}

void RecordSet::rekey(SyncEpoch epoch) {
    if (epoch == epoch_ && !sums_.empty()) return;
    epoch_ = epoch;
    const auto key = fingerprint_key(community_, epoch);
    sums_.assign(1, {});
    for (const auto& record : records_) {
        sums_.push_back(sums_.back());
        sums_.back().add(element_value(key, record.ref.id));
    }
}

std::optional<PeerStore::Answer> RecordSet::reconcile(const Reconcile& wish) {
    if (wish.opening) return answer(*this, epoch_, wish, {});
    const auto body = decode_sync_body(wish.elements);
    if (!body) return std::nullopt;
    rekey(body->epoch);
    return answer(*this, body->epoch, wish, body->elements);
}

CommunityRoot RecordSet::root() {
    return {sums_.back(), records_.empty() ? 0 : records_.back().ref.time, epoch_};
}

RecordSet::Span RecordSet::span_of(const SyncRange& range) const {
    const auto index = [&](const RecordRef& bound) {
        return static_cast<std::size_t>(
            std::ranges::lower_bound(records_, bound, {}, &Stored::ref) - records_.begin());
    };
    const auto first = index(range.lower);
    return {first, std::max(first, index(range.upper))};
}

RangeSum RecordSet::sum(const SyncRange& range) {
    const auto span = span_of(range);
    auto out = sums_[span.last];
    out.subtract(sums_[span.first]);
    return out;
}

std::vector<RecordRef> RecordSet::refs(const SyncRange& range, std::size_t limit) {
    const auto span = span_of(range);
    std::vector<RecordRef> out;
    for (auto at = span.first; at < span.last && out.size() < limit; ++at)
        out.push_back(records_[at].ref);
    return out;
}

std::vector<RecordRef> RecordSet::split(const SyncRange& range, std::size_t parts) {
    const auto span = span_of(range);
    const auto count = span.last - span.first;
    std::vector<RecordRef> out;
    for (std::size_t i = 1; i < parts; ++i) {
        const auto offset = i * count / parts;
        if (offset == 0) continue;
        const auto& ref = records_[span.first + offset].ref;
        if (out.empty() || out.back() < ref) out.push_back(ref);
    }
    return out;
}

FetchedRecords RecordSet::fetch(std::uint64_t session, ByteView selections, std::size_t bytes_max) {
    FetchedRecords out;
    auto decoded = decode_selections(selections);
    if (!decoded) return out;
    const auto key = session_key(community_, session);
    std::size_t used = 0;
    for (const auto& selection : *decoded) {
        auto wanted = selection.ids;
        std::ranges::sort(wanted);
        const auto span = span_of(selection.range);
        for (auto at = span.first; at < span.last; ++at) {
            const auto& record = records_[at];
            const bool named = selection.all > 0 ||
                               std::ranges::binary_search(wanted, short_id(key, record.ref.id));
            if (!named) continue;
            used += record.packet.size();
            out.cut = used > bytes_max;
            if (out.cut) return out;
            out.packets.push_back(record.packet);
        }
    }
    return out;
}

}  // namespace warren::bench
