// Records of this node: time, predecessor, and the promise that a retry is applied once.
#include <algorithm>

#include "storage-shard/shard.h"

namespace warren::shard {

namespace {

constexpr std::int64_t requests_kept_ms = 15 * 60 * 1000;
// A record further ahead than this does not drag our clock along (R-C2).
constexpr GlobalTime clock_jump_max = 10'000;

}  // namespace

Result<std::optional<RecordRef>> Shard::earlier_result(const RequestId& request) {
    Rows rows = find_request_.rows(request);
    WARREN_TRY(bool found, rows.next());
    if (!found) return std::optional<RecordRef>{};
    return std::optional<RecordRef>{RecordRef{time_of(rows.integer(0)), rows.id<RecordId>(1)}};
}

// The clock is a function of what is stored: from zero, the newest record within one jump, again
// and again. It only moves on, so each call looks at what is new.
Result<GlobalTime> Shard::advance_clock() {
    while (true) {
        WARREN_TRY(auto next,
                   newest_between_.number(sql_time(clock_), sql_time(clock_ + clock_jump_max)));
        if (!next) return clock_;
        clock_ = time_of(*next);
    }
}

Result<RecordRef> Shard::own_head(const protocol::PublicKey& author) {
    auto known = own_heads_.find(author);
    if (known != own_heads_.end()) return known->second;
    RecordRef head;
    {
        Rows rows = find_head_.rows(author);
        WARREN_TRY(bool found, rows.next());
        if (found) head = {time_of(rows.integer(0)), rows.id<RecordId>(1)};
    }
    // The row says what we published here. Records of ours that came back from peers, after a file
    // was lost, are found by a walk from the newest.
    WARREN_TRY(auto newest, find_newest_of(author));
    head = std::max(head, newest);
    own_heads_[author] = head;
    return head;
}

Result<RecordRef> Shard::find_newest_of(const protocol::PublicKey& author) {
    WARREN_TRY(
        auto walk,
        connection_.prepare("SELECT key.time, key.id, body.packed FROM key "
                            "JOIN body ON body.id = key.body ORDER BY key.time DESC, key.id DESC"));
    Rows rows = walk.rows();
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) return RecordRef{};
        if (author_of(rows.blob(2), founder_) == author)
            return RecordRef{time_of(rows.integer(0)), rows.id<RecordId>(1)};
    }
}

Result<PreparedPublish> Shard::prepare_publish(const PublishRequest& request) {
    PreparedPublish out;
    WARREN_TRY(out.done, earlier_result(request.id));
    if (out.done) return out;
    WARREN_TRY_VOID(catch_up_with_file());
    WARREN_TRY(auto clock, advance_clock());
    WARREN_TRY(auto head, own_head(request.author));
    auto time = std::max(clock, head.time) + 1;
    if (time >= time_max) return refused("the community's clock has come to its end");
    out.to_sign = protocol::encode_unsigned(
        {community_, request.kind, request.author, time, head, request.payload, request.second});
    // Judged before the signature is asked for, and again at commit.
    const auto packet = protocol::with_blank_signatures(out.to_sign);
    WARREN_TRY(auto record, protocol::decode_record(packet));
    const auto judged = judge(record);
    if (judged.verdict != Verdict::Accepted) return not_allowed(judged);
    return out;
}

Result<RecordRef> Shard::commit_publish(const RequestId& request, ByteView packet,
                                        std::int64_t now_ms, Durability durability) {
    return watched(commit_one({request, now_ms}, packet, durability));
}

Result<RecordRef> Shard::commit_one(const IntakePublication& publication, ByteView packet,
                                    Durability durability) {
    WARREN_TRY_VOID(catch_up_with_file());
    WARREN_TRY(auto earlier, earlier_result(publication.request));
    if (earlier) return *earlier;
    WARREN_TRY(auto record, protocol::decode_record(packet));
    WARREN_TRY(auto head, own_head(record.author));
    if (record.prev != head || record.time <= head.time)
        return unavailable("another record of this author came first; prepare again");
    const auto judged = judge(record);
    if (judged.verdict == Verdict::Waiting || judged.verdict == Verdict::Refused)
        return not_allowed(judged);
    Batch batch;
    if (judged.verdict == Verdict::Accepted) {
        const bool founds = static_cast<protocol::MessageId>(record.kind) == type_.founding;
        if (founds && !founder_) batch.founds = found(record);
        take_effect(judged, batch);
        batch.rows.push_back({&record, packet, 0, 0});
    }
    WARREN_TRY(auto transaction, begin(durability));
    WARREN_TRY_VOID(write(batch));
    WARREN_TRY_VOID(keep_promise(publication, record));
    WARREN_TRY_VOID(prune_requests_.run(publication.at_ms - requests_kept_ms));
    WARREN_TRY_VOID(transaction.commit());
    apply(batch);
    own_heads_[record.author] = record.ref();
    return record.ref();
}

// A retry finds this record, and the author's next one follows it.
Result<void> Shard::keep_promise(const IntakePublication& publication,
                                 const protocol::RecordView& record) {
    auto time = sql_time(record.time);
    WARREN_TRY_VOID(insert_request_.run(publication.request, time, record.id, publication.at_ms));
    return put_head_.run(record.author, time, record.id);
}

Result<void> Shard::reserve(const protocol::PublicKey& author, const RecordRef& ref) {
    const auto write = [&]() -> Result<void> {
        WARREN_TRY(auto transaction, begin(Durability::Synced));
        WARREN_TRY_VOID(put_head_.run(author, sql_time(ref.time), ref.id));
        return transaction.commit();
    };
    WARREN_TRY_VOID(watched(write()));
    own_heads_[author] = ref;
    return {};
}

Result<Verdict> Shard::preview(ByteView packet) {
    WARREN_TRY_VOID(catch_up_with_file());
    WARREN_TRY(auto record, protocol::decode_record(packet));
    WARREN_TRY(auto there, find_key_.number(sql_time(record.time), record.id));
    if (there) return Verdict::Known;
    return judge(record).verdict;
}

Result<Shard::Showing> Shard::showing(const protocol::RecordView& record) {
    WARREN_TRY_VOID(catch_up_with_file());
    Showing out;
    if (record.community != community_ || record.time >= time_max || !may_stay(record)) return out;
    WARREN_TRY(const bool undone, undone_.is_undone(record));
    WARREN_TRY(const auto there, find_key_.number(sql_time(record.time), record.id));
    out.allowed = !undone;
    out.here = there.has_value();
    return out;
}

Result<std::size_t> Shard::replay(std::span<const IntakeEntry> entries) {
    return watched(replay_all(entries));
}

Result<std::size_t> Shard::replay_all(std::span<const IntakeEntry> entries) {
    std::vector<Incoming> packets;
    for (const auto& entry : entries)
        for (const auto& packet : entry.packets)
            packets.push_back({packet});
    WARREN_TRY(auto verdicts, store_all(packets, Durability::Logged));
    {
        WARREN_TRY(auto transaction, begin(Durability::Logged));
        auto verdict = verdicts.begin();
        for (const auto& entry : entries) {
            const auto first = *verdict;
            verdict += static_cast<std::ptrdiff_t>(entry.packets.size());
            if (!entry.publication || first == Verdict::Refused || first == Verdict::Waiting)
                continue;
            WARREN_TRY(auto record, protocol::decode_record(entry.packets.front()));
            WARREN_TRY_VOID(keep_promise(*entry.publication, record));
        }
        WARREN_TRY_VOID(transaction.commit());
    }
    own_heads_.clear();  // read again when they are needed
    WARREN_TRY_VOID(connection_.sync_log());
    return static_cast<std::size_t>(std::ranges::count(verdicts, Verdict::Accepted));
}

}  // namespace warren::shard
