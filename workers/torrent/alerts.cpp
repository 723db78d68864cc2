// What comes back from libtorrent: alerts, taken in batches, a bounded number a turn.
#include <boost/asio/post.hpp>

#include <libtorrent/alert_types.hpp>
#include <libtorrent/torrent_info.hpp>
#include <libtorrent/write_resume_data.hpp>

#include "runtime/process/log.h"
#include "workers/torrent/session_state.h"

namespace warren::torrent {

namespace log = process::log;

namespace {

constexpr std::size_t alerts_a_turn = 64;

State state_of(const lt::torrent_status& status) {
    if (status.errc) return State::Failed;
    if (status.flags & lt::torrent_flags::paused) return State::Paused;
    switch (status.state) {
    case lt::torrent_status::downloading_metadata: return State::FetchingMetadata;
    case lt::torrent_status::downloading: return State::Downloading;
    case lt::torrent_status::finished:
    case lt::torrent_status::seeding: return State::Seeding;
    default: return State::Checking;
    }
}

std::uint64_t natural(std::int64_t value) {
    return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}
std::uint32_t natural(int value) {
    return value > 0 ? static_cast<std::uint32_t>(value) : 0;
}

// Trackers count all; peers tell of those we may connect to. Whoever seeds is one of them.
std::optional<Progress::Swarm> swarm_of(const lt::torrent_status& status) {
    const bool seeding = state_of(status) == State::Seeding;
    if (status.num_complete < 0 && status.list_peers <= 0 && !seeding) return std::nullopt;
    const auto seeds = std::max(natural(status.num_complete), natural(status.list_seeds));
    const auto others = natural(status.list_peers - status.list_seeds);
    return Progress::Swarm{std::max<std::uint32_t>(seeds, seeding ? 1 : 0),
                           std::max(natural(status.num_incomplete), others)};
}

Progress progress_of(const Infohash& infohash, const lt::torrent_status& status) {
    Progress out;
    out.infohash = infohash;
    out.state = state_of(status);
    if (status.errc) out.error = status.errc.message();
    out.size = natural(status.total);
    out.done = natural(status.total_done);
    out.down_rate = natural(status.download_payload_rate);
    out.up_rate = natural(status.upload_payload_rate);
    out.uploaded = natural(status.all_time_upload);
    out.received = natural(status.total_payload_download);
    out.peers = natural(status.num_peers);
    out.seeds = natural(status.num_seeds);
    out.swarm = swarm_of(status);
    out.need_save = status.need_save_resume;
    return out;
}

using Inner = Session::State;

// Null: a torrent that we have removed meanwhile.
const Infohash* name_of(Inner& state, const lt::torrent_alert& alert) {
    const auto found = state.names.find(alert.handle);
    if (found == state.names.end()) return nullptr;
    const auto* entry = state.find(found->second);
    return entry && entry->handle == alert.handle ? &found->second : nullptr;
}

void on(Inner& state, const lt::add_torrent_alert& alert) {
    const auto infohash =
        infohash_of(alert.params.ti ? alert.params.ti->info_hashes() : alert.params.info_hashes);
    auto* entry = state.find(infohash);
    if (!entry || !entry->added) {  // removed before it was added
        if (!alert.error) state.session->remove_torrent(alert.handle);
        return;
    }
    const auto added = std::move(entry->added);
    if (alert.error) {
        state.entries.erase(infohash);
        added->set(Error{ErrorKind::Io, "torrent: not added: " + alert.error.message()});
        return;
    }
    entry->handle = alert.handle;
    state.names[alert.handle] = infohash;
    added->set(Result<void>{});
}

void on(Inner& state, const lt::state_update_alert& alert) {
    for (const auto& status : alert.status) {
        const auto found = state.names.find(status.handle);
        if (found == state.names.end()) continue;
        const auto* entry = state.find(found->second);
        if (entry && entry->handle == status.handle)
            state.events->on_progress(progress_of(found->second, status));
    }
}

void on(Inner& state, const lt::metadata_received_alert& alert) {
    const auto* infohash = name_of(state, alert);
    if (!infohash || !state.find(*infohash)->wants_metadata) return;
    alert.handle.save_resume_data(lt::torrent_handle::save_info_dict);
}

// Metadata is a stranger's: it goes through the same checks as a .torrent file.
void take_metadata(Inner& state, const Infohash& infohash, const lt::add_torrent_params& params) {
    state.find(infohash)->wants_metadata = false;
    auto file = torrent_file_of(params);
    auto source = file.ok() ? parse_torrent(*file) : Result<Source>(file.error());
    if (source.ok() && source->infohash != infohash)
        source = bad_input("torrent: its metadata belongs to another torrent");
    if (!source.ok()) {
        state.events->on_failed(infohash, source.error().text);
        return;
    }
    source->params->trackers = params.trackers;
    source->params->tracker_tiers = params.tracker_tiers;
    source->params->peers = params.peers;
    state.events->on_metadata(infohash, std::move(*file), std::move(*source));
}

void on(Inner& state, const lt::save_resume_data_alert& alert) {
    const auto* found = name_of(state, alert);
    if (!found) return;
    const auto infohash = *found;
    const auto resume = lt::write_resume_data_buf(alert.params);
    state.events->on_resume_data(infohash, Bytes(resume.begin(), resume.end()));
    const auto* entry = state.find(infohash);
    if (entry && entry->wants_metadata && alert.params.ti)
        take_metadata(state, infohash, alert.params);
}

void on(Inner& state, const lt::save_resume_data_failed_alert& alert) {
    if (const auto* infohash = name_of(state, alert)) state.events->on_resume_data(*infohash, {});
}

void on(Inner& state, const lt::torrent_finished_alert& alert) {
    if (const auto* infohash = name_of(state, alert)) state.events->on_finished(*infohash);
}

// Disk full, a truncated file, a read-only disk: the torrent stops, the process lives (R-T5).
void on(Inner& state, const lt::file_error_alert& alert) {
    const auto* infohash = name_of(state, alert);
    if (infohash)
        log::unusual("infohash={} disk_error=\"{}\"", infohash->hex(), alert.error.message());
}

void on(Inner& state, const lt::torrent_removed_alert& alert) {
    state.names.erase(alert.handle);
}

void on(Inner& state, const lt::listen_succeeded_alert& alert) {
    if (alert.socket_type != lt::socket_type_t::tcp) return;
    state.port = static_cast<std::uint16_t>(alert.port);
    state.listening.set(Result<void>{});
}

void on(Inner& state, const lt::listen_failed_alert& alert) {
    if (alert.socket_type != lt::socket_type_t::tcp) return;
    state.listening.set(io_error("torrent: cannot listen on " + alert.address.to_string() + ":" +
                                 std::to_string(alert.port) + ": " + alert.error.message()));
}

template <typename Alert>
bool try_as(Inner& state, lt::alert& alert) {
    auto* is = lt::alert_cast<Alert>(&alert);
    if (is) on(state, *is);
    return is != nullptr;
}

}  // namespace

void Session::State::handle(lt::alert& alert) {
    if (try_as<lt::state_update_alert>(*this, alert)) return;
    refresh_wanted = true;  // anything else may have changed what people see
    if (try_as<lt::add_torrent_alert>(*this, alert) ||
        try_as<lt::save_resume_data_alert>(*this, alert) ||
        try_as<lt::save_resume_data_failed_alert>(*this, alert) ||
        try_as<lt::metadata_received_alert>(*this, alert) ||
        try_as<lt::torrent_finished_alert>(*this, alert) ||
        try_as<lt::file_error_alert>(*this, alert) ||
        try_as<lt::listen_succeeded_alert>(*this, alert) ||
        try_as<lt::listen_failed_alert>(*this, alert) ||
        try_as<lt::torrent_removed_alert>(*this, alert))
        return;
    if (const auto* deleted = lt::alert_cast<lt::torrent_deleted_alert>(&alert))
        events->on_deleted(infohash_of(deleted->info_hashes));
    if (const auto* failed = lt::alert_cast<lt::torrent_delete_failed_alert>(&alert)) {
        log::unusual("infohash={} files not deleted: {}", infohash_of(failed->info_hashes).hex(),
                     failed->error.message());
        events->on_deleted(infohash_of(failed->info_hashes));
    }
    if (lt::alert_cast<lt::alerts_dropped_alert>(&alert))
        log::broken("libtorrent's alert queue overflowed");
}

void Session::State::on_notify() {
    pending = true;
    if (!draining) drain_alerts();
}

// The library notifies once between two pops, so a notification that arrives in the middle of a
// batch must lead to another pop after it.
void Session::State::drain_alerts() {
    draining = true;
    if (next == batch.size()) {
        pending = false;
        next = 0;
        session->pop_alerts(&batch);
    }
    for (std::size_t n = 0; n < alerts_a_turn && next < batch.size(); ++n)
        handle(*batch[next++]);
    if (next < batch.size() || pending) {
        pipe::asio::post(io, [weak = weak_from_this()] {
            if (const auto alive = weak.lock()) alive->drain_alerts();
        });
        return;
    }
    draining = false;
    if (refresh_wanted) session->post_torrent_updates(lt::status_flags_t{});
    refresh_wanted = false;
}

}  // namespace warren::torrent
