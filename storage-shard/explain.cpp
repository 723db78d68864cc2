// Who may do what here, why a record is what it is, and the records that prove it to others.
#include <algorithm>

#include "storage-shard/shard.h"

namespace warren::shard {

Governance Shard::governance() const {
    Governance out{founder_, {}, {}};
    if (!permissions_) return out;
    out.end = permissions_->end();
    out.standings = permissions_->standings();
    return out;
}

Result<Explanation> Shard::explain(const RecordRef& ref) {
    WARREN_TRY_VOID(catch_up_with_file());
    using State = Explanation::State;
    Explanation out;
    WARREN_TRY(auto here, stored(ref));
    if (here) {
        WARREN_TRY(out.because, undone_.because(here->record.view));
        WARREN_TRY(const bool undone, undone_.is_undone(here->record.view));
        out.state = undone ? State::Undone : State::Accepted;
    }
    const auto* guest = room_.find(ref);
    if (!permissions_ || (!here && !guest)) return out;
    const auto claim =
        here ? protocol::claim_of(type_, founder_->key, here->record.view) : guest->claim;
    if (!claim) return out;
    const auto verdict = permissions_->judge(*claim);
    if (verdict != protocol::Verdict::Accepted)
        out.state = verdict == protocol::Verdict::Waiting ? State::Waiting : State::Refused;
    const auto proof = permissions_->proof(*claim);
    out.because.insert(out.because.end(), proof.begin(), proof.end());
    return out;
}

Result<std::optional<Bytes>> Shard::packet(const RecordRef& ref) {
    WARREN_TRY(auto here, stored(ref));
    if (!here) return std::optional<Bytes>{};
    return std::optional<Bytes>{std::move(here->record.packet)};
}

Result<std::vector<Bytes>> Shard::prove(std::span<const protocol::Question> questions,
                                        std::span<const RecordRef> stored_ones,
                                        std::size_t bytes_max) {
    WARREN_TRY_VOID(catch_up_with_file());
    std::vector<RecordRef> refs;
    if (permissions_) refs = protocol::proof_of(*permissions_, questions);
    for (const auto& ref : stored_ones) {
        WARREN_TRY(auto why, explain(ref));
        refs.insert(refs.end(), why.because.begin(), why.because.end());
    }
    WARREN_TRY(auto founding,
               connection_.prepare("SELECT time, id FROM key INDEXED BY lasting WHERE (kind = 1 OR "
                                   "kind = 34 OR kind >= 208) AND kind = ?1 LIMIT 1"));
    {
        Rows rows = founding.rows(static_cast<std::int64_t>(type_.founding));
        WARREN_TRY(bool found, rows.next());
        if (found) refs.push_back({time_of(rows.integer(0)), rows.id<RecordId>(1)});
    }
    std::ranges::sort(refs);
    refs.erase(std::ranges::unique(refs).begin(), refs.end());
    std::vector<Bytes> out;
    std::size_t bytes = 0;
    for (const auto& ref : refs) {
        WARREN_TRY(auto record, stored(ref));
        if (!record) continue;
        bytes += record->record.packet.size();
        if (bytes > bytes_max) break;
        out.push_back(std::move(record->record.packet));
    }
    return out;
}

}  // namespace warren::shard
