// Parsing and cleaning of .torrent files, magnet links and resume data.
#include "workers/torrent/sources.h"

#include <fmt/format.h>

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/load_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/read_resume_data.hpp>
#include <libtorrent/torrent_info.hpp>
#include <libtorrent/write_resume_data.hpp>

#include <algorithm>

namespace warren::torrent {

namespace {

lt::span<const char> span_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::ptrdiff_t>(bytes.size())};
}

std::string_view to_view(lt::string_view text) {
    return {text.data(), text.size()};
}

// Untrusted text in an error message: short and printable.
std::string quoted(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 60))
        out += (c >= 0x20 && c < 0x7f) ? c : '?';
    return out;
}

Result<void> check_attributes(const lt::bdecode_node& file) {
    const auto attributes = to_view(file.dict_find_string_value("attr"));
    if (attributes.find('l') != std::string_view::npos)
        return bad_input("torrent: it contains a symbolic link");
    if (attributes.find('x') != std::string_view::npos)
        return bad_input("torrent: it marks a file as executable");
    return {};
}

Result<void> check_v1_file(const lt::bdecode_node& file, std::string_view name) {
    if (file.type() != lt::bdecode_node::dict_t)
        return bad_input("torrent: an entry of its file list is not a dictionary");
    WARREN_TRY_VOID(check_attributes(file));
    for (const char* key : {"path", "path.utf-8"}) {
        const auto path = file.dict_find_list(key);
        if (!path) continue;
        std::vector<std::string_view> parts{name};
        for (int i = 0; i < path.list_size(); ++i)
            parts.push_back(to_view(path.list_string_value_at(i)));
        WARREN_TRY_VOID(check_path(parts));
    }
    return {};
}

// v2 names are dictionary keys; the empty key holds a file's properties. Depth is bounded by the
// decoder.
Result<void> check_v2_tree(const lt::bdecode_node& tree, std::vector<std::string_view>& parts,
                           std::size_t& files) {
    for (int i = 0; i < tree.dict_size(); ++i) {
        const auto [key, node] = tree.dict_at(i);
        if (node.type() != lt::bdecode_node::dict_t)
            return bad_input("torrent: an entry of its file tree is not a dictionary");
        if (key.empty()) {
            WARREN_TRY_VOID(check_attributes(node));
            WARREN_TRY_VOID(check_path(parts));
            if (++files > files_max)
                return bad_input(fmt::format("torrent: more than {} files", files_max));
            continue;
        }
        parts.push_back(to_view(key));
        WARREN_TRY_VOID(check_v2_tree(node, parts, files));
        parts.pop_back();
    }
    return {};
}

Result<void> check_info(const lt::bdecode_node& info) {
    const auto name = to_view(info.dict_find_string_value("name"));
    if (name.empty()) return bad_input("torrent: it has no name");
    WARREN_TRY_VOID(check_path({name}));
    const auto utf8_name = to_view(info.dict_find_string_value("name.utf-8"));
    if (!utf8_name.empty()) WARREN_TRY_VOID(check_path({utf8_name}));
    WARREN_TRY_VOID(check_attributes(info));
    const auto pieces = info.dict_find_string("pieces");
    if (pieces && pieces.string_length() / 20 > pieces_max)
        return bad_input(fmt::format("torrent: more than {} pieces", pieces_max));
    if (const auto files = info.dict_find_list("files")) {
        if (static_cast<std::size_t>(files.list_size()) > files_max)
            return bad_input(fmt::format("torrent: more than {} files", files_max));
        for (int i = 0; i < files.list_size(); ++i)
            WARREN_TRY_VOID(check_v1_file(files.list_at(i), name));
    }
    if (const auto tree = info.dict_find_dict("file tree")) {
        std::vector<std::string_view> parts{name};
        std::size_t files = 0;
        WARREN_TRY_VOID(check_v2_tree(tree, parts, files));
    }
    return {};
}

bool is_allowed_tracker(std::string_view url) {
    return url.size() <= 512 &&
           (url.starts_with("http://") || url.starts_with("https://") || url.starts_with("udp://"));
}

std::uint32_t clean(lt::add_torrent_params& params) {
    std::size_t dropped = params.url_seeds.size() + params.http_seeds.size() + params.peers.size() +
                          params.dht_nodes.size();
    params.url_seeds.clear();
    params.http_seeds.clear();
    params.peers.clear();
    params.dht_nodes.clear();
    params.banned_peers.clear();
    params.file_priorities.clear();
    params.piece_priorities.clear();
    params.renamed_files.clear();
    params.extensions.clear();
    if (params.ti) {
        // What stays inside the metadata would be used as well.
        dropped += params.ti->web_seeds().size();
        params.ti->set_web_seeds({});
        params.ti->clear_trackers();
    }
    std::vector<std::string> trackers;
    std::vector<int> tiers;
    for (std::size_t i = 0; i < params.trackers.size(); ++i) {
        if (!is_allowed_tracker(params.trackers[i]) || trackers.size() == trackers_max) {
            ++dropped;
            continue;
        }
        trackers.push_back(params.trackers[i]);
        tiers.push_back(i < params.tracker_tiers.size() ? params.tracker_tiers[i] : 0);
    }
    params.trackers = std::move(trackers);
    params.tracker_tiers = std::move(tiers);
    return static_cast<std::uint32_t>(dropped);
}

// A name of a magnet link or a record is for people only, never a path.
std::string display_name(std::string_view name, const Infohash& infohash) {
    if (name.empty() || name.size() > 300 || !is_utf8(name)) return infohash.hex();
    return std::string(name);
}

Result<Source> source_of(lt::add_torrent_params params) {
    Source out;
    out.dropped = clean(params);
    const auto& info = *params.ti;
    out.infohash = infohash_of(info.info_hashes());
    out.name = info.name();
    out.has_metadata = true;
    const auto& files = info.files();
    for (const auto index : files.file_range()) {
        if (files.pad_file_at(index)) continue;
        auto path = files.file_path(index);
        // The library has renamed what it found unsafe; this holds it to that.
        if (path.empty() || path.front() == '/' || path.find("../") != std::string::npos)
            return bad_input("torrent: a file's path leaves the download: " + quoted(path));
        const auto size = static_cast<std::uint64_t>(files.file_size(index));
        out.size += size;
        out.files.push_back({std::move(path), size});
    }
    if (out.files.empty()) return bad_input("torrent: it contains no files");
    out.params = std::make_shared<lt::add_torrent_params>(std::move(params));
    return out;
}

std::string decode_error(const lt::error_code& error) {
    if (error == lt::bdecode_errors::depth_exceeded)
        return fmt::format("torrent: nested deeper than {} levels", depth_max);
    if (error == lt::bdecode_errors::limit_exceeded)
        return fmt::format("torrent: more than {} items", tokens_max);
    return "torrent: not a torrent file: " + error.message();
}

}  // namespace

Infohash infohash_of(const lt::info_hash_t& hashes) {
    Infohash out;
    const auto* from = hashes.has_v1() ? hashes.v1.data() : hashes.v2.data();
    std::copy_n(reinterpret_cast<const std::uint8_t*>(from), out.bytes.size(), out.bytes.begin());
    return out;
}

Result<void> check_path(const std::vector<std::string_view>& parts) {
    if (parts.size() > path_levels_max)
        return bad_input(fmt::format("torrent: a path has more than {} levels", path_levels_max));
    std::size_t bytes = parts.size() - 1;
    for (const auto part : parts) {
        bytes += part.size();
        if (part.empty()) return bad_input("torrent: a path has an empty part");
        if (part == "." || part == "..")
            return bad_input("torrent: a path contains '" + std::string(part) + "'");
        if (part.find('/') != std::string_view::npos || part.find('\\') != std::string_view::npos)
            return bad_input("torrent: a name contains a separator: " + quoted(part));
        if (std::any_of(part.begin(), part.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
            return bad_input("torrent: a name contains a control character: " + quoted(part));
    }
    if (bytes > path_bytes_max)
        return bad_input(fmt::format("torrent: a path has more than {} bytes", path_bytes_max));
    return {};
}

Result<Source> parse_torrent(ByteView file) {
    if (file.size() > torrent_bytes_max)
        return bad_input(fmt::format("torrent: {} bytes; at most {} are accepted", file.size(),
                                     torrent_bytes_max));
    lt::error_code error;
    const auto root = lt::bdecode(span_of(file), error, nullptr, depth_max, tokens_max);
    if (error) return bad_input(decode_error(error));
    if (root.type() != lt::bdecode_node::dict_t)
        return bad_input("torrent: not a torrent file: it is not a dictionary");
    const auto info = root.dict_find_dict("info");
    if (!info) return bad_input("torrent: not a torrent file: it has no info dictionary");
    WARREN_TRY_VOID(check_info(info));
    lt::load_torrent_limits limits;
    limits.max_buffer_size = static_cast<int>(torrent_bytes_max);
    limits.max_pieces = pieces_max;
    limits.max_decode_depth = depth_max;
    limits.max_decode_tokens = tokens_max;
    try {
        return source_of(lt::load_torrent_parsed(root, limits));
    } catch (const std::exception& e) {
        return bad_input(std::string("torrent: ") + e.what());
    }
}

Result<Source> parse_magnet(std::string_view link) {
    if (link.size() > magnet_bytes_max)
        return bad_input(fmt::format("magnet: longer than {} bytes", magnet_bytes_max));
    if (!link.starts_with("magnet:?")) return bad_input("magnet: it does not begin with magnet:?");
    lt::error_code error;
    auto params = lt::parse_magnet_uri({link.data(), link.size()}, error);
    if (error) return bad_input("magnet: " + error.message());
    Source out;
    out.dropped = clean(params);
    out.infohash = infohash_of(params.info_hashes);
    if (out.infohash.is_zero()) return bad_input("magnet: it names no infohash");
    out.name = display_name(params.name, out.infohash);
    params.name = out.name;
    out.magnet = lt::make_magnet_uri(params);
    out.params = std::make_shared<lt::add_torrent_params>(std::move(params));
    return out;
}

Source bare_source(const Infohash& infohash, std::string_view name) {
    Source out;
    out.infohash = infohash;
    out.name = display_name(name, infohash);
    out.params = std::make_shared<lt::add_torrent_params>();
    out.params->info_hashes.v1.assign(reinterpret_cast<const char*>(infohash.bytes.data()));
    out.params->name = out.name;
    out.magnet = lt::make_magnet_uri(*out.params);
    return out;
}

Result<Source> with_resume(const Source& source, ByteView resume) {
    lt::load_torrent_limits limits;
    limits.max_pieces = pieces_max;
    lt::error_code error;
    auto params = lt::read_resume_data(span_of(resume), error, limits);
    if (error) return bad_input("resume data: " + error.message());
    if (infohash_of(params.info_hashes) != source.infohash)
        return bad_input("resume data: it belongs to another torrent");
    const auto peers = params.peers;  // the session's own, not a stranger's
    params.ti = source.params->ti;
    params.name = source.name;
    clean(params);
    params.peers = peers;
    Source out = source;
    out.params = std::make_shared<lt::add_torrent_params>(std::move(params));
    return out;
}

Result<Bytes> torrent_file_of(const lt::add_torrent_params& params) {
    if (!params.ti) return bad_input("torrent: its metadata has not come yet");
    try {
        const auto file = lt::write_torrent_file_buf(params, lt::write_flags::no_http_seeds);
        return Bytes(file.begin(), file.end());
    } catch (const std::exception& e) {
        return bad_input(std::string("torrent: its metadata is incomplete: ") + e.what());
    }
}

}  // namespace warren::torrent
