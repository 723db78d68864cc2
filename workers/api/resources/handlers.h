// Every handler that the route table names.
#pragma once

#include "workers/api/routes.h"

namespace warren::api {

using Handled = pipe::Task<Outcome<Reply>>;

// status.cpp
Handled get_status(Call& call);
Handled get_openapi(Call& call);
// workers.cpp
Handled list_workers(Call& call);
Handled scale_workers(Call& call);
Handled reload_node(Call& call);
Handled stop_node(Call& call);
Handled get_settings(Call& call);
// communities.cpp
Handled list_communities(Call& call);
Handled join_community(Call& call);
Handled leave_community(Call& call);
// rights.cpp
Handled create_community(Call& call);
Handled list_permissions(Call& call);
Handled list_members(Call& call);
Handled explain_record(Call& call);
Handled authorize_members(Call& call);
Handled revoke_members(Call& call);
Handled set_policy(Call& call);
Handled destroy_community(Call& call);
Handled get_sync(Call& call);
// people.cpp
Handled propose_agreement(Call& call);
Handled list_agreements(Call& call);
Handled answer_agreement(Call& call);
Handled send_letter(Call& call);
Handled invite(Call& call);
Handled accept_invitation(Call& call);
// channels.cpp
Handled list_channels(Call& call);
Handled create_channel(Call& call);
Handled get_channel(Call& call);
Handled list_contents(Call& call);
// channel_changes.cpp
Handled change_channel(Call& call);
Handled put_vote(Call& call);
Handled subscribe(Call& call);
Handled unsubscribe(Call& call);
Handled get_torrent(Call& call);
Handled change_torrent(Call& call);
Handled list_moderation(Call& call);
Handled moderate(Call& call);
// channel_items.cpp
Handled list_comments(Call& call);
Handled add_comment(Call& call);
Handled change_comment(Call& call);
Handled list_playlists(Call& call);
Handled add_playlist(Call& call);
Handled get_playlist(Call& call);
Handled change_playlist(Call& call);
// search.cpp
Handled search(Call& call);
Handled list_popular(Call& call);
Handled list_authored(Call& call);
// publishing.cpp
Handled publish_torrent(Call& call);
// downloads.cpp
Handled list_downloads(Call& call);
Handled add_download(Call& call);
Handled get_download(Call& call);
Handled change_download(Call& call);
Handled remove_download(Call& call);
// peers.cpp
Handled list_peers(Call& call);
Handled add_peer(Call& call);
Handled list_sync(Call& call);
// overlay.cpp
Handled get_overlay(Call& call);
Handled get_dht(Call& call);
Handled find_values(Call& call);
Handled store_value(Call& call);
Handled find_member(Call& call);
// shards.cpp
Handled list_shards(Call& call);
Handled start_shard_task(Call& call);
Handled list_tasks(Call& call);
Handled get_retention(Call& call);
Handled set_retention(Call& call);
Handled reset_retention(Call& call);
Handled export_records(Call& call);
Handled import_records(Call& call);
// backups.cpp
Handled list_backups(Call& call);
Handled create_backup(Call& call);
Handled restore_backup(Call& call);
Handled delete_backup(Call& call);
// events.cpp
Handled stream_events(Call& call);
// metrics.cpp
Handled get_metrics(Call& call);

}  // namespace warren::api
