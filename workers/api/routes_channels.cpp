// The rows of channels: what they are, what is said of them, what they hold.
#include "workers/api/resources/handlers.h"
#include "workers/api/route_rows.h"

namespace warren::api {

void add_channels(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels",
                    .name = "channels",
                    .summary = "The channels that this node knows.",
                    .handler = list_channels,
                    .query = {limit,
                              after,
                              {.name = "sort",
                               .type = Choice,
                               .choices = "name|popularity|updated",
                               .note = "By name when absent."},
                              {.name = "subscribed",
                               .type = Choice,
                               .choices = "true",
                               .note = "Only those that this node is subscribed to."}},
                    .response = "ChannelPage",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/channels",
                    .name = "create_channel",
                    .summary = "Found a channel.",
                    .handler = create_channel,
                    .request = "NewChannel",
                    .response = "CreatedChannel",
                    .status = 201,
                    .needs = storage | sign});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}",
                    .name = "channel",
                    .summary = "One channel.",
                    .handler = get_channel,
                    .response = "Channel",
                    .needs = storage});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}/contents",
                    .name = "contents",
                    .summary = "What a channel holds, newest first.",
                    .handler = list_contents,
                    .query = {limit, after},
                    .response = "TorrentPage",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/channels/{id}/torrents",
                    .name = "publish",
                    .summary = "Publish a torrent in a channel of this node.",
                    .handler = publish_torrent,
                    .request = "NewTorrent",
                    .response = "PublishedTorrent",
                    .status = 201,
                    .needs = storage | sign,
                    .body = BodySize::Torrent});
}

void add_search(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/search",
                    .name = "search",
                    .summary = "Torrents whose name, tags or files hold these words.",
                    .handler = search,
                    .query = {{.name = "q",
                               .type = Text,
                               .min = 1,
                               .max = 256,
                               .required = true,
                               .note = "Words; all of them must occur."},
                              {.name = "community",
                               .type = Text,
                               .min = 40,
                               .max = 40,
                               .note = "Only what this community holds."},
                              {.name = "remote",
                               .type = Choice,
                               .choices = "true|false",
                               .note = "Ask neighbours too, who learn these words."},
                              {.name = "wait_ms",
                               .type = Integer,
                               .min = 100,
                               .max = 10'000,
                               .note = "For neighbours, at most; else 3,000."},
                              limit},
                    .response = "SearchResult",
                    .line = "SearchLine",
                    .needs = storage});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/torrents/popular",
                    .name = "popular",
                    .summary =
                        "Of the newest torrents and the most alive, those with the best health and "
                        "freshness.",
                    .handler = list_popular,
                    .query = {limit},
                    .response = "SearchResult",
                    .needs = storage});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/members/{member}/records",
                    .name = "authored",
                    .summary = "What a member wrote, by community, newest first; and whether its "
                               "line forks.",
                    .handler = list_authored,
                    .query = {limit, after},
                    .response = "AuthorPage",
                    .needs = storage});
}

// What members say of channels, and what changes in them.
void add_channel_changes(Rows& rows) {
    rows.push_back({.method = "PATCH",
                    .path = "/api/v1/channels/{id}",
                    .name = "change_channel",
                    .summary = "Change a channel's name or description.",
                    .handler = change_channel,
                    .request = "ChannelChange",
                    .response = "Published",
                    .needs = storage | sign});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/channels/{id}/vote",
                    .name = "vote",
                    .summary = "Vote for or against a channel, or take the vote back.",
                    .handler = put_vote,
                    .request = "NewVote",
                    .response = "Vote",
                    .needs = storage | sign});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/channels/{id}/subscription",
                    .name = "subscribe",
                    .summary = "Subscribe to a channel, and take part in it.",
                    .handler = subscribe,
                    .response = "Subscription",
                    .needs = storage | sign});
    rows.push_back({.method = "DELETE",
                    .path = "/api/v1/channels/{id}/subscription",
                    .name = "unsubscribe",
                    .summary = "End a subscription; what is here stays.",
                    .handler = unsubscribe,
                    .status = 204,
                    .needs = storage | sign,
                    .content = Content::None});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}/torrents/{record}",
                    .name = "torrent",
                    .summary = "One torrent of a channel, with trackers and thumbnail.",
                    .handler = get_torrent,
                    .response = "TorrentDetails",
                    .needs = storage});
    rows.push_back({.method = "PATCH",
                    .path = "/api/v1/channels/{id}/torrents/{record}",
                    .name = "change_torrent",
                    .summary = "Change what is said of a torrent.",
                    .handler = change_torrent,
                    .request = "TorrentChange",
                    .response = "Published",
                    .needs = storage | sign});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}/moderation",
                    .name = "moderation_log",
                    .summary = "What moderators hid and restored, newest first.",
                    .handler = list_moderation,
                    .query = {limit, after},
                    .response = "ModerationLog",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/channels/{id}/moderation",
                    .name = "moderate",
                    .summary = "Hide a record of a channel, or bring it back.",
                    .handler = moderate,
                    .request = "NewModeration",
                    .response = "Published",
                    .status = 201,
                    .needs = storage | sign});
}

void add_channel_items(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}/comments",
                    .name = "comments",
                    .summary = "Comments on a torrent or a channel, oldest first.",
                    .handler = list_comments,
                    .query = {limit,
                              after,
                              {.name = "about",
                               .type = Text,
                               .min = 1,
                               .max = 128,
                               .note = "The `ref` of a torrent; absent: the channel itself."}},
                    .response = "CommentPage",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/channels/{id}/comments",
                    .name = "add_comment",
                    .summary = "Comment on a torrent, a channel or a comment.",
                    .handler = add_comment,
                    .request = "NewComment",
                    .response = "Published",
                    .status = 201,
                    .needs = storage | sign});
    rows.push_back({.method = "PATCH",
                    .path = "/api/v1/channels/{id}/comments/{record}",
                    .name = "change_comment",
                    .summary = "Change a comment of this node.",
                    .handler = change_comment,
                    .request = "CommentChange",
                    .response = "Published",
                    .needs = storage | sign});
}

void add_playlists(Rows& rows) {
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}/playlists",
                    .name = "playlists",
                    .summary = "The playlists of a channel, oldest first.",
                    .handler = list_playlists,
                    .query = {limit, after},
                    .response = "PlaylistPage",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/channels/{id}/playlists",
                    .name = "add_playlist",
                    .summary = "Make a playlist of a channel's torrents.",
                    .handler = add_playlist,
                    .request = "NewPlaylist",
                    .response = "Published",
                    .status = 201,
                    .needs = storage | sign});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/channels/{id}/playlists/{record}",
                    .name = "playlist",
                    .summary = "One playlist, and its torrents in order.",
                    .handler = get_playlist,
                    .response = "PlaylistDetails",
                    .needs = storage});
    rows.push_back({.method = "PUT",
                    .path = "/api/v1/channels/{id}/playlists/{record}",
                    .name = "change_playlist",
                    .summary = "Give a playlist a new name, description and order.",
                    .handler = change_playlist,
                    .request = "NewPlaylist",
                    .response = "Published",
                    .needs = storage | sign});
}

}  // namespace warren::api
