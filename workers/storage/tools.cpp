// Lists, checks, compaction, rebuilding, exports. See tools.h.
#include "workers/storage/tools.h"

#include <algorithm>
#include <filesystem>

#include "runtime/process/log.h"

namespace warren::storage {

namespace {

constexpr std::size_t rows_a_page = 200;
constexpr std::size_t part_bytes = 192 * 1024;
constexpr std::size_t export_bytes_max = 192 * 1024;
constexpr std::size_t shrink_pages_least = 8, shrink_pages_most = 1024;
constexpr Nanoseconds look_time_max = 200_ms;      // at one file
constexpr Nanoseconds pause_between_steps = 1_ms;  // of compaction

std::uint64_t size_of(const std::string& path) {
    std::error_code gone;
    auto bytes = std::filesystem::file_size(path, gone);
    return gone ? 0 : bytes;
}

// Blocking.
ShardRow look_at(const std::string& path, const FileOnDisk& file) {
    ShardRow out;
    out.community = file.community;
    out.bytes = file.bytes;
    out.log_bytes = size_of(path + "-wal");
    if (file.presence == Presence::Left) {
        out.state = ShardState::Left;
        return out;
    }
    auto walk = shard::ShardWalk::open(path, file.community, shard::ShardWalk::Sees::TheMoment);
    if (!walk) {
        if (walk.error().kind == ErrorKind::Damaged) out.state = ShardState::Damaged;
        return out;
    }
    (*walk)->set_deadline(monotonic_now() + look_time_max);
    auto facts = (*walk)->facts();
    if (facts) out.facts = std::move(*facts);
    return out;
}

struct Looked {
    std::vector<ShardRow> rows;
    bool more = false;
};

}  // namespace

Tools::Tools(pipe::Host& host, Executor& executor, Shards& shards, const Layout& layout,
             Settings settings, Worker worker)
    : host_(host), executor_(executor), shards_(shards), layout_(layout),
      settings_(std::move(settings)), worker_(std::move(worker)), stopped_(host.io()) {}

Task<Result<std::vector<FileOnDisk>>> Tools::own_files() {
    std::function<Result<std::vector<FileOnDisk>>()> job =
        [&layout = layout_]() -> Result<std::vector<FileOnDisk>> { return layout.list(); };
    auto all = co_await bulk<std::vector<FileOnDisk>>(looking_, std::move(job));
    if (!all) co_return all;
    std::erase_if(*all, [this](const FileOnDisk& file) {
        return !worker_.owns(process::slot_of(file.community));
    });
    std::ranges::sort(*all, {}, &FileOnDisk::community);
    co_return all;
}

Task<Result<ShardPage>> Tools::list(CommunityId after, Nanoseconds deadline) {
    auto files = co_await own_files();
    if (!files) co_return std::move(files.error());
    std::function<Result<Looked>()> job = [&layout = layout_, files = std::move(*files),
                                           after]() -> Result<Looked> {
        Looked out;
        for (const auto& file : files) {
            if (!after.is_zero() && file.community <= after) continue;
            if (out.rows.size() == rows_a_page) {
                out.more = true;
                break;
            }
            auto path = file.presence == Presence::Left ? layout.left_file(file.community)
                                                        : layout.shard_file(file.community);
            out.rows.push_back(look_at(path, file));
        }
        return out;
    };
    auto looked = co_await executor_.run<Looked>(looking_, std::move(job), deadline);
    if (!looked) co_return std::move(looked.error());
    ShardPage out{std::move(looked->rows), looked->more, {}};
    for (const auto& open : shards_.all())
        for (auto& row : out.rows)
            if (row.community == open->id && open->placed) row.state = ShardState::Open;
    for (auto& row : out.rows)
        row.bytes_max = settings_.shard_bytes_max;
    if (!worker_.owns(process::node_slot) || !after.is_zero()) co_return out;
    std::function<Result<DiskUsage>()> count = [settings = settings_]() -> Result<DiskUsage> {
        return disk_usage(settings.state_dir, settings.backup_dir);
    };
    auto usage = co_await executor_.run<DiskUsage>(looking_, std::move(count), deadline);
    if (!usage) co_return std::move(usage.error());
    out.usage = *usage;
    co_return out;
}

Task<Result<ExportPart>> Tools::export_part(CommunityId community, RecordRef after,
                                            std::size_t bytes_max, Nanoseconds deadline) {
    auto use = shards_.use(community);
    auto opened =
        co_await shards_.ensure_open(use, deadline);  // by its writer: brings it up to date
    if (!opened) co_return std::move(opened.error());
    auto path = layout_.shard_file(community);
    std::function<Result<ExportPart>()> job = [path, community, after,
                                               bytes_max]() -> Result<ExportPart> {
        WARREN_TRY(auto walk,
                   shard::ShardWalk::open(path, community, shard::ShardWalk::Sees::TheMoment));
        WARREN_TRY(auto details, walk->details());
        WARREN_TRY(auto part, walk->next(after, std::min(bytes_max, export_bytes_max)));
        return ExportPart{std::move(part), encode(details)};
    };
    co_return co_await executor_.run<ExportPart>(looking_, std::move(job), deadline);
}

Task<Result<void>> Tools::set_retention(CommunityId community, std::optional<shard::Retention> rule,
                                        Nanoseconds deadline) {
    std::function<Result<void>(shard::Shard&)> work = [rule](shard::Shard& shard) {
        return shard.set_retention(rule);
    };
    auto set = co_await shards_.write<void>(shards_.use(community), std::move(work), deadline);
    if (!set) co_return set;
    (void)start(TaskKind::Prune, community, "");  // under way already: it asks for the rule anew
    co_return Result<void>{};
}

Task<Result<RetentionInForce>> Tools::retention(CommunityId community, Nanoseconds deadline) {
    std::function<Result<RetentionInForce>(shard::Shard&)> work =
        [fallback = settings_.retention](shard::Shard& shard) -> Result<RetentionInForce> {
        WARREN_TRY(auto own, shard.retention());
        return RetentionInForce{own.value_or(fallback), own.has_value()};
    };
    if (community == protocol::directory_community()) co_return RetentionInForce{};
    co_return co_await shards_.write<RetentionInForce>(shards_.use(community), std::move(work),
                                                       deadline);
}

Result<void> Tools::start(TaskKind kind, const CommunityId& community, const std::string& name) {
    bool named = kind == TaskKind::Backup || kind == TaskKind::Restore;
    if (named && !shard::is_backup_name(name))
        return bad_input("a backup's name is 1 to 64 letters, digits, '-', '_' or '.'");
    WARREN_TRY(auto task, tasks_.begin(kind, named ? name : community.hex()));
    switch (kind) {
    case TaskKind::Check: pipe::spawn(host_.io(), check(task, community)); break;
    case TaskKind::Compact: pipe::spawn(host_.io(), compact(task, community)); break;
    case TaskKind::Prune: pipe::spawn(host_.io(), prune(task, community)); break;
    case TaskKind::Rebuild: pipe::spawn(host_.io(), rebuild(task, community)); break;
    case TaskKind::Backup: pipe::spawn(host_.io(), back_up(task, name)); break;
    case TaskKind::Restore: pipe::spawn(host_.io(), restore(task, name)); break;
    }
    return {};
}

Task<void> Tools::check(Tracked task, CommunityId community) {
    auto found = co_await check_records(task, community);
    if (found)
        task->finish(std::move(*found));
    else
        task->fail(found.error().text);
    if (!found) {
        process::log::broken("event=shard.check_failed community={} reason=\"{}\"", community.hex(),
                             found.error().text);
        shards_.note_damage(shards_.use(community), found.error());
    }
}

Task<Result<shard::ShardRoot>> Tools::root_of(CommunityId community) {
    std::function<Result<shard::ShardRoot>(shard::Shard&)> work =
        [](shard::Shard& shard) -> Result<shard::ShardRoot> { return shard.root(); };
    co_return co_await bulk_write<shard::ShardRoot>(shards_.use(community), std::move(work));
}

// On a connection and a strand of its own: the shard serves meanwhile.
Task<Result<std::string>> Tools::check_records(Tracked task, CommunityId community) {
    using Walk = std::shared_ptr<shard::ShardWalk>;
    auto before = co_await root_of(community);
    if (!before) co_return std::move(before.error());
    auto strand = Executor::make_strand("check " + community.hex());
    std::function<Result<Walk>()> open = [path = layout_.shard_file(community),
                                          community]() -> Result<Walk> {
        WARREN_TRY(auto walk,
                   shard::ShardWalk::open(path, community, shard::ShardWalk::Sees::Snapshot));
        WARREN_TRY(auto structure, walk->structure());
        if (!structure.empty()) return damaged("the file's structure: " + structure);
        return Walk(std::move(walk));
    };
    auto walk = co_await bulk<Walk>(strand, std::move(open));
    if (!walk) co_return std::move(walk.error());
    std::function<Result<shard::ShardWalk::Totals>()> count = [walk = *walk] {
        return walk->totals();
    };
    auto totals = co_await bulk<shard::ShardWalk::Totals>(strand, std::move(count));
    if (!totals) co_return std::move(totals.error());
    task->total = totals->keys;
    auto key = protocol::fingerprint_key(community, before->epoch);
    protocol::RangeSum sum;
    RecordRef after;
    for (bool more = true; more;) {
        std::function<Result<shard::ShardWalk::Part>()> next = [walk = *walk, after] {
            return walk->next(after, part_bytes);
        };
        auto part = co_await bulk<shard::ShardWalk::Part>(strand, std::move(next));
        if (!part) co_return std::move(part.error());
        if (part->damaged > 0) co_return damaged(part->fault);
        for (const auto& packet : part->records)
            if (auto record = protocol::decode_record(packet))
                sum.add(protocol::element_value(key, record->id));
        task->done += part->records.size();
        after = part->last;
        more = part->more;
    }
    if (totals->keys != totals->bodies)
        co_return damaged(std::to_string(totals->keys) + " keys, but " +
                          std::to_string(totals->bodies) + " bodies");
    auto now = co_await root_of(community);
    if (!now) co_return std::move(now.error());
    auto text = std::to_string(task->done) + " records, each as it was signed";
    if (now->sum != before->sum || now->epoch != before->epoch)
        co_return text + "; records came meanwhile, so sums were not compared";
    if (sum != now->sum) co_return damaged("the sums in memory are not those of the file");
    co_return text + "; sums agree";
}

// The file grew by its free pages and gives them back from its end, some at a time.
Task<void> Tools::compact(Tracked task, CommunityId community) {
    auto pages = shrink_pages_least;
    for (bool more = true; more;) {
        struct Step {
            bool more = false;
            Nanoseconds took = 0;
        };
        std::function<Result<Step>(shard::Shard&)> work =
            [pages](shard::Shard& shard) -> Result<Step> {
            auto began = monotonic_now();
            WARREN_TRY(bool left, shard.shrink(pages));
            return Step{left, monotonic_now() - began};
        };
        auto step = co_await bulk_write<Step>(shards_.use(community), std::move(work));
        if (!step) co_return task->fail(step.error().text);
        task->done += pages;
        pages = step->took > shard::PruneBudget::goal ? pages / 2 : pages * 2;
        pages = std::clamp(pages, shrink_pages_least, shrink_pages_most);
        more = step->more;
        co_await pipe::sleep_for(host_.io(), pause_between_steps);
    }
    std::function<Result<void>(shard::Shard&)> last = [](shard::Shard& shard) {
        return shard.checkpoint_for_close();
    };
    auto done = co_await bulk_write<void>(shards_.use(community), std::move(last));
    if (!done) co_return task->fail(done.error().text);
    task->total = task->done;
    task->finish("the file holds no free pages");
}

Task<void> Tools::rebuild(Tracked task, CommunityId community) {
    auto use = shards_.use(community);
    if (!serves(community)) co_return task->fail(moved_away().text);
    auto rebuilt = co_await shards_.rebuild(use, "asked for by the operator");
    if (!rebuilt) co_return task->fail(rebuilt.error().text);
    task->done = task->total = rebuilt->records;
    worker_.index_anew(use);
    worker_.compare_with_peers(community);
    task->finish(std::to_string(rebuilt->records) + " records kept, " +
                 std::to_string(rebuilt->refused) + " refused; the file before is " +
                 rebuilt->set_aside);
}

}  // namespace warren::storage
