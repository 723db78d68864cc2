// The commands. Each prints its result and says how it ended.
#pragma once

#include "cli/command.h"

namespace warren::cli {

// commands/node_process.cpp: hand over to warrend
Exit run_up(const Call& call);
Exit run_identity_export(const Call& call);
Exit run_identity_import(const Call& call);
Exit run_config_check(const Call& call);
Exit run_config_show(const Call& call);
Exit run_config_sample(const Call& call);

// commands/status.cpp
Exit run_status(const Call& call);
Exit run_peers_list(const Call& call);
Exit run_peers_add(const Call& call);
Exit run_sync(const Call& call);
Exit run_communities(const Call& call);

// commands/channel.cpp
Exit run_channel_create(const Call& call);
Exit run_channel_list(const Call& call);
Exit run_channel_show(const Call& call);
Exit run_channel_add(const Call& call);
Exit run_channel_join(const Call& call);
Exit run_channel_leave(const Call& call);
Exit run_search(const Call& call);
Exit run_author(const Call& call);

// commands/channel_items.cpp
Exit run_channel_edit(const Call& call);
Exit run_channel_vote(const Call& call);
Exit run_channel_subscribe(const Call& call);
Exit run_channel_unsubscribe(const Call& call);
Exit run_channel_torrent_show(const Call& call);
Exit run_channel_torrent_edit(const Call& call);
Exit run_channel_comment_list(const Call& call);
Exit run_channel_comment_add(const Call& call);
Exit run_channel_comment_edit(const Call& call);
Exit run_channel_playlist_list(const Call& call);
Exit run_channel_playlist_show(const Call& call);
Exit run_channel_playlist_create(const Call& call);
Exit run_channel_playlist_edit(const Call& call);
Exit run_channel_moderation_hide(const Call& call);
Exit run_channel_moderation_restore(const Call& call);
Exit run_channel_moderation_log(const Call& call);
Exit run_popular(const Call& call);

// commands/community.cpp
Exit run_community_create(const Call& call);
Exit run_community_join(const Call& call);
Exit run_community_leave(const Call& call);
Exit run_community_invite(const Call& call);
Exit run_community_sync(const Call& call);
Exit run_community_members(const Call& call);
Exit run_community_permissions(const Call& call);
Exit run_community_why(const Call& call);
Exit run_community_authorize(const Call& call);
Exit run_community_revoke(const Call& call);
Exit run_community_policy(const Call& call);
Exit run_community_destroy(const Call& call);
Exit run_agreement_propose(const Call& call);
Exit run_agreement_list(const Call& call);
Exit run_agreement_answer(const Call& call);
Exit run_letter(const Call& call);

// commands/download.cpp
Exit run_download_add(const Call& call);
Exit run_download_list(const Call& call);
Exit run_download_pause(const Call& call);
Exit run_download_resume(const Call& call);
Exit run_download_remove(const Call& call);

// commands/tap.cpp, commands/top.cpp
Exit run_tap(const Call& call);
Exit run_top(const Call& call);

// commands/overlay.cpp
Exit run_overlay_status(const Call& call);
Exit run_dht_status(const Call& call);
Exit run_dht_find(const Call& call);
Exit run_dht_store(const Call& call);
Exit run_dht_member(const Call& call);

// commands/shard.cpp
Exit run_shard_list(const Call& call);
Exit run_shard_check(const Call& call);
Exit run_shard_compact(const Call& call);
Exit run_shard_rebuild(const Call& call);
Exit run_shard_export(const Call& call);
Exit run_shard_import(const Call& call);
Exit run_community_retention(const Call& call);
Exit run_backup_create(const Call& call);
Exit run_backup_list(const Call& call);
Exit run_backup_restore(const Call& call);
Exit run_backup_delete(const Call& call);

// commands/control.cpp
Exit run_scale(const Call& call);
Exit run_reload(const Call& call);
Exit run_stop(const Call& call);
Exit run_api(const Call& call);

// help.cpp
Exit run_completion(const Call& call);
Exit run_help_all(const Call& call);

}  // namespace warren::cli
