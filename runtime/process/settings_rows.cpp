// The rows: every setting of the node. Sample file, reference and validation derive from them.
#include "runtime/process/settings.h"

namespace warren::process {

namespace {

constexpr unsigned network = bit(Role::Network);
constexpr unsigned torrent = bit(Role::Torrent);
constexpr unsigned sign = bit(Role::Sign);
constexpr unsigned storage = bit(Role::Storage);
constexpr unsigned api = bit(Role::Api);
constexpr unsigned supervisor = bit(Role::Supervisor);
constexpr std::int64_t path_max = 4096;
constexpr std::int64_t rate_max = 10'000'000'000;

SettingRow integer(std::string_view section, std::string_view name, std::string_view fallback,
                   std::int64_t min, std::int64_t max, std::string_view unit, unsigned roles,
                   std::string_view sentence) {
    return {.section = section,
            .name = name,
            .type = SettingType::Integer,
            .fallback = fallback,
            .min = min,
            .max = max,
            .unit = unit,
            .roles = roles,
            .sentence = sentence};
}

SettingRow flag(std::string_view section, std::string_view name, std::string_view fallback,
                unsigned roles, std::string_view sentence) {
    return {.section = section,
            .name = name,
            .type = SettingType::Flag,
            .fallback = fallback,
            .roles = roles,
            .sentence = sentence};
}

SettingRow text(std::string_view section, std::string_view name, std::string_view fallback,
                SettingForm form, unsigned roles, std::string_view sentence) {
    return {.section = section,
            .name = name,
            .type = SettingType::Text,
            .fallback = fallback,
            .max = path_max,
            .roles = roles,
            .sentence = sentence,
            .form = form};
}

SettingRow choice(std::string_view section, std::string_view name, std::string_view fallback,
                  std::string_view choices, unsigned roles, std::string_view sentence) {
    return {.section = section,
            .name = name,
            .type = SettingType::Text,
            .fallback = fallback,
            .max = 64,
            .roles = roles,
            .sentence = sentence,
            .choices = choices};
}

SettingRow list(std::string_view section, std::string_view name, SettingForm form, unsigned roles,
                std::string_view sentence) {
    return {.section = section,
            .name = name,
            .type = SettingType::List,
            .fallback = "",
            .max = 16384,
            .roles = roles,
            .sentence = sentence,
            .form = form};
}

SettingRow internal(std::string_view section, std::string_view name, unsigned roles,
                    std::string_view sentence) {
    auto row = text(section, name, "", SettingForm::Any, roles, sentence);
    row.internal = true;
    row.secret = true;
    return row;
}

SettingRow reloadable(SettingRow row) {
    row.reloadable = true;
    return row;
}

void add_node(std::vector<SettingRow>& rows) {
    rows.push_back(text("node", "state_dir", "", SettingForm::Directory, supervisor | storage,
                        "Where everything durable lies; empty: the default of the system."));
    rows.push_back(reloadable(choice("node", "log_level", "info", "trace|debug|info|unusual|broken",
                                     all_roles, "The least level of log lines that are written.")));
    rows.push_back(integer("node", "drain_ms", "3000", 100, 60'000, "ms", supervisor,
                           "How long an orderly stop may take in all."));
    rows.push_back(internal("node", "journal", all_roles, "\"true\": log lines carry priorities."));
    rows.push_back(internal("node", "run_dir", api, "Where sockets and the roster file lie."));
    rows.push_back(internal("node", "version", api, "Version of the node."));
}

void add_api(std::vector<SettingRow>& rows) {
    rows.push_back(text("api", "listen", "127.0.0.1:8085", SettingForm::Address, supervisor | api,
                        "Address of the REST interface; port 0 takes a free one."));
    rows.push_back(reloadable(
        list("api", "hosts", SettingForm::Any, api,
             "Further names that requests may carry in Host, such as \"node.example:8085\".")));
    rows.push_back(integer("api", "connections_max", "256", 8, 65'536, "connections", api,
                           "Connections that one api worker holds at a time."));
    rows.push_back(integer("api", "event_streams_max", "32", 1, 4096, "streams", api,
                           "Event streams that one api worker serves at a time."));
    rows.push_back(integer("api", "body_bytes_max", "8388608", 65'536, 268'435'456, "bytes", api,
                           "Largest request body."));
    rows.push_back(integer("api", "request_timeout_ms", "10000", 100, 120'000, "ms", api,
                           "How long a request may wait for other workers."));
    rows.push_back(internal("api", "token_sha256", api, "SHA-256 of the token, in hex."));
}

void add_overlay(std::vector<SettingRow>& rows) {
    rows.push_back(text("overlay", "listen", "0.0.0.0:8090", SettingForm::Address,
                        supervisor | network,
                        "UDP address of the overlay; port 0 takes a free one."));
    rows.push_back(text("overlay", "listen_v6", "", SettingForm::AddressV6, supervisor | network,
                        "Where the overlay listens beside an IPv4 address, such as [::]:8090; "
                        "empty: only there."));
    rows.push_back(reloadable(list("overlay", "bootstrap_peers", SettingForm::HostPort, network,
                                   "Peers to meet first, as HOST:PORT.")));
    rows.push_back(flag("overlay", "bootstrap", "false", network,
                        "Introduce the peers of any community to each other, without joining it."));
    rows.push_back(flag("overlay", "discovery", "true", network,
                        "Take part in IPv8's DiscoveryCommunity: peers tell each other their "
                        "communities."));
    rows.push_back(flag("overlay", "dht", "true", network, "Take part in IPv8's DHT."));
    rows.push_back(reloadable(integer("overlay", "walk_interval_ms", "500", 20, 60'000, "ms",
                                      network, "Time between two steps of a community's walk.")));
    rows.push_back(integer("overlay", "peers_max", "30", 1, 1000, "peers", network,
                           "Neighbours that a community keeps."));
    rows.push_back(
        reloadable(integer("overlay", "sync_interval_ms", "5000", 100, 600'000, "ms", network,
                           "Time between two reconciliations of a community.")));
    rows.push_back(flag("overlay", "lan", "false", network,
                        "Accept loopback and private addresses from introductions."));
    rows.push_back(integer(
        "overlay", "receive_buffer_bytes", "4194304", 65'536, 268'435'456, "bytes", supervisor,
        "Kernel buffer that the UDP sockets ask for; the log says what they got."));
}

void add_torrent(std::vector<SettingRow>& rows) {
    rows.push_back(text("torrent", "listen", "0.0.0.0:6881", SettingForm::Address,
                        supervisor | torrent, "BitTorrent address; port 0 takes a free one."));
    rows.push_back(
        text("torrent", "share_root", "", SettingForm::Directory, supervisor | torrent,
             "What is shared lies below this directory; empty: below the state directory."));
    rows.push_back(text("torrent", "download_root", "", SettingForm::Directory,
                        supervisor | torrent,
                        "Where downloads go; empty: below the state directory."));
    rows.push_back(flag("torrent", "lan", "false", torrent,
                        "Accept loopback and private peers for torrents."));
    rows.push_back(flag("torrent", "dht", "false", torrent, "Take part in BitTorrent's DHT."));
    rows.push_back(reloadable(integer("torrent", "connections_max", "200", 2, 8000, "connections",
                                      torrent, "Connections to peers in all.")));
    rows.push_back(reloadable(integer("torrent", "upload_limit", "0", 0, rate_max, "bytes/s",
                                      torrent, "Upload limit; 0: none.")));
    rows.push_back(reloadable(integer("torrent", "download_limit", "0", 0, rate_max, "bytes/s",
                                      torrent, "Download limit; 0: none.")));
    rows.push_back(choice("torrent", "disk", "posix", "posix|mmap", torrent,
                          "How files are read and written."));
}

void add_content(std::vector<SettingRow>& rows) {
    rows.push_back(choice("channels", "follow", "all", "all|none", storage | network,
                          "Channels that are joined when they are discovered."));
    rows.push_back(integer("channels", "follow_max", "1000", 0, 100'000, "channels", storage,
                           "How many discovered channels are joined at most."));
    rows.push_back(integer("storage", "shard_bytes_max", "268435456", 1'048'576, 1'099'511'627'776,
                           "bytes", storage, "Largest size of one community's file."));
    rows.push_back(integer("storage", "open_shards_max", "64", 2, 4096, "shards", storage,
                           "Community files that one storage worker holds open."));
    rows.push_back(integer("storage", "threads", "4", 1, 64, "threads", storage,
                           "Threads of one storage worker that are kept free for work."));
    rows.push_back(integer("storage", "threads_max", "64", 2, 256, "threads", storage,
                           "Threads with those that wait for disks that hang."));
    rows.push_back(integer("storage", "page_cache_mib", "64", 8, 65'536, "MiB", storage,
                           "Memory of one storage worker for pages of files, over all of them."));
    rows.push_back(
        reloadable(list("storage", "pin", SettingForm::SlotPins, supervisor,
                        "Slots that one storage worker serves, whatever the others do: "
                        "\"SLOT=WORKER\", or \"COMMUNITY=WORKER\" for a community's "
                        "slot. While that worker is not there, it is dealt like the others.")));
    rows.push_back(text("storage", "backup_dir", "", SettingForm::Directory, storage,
                        "Where backups go; empty: below the state directory."));
    rows.push_back(integer("storage", "check_interval_s", "604800", 0, 315'360'000, "s", storage,
                           "Each community's file is read and proven this often, while nothing "
                           "else is to be done; 0: never."));
    rows.push_back(integer("retention", "age_s", "0", 0, 315'360'000, "s", storage,
                           "Records older than this are pruned; 0: none. A community may have a "
                           "rule of its own."));
    rows.push_back(integer("retention", "records", "0", 0, 1'000'000'000, "records", storage,
                           "Records that are kept of a community, the newest; 0: all."));
    rows.push_back(integer("retention", "bytes", "0", 0, 1'099'511'627'776, "bytes", storage,
                           "Bytes of a community's file in use above which it is pruned; 0: any."));
    rows.push_back(
        integer("retention", "interval_s", "600", 1, 86'400, "s", storage,
                "How often communities are looked at for records to prune or to check."));
    rows.push_back(integer("sign", "rate_per_s", "2000", 1, 100'000, "signatures/s", sign,
                           "Signatures that one role may ask for."));
    rows.push_back(internal("sign", "key_file", sign, "Path of the private key."));
    rows.push_back(internal("sign", "new_node", sign,
                            "\"true\": this state directory never had a key, so one may be made."));
}

struct WorkerDefaults {
    Role role;
    std::string_view section;
    std::string_view count;
    std::int64_t count_max;
    bool has_inbox;
    std::string_view queue_bytes = "4194304";
    std::int64_t count_min = 1;  // 0: a bootstrap node does without
};

void add_worker(std::vector<SettingRow>& rows, const WorkerDefaults& worker) {
    auto section = worker.section;
    rows.push_back(
        reloadable(integer(section, "count", worker.count, worker.count_min, worker.count_max,
                           "processes", supervisor, "How many of these workers run.")));
    rows.push_back(integer(section, "nice", "0", -20, 19, "", supervisor,
                           "Scheduling priority; below 0 needs privileges."));
    rows.push_back(text(section, "cpu_affinity", "", SettingForm::Processors, supervisor,
                        "Processors to run on, such as \"0-1,4\"; empty: all."));
    rows.push_back(integer(section, "memory_max_mib", "0", 0, 1'048'576, "MiB", supervisor,
                           "Limit of private writable memory (RLIMIT_DATA); 0: none."));
    if (!worker.has_inbox) return;
    rows.push_back(integer(section, "queue_bytes", worker.queue_bytes, 65'536, 8'388'608, "bytes",
                           bit(worker.role), "Bytes in flight that a reader grants one writer."));
    rows.push_back(integer(section, "queue_messages", "256", 1, 65'536, "messages",
                           bit(worker.role),
                           "Messages in flight that a reader grants one writer."));
}

constexpr std::string_view large_files = "8388608";  // a .torrent has up to 4 MiB

std::vector<SettingRow> make_rows() {
    std::vector<SettingRow> rows;
    add_node(rows);
    add_api(rows);
    add_overlay(rows);
    add_torrent(rows);
    add_content(rows);
    add_worker(rows, {Role::Network, "workers.network", "1", 16, true});
    add_worker(rows, {Role::Torrent, "workers.torrent", "1", 1, true, large_files, 0});
    add_worker(rows, {Role::Verify, "workers.verify", "1", 64, true});
    add_worker(rows, {Role::Sign, "workers.sign", "1", 1, true});
    add_worker(rows, {Role::Storage, "workers.storage", "1", 16, true, large_files, 0});
    add_worker(rows, {Role::Api, "workers.api", "2", 16, false});
    return rows;
}

}  // namespace

std::span<const SettingRow> setting_rows() {
    static const auto rows = make_rows();
    return rows;
}

}  // namespace warren::process
