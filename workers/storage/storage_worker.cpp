// Starting, slots, stopping. See storage_worker.h.
#include "workers/storage/storage_worker.h"

#include <algorithm>
#include <set>

#include "runtime/process/log.h"

namespace warren::storage {

namespace {

constexpr Nanoseconds start_time_max = 20_s;
constexpr Nanoseconds close_time_max = 5_s;

}  // namespace

StorageWorker::StorageWorker(pipe::Host& host)
    : host_(host), settings_(StorageSettings::from(host.settings())), layout_(settings_.state_dir),
      executor_(host.io(), host.metrics(), {settings_.threads, settings_.threads_max}),
      shards_(host.io(), executor_, host.metrics(), layout_,
              {settings_.open_shards_max, settings_.shard_bytes_max, settings_.cache_kib()}),
      intake_(host.io(), executor_, host.metrics(), layout_, shards_, host.epoch(), {}),
      restored_(host.io()),
      slots_(host.io(), executor_, host.metrics(), layout_,
             {settings_.cache_kib(), StorageSettings::index_reader_shares * settings_.cache_kib()}),
      outbox_(host), folders_(Executor::make_strand("folders")),
      node_strand_(Executor::make_strand("node")),
      tools_(host, executor_, shards_, layout_,
             {settings_.state_dir, settings_.backup_dir, settings_.shard_bytes_max,
              settings_.retention, settings_.retention_interval, settings_.check_interval_ms},
             lend_to_tools()) {
    shards_.on_committed([this](const ShardUse& use, std::size_t records,
                                const shard::ShardRoot& root) { committed(use, records, root); });
    executor_.on_hung([this](const std::string& name) {
        host_.tap().event("event.shard.hung", {{"shard", name}});
    });
    shards_.on_damage([this](const Damage& damage) { tell_damage(damage); });
    shards_.on_news([this](Shards::News news) { on_news(std::move(news)); });
    slots_.on_damage([this](std::uint8_t slot) {
        if (owns(slot)) pipe::spawn(host_.io(), make_index_anew(slot));
    });
    slots_.on_replaced([this](std::uint8_t slot) {
        if (owns(slot)) pipe::spawn(host_.io(), index_slot(slot));
    });
}

void StorageWorker::tell_damage(const Damage& damage) {
    ++host_.metrics().counter(damage.rebuilt ? "storage_shards_rebuilt_total"
                                             : "storage_rebuilds_failed_total");
    host_.tap().event("event.shard.damaged", {{"shard", damage.shard},
                                              {"fault", damage.fault},
                                              {"rebuilt", damage.rebuilt},
                                              {"records", damage.saved.records},
                                              {"set_aside", damage.saved.set_aside}});
    // The new file's rows have other numbers.
    auto community = CommunityId::from_hex_text(damage.shard);
    if (!community || !damage.rebuilt) return;
    index_soon(shards_.use(*community));
    outbox_.community_changed(*community, Membership::Joined);
}

// Opens nothing but folders and, where it is ours, the node's own file.
Task<Result<void>> StorageWorker::start() {
    held_ = owned_slots();
    shards_.set_epoch(epoch());
    share_waiting_rooms();
    auto deadline = monotonic_now() + start_time_max;
    std::function<Result<void>()> prepare =
        [&layout = layout_, ours = owns(protocol::directory_community())]() -> Result<void> {
        WARREN_TRY_VOID(layout.prepare());
        if (!ours) return {};
        WARREN_TRY(bool made, layout.join(protocol::directory_community(), std::nullopt));
        (void)made;
        return {};
    };
    auto prepared = co_await executor_.run<void>(folders_, std::move(prepare), deadline);
    if (!prepared) co_return prepared;
    if (owns(process::node_slot)) {
        std::function<Result<void>(shard::NodeShard&)> nothing =
            [](shard::NodeShard&) -> Result<void> { return {}; };
        auto opened = co_await on_node_file<void>(std::move(nothing), deadline);
        if (!opened) co_return opened;
    }
    co_await restore(held_);
    pipe::spawn(host_.io(), index_what_a_crash_left());
    pipe::spawn(host_.io(), follow_what_is_announced());
    pipe::spawn(host_.io(), tools_.keep_up());
    co_return Result<void>{};
}

bool StorageWorker::owns(std::uint8_t slot) const {
    const auto& workers = host_.slots().workers;
    return slot < workers.size() && workers[slot] == host_.index();
}

std::vector<std::uint8_t> StorageWorker::owned_slots() const {
    std::vector<std::uint8_t> out;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot)
        if (owns(static_cast<std::uint8_t>(slot))) out.push_back(static_cast<std::uint8_t>(slot));
    return out;
}

// Grows when slots move, and with each spawn, also over restarts of the node (its epoch leads).
shard::Epoch StorageWorker::epoch() const {
    auto node = host_.epoch() >> 32;
    return {node << 32 | (host_.slots().version & 0xffffffff), host_.epoch()};
}

// By all storage workers that have slots: R-U8 bounds the node.
void StorageWorker::share_waiting_rooms() {
    const auto& workers = host_.slots().workers;
    shards_.set_processes(std::set(workers.begin(), workers.end()).size());
}

void StorageWorker::on_slots() {
    shards_.set_epoch(epoch());
    share_waiting_rooms();
    pipe::spawn(host_.io(), release_lost_slots(host_.slots().version));
}

Task<void> StorageWorker::release_lost_slots(std::uint64_t version) {
    releasing_version_ = std::max(releasing_version_, version);
    ++releasing_;
    auto before = std::exchange(held_, owned_slots());
    std::vector<std::uint8_t> lost;
    std::ranges::set_difference(before, held_, std::back_inserter(lost));
    std::vector<std::uint8_t> gained;
    std::ranges::set_difference(held_, before, std::back_inserter(gained));
    if (!gained.empty()) pipe::spawn(host_.io(), restore(gained));
    co_await close_slots(lost);
    if (!lost.empty()) co_await intake_.hand_over(lost, monotonic_now() + close_time_max);
    // A later map says that the earlier one's slots are closed, too: the last to end says it.
    if (--releasing_ == 0) host_.slots_released(releasing_version_);
    if (gained.empty()) co_return;
    if (owns(protocol::directory_community()))
        (void)co_await join(protocol::directory_community(), std::nullopt,
                            monotonic_now() + start_time_max);
    co_await index_what_a_crash_left();
    co_await follow_what_is_announced();
}

// Requests in hand for these slots end first: each holds a use of its shard.
Task<void> StorageWorker::close_slots(std::vector<std::uint8_t> slots) {
    auto is_leaving = [&slots](const CommunityId& community) {
        return std::ranges::find(slots, process::slot_of(community)) != slots.end();
    };
    for (const auto& shard : shards_.all()) {
        if (!is_leaving(shard->id)) continue;
        if (co_await shards_.retire(shard, monotonic_now() + close_time_max)) continue;
        // Its new owner waits for the file's lock, and no older epoch writes after that.
        process::log::unusual("event=shard.left_open community={} reason=\"its disk hangs\"",
                              shard->id.hex());
    }
    for (auto slot : slots)
        co_await slots_.close(slot);
    if (std::ranges::find(slots, process::node_slot) == slots.end()) co_return;
    std::function<Result<void>()> close_node = [cell = node_]() -> Result<void> {
        cell->it.reset();
        return {};
    };
    (void)co_await executor_.run<void>(node_strand_, std::move(close_node),
                                       monotonic_now() + start_time_max);
}

Task<void> StorageWorker::drain() {
    draining_ = true;
    tools_.stop();
    std::vector<std::uint8_t> all(process::slot_count);
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i] = static_cast<std::uint8_t>(i);
    co_await close_slots(std::move(all));
    restored_.notify();
    co_await intake_.finish(monotonic_now() + close_time_max);
}

}  // namespace warren::storage
