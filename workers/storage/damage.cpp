// See damage.h.
#include "workers/storage/damage.h"

#include "runtime/process/log.h"
#include "workers/storage/shards.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds rebuild_time_max = 600_s;

Result<shard::Rebuilt> told(std::string name, const std::string& fault,
                            Result<shard::Rebuilt> rebuilt, const OnDamage& tell) {
    Damage damage{std::move(name), fault, rebuilt.ok(), {}};
    if (rebuilt) {
        damage.saved = *rebuilt;
        process::log::broken(
            "event=shard.rebuilt shard={} reason=\"{}\" records={} refused={} set_aside={}",
            damage.shard, fault, rebuilt->records, rebuilt->refused, rebuilt->set_aside);
    } else {
        process::log::broken("event=shard.rebuild_failed shard={} reason=\"{}\" error=\"{}\"",
                             damage.shard, fault, rebuilt.error().text);
    }
    if (tell) tell(damage);
    return rebuilt;
}

}  // namespace

Result<shard::Rebuilt> rebuild_damaged(const DamagedFile& file, const std::string& fault,
                                       const OnDamage& tell) {
    if (!shard::file_exists(file.path)) return not_found("this node is not part of that community");
    return told(file.community.hex(), fault, shard::rebuild(file.path, file.community, file.epoch),
                tell);
}

Result<std::unique_ptr<shard::Shard>> open_or_rebuild(const std::string& path,
                                                      const CommunityId& community,
                                                      const shard::ShardOptions& options,
                                                      const OnDamage& tell) {
    WARREN_TRY_VOID(shard::finish_rebuild(path));
    auto opened = shard::Shard::open(path, community, options);
    if (opened || opened.error().kind != ErrorKind::Damaged) return opened;
    WARREN_TRY_VOID(rebuild_damaged({path, community, options.epoch}, opened.error().text, tell));
    return shard::Shard::open(path, community, options);
}

Result<std::unique_ptr<shard::NodeShard>> open_or_rebuild_node(const std::string& path,
                                                               const shard::Epoch& epoch,
                                                               shard::Check check,
                                                               const OnDamage& tell) {
    WARREN_TRY_VOID(shard::finish_rebuild(path));
    auto opened = shard::NodeShard::open(path, epoch, check);
    if (opened || opened.error().kind != ErrorKind::Damaged) return opened;
    WARREN_TRY_VOID(told("node", opened.error().text, shard::rebuild_node(path), tell));
    return shard::NodeShard::open(path, epoch, shard::Check::None);
}

// The report is made on a thread of the pool, and told on the loop.
OnDamage Shards::reporter() const {
    return [&loop = loop_, then = damaged_](const Damage& damage) {
        if (then) asio::post(loop, [then, damage] { then(damage); });
    };
}

// What failed once is not tried again by itself before the community was out of use.
void Shards::note_damage(const ShardUse& use, const Error& error) {
    if (error.kind != ErrorKind::Damaged || use->repairing || use->beyond_repair) return;
    auto repair = [](Shards& self, ShardUse shard, std::string fault) -> Task<void> {
        (void)co_await self.rebuild(shard, std::move(fault));
    };
    pipe::spawn(loop_, repair(*this, use, error.text));
}

Task<Result<shard::Rebuilt>> Shards::rebuild(ShardUse use, std::string fault) {
    if (use->repairing) co_return Error{ErrorKind::Exists, "this file is being rebuilt already"};
    if (use->leaving) co_return not_found("this node is not part of that community");
    use->repairing = true;
    auto shard = use.share();
    co_await close(shard);
    std::function<Result<shard::Rebuilt>()> job = [file = opening(*use), cell = use->writer,
                                                   fault = std::move(fault)] {
        cell->it.reset();
        return rebuild_damaged({file.path, file.community, file.options.epoch}, fault,
                               file.on_damage);
    };
    auto terms = Executor::Terms::always(monotonic_now() + rebuild_time_max);
    auto done = co_await executor_.run<shard::Rebuilt>(use->writes, std::move(job), terms);
    // Who asked meanwhile may have opened the file that was put aside.
    co_await close(shard);
    use->repairing = false;
    use->beyond_repair = !done.ok();
    co_return done;
}

}  // namespace warren::storage
