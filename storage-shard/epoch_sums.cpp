// See epoch_sums.h.
#include "storage-shard/epoch_sums.h"

#include <algorithm>

#include "base/hash.h"

namespace warren::shard {

namespace {

constexpr std::int64_t far_gap_s = 600;

bool adjacent(protocol::SyncEpoch a, protocol::SyncEpoch b) {
    return a - b <= 1 || b - a <= 1;
}

}  // namespace

std::unique_ptr<EpochSums::Kept> EpochSums::empty(protocol::SyncEpoch epoch) {
    const auto key = protocol::fingerprint_key(community_, epoch);
    auto& lasting = lasting_ != nullptr ? *lasting_ : source_;
    std::unique_ptr<Kept> out(new Kept{epoch, RangeSums(key, source_), RangeSums(key, lasting)});
    out->sums.set_floor(floor_);
    if (lasting_ != nullptr) out->sums.set_lasting(&out->lasting);
    return out;
}

Bytes EpochSums::save() const {
    Writer to;
    to.u64(current_->epoch);
    current_->sums.save(to);
    current_->lasting.save(to);
    const auto check = sha256(to.peek());
    return to.bytes(check).take();
}

bool EpochSums::load(ByteView saved) {
    constexpr std::size_t check_bytes = std::tuple_size_v<Sha256>;
    if (saved.size() < check_bytes) return false;
    const auto body = saved.first(saved.size() - check_bytes);
    if (!std::ranges::equal(sha256(body), saved.last(check_bytes))) return false;
    Reader in(body);
    auto kept = empty(in.u64());
    if (!kept->sums.load(in) || !kept->lasting.load(in) || !in.done()) return false;
    current_ = std::move(kept);
    return true;
}

Result<std::unique_ptr<EpochSums::Kept>> EpochSums::make(protocol::SyncEpoch epoch) {
    auto out = empty(epoch);
    WARREN_TRY_VOID(source_.scan([&](const RecordRef& ref) { out->sums.append(ref); }));
    if (lasting_ == nullptr) return out;
    WARREN_TRY_VOID(lasting_->scan([&](const RecordRef& ref) { out->lasting.append(ref); }));
    return out;
}

Result<RangeSums*> EpochSums::at(protocol::SyncEpoch epoch, std::int64_t unix_s) {
    auto now = protocol::sync_epoch(community_, unix_s);
    // A new day: what partners ahead of us asked for goes on as ours.
    if (epoch == now && other_ && other_->epoch == now) std::swap(current_, other_);
    if (current_ && current_->epoch == epoch) return &current_->sums;
    if (other_ && other_->epoch == epoch) return &other_->sums;
    if (epoch != now && !adjacent(epoch, now)) {
        if (unix_s >= far_made_s_ && unix_s - far_made_s_ < far_gap_s)
            return unavailable("the partner's clock is days away from ours");
        far_made_s_ = unix_s;
    }
    WARREN_TRY(auto made, make(epoch));
    if (epoch == now) std::swap(current_, other_);
    auto& place = epoch == now ? current_ : other_;
    place = std::move(made);
    return &place->sums;
}

void EpochSums::insert(const std::vector<RecordRef>& added, const std::vector<RecordRef>& lasting) {
    for (auto* kept : {current_.get(), other_.get()}) {
        if (kept == nullptr) continue;
        kept->sums.insert(added);
        kept->lasting.insert(lasting);
    }
}

void EpochSums::remove(const std::vector<RecordRef>& removed,
                       const std::vector<RecordRef>& lasting) {
    for (auto* kept : {current_.get(), other_.get()}) {
        if (kept == nullptr) continue;
        kept->sums.remove(removed);
        kept->lasting.remove(lasting);
    }
}

void EpochSums::set_floor(GlobalTime floor) {
    floor_ = floor;
    if (current_) current_->sums.set_floor(floor);
    if (other_) other_->sums.set_floor(floor);
}

}  // namespace warren::shard
