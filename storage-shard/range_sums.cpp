// See range_sums.h.
#include "storage-shard/range_sums.h"

#include <algorithm>
#include <limits>

namespace warren::shard {

namespace {

constexpr std::size_t bucket_fill = 128;  // what a scan or a division makes
constexpr std::size_t bucket_max = 256;
constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

// The least bound that lies above it.
RecordRef next_after(RecordRef ref) {
    for (std::size_t at = ref.id.bytes.size(); at-- > 0;)
        if (++ref.id.bytes[at] != 0) return ref;
    ++ref.time;
    return ref;
}

}  // namespace

RangeSums::RangeSums(const protocol::SyncKey& key, RefSource& source)
    : key_(key), source_(source), buckets_(1) {}

void RangeSums::append(const RecordRef& ref) {
    if (buckets_.back().sum.count >= bucket_fill) buckets_.push_back({ref, {}});
    newest_ = ref;
    auto value = protocol::element_value(key_, ref.id);
    buckets_.back().sum.add(value);
    total_.add(value);
}

void RangeSums::insert(std::span<const RecordRef> added) {
    struct Run {
        std::size_t bucket;
        std::span<const RecordRef> refs;
    };
    std::vector<Run> runs;  // what fell into one bucket
    while (!added.empty() && !(newest_ < added.front())) {
        const auto bucket = bucket_of(added.front());
        const auto end = std::min(end_of(bucket), next_after(newest_));
        std::size_t count = 0;
        for (; count < added.size() && added[count] < end; ++count) {
            auto value = protocol::element_value(key_, added[count].id);
            buckets_[bucket].sum.add(value);
            total_.add(value);
        }
        runs.push_back({bucket, added.first(count)});
        added = added.subspan(count);
    }
    for (const auto& ref : added)  // as most do
        append(ref);
    // Division reads the file, which holds the whole batch: only now do both agree.
    for (; !runs.empty(); runs.pop_back())
        if (buckets_[runs.back().bucket].sum.count > bucket_max)
            divide(runs.back().bucket, runs.back().refs);
}

void RangeSums::remove(const std::vector<RecordRef>& removed) {
    for (const auto& ref : removed) {
        auto value = protocol::element_value(key_, ref.id);
        buckets_[bucket_of(ref)].sum.subtract(value);
        total_.subtract(value);
    }
    drop_empty();
}

void RangeSums::drop_empty() {
    std::erase_if(buckets_, [](const Bucket& bucket) { return bucket.sum.count == 0; });
    if (buckets_.empty()) buckets_.emplace_back();
    buckets_.front().first = {};
}

void RangeSums::save(Writer& to) const {
    to.u64(newest_.time).bytes(newest_.id.view()).u64(buckets_.size());
    for (const auto& [first, sum] : buckets_) {
        to.u64(first.time).bytes(first.id.view());
        to.u64(sum.count).u64(sum.high).u64(sum.low);
    }
}

bool RangeSums::load(Reader& in) {
    const auto read_ref = [&in] {
        RecordRef out;
        out.time = in.u64();
        out.id.bytes = in.array<RecordId::size>();
        return out;
    };
    constexpr std::size_t bucket_bytes = 8 + RecordId::size + 3 * 8;
    const auto newest = read_ref();
    const auto count = in.u64();
    if (count == 0 || count > in.left() / bucket_bytes) return false;
    std::vector<Bucket> buckets;
    protocol::RangeSum total;
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto first = read_ref();
        const protocol::RangeSum sum{in.u64(), in.u64(), in.u64()};
        buckets.push_back({first, sum});
        total.add(sum);
    }
    if (!in.ok() || buckets.front().first != RecordRef{}) return false;
    newest_ = newest;
    buckets_ = std::move(buckets);
    total_ = total;
    return true;
}

std::size_t RangeSums::bucket_of(const RecordRef& ref) const {
    auto after = std::upper_bound(
        buckets_.begin() + 1, buckets_.end(), ref,
        [](const RecordRef& value, const Bucket& bucket) { return value < bucket.first; });
    return static_cast<std::size_t>(after - buckets_.begin()) - 1;
}

RecordRef RangeSums::end_of(std::size_t bucket) const {
    return bucket + 1 < buckets_.size() ? buckets_[bucket + 1].first : protocol::sync_end();
}

// All that a bucket holds. New records that lie together, as those of one answer do, are not read
// back: only what was there before them and behind.
std::vector<RecordRef> RangeSums::refs_of(std::size_t bucket, std::span<const RecordRef> run) {
    const auto first = buckets_[bucket].first;
    const auto end = end_of(bucket);
    const auto older = buckets_[bucket].sum.count - run.size();
    auto all = source_.refs({first, run.front()}, older + 1);
    auto behind = source_.refs({next_after(run.back()), end}, older + 1);
    if (all.size() + behind.size() != older) return source_.refs({first, end}, unlimited);
    all.insert(all.end(), run.begin(), run.end());
    all.insert(all.end(), behind.begin(), behind.end());
    return all;
}

void RangeSums::divide(std::size_t bucket, std::span<const RecordRef> run) {
    auto all = refs_of(bucket, run);
    if (all.size() <= bucket_max) return;  // the source failed; sums stay right, only coarser
    std::vector<Bucket> parts;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (i % bucket_fill == 0) parts.push_back({all[i], {}});
        parts.back().sum.add(protocol::element_value(key_, all[i].id));
    }
    parts.front().first = buckets_[bucket].first;
    auto at = buckets_.begin() + static_cast<std::ptrdiff_t>(bucket);
    *at = parts.front();
    buckets_.insert(at + 1, parts.begin() + 1, parts.end());
}

protocol::RangeSum RangeSums::edge(const RecordRef& lower, const RecordRef& upper) {
    protocol::RangeSum out;
    if (!(lower < upper)) return out;
    for (const auto& ref : source_.refs({lower, upper}, unlimited))
        out.add(protocol::element_value(key_, ref.id));
    return out;
}

protocol::RangeSum RangeSums::sum(const protocol::SyncRange& range) {
    if (!(range.lower < range.upper)) return {};
    auto first = bucket_of(range.lower);
    auto last = bucket_of(range.upper);
    bool from_start = !(buckets_[first].first < range.lower);
    if (first == last) {
        bool whole = from_start && !(range.upper < end_of(last));
        return whole ? buckets_[first].sum : edge(range.lower, range.upper);
    }
    auto out = from_start ? buckets_[first].sum : edge(range.lower, end_of(first));
    for (auto at = first + 1; at < last; ++at)
        out.add(buckets_[at].sum);
    bool to_end = !(range.upper < end_of(last));
    out.add(to_end ? buckets_[last].sum : edge(buckets_[last].first, range.upper));
    return out;
}

std::vector<RecordRef> RangeSums::refs(const protocol::SyncRange& range, std::size_t limit) {
    return source_.refs(range, limit);
}

std::vector<RecordRef> RangeSums::split(const protocol::SyncRange& range, std::size_t parts) {
    if (parts < 2 || !(range.lower < range.upper)) return {};
    auto first = bucket_of(range.lower) + 1;
    auto last = bucket_of(range.upper);
    if (last < first || last - first + 1 < parts - 1) return split_by_refs(range, parts);
    std::uint64_t whole = 0;
    for (auto at = first - 1; at <= last; ++at)
        whole += buckets_[at].sum.count;
    std::vector<RecordRef> out;
    std::uint64_t seen = buckets_[first - 1].sum.count;
    for (auto at = first; at <= last && out.size() + 1 < parts; ++at) {
        bool inside = range.lower < buckets_[at].first && buckets_[at].first < range.upper;
        if (inside && seen >= whole * (out.size() + 1) / parts) out.push_back(buckets_[at].first);
        seen += buckets_[at].sum.count;
    }
    return out.empty() ? split_by_refs(range, parts) : out;
}

// Few buckets: the range holds a few thousand records at most.
std::vector<RecordRef> RangeSums::split_by_refs(const protocol::SyncRange& range,
                                                std::size_t parts) {
    auto all = source_.refs(range, (parts + 1) * bucket_max);
    std::vector<RecordRef> out;
    for (std::size_t part = 1; part < parts; ++part) {
        auto at = all.size() * part / parts;
        if (at == 0 || at >= all.size()) continue;
        if (out.empty() || out.back() < all[at]) out.push_back(all[at]);
    }
    return out;
}

}  // namespace warren::shard
