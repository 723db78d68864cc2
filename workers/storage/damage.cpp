// See damage.h.
#include "workers/storage/damage.h"

#include "runtime/process/log.h"
#include "workers/storage/shards.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds rebuild_time_max = 600_s;

}  // namespace

Result<void> rebuild_damaged(const DamagedFile& file, const std::string& fault,
                             const OnDamage& tell) {
    auto rebuilt = shard::rebuild(file.path, file.community);
    Damage damage{file.community, fault, rebuilt.ok(), {}};
    if (rebuilt) {
        damage.saved = std::move(*rebuilt);
        process::log::broken("event=shard.rebuilt community={} reason=\"{}\" records={} refused={} "
                             "set_aside={}",
                             file.community.hex(), fault, damage.saved.records,
                             damage.saved.refused, damage.saved.set_aside);
    } else {
        process::log::broken("event=shard.rebuild_failed community={} reason=\"{}\" error=\"{}\"",
                             file.community.hex(), fault, rebuilt.error().text);
    }
    if (tell) tell(damage);
    if (!rebuilt) return std::move(rebuilt.error());
    return {};
}

Result<std::unique_ptr<shard::Shard>>
open_or_rebuild(const DamagedFile& file, const shard::ShardOptions& options, const OnDamage& tell) {
    WARREN_TRY_VOID(shard::finish_rebuild(file.path));
    auto opened = shard::Shard::open(file.path, file.community, options);
    if (opened || opened.error().kind != ErrorKind::Damaged) return opened;
    WARREN_TRY_VOID(rebuild_damaged(file, opened.error().text, tell));
    return shard::Shard::open(file.path, file.community, options);
}

// The report is made on a thread of the pool, and told on the loop.
OnDamage Shards::reporter() const {
    return [&loop = loop_, then = damaged_](const Damage& damage) {
        if (then) asio::post(loop, [then, damage] { then(damage); });
    };
}

void Shards::note_damage(const ShardUse& use, const Error& error) {
    if (error.kind != ErrorKind::Damaged || use->repairing) return;
    use->repairing = true;
    pipe::spawn(loop_, repair(use, error.text));
}

Task<void> Shards::repair(ShardUse use, std::string fault) {
    auto shard = use.share();
    co_await close(shard);
    std::function<Result<void>()> job = [file = opening(*use), cell = use->writer,
                                         fault]() -> Result<void> {
        cell->it.reset();
        return rebuild_damaged({file.path, file.community}, fault, file.on_damage);
    };
    auto terms = Executor::Terms::always(monotonic_now() + rebuild_time_max);
    auto done = co_await executor_.run<void>(use->writes, std::move(job), terms);
    // Who asked meanwhile may have opened the file that was put aside.
    co_await close(shard);
    // What failed is not tried again before the community is opened anew.
    use->repairing = !done.ok();
}

}  // namespace warren::storage
