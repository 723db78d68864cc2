// The rows.
#include "workers/api/routes.h"

#include "workers/api/resources/handlers.h"
#include "workers/api/route_rows.h"

namespace warren::api {

namespace {

void add_node(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/status",
                    .name = "status",
                    .summary = "How the node and its workers are; always answers.",
                    .handler = get_status,
                    .response = "Status"});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/openapi.json",
                    .name = "openapi",
                    .summary = "This document.",
                    .handler = get_openapi,
                    .response = "OpenApi"});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/workers",
                    .name = "workers",
                    .summary = "The processes of the node.",
                    .handler = list_workers,
                    .response = "WorkerList"});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/workers/{role}",
                    .name = "scale",
                    .summary = "Change how many processes a role has.",
                    .handler = scale_workers,
                    .request = "Scale",
                    .response = "Scaled"});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/reload",
                    .name = "reload",
                    .summary = "Read the settings file again.",
                    .handler = reload_node,
                    .response = "Accepted"});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/stop",
                    .name = "stop",
                    .summary = "Stop the node in order.",
                    .handler = stop_node,
                    .response = "Accepted",
                    .status = 202});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/settings",
                    .name = "settings",
                    .summary = "The settings in force, without secrets.",
                    .handler = get_settings,
                    .response = "Settings"});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/events",
                    .name = "events",
                    .summary = "What happens in the node, as server-sent events.",
                    .handler = stream_events,
                    .query = {{.name = "topics",
                               .type = Text,
                               .min = 1,
                               .max = 1024,
                               .note = "Topics or heads of topics, separated by commas; each "
                                       "begins with event. — all when absent."}},
                    .content = Content::Events});
    rows.push_back({.method = "GET",
                    .path = "/metrics",
                    .name = "metrics",
                    .summary = "Metrics of all workers for Prometheus.",
                    .handler = get_metrics,
                    .content = Content::MetricsText});
}

void add_communities(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities",
                    .name = "communities",
                    .summary = "The communities that this node knows.",
                    .handler = list_communities,
                    .response = "CommunityList",
                    .needs = storage});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/communities/{id}",
                    .name = "join",
                    .summary = "Take part in a community.",
                    .handler = join_community,
                    .response = "Membership",
                    .needs = storage});
    rows.push_back({.method = "DELETE",
                    .path = "/api/v1/communities/{id}",
                    .name = "leave",
                    .summary = "Take no further part in a community.",
                    .handler = leave_community,
                    .status = 204,
                    .needs = storage,
                    .content = Content::None});
}

void add_downloads(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/downloads",
                    .name = "downloads",
                    .summary = "All downloads and what they are doing.",
                    .handler = list_downloads,
                    .response = "DownloadList",
                    .needs = torrent});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/downloads",
                    .name = "add_download",
                    .summary = "Download by .torrent file, magnet link or infohash.",
                    .handler = add_download,
                    .request = "NewDownload",
                    .response = "AddedDownload",
                    .status = 201,
                    .also_status = 200,
                    .needs = torrent,
                    .body = BodySize::Torrent});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/downloads/{infohash}",
                    .name = "download",
                    .summary = "One download.",
                    .handler = get_download,
                    .response = "Download",
                    .needs = torrent});
    rows.push_back({.method = "PATCH",
                    .path = "/api/v1/downloads/{infohash}",
                    .name = "change_download",
                    .summary = "Pause or resume a download.",
                    .handler = change_download,
                    .request = "DownloadChange",
                    .response = "DownloadChanged",
                    .needs = torrent});
    rows.push_back({.method = "DELETE",
                    .path = "/api/v1/downloads/{infohash}",
                    .name = "remove_download",
                    .summary = "Forget a download; its files stay unless you say otherwise.",
                    .handler = remove_download,
                    .query = {{.name = "files",
                               .type = Choice,
                               .choices = "keep|delete",
                               .note = "What becomes of the files; keep when absent."}},
                    .status = 204,
                    .needs = torrent,
                    .content = Content::None});
}

void add_overlay(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/peers",
                    .name = "peers",
                    .summary = "The peers that this node talks to.",
                    .handler = list_peers,
                    .response = "PeerList",
                    .needs = network});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/peers",
                    .name = "add_peer",
                    .summary = "Meet a peer now.",
                    .handler = add_peer,
                    .request = "NewPeer",
                    .response = "AddedPeer",
                    .status = 201,
                    .needs = network});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/sync",
                    .name = "sync",
                    .summary = "How far each community is in sync with its peers.",
                    .handler = list_sync,
                    .response = "SyncList",
                    .needs = network});
}

void add_dht(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/overlay",
                    .name = "overlay",
                    .summary = "How this node stands in the overlay: its addresses as others see "
                               "them, and its neighbours by community.",
                    .handler = get_overlay,
                    .response = "Overlay",
                    .needs = network});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/dht",
                    .name = "dht",
                    .summary = "The DHT's table and what this node keeps for others.",
                    .handler = get_dht,
                    .response = "Dht",
                    .needs = network});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/dht/values/{id}",
                    .name = "find_values",
                    .summary = "Look a key up in the DHT.",
                    .handler = find_values,
                    .response = "DhtValueList",
                    .needs = network,
                    .asks_peers = true});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/dht/values/{id}",
                    .name = "store_value",
                    .summary = "Leave a value under a key with the nodes nearest to it, for an "
                               "hour at most.",
                    .handler = store_value,
                    .request = "NewDhtValue",
                    .response = "DhtStored",
                    .needs = network | sign});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/dht/members/{id}",
                    .name = "find_member",
                    .summary = "Where a member is, by its id; those who know open the way to it.",
                    .handler = find_member,
                    .response = "DhtMemberList",
                    .needs = network,
                    .asks_peers = true});
}

void add_shards(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/shards",
                    .name = "shards",
                    .summary = "The communities' files, and what the disk is used for.",
                    .handler = list_shards,
                    .response = "ShardList",
                    .needs = storage});
    rows.push_back(
        {.method = "POST",
         .path = "/api/v1/shards/{id}/tasks",
         .name = "start_task",
         .summary = "Check, compact, prune or rebuild a community's file while it serves.",
         .handler = start_shard_task,
         .request = "NewTask",
         .response = "Accepted",
         .status = 202,
         .needs = storage});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/tasks",
                    .name = "tasks",
                    .summary = "Long work that runs or ended lately.",
                    .handler = list_tasks,
                    .response = "TaskList",
                    .needs = storage});
}

void add_upkeep(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities/{id}/retention",
                    .name = "retention",
                    .summary = "The retention rule that holds for a community, and where from.",
                    .handler = get_retention,
                    .response = "RetentionInForce",
                    .needs = storage});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/communities/{id}/retention",
                    .name = "set_retention",
                    .summary = "Give a community a retention rule of its own; pruning begins.",
                    .handler = set_retention,
                    .request = "Retention",
                    .response = "RetentionInForce",
                    .needs = storage});
    rows.push_back({.method = "DELETE",
                    .path = "/api/v1/communities/{id}/retention",
                    .name = "reset_retention",
                    .summary = "Follow the settings' retention rule again.",
                    .handler = reset_retention,
                    .status = 204,
                    .needs = storage,
                    .content = Content::None});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities/{id}/records",
                    .name = "export_records",
                    .summary = "A part of a community's records, as they were signed.",
                    .handler = export_records,
                    .query = {after},
                    .response = "RecordPart",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/communities/{id}/records",
                    .name = "import_records",
                    .summary = "Verify and store records that were exported.",
                    .handler = import_records,
                    .request = "NewRecords",
                    .response = "ImportCounts",
                    .needs = storage | network});
}

void add_backups(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/backups",
                    .name = "backups",
                    .summary = "The backups that there are.",
                    .handler = list_backups,
                    .response = "BackupList",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/backups",
                    .name = "create_backup",
                    .summary = "Back all communities and downloads up while the node runs.",
                    .handler = create_backup,
                    .request = "NewBackup",
                    .response = "Accepted",
                    .status = 202,
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/backups/{name}/restore",
                    .name = "restore_backup",
                    .summary = "Verify a backup, then bring back what is missing.",
                    .handler = restore_backup,
                    .response = "Accepted",
                    .status = 202,
                    .needs = storage});
    rows.push_back({.method = "DELETE",
                    .path = "/api/v1/backups/{name}",
                    .name = "delete_backup",
                    .summary = "Delete a backup.",
                    .handler = delete_backup,
                    .status = 204,
                    .needs = storage,
                    .content = Content::None});
}

}  // namespace

std::span<const Route> routes() {
    static const auto rows = [] {
        Rows out;
        add_node(out);
        add_communities(out);
        add_rights(out);
        add_people(out);
        add_channels(out);
        add_channel_changes(out);
        add_channel_items(out);
        add_playlists(out);
        add_search(out);
        add_downloads(out);
        add_overlay(out);
        add_dht(out);
        add_shards(out);
        add_upkeep(out);
        add_backups(out);
        return out;
    }();
    return rows;
}

}  // namespace warren::api
