#include "bench/peers/shard_store.h"

#include <ctime>

#include "base/check.h"

namespace warren::bench {

using namespace protocol;

namespace {

std::int64_t now_s() {
    return wall_now_ms() / 1000;
}

RecordVerdict verdict_of(shard::Verdict verdict) {
    switch (verdict) {
    case shard::Verdict::Accepted: return RecordVerdict::Accepted;
    case shard::Verdict::Known: return RecordVerdict::Known;
    case shard::Verdict::Waiting: return RecordVerdict::Waiting;
    case shard::Verdict::Refused: return RecordVerdict::Refused;
    case shard::Verdict::NotStored: return RecordVerdict::NotStored;
    }
    return RecordVerdict::NotStored;
}

}  // namespace

std::int64_t thread_cpu_ns() {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

ShardStore::ShardStore(const std::string& path, const CommunityId& community)
    : community_(community) {
    auto shard = shard::Shard::open(
        path, community, {.epoch = {}, .bytes_max = std::uint64_t{1} << 32, .unix_s = now_s()});
    WARREN_CHECK(shard.ok());
    shard_ = std::move(*shard);
    auto reader = shard::ShardReader::open(path, community);
    WARREN_CHECK(reader.ok());
    reader_ = std::move(*reader);
}

std::optional<PeerStore::Answer> ShardStore::reconcile(const Reconcile& wish) {
    const auto began = thread_cpu_ns();
    SyncBody body{sync_epoch(community_, now_s()), {}};
    if (!wish.opening) {
        auto came = decode_sync_body(wish.elements);
        if (!came) return std::nullopt;
        body = std::move(*came);
    }
    auto ranges = shard_->ranges(body.epoch, now_s());
    if (!ranges) return std::nullopt;
    auto out = answer(**ranges, body.epoch, wish, body.elements);
    reconcile_cpu_ns_ += thread_cpu_ns() - began;
    return out;
}

CommunityRoot ShardStore::root() {
    const auto root = shard_->root_at(now_s());
    WARREN_CHECK(root.ok());
    CommunityRoot out{root->sum, root->newest, root->epoch, root->floor};
    if (false_roots_ > 0) {
        --false_roots_;
        ++out.sum.count;
    }
    return out;
}

FetchedRecords ShardStore::fetch(std::uint64_t session, ByteView selections,
                                 std::size_t bytes_max) {
    auto decoded = decode_selections(selections);
    if (!decoded) return {};
    auto fetched = reader_->fetch(*decoded, session, bytes_max);
    WARREN_CHECK(fetched.ok());
    return {std::move(fetched->packets), fetched->cut};
}

std::vector<RecordVerdict> ShardStore::store(const std::vector<Bytes>& packets) {
    const std::vector<ByteView> views(packets.begin(), packets.end());
    const auto verdicts = shard_->store(views, shard::Durability::Replicated);
    WARREN_CHECK(verdicts.ok());
    std::vector<RecordVerdict> out;
    for (const auto verdict : *verdicts)
        out.push_back(verdict_of(verdict));
    return out;
}

}  // namespace warren::bench
