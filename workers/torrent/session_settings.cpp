// Settings of the libtorrent session.
#include "workers/torrent/session_settings.h"

#include <libtorrent/alert.hpp>
#include <libtorrent/ip_filter.hpp>
#include <libtorrent/mmap_disk_io.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/settings_pack.hpp>

#include <array>
#include <string>

#include "workers/torrent/sources.h"

namespace warren::torrent {

namespace {

using pack = lt::settings_pack;

struct Range {
    const char* first;
    const char* last;
    bool lan;  // open to those who opted in
};

constexpr std::array ranges = {
    Range{"0.0.0.0", "0.255.255.255", false},
    Range{"10.0.0.0", "10.255.255.255", true},
    Range{"100.64.0.0", "100.127.255.255", true},
    Range{"127.0.0.0", "127.255.255.255", true},
    Range{"169.254.0.0", "169.254.255.255", true},
    Range{"172.16.0.0", "172.31.255.255", true},
    Range{"192.168.0.0", "192.168.255.255", true},
    Range{"224.0.0.0", "255.255.255.255", false},
    Range{"::", "::", false},
    Range{"::1", "::1", true},
    Range{"::ffff:0:0", "::ffff:ffff:ffff", false},
    Range{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    Range{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
    Range{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
};

void set_safety(pack& out) {
    out.set_bool(pack::ssrf_mitigation, true);
    out.set_bool(pack::no_connect_privileged_ports, true);
    out.set_bool(pack::allow_idna, false);
    out.set_bool(pack::validate_https_trackers, true);
    out.set_bool(pack::apply_ip_filter_to_trackers, true);
    out.set_bool(pack::disable_hash_checks, false);
    out.set_int(pack::max_metadata_size, static_cast<int>(torrent_bytes_max));
    out.set_int(pack::metadata_token_limit, tokens_max);
    out.set_int(pack::max_piece_count, pieces_max);
}

void set_network(pack& out, const TorrentSettings& settings) {
    out.set_str(pack::listen_interfaces, settings.listen);
    // A taken port is an error, not a reason to listen elsewhere.
    out.set_int(pack::max_retry_port_bind, 0);
    out.set_bool(pack::listen_system_port_fallback, false);
    out.set_bool(pack::enable_dht, settings.dht == Dht::On);
    for (const int off :
         {pack::enable_upnp, pack::enable_natpmp, pack::enable_lsd, pack::enable_outgoing_utp,
          pack::enable_incoming_utp, pack::enable_ip_notifier})
        out.set_bool(off, false);
    // Nodes on one machine share an address.
    out.set_bool(pack::allow_multiple_connections_per_ip, settings.reach == Reach::Lan);
    out.set_int(pack::connections_limit, settings.connections_max);
    out.set_int(pack::upload_rate_limit, settings.upload_limit);
    out.set_int(pack::download_rate_limit, settings.download_limit);
    // A peer that has just restarted is tried again soon.
    out.set_int(pack::min_reconnect_time, 2);
    out.set_int(pack::peer_connect_timeout, 5);
    out.set_int(pack::stop_tracker_timeout, 1);
    out.set_str(pack::user_agent, "Warren");
}

}  // namespace

lt::ip_filter peer_filter(Reach reach) {
    lt::ip_filter out;
    for (const auto& range : ranges) {
        if (range.lan && reach == Reach::Lan) continue;
        out.add_rule(lt::make_address(range.first), lt::make_address(range.last),
                     lt::ip_filter::blocked);
    }
    return out;
}

lt::settings_pack settings_pack(const TorrentSettings& settings) {
    pack out;
    set_safety(out);
    set_network(out, settings);
    out.set_int(pack::alert_mask, static_cast<int>(static_cast<std::uint32_t>(
                                      lt::alert_category::error | lt::alert_category::status |
                                      lt::alert_category::storage)));
    out.set_int(pack::alert_queue_size, 5000);
    return out;
}

lt::session_params session_params(const TorrentSettings& settings) {
    lt::session_params out(settings_pack(settings));
    out.ip_filter = peer_filter(settings.reach);
    if (settings.disk == Disk::Mmap)
        out.disk_io_constructor = lt::mmap_disk_io_constructor;
    else
        out.disk_io_constructor = lt::posix_disk_io_constructor;
    return out;
}

Result<void> check_settings(const lt::session& session, const TorrentSettings& settings) {
    const auto meant = settings_pack(settings);
    const auto real = session.get_settings();
    const auto differs = [&](int name) {
        return Error{ErrorKind::Environment,
                     std::string("torrent: libtorrent did not take ") + lt::name_for_setting(name)};
    };
    for (int i = pack::bool_type_base; i < pack::max_bool_setting_internal; ++i)
        if (meant.has_val(i) && meant.get_bool(i) != real.get_bool(i)) return differs(i);
    for (int i = pack::int_type_base; i < pack::max_int_setting_internal; ++i)
        if (meant.has_val(i) && meant.get_int(i) != real.get_int(i)) return differs(i);
    for (int i = pack::string_type_base; i < pack::max_string_setting_internal; ++i)
        if (meant.has_val(i) && meant.get_str(i) != real.get_str(i)) return differs(i);
    const auto filter = session.get_ip_filter();
    for (const auto& range : ranges) {
        const bool open = range.lan && settings.reach == Reach::Lan;
        for (const char* edge : {range.first, range.last})
            if ((filter.access(lt::make_address(edge)) == 0) != open)
                return Error{ErrorKind::Environment,
                             std::string("torrent: the address filter is wrong at ") + edge};
    }
    return {};
}

}  // namespace warren::torrent
