// See shards.h.
#include "workers/storage/shards.h"

#include <algorithm>
#include <filesystem>

#include "runtime/process/log.h"

namespace warren::storage {

namespace {

// Of one shard: half of what a writer's pipe has credit for, so that no shard has all of it.
constexpr unsigned calls_max = 128, calls_max_hung = 16;
constexpr std::size_t call_bytes_max = 1024 * 1024, call_bytes_max_hung = 256 * 1024;
constexpr Nanoseconds close_time_max = 10_s, checkpoint_time_max = 24 * 3600_s;
constexpr Nanoseconds look_again = 250_ms;
// A log that new commits follow all the time never ends: then they wait for once.
constexpr int log_pages_last = 4 * shard::Shard::log_pages_max;

Error not_joined() {
    return not_found("this node is not part of that community");
}

// Blocking.
bool is_there(const std::string& path) {
    return std::filesystem::exists(path);
}

std::shared_ptr<shard::WaitingLedger> make_ledger() {
    SystemRandom random;
    return std::make_shared<shard::WaitingLedger>(random);
}

}  // namespace

PublishTurn::~PublishTurn() {
    if (!held_) return;
    auto& turns = use_->turns;
    if (turns.empty()) {
        use_->publishing = false;
        return;
    }
    turns.front()->set(true);
    turns.pop_front();
}

Task<bool> PublishTurn::take(asio::io_context& loop, Nanoseconds deadline) {
    if (!use_->publishing) {
        use_->publishing = held_ = true;
        co_return true;
    }
    auto mine = std::make_shared<pipe::Promise<bool>>(loop);
    use_->turns.push_back(mine);
    auto granted = co_await mine->wait(deadline);
    held_ = granted.has_value();
    if (!held_) std::erase(use_->turns, mine);
    co_return held_;
}

Shards::Shards(asio::io_context& loop, Executor& executor, pipe::Metrics& metrics,
               const Layout& layout, Limits limits)
    : loop_(loop), executor_(executor), metrics_(metrics), layout_(layout), limits_(limits),
      waiting_(make_ledger()), freed_(std::make_shared<Signal>(loop)), gathered_(loop) {
    executor_.on_idle([this] { commit_oldest(); });
}

ShardUse Shards::use(const CommunityId& community) {
    auto found = open_.find(community);
    if (found == open_.end()) {
        if (open_.size() >= 4 * limits_.open_max) forget_unplaced();
        found = open_.emplace(community, std::make_shared<OpenShard>(community, freed_)).first;
    }
    return ShardUse(found->second);
}

void Shards::forget_unplaced() {
    std::erase_if(open_, [](const auto& entry) {
        return entry.second->users == 0 && !entry.second->placed && !entry.second->closing;
    });
}

Result<Guest> Shards::admit(const ShardUse& use, std::size_t bytes) {
    const bool hung = Executor::is_hung(use->writes) || Executor::is_hung(use->reads);
    const auto calls = hung ? calls_max_hung : calls_max;
    const auto held = hung ? call_bytes_max_hung : call_bytes_max;
    if (use->calls < calls && use->call_bytes + bytes <= std::max(held, bytes))
        return Guest(use, bytes);
    ++metrics_.counter("storage_calls_refused_total");
    return unavailable("this community's disk is not keeping up");
}

std::vector<std::shared_ptr<OpenShard>> Shards::all() const {
    std::vector<std::shared_ptr<OpenShard>> out;
    for (const auto& [id, shard] : open_)
        out.push_back(shard);
    return out;
}

Shards::Opening Shards::opening(const OpenShard& shard) const {
    return {layout_.shard_file(shard.id),
            shard.id,
            {epoch_, limits_.shard_bytes_max, shard::Check::None, wall_now_ms() / 1000,
             limits_.cache_kib, waiting_},
            reporter(),
            news_reporter()};
}

Shards::OnNews Shards::news_reporter() const {
    return [&loop = loop_, then = told_](News news) {
        if (then) asio::post(loop, [then, news = std::move(news)] { then(news); });
    };
}

Result<void> Shards::ensure_writer(Cell<shard::Shard>& cell, const Opening& opening) {
    if (cell.it) return {};
    if (!is_there(opening.path)) return not_joined();
    auto options = opening.options;
    options.check = cell.check;
    auto opened = open_or_rebuild(opening.path, opening.community, options, opening.on_damage);
    if (!opened) {
        process::log::broken("event=shard.unopened community={} reason=\"{}\"",
                             opening.community.hex(), opened.error().text);
        return std::move(opened.error());
    }
    cell.it = std::move(*opened);
    cell.check = shard::Check::None;
    return {};
}

Result<void> Shards::ensure_reader(Cell<shard::ShardReader>& cell, const Opening& opening) {
    if (cell.it) return {};
    if (!is_there(opening.path)) return not_joined();
    WARREN_TRY(cell.it, shard::ShardReader::open(opening.path, opening.community));
    return cell.it->set_cache_kib(opening.options.cache_kib);
}

// After each job of the writing strand. A file whose write failed is closed; the next call opens it
// again and proves it (R-D4).
void Shards::settle(Cell<shard::Shard>& cell, const Opening& opening) {
    News news{opening.community, cell.it->has_work(), cell.it->take_new_forks(),
              cell.it->take_judged_again(), cell.it->waiting_room().has_others()};
    const bool told = !news.forks.empty() || !news.judged_again.empty();
    if (news.has_work || news.has_waiting || told) opening.on_news(std::move(news));
    if (!cell.it->failed()) return;
    process::log::broken(
        "event=shard.write_failed community={} then=\"closed, checked at next use\"",
        opening.community.hex());
    cell.it.reset();
    cell.check = shard::Check::Quick;
}

void Shards::maintain(const ShardUse& use) {
    if (!use->maintaining) pipe::spawn(loop_, keep_log_short(use));
}

Task<void> Shards::keep_log_short(ShardUse use) {
    auto done = co_await shorten_log(use, shard::Shard::log_pages_max);
    if (!done)
        process::log::broken("event=shard.checkpoint_failed community={} reason=\"{}\"",
                             use->id.hex(), done.error().text);
}

Task<Result<void>> Shards::shorten_log(ShardUse use, int pages) {
    if (use->maintaining) co_return Result<void>{};
    use->maintaining = true;
    auto done = co_await checkpoint(use, pages);
    use->maintaining = false;
    co_return done;
}

// See checkpoint.h. Whatever goes by the disk's time runs beside, on a strand of its own; and each
// part ends before the next begins, however long it takes.
Task<Result<void>> Shards::checkpoint(ShardUse use, int pages) {
    const auto terms = Executor::Terms::always(monotonic_now() + checkpoint_time_max);
    using Log = std::optional<bool>;  // whether it is far too long; nothing: it is short
    std::function<Result<Log>()> look = [cell = use->writer, pages]() -> Result<Log> {
        if (!cell->it || cell->it->unmoved_pages() < pages) return Log();
        return Log(cell->it->log_pages() >= log_pages_last);
    };
    WARREN_CO_TRY(auto log, co_await executor_.run<Log>(use->writes, std::move(look), terms));
    if (!log) co_return Result<void>{};

    auto beside = Executor::make_strand(use->id.hex());
    auto pin = std::make_shared<std::optional<shard::LogPin>>();
    std::function<Result<void>()> take = [path = opening(*use).path, pin,
                                          hold = !*log]() -> Result<void> {
        WARREN_TRY(auto taken, shard::LogPin::take(path));
        WARREN_TRY_VOID(taken.sync_log());
        if (hold) pin->emplace(std::move(taken));
        return {};
    };
    WARREN_CO_TRY_VOID(co_await executor_.run<void>(beside, std::move(take), terms));
    auto moved = co_await move_log(use, pin, terms);
    std::function<Result<void>()> sync = [pin]() -> Result<void> {
        if (!*pin) return {};
        WARREN_TRY_VOID((*pin)->sync_file());
        pin->reset();
        return {};
    };
    auto synced = co_await executor_.run<void>(beside, std::move(sync), terms);
    if (synced) co_return moved;
    std::function<void()> distrust = [opening = opening(*use), cell = use->writer, pin] {
        if (cell->it) {
            cell->it->distrust();
            settle(*cell, opening);
        }
        pin->reset();
    };
    (void)co_await close_cell(use->writes, std::move(distrust), terms.deadline);
    co_return synced;
}

// Without a pin all at once: a log only begins anew when the file has all of it.
Task<Result<void>> Shards::move_log(ShardUse use, std::shared_ptr<std::optional<shard::LogPin>> pin,
                                    Executor::Terms terms) {
    std::function<Result<Nanoseconds>()> move = [opening = opening(*use), cell = use->writer,
                                                 pin]() -> Result<Nanoseconds> {
        const auto began = monotonic_now();
        if (!cell->it) return Nanoseconds{0};
        auto done = *pin ? cell->it->move_log(**pin) : cell->it->maintain(1);
        settle(*cell, opening);
        if (!done) return std::move(done.error());
        return monotonic_now() - began;
    };
    auto took = co_await executor_.run<Nanoseconds>(use->writes, std::move(move), terms);
    if (!took) co_return std::move(took.error());
    metrics_.observe_us("storage_checkpoint_seconds", static_cast<std::uint64_t>(*took / 1000));
    co_return Result<void>{};
}

Task<Result<void>> Shards::ensure_open(ShardUse use, Nanoseconds deadline, Priority asker) {
    if (use->leaving) co_return not_joined();
    // Once open, readers need not queue behind commits.
    if (use->root && !use->closing) co_return Result<void>{};
    if (!co_await take_place(use, deadline, asker))
        co_return Error{ErrorKind::Expired, "too many communities are in use at once"};
    std::function<Result<shard::ShardRoot>()> job =
        [opening = opening(*use), cell = use->writer]() -> Result<shard::ShardRoot> {
        WARREN_TRY_VOID(ensure_writer(*cell, opening));
        auto root = cell->it->root();
        settle(*cell, opening);
        return root;
    };
    Executor::Terms terms(deadline, Priority::Opening);
    auto root = co_await executor_.run<shard::ShardRoot>(use->writes, std::move(job), terms);
    if (!root) co_return std::move(root.error());
    if (!use->root) use->root = *root;
    co_return Result<void>{};
}

Task<Result<void>> Shards::make_durable(ShardUse use, Nanoseconds deadline, Priority priority) {
    std::function<Result<bool>()> job = [opening = opening(*use),
                                         cell = use->writer]() -> Result<bool> {
        if (!cell->it) return !is_there(opening.path + "-wal");
        auto done = cell->it->make_durable();
        settle(*cell, opening);
        if (!done) return std::move(done.error());
        return true;
    };
    Executor::Terms terms(deadline, priority);
    auto done = co_await executor_.run<bool>(use->writes, std::move(job), terms);
    if (!done) co_return std::move(done.error());
    if (*done) co_return Result<void>{};
    // Its last closing did not bring the log into the file; opening does.
    std::function<Result<void>(shard::Shard&)> open = [](shard::Shard& shard) {
        return shard.make_durable();
    };
    co_return co_await write<void>(std::move(use), std::move(open), deadline, priority);
}

Task<Result<void>> Shards::close_cell(Executor::Strand strand, std::function<void()> reset,
                                      Nanoseconds deadline) {
    std::function<Result<void>()> job = [reset = std::move(reset)]() -> Result<void> {
        reset();
        return {};
    };
    auto terms = Executor::Terms::always(deadline);
    co_return co_await executor_.run<void>(std::move(strand), std::move(job), terms);
}

// Readers first: the writer's close is then the last one, and leaves one file without a log.
// Whoever asks meanwhile opens it again on the same strands, so there never are two writers.
Task<void> Shards::close(std::shared_ptr<OpenShard> shard) {
    begin_closing(*shard);
    co_await finish_closing(std::move(shard));
}

void Shards::begin_closing(OpenShard& shard) {
    shard.closing = true;
    ++closing_;
}

Task<void> Shards::finish_closing(std::shared_ptr<OpenShard> shard) {
    auto deadline = monotonic_now() + close_time_max;
    std::function<void()> close_reader = [cell = shard->reader] { cell->it.reset(); };
    std::function<void()> close_writer = [cell = shard->writer] {
        if (cell->it) (void)cell->it->save_sums();
        cell->it.reset();
    };
    (void)co_await close_cell(shard->reads, std::move(close_reader), deadline);
    auto closed = co_await close_cell(shard->writes, std::move(close_writer), deadline);
    shard->closing = false;
    shard->root.reset();
    --closing_;
    if (closed && shard->users == 0 && shard->placed) unplace(*shard);
    freed_->notify();
}

Task<bool> Shards::retire(std::shared_ptr<OpenShard> shard, Nanoseconds deadline) {
    while (shard->users > 0 && !Executor::is_hung(shard->writes)) {
        if (monotonic_now() >= deadline) co_return false;
        // A shard that hangs tells nobody: looked at again now and then.
        (void)co_await freed_->wait(std::min(deadline, monotonic_now() + look_again));
    }
    if (Executor::is_hung(shard->writes) || Executor::is_hung(shard->reads)) co_return false;
    if (shard->placed) co_await close(shard);
    co_return !shard->placed;
}

}  // namespace warren::storage
