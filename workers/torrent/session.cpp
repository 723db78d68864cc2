// What we ask of libtorrent.
#include "workers/torrent/session_state.h"

#include <boost/asio/post.hpp>

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/address.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/settings_pack.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>

#include "workers/torrent/session_settings.h"

namespace warren::torrent {

namespace {

lt::tcp::endpoint to_tcp(const Endpoint& endpoint) {
    if (endpoint.v6) {
        lt::address_v6::bytes_type bytes;
        std::copy(endpoint.address.begin(), endpoint.address.end(), bytes.begin());
        return {lt::address_v6(bytes), endpoint.port};
    }
    lt::address_v4::bytes_type bytes;
    std::copy_n(endpoint.address.begin(), 4, bytes.begin());
    return {lt::address_v4(bytes), endpoint.port};
}

// Whatever resume data says, these flags and places are ours to choose.
lt::add_torrent_params params_of(const Plan& plan) {
    lt::add_torrent_params out = *plan.source.params;
    // The session changes the metadata object as it likes: it gets its own.
    if (out.ti) out.ti = std::make_shared<lt::torrent_info>(*out.ti);
    out.save_path = plan.folder;
    out.storage_mode = lt::storage_mode_sparse;
    const bool trusted = plan.check == Check::SeedInPlace && out.have_pieces.empty();
    out.flags = lt::torrent_flags::update_subscribe | lt::torrent_flags::apply_ip_filter |
                lt::torrent_flags::duplicate_is_error | lt::torrent_flags::override_trackers |
                lt::torrent_flags::override_web_seeds | lt::torrent_flags::disable_lsd;
    // Nothing is written before the names in the metadata have been checked.
    if (!out.ti) out.flags |= lt::torrent_flags::upload_mode;
    if (trusted) out.flags |= lt::torrent_flags::seed_mode;
    if (plan.paused) out.flags |= lt::torrent_flags::paused;
    for (const auto& peer : plan.peers)
        out.peers.push_back(to_tcp(peer));
    return out;
}

}  // namespace

pipe::Task<Result<std::unique_ptr<Session>>> Session::open(pipe::asio::io_context& io,
                                                           TorrentSettings settings,
                                                           SessionEvents& events,
                                                           Nanoseconds deadline) {
    auto state = std::make_shared<State>(io, events);
    try {
        state->session = std::make_unique<lt::session>(session_params(settings));
    } catch (const std::exception& e) {
        co_return io_error(std::string("torrent: no session: ") + e.what());
    }
    // Called on libtorrent's thread.
    state->session->set_alert_notify([&io, weak = std::weak_ptr<State>(state)] {
        pipe::asio::post(io, [weak] {
            if (const auto alive = weak.lock()) alive->on_notify();
        });
    });
    std::unique_ptr<Session> out(new Session(state));
    auto listening = co_await state->listening.wait(deadline);
    if (!listening) co_return unavailable("torrent: not listening on " + settings.listen + " yet");
    if (!listening->ok()) co_return listening->error();
    auto checked = check_settings(*state->session, settings);
    if (!checked.ok()) co_return checked.error();
    co_return std::move(out);
}

Session::~Session() {
    state_->session->set_alert_notify({});
    // Waits for the session's thread; trackers get a second to hear that we go.
    state_->session.reset();
}

pipe::Task<Result<void>> Session::add(Plan plan, Nanoseconds deadline) {
    const auto infohash = plan.source.infohash;
    auto& entry = state_->entries[infohash];
    if (entry.handle.is_valid() || entry.added)
        co_return Error{ErrorKind::Exists, "torrent: it is in the session already"};
    const auto added = std::make_shared<State::Added>(state_->io);
    entry.added = added;
    entry.wants_metadata = !plan.source.has_metadata;
    state_->session->async_add_torrent(params_of(plan));
    auto outcome = co_await added->wait(deadline);
    if (!outcome) {
        state_->entries.erase(infohash);  // should it come late, it is removed again
        co_return unavailable("torrent: the session has not answered in time");
    }
    co_return std::move(*outcome);
}

void Session::pause(const Infohash& infohash) {
    auto* entry = state_->find(infohash);
    if (entry && entry->handle.is_valid()) entry->handle.pause();
}

void Session::resume(const Infohash& infohash) {
    auto* entry = state_->find(infohash);
    if (!entry || !entry->handle.is_valid()) return;
    entry->handle.clear_error();
    entry->handle.resume();
}

void Session::remove(const Infohash& infohash, Files files) {
    auto* entry = state_->find(infohash);
    if (!entry) return;
    const auto handle = entry->handle;
    state_->entries.erase(infohash);
    if (!handle.is_valid()) return;
    state_->session->remove_torrent(handle, files == Files::Delete ? lt::session::delete_files
                                                                   : lt::remove_flags_t{});
}

void Session::add_peers(const Infohash& infohash, const std::vector<Endpoint>& peers) {
    auto* entry = state_->find(infohash);
    if (!entry || !entry->handle.is_valid()) return;
    for (const auto& peer : peers)
        entry->handle.connect_peer(to_tcp(peer));
}

void Session::save(const Infohash& infohash, Save save) {
    auto* entry = state_->find(infohash);
    if (!entry || !entry->handle.is_valid()) {
        state_->events->on_resume_data(infohash, {});
        return;
    }
    entry->handle.save_resume_data(save == Save::IfChanged ? lt::torrent_handle::only_if_modified
                                                           : lt::resume_data_flags_t{});
}

void Session::refresh() {
    state_->session->post_torrent_updates(lt::status_flags_t{});
}

void Session::apply_limits(const TorrentSettings& settings) {
    lt::settings_pack pack;
    pack.set_int(lt::settings_pack::connections_limit, settings.connections_max);
    pack.set_int(lt::settings_pack::upload_rate_limit, settings.upload_limit);
    pack.set_int(lt::settings_pack::download_rate_limit, settings.download_limit);
    state_->session->apply_settings(std::move(pack));
}

std::uint16_t Session::port() const {
    return state_->port;
}

}  // namespace warren::torrent
