// Who may do what in a community and why, the records that prove it, and what a change of verdicts
// leaves to do: records that are not allowed any more leave the file, those that are let in come,
// in small steps behind everything else.
#include <algorithm>

#include "runtime/process/log.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr std::size_t because_max = 32;  // records that a reply quotes
constexpr std::size_t forks_max = 15;    // that fit a blob
constexpr Nanoseconds expiry_gap = 5_s;  // between looks for what waits too long
constexpr Nanoseconds step_time_max = 30_s, pause_between_steps = 1_ms;

// Where a page of permissions goes on: behind this member, kind and right.
std::string cursor_of(const protocol::Standing& row) {
    return to_hex(Writer().bytes(row.member.view()).u8(row.kind).u8(row.right).take());
}

bool is_behind(const protocol::Standing& row, ByteView cursor) {
    const auto own = Writer().bytes(row.member.view()).u8(row.kind).u8(row.right).take();
    return std::ranges::lexicographical_compare(cursor, own);
}

}  // namespace

// On the writing strand, as all that asks for verdicts: memory and file agree there.
Task<pipe::Answer> StorageWorker::on_get_proofs(Call call, GetProofs command) {
    using Packets = std::vector<Bytes>;
    auto use = shards_.use(command.community);
    std::function<Result<Packets>(shard::Shard&)> work =
        [command = std::move(command)](shard::Shard& shard) {
            return shard.prove(command.questions, command.records, command.bytes_max);
        };
    auto packets =
        co_await shards_.write<Packets>(use, std::move(work), call.deadline, Priority::Bulk);
    if (!packets) co_return packets.error();
    host_.metrics().counter("storage_proof_records_total") += packets->size();
    co_return replies::proofs(*packets);
}

Task<pipe::Answer> StorageWorker::on_list_permissions(Call call, CommunityId community,
                                                      ListPage page) {
    const auto after = from_hex(page.after);
    if (!page.after.empty() && !after)
        co_return bad_input("the cursor is not one that a page gave");
    auto use = shards_.use(community);
    std::function<Result<shard::Governance>(shard::Shard&)> work =
        [](shard::Shard& shard) -> Result<shard::Governance> { return shard.governance(); };
    auto governance =
        co_await shards_.write<shard::Governance>(use, std::move(work), call.deadline);
    if (!governance) co_return governance.error();
    Permissions out;
    out.governance = std::move(*governance);
    auto& rows = out.governance.standings;
    if (after && !after->empty())
        std::erase_if(rows, [&](const auto& row) { return !is_behind(row, *after); });
    out.more = rows.size() > page.limit;
    if (out.more) {
        rows.resize(page.limit);
        out.next = cursor_of(rows.back());
    }
    auto own = co_await outbox_.identity(call.deadline);
    if (own) out.own = *own;
    co_return replies::permissions(out);
}

Task<pipe::Answer> StorageWorker::on_explain_record(Call call, CommunityId community,
                                                    RecordRef record) {
    auto use = shards_.use(community);
    std::function<Result<Explained>(shard::Shard&)> work =
        [record](shard::Shard& shard) -> Result<Explained> {
        WARREN_TRY(auto why, shard.explain(record));
        Explained out{why.state, {}};
        for (const auto& ref : why.because) {
            if (out.because.size() == because_max) break;
            WARREN_TRY(auto packet, shard.packet(ref));
            if (packet) out.because.push_back(std::move(*packet));
        }
        return out;
    };
    auto explained = co_await shards_.write<Explained>(use, std::move(work), call.deadline);
    if (!explained) co_return explained.error();
    co_return replies::explained(*explained);
}

Task<pipe::Answer> StorageWorker::on_list_controls(Call call, CommunityId community,
                                                   RecordRef before, std::size_t limit) {
    using Packets = std::vector<Bytes>;
    auto use = shards_.use(community);
    std::function<Result<Packets>(shard::ShardReader&)> work =
        [before, limit](shard::ShardReader& reader) { return reader.controls(before, limit + 1); };
    auto packets = co_await shards_.read<Packets>(use, std::move(work), call.deadline);
    if (!packets) co_return packets.error();
    const bool more = packets->size() > limit;
    if (more) packets->pop_back();
    co_return replies::controls(*packets, more);
}

Task<pipe::Answer> StorageWorker::on_list_forks(Call call, CommunityId community) {
    using Proofs = std::vector<Bytes>;
    auto use = shards_.use(community);
    std::function<Result<Proofs>(shard::ShardReader&)> work = [](shard::ShardReader& reader) {
        return reader.fork_proofs(forks_max);
    };
    auto proofs = co_await shards_.read<Proofs>(use, std::move(work), call.deadline);
    if (!proofs) co_return proofs.error();
    co_return replies::forks(*proofs);
}

// A proof of a fork spreads as the two records that it is: whoever has only one of them gets the
// other, and finds the same.
void StorageWorker::on_news(Shards::News news) {
    note_waiting();
    for (const auto& fork : news.forks) {
        ++host_.metrics().counter("storage_forks_total");
        host_.tap().event("event.community.fork", {{"community", news.community.hex()},
                                                   {"author", to_hex(fork.author.view())}});
        // What the index finds was stored some time ago: others have both, and find it too.
        if (fork.found == shard::ForkProof::Found::ByIndex) continue;
        auto proof = protocol::decode_fork_proof(fork.proof);
        if (!proof) continue;
        std::vector<Bytes> both{std::move(proof->first), std::move(proof->second)};
        pipe::spawn(host_.io(), outbox_.push_records(news.community, std::move(both), 0));
    }
    if (!news.judged_again.empty())
        pipe::spawn(host_.io(), outbox_.judged_again(news.community, std::move(news.judged_again)));
    if (news.has_waiting && !shards_.use(news.community)->expiring)
        pipe::spawn(host_.io(), expire_waiting(news.community));
    if (news.has_work && !shards_.use(news.community)->working)
        pipe::spawn(host_.io(), work_off(news.community));
}

void StorageWorker::note_waiting() {
    host_.metrics().gauge("storage_waiting_bytes") =
        static_cast<std::int64_t>(shards_.waiting_bytes());
}

// A file that is closed has nobody waiting.
Task<void> StorageWorker::expire_waiting(CommunityId community) {
    const auto shard = shards_.use(community).share();
    if (shard->expiring) co_return;
    shard->expiring = true;
    for (bool more = true; more && !draining_;) {
        co_await pipe::sleep_for(host_.io(), expiry_gap);
        std::function<Result<bool>()> work = [cell = shard->writer]() -> Result<bool> {
            return cell->it && cell->it->expire_waiting(monotonic_now());
        };
        const Executor::Terms terms(monotonic_now() + step_time_max, Priority::Bulk);
        const auto left = co_await executor_.run<bool>(shard->writes, std::move(work), terms);
        more = !left || *left;
        note_waiting();
    }
    shard->expiring = false;
}

Task<void> StorageWorker::work_off(CommunityId community) {
    struct Step {
        bool more = false;
        shard::ShardRoot root;
        Nanoseconds took = 0;
    };
    auto shard = shards_.use(community).share();  // no use: its slot may go between two steps
    if (shard->working) co_return;
    shard->working = true;
    shard::PruneBudget budget;
    for (bool more = true; more && !draining_ && owns(community);) {
        std::function<Result<Step>(shard::Shard&)> work =
            [budget](shard::Shard& of) -> Result<Step> {
            const auto began = monotonic_now();
            WARREN_TRY(bool left, of.work(budget));
            return Step{left, of.root(), monotonic_now() - began};
        };
        auto use = shards_.use(community);
        auto step = co_await shards_.write<Step>(use, std::move(work),
                                                 monotonic_now() + step_time_max, Priority::Bulk);
        if (!step) {
            process::log::unusual("event=verdicts.not_worked_off community={} reason=\"{}\" "
                                  "then=\"after the next commit\"",
                                  community.hex(), step.error().text);
            break;
        }
        host_.metrics().observe_us("storage_verdict_step_seconds",
                                   static_cast<std::uint64_t>(step->took / 1000));
        use->root = step->root;
        index_soon(use);
        more = step->more;
        budget.adapt(step->took);
        co_await pipe::sleep_for(host_.io(), pause_between_steps);
    }
    shard->working = false;
}

}  // namespace warren::storage
