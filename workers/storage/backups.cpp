// Backups of the node. Each storage worker copies the communities of its slots and says in a part
// of the manifest what it copied; the worker of slot 0 joins the parts. See storage-shard/backup.h.
#include <algorithm>
#include <filesystem>
#include <set>

#include "runtime/process/log.h"
#include "workers/storage/tools.h"

namespace warren::storage {

namespace fs = std::filesystem;

namespace {

constexpr Nanoseconds look_again = 200_ms, others_time_max = 600'000_ms;
constexpr Nanoseconds store_time_max = 30_s;

std::string part_of(const std::string& folder, std::uint16_t worker) {
    return folder + "/worker-" + std::to_string(worker);
}

// Blocking. A part is a manifest in a folder of its own.
Result<void> make_folder(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return io_error("cannot make " + path + ": " + error.message());
    fs::permissions(path, fs::perms::owner_all, error);
    return shard::sync_folder_of(path);
}

BackupRow row_of(const std::string& folder, const std::string& name) {
    BackupRow out;
    out.name = name;
    auto manifest = shard::read_manifest(folder);
    if (!manifest) return out;
    out.whole = true;
    out.created_ms = manifest->created_ms;
    for (const auto& entry : manifest->entries) {
        out.bytes += entry.bytes;
        out.damaged += entry.damaged;
        if (entry.kind != StreamKind::Records) continue;
        ++out.communities;
        out.records += entry.items;
    }
    return out;
}

}  // namespace

std::vector<std::uint16_t> Tools::storage_workers() const {
    const auto& workers = host_.slots().workers;
    std::set<std::uint16_t> out(workers.begin(), workers.end());
    return {out.begin(), out.end()};
}

Task<Result<std::vector<BackupRow>>> Tools::list_backups(Nanoseconds deadline) {
    std::function<Result<std::vector<BackupRow>>()> job =
        [root = settings_.backup_dir]() -> Result<std::vector<BackupRow>> {
        std::vector<BackupRow> out;
        std::error_code error;
        for (fs::directory_iterator at(root, error), end; !error && at != end; at.increment(error))
            if (auto name = at->path().filename().string(); shard::is_backup_name(name))
                out.push_back(row_of(at->path().string(), name));
        std::ranges::sort(out, {}, &BackupRow::name);
        return out;
    };
    co_return co_await executor_.run<std::vector<BackupRow>>(backups_, std::move(job), deadline);
}

// The manifest goes first: what is half deleted is no backup.
Task<Result<void>> Tools::delete_backup(std::string name, Nanoseconds deadline) {
    if (!shard::is_backup_name(name)) co_return not_found("there is no backup of that name");
    for (const auto& task : tasks_.rows())
        if (task->subject == name && task->state == TaskState::Running)
            co_return Error{ErrorKind::Exists, "this backup is being made or restored"};
    std::function<Result<void>()> job = [folder = folder_of(name)]() -> Result<void> {
        std::error_code error;
        if (!fs::is_directory(folder, error)) return not_found("there is no backup of that name");
        fs::remove(folder + "/manifest", error);
        if (error) return io_error("cannot delete the manifest: " + error.message());
        WARREN_TRY_VOID(shard::sync_folder_of(folder + "/manifest"));
        fs::remove_all(folder, error);
        if (error) return io_error("cannot delete " + folder + ": " + error.message());
        return {};
    };
    co_return co_await executor_.run<void>(backups_, std::move(job), deadline);
}

Task<void> Tools::back_up(Tracked task, std::string name) {
    auto folder = folder_of(name);
    auto workers = storage_workers();
    auto version = host_.slots().version;
    auto own = co_await back_up_own(task, folder);
    if (!own) co_return task->fail(own.error().text);
    std::function<Result<void>()> tell = [path = part_of(folder, host_.index()),
                                          manifest = *own]() -> Result<void> {
        WARREN_TRY_VOID(make_folder(path));
        return shard::write_manifest(path, manifest);
    };
    auto told = co_await bulk<void>(backups_, std::move(tell));
    if (!told) co_return task->fail(told.error().text);
    if (!worker_.owns(process::node_slot))
        co_return task->finish("this worker's communities are copied");
    auto whole = co_await gather(folder, workers);
    if (!whole) co_return task->fail(whole.error().text);
    if (host_.slots().version != version)
        co_return task->fail("slots moved meanwhile; delete this backup and make it again");
    std::function<Result<void>()> seal = [folder, manifest = *whole, workers]() -> Result<void> {
        WARREN_TRY_VOID(shard::write_manifest(folder, manifest));
        std::error_code ignored;
        for (auto worker : workers)
            fs::remove_all(part_of(folder, worker), ignored);
        return {};
    };
    auto sealed = co_await bulk<void>(backups_, std::move(seal));
    if (!sealed) co_return task->fail(sealed.error().text);
    process::log::info("event=backup.made name={} files={}", name, whole->entries.size());
    task->finish(std::to_string(whole->entries.size()) + " files");
}

Task<Result<shard::Manifest>> Tools::back_up_own(Tracked task, std::string folder) {
    std::function<Result<void>()> prepare =
        [folder, own = part_of(folder, host_.index())]() -> Result<void> {
        if (fs::exists(folder + "/manifest") || fs::exists(own))
            return Error{ErrorKind::Exists, "there is a backup of that name already"};
        return make_folder(folder);
    };
    auto prepared = co_await bulk<void>(backups_, std::move(prepare));
    if (!prepared) co_return std::move(prepared.error());
    auto files = co_await own_files();
    if (!files) co_return std::move(files.error());
    std::erase_if(*files, [](const auto& file) { return file.presence != Presence::Joined; });
    task->total = files->size();
    shard::Manifest out{wall_now_ms(), {}};
    for (const auto& file : *files) {
        auto entry = co_await back_up_one(task, file.community, folder);
        if (!entry) co_return std::move(entry.error());
        out.entries.push_back(*entry);
        ++task->done;
    }
    if (!worker_.owns(process::node_slot)) co_return out;
    auto node = co_await back_up_node(folder);
    if (!node) co_return std::move(node.error());
    out.entries.push_back(*node);
    co_return out;
}

// Opened by its writer first: that one brings log and shape up to date.
Task<Result<shard::BackupEntry>> Tools::back_up_one(Tracked task, CommunityId community,
                                                    std::string folder) {
    (void)task;
    auto root = co_await root_of(community);
    if (!root) co_return std::move(root.error());
    using Copy = std::shared_ptr<shard::CommunityBackup>;
    auto strand = Executor::make_strand("backup of " + community.hex());
    std::function<Result<Copy>()> begin = [path = layout_.shard_file(community), community,
                                           folder]() -> Result<Copy> {
        WARREN_TRY(auto copy, shard::CommunityBackup::begin(path, community, folder));
        return std::make_shared<shard::CommunityBackup>(std::move(copy));
    };
    auto copy = co_await bulk<Copy>(strand, std::move(begin));
    if (!copy) co_return std::move(copy.error());
    for (bool more = true; more;) {
        std::function<Result<bool>()> step = [copy = *copy] { return copy->step(); };
        auto stepped = co_await bulk<bool>(strand, std::move(step));
        if (!stepped) co_return std::move(stepped.error());
        more = *stepped;
    }
    co_return (*copy)->entry();
}

Task<Result<shard::BackupEntry>> Tools::back_up_node(std::string folder) {
    shard::BackupEntry entry;
    entry.kind = StreamKind::Node;
    auto path = folder + "/" + file_name(entry);
    std::function<Result<std::shared_ptr<shard::StreamWriter>>()> create =
        [path]() -> Result<std::shared_ptr<shard::StreamWriter>> {
        WARREN_TRY(auto writer, shard::StreamWriter::create(path, {StreamKind::Node, {}, {}}));
        return std::make_shared<shard::StreamWriter>(std::move(writer));
    };
    auto writer = co_await bulk<std::shared_ptr<shard::StreamWriter>>(backups_, std::move(create));
    if (!writer) co_return std::move(writer.error());
    Infohash after;
    for (bool more = true; more;) {
        auto page = co_await worker_.downloads(after, monotonic_now() + step_time_max);
        if (!page) co_return std::move(page.error());
        more = page->more && !page->rows.empty();
        if (!page->rows.empty()) after = page->rows.back().infohash;
        std::function<Result<void>()> add = [writer = *writer,
                                             rows = std::move(page->rows)]() -> Result<void> {
            std::vector<Bytes> items;
            for (const auto& row : rows)
                items.push_back(encode(row));
            return writer->add(items);
        };
        auto added = co_await bulk<void>(backups_, std::move(add));
        if (!added) co_return std::move(added.error());
    }
    std::function<Result<void>()> finish = [writer = *writer] { return writer->finish(); };
    auto finished = co_await bulk<void>(backups_, std::move(finish));
    if (!finished) co_return std::move(finished.error());
    entry.items = (*writer)->items();
    entry.bytes = (*writer)->bytes();
    entry.digest = (*writer)->digest();
    co_return entry;
}

Task<Result<shard::Manifest>> Tools::gather(std::string folder,
                                            std::vector<std::uint16_t> workers) {
    using Parts = std::optional<shard::Manifest>;
    const auto deadline = monotonic_now() + others_time_max;
    while (monotonic_now() < deadline) {
        std::function<Result<Parts>()> look = [folder, workers]() -> Result<Parts> {
            shard::Manifest out{wall_now_ms(), {}};
            for (auto worker : workers) {
                auto part = shard::read_manifest(part_of(folder, worker));
                if (!part && part.error().kind == ErrorKind::NotFound) return Parts{};
                if (!part) return std::move(part.error());
                std::ranges::move(part->entries, std::back_inserter(out.entries));
            }
            return Parts{std::move(out)};
        };
        auto parts = co_await bulk<Parts>(backups_, std::move(look));
        if (!parts) co_return std::move(parts.error());
        if (*parts) co_return std::move(**parts);
        co_await pipe::sleep_for(host_.io(), look_again);
    }
    co_return unavailable("another storage worker did not finish its part");
}

// Nothing changes before all of the backup was read and is as its manifest says.
Task<void> Tools::restore(Tracked task, std::string name) {
    auto folder = folder_of(name);
    std::function<Result<shard::Manifest>()> read = [folder] {
        return shard::read_manifest(folder);
    };
    auto manifest = co_await bulk<shard::Manifest>(backups_, std::move(read));
    if (!manifest) co_return task->fail(manifest.error().text);
    for (const auto& entry : manifest->entries) {
        std::function<Result<void>()> verify = [folder, entry] {
            return shard::verify_stream(folder, entry);
        };
        auto verified = co_await bulk<void>(backups_, std::move(verify));
        if (!verified) co_return task->fail(verified.error().text + "; nothing was changed");
    }
    for (const auto& entry : manifest->entries)
        if (worker_.owns(process::slot_of(entry.community))) task->total += entry.items;
    std::string failed;
    for (const auto& entry : manifest->entries) {
        auto slot =
            entry.kind == StreamKind::Node ? process::node_slot : process::slot_of(entry.community);
        if (!worker_.owns(slot)) continue;
        auto restored = co_await restore_one(task, folder, entry);
        if (!restored) failed += file_name(entry) + ": " + restored.error().text + "; ";
    }
    if (!failed.empty()) co_return task->fail(failed + "run it again: what is there is kept");
    process::log::info("event=backup.restored name={} items={}", name, task->done);
    task->finish(std::to_string(task->done) + " items are there");
}

Task<Result<void>> Tools::restore_one(Tracked task, std::string folder, shard::BackupEntry entry) {
    auto path = folder + "/" + file_name(entry);
    if (entry.kind == StreamKind::Node) co_return co_await restore_node(task, path);
    // Leaving it was newer than the backup.
    if (layout_.presence(entry.community) == Presence::Left) co_return Result<void>{};
    using Reader = std::shared_ptr<shard::StreamReader>;
    std::function<Result<Reader>()> open = [path]() -> Result<Reader> {
        WARREN_TRY(auto reader, shard::StreamReader::open(path));
        return std::make_shared<shard::StreamReader>(std::move(reader));
    };
    auto reader = co_await bulk<Reader>(backups_, std::move(open));
    if (!reader) co_return std::move(reader.error());
    auto details = shard::decode_stream_details((*reader)->head().details, entry.community);
    if (!details) co_return std::move(details.error());
    const bool absent = layout_.presence(entry.community) == Presence::Unknown;
    auto joined =
        co_await worker_.join(entry.community, details->founder, monotonic_now() + step_time_max);
    if (!joined) co_return joined;
    using Items = std::optional<std::vector<Bytes>>;
    if (absent && details->floor > 0) {
        std::function<Result<void>(shard::Shard&)> adopt =
            [floor = details->floor](shard::Shard& shard) { return shard.adopt_floor(floor); };
        auto adopted = co_await bulk_write<void>(shards_.use(entry.community), std::move(adopt));
        if (!adopted) co_return adopted;
    }
    while (true) {
        if (!serves(entry.community)) co_return moved_away();
        std::function<Result<Items>()> next = [reader = *reader] { return reader->next(); };
        auto items = co_await bulk<Items>(backups_, std::move(next));
        if (!items) co_return std::move(items.error());
        if (!*items) break;
        std::vector<std::uint16_t> sizes;
        Bytes blob;
        for (const auto& item : **items) {
            sizes.push_back(static_cast<std::uint16_t>(item.size()));
            append(blob, item);
        }
        pipe::Frame keep(std::move(blob));
        std::vector<ByteView> views;
        std::size_t at = 0;
        for (auto size : sizes) {
            views.push_back(keep.view().subspan(at, size));
            at += size;
        }
        StoreRecords records{entry.community, std::move(views), std::move(keep)};
        auto stored = co_await shards_.store(shards_.use(entry.community), std::move(records),
                                             monotonic_now() + store_time_max);
        if (!stored) co_return std::move(stored.error());
        task->done += stored->size();
    }
    // Synced, so all before it is; and what was told to users is durable again.
    auto rule = absent ? details->rule : std::optional<shard::Retention>{};
    std::function<Result<void>(shard::Shard&)> seal = [rule](shard::Shard& shard) -> Result<void> {
        if (rule) WARREN_TRY_VOID(shard.set_retention(rule));
        return shard.checkpoint_for_close();
    };
    co_return co_await bulk_write<void>(shards_.use(entry.community), std::move(seal));
}

Task<Result<void>> Tools::restore_node(Tracked task, std::string path) {
    std::function<Result<std::vector<Bytes>>()> read = [path]() -> Result<std::vector<Bytes>> {
        std::vector<Bytes> out;
        WARREN_TRY(auto reader, shard::StreamReader::open(path));
        while (true) {
            WARREN_TRY(auto items, reader.next());
            if (!items) return out;
            std::ranges::move(*items, std::back_inserter(out));
        }
    };
    auto items = co_await bulk<std::vector<Bytes>>(backups_, std::move(read));
    if (!items) co_return std::move(items.error());
    for (const auto& item : *items) {
        auto download = shard::decode_download(item);
        if (!download) co_return std::move(download.error());
        auto put = co_await worker_.restore_download(std::move(*download),
                                                     monotonic_now() + step_time_max);
        if (!put) co_return put;
        ++task->done;
    }
    co_return Result<void>{};
}

}  // namespace warren::storage
