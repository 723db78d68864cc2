// The rows: every body that the interface takes or gives.
#include <array>

#include "workers/api/json/schema_rows.h"

namespace warren::api::json {

namespace {

constexpr std::string_view worker_states = "starting|ready|degraded|draining|down";
constexpr std::string_view record_kinds =
    "channel|torrent|announcement|vote|subscription|channel-edit|torrent-edit|playlist|"
    "playlist-edit|comment|agreement|authorize|revoke|undo-own|undo-other|settings|destroy|other";
constexpr std::string_view download_states =
    "queued|checking|fetching_metadata|downloading|seeding|paused|failed";

void add_node(std::vector<Schema>& rows) {
    rows.push_back(
        {"Status",
         {text("name"), text("version"), choice("state", "ok|degraded"),
          list("degraded", "", "What does not work right now, and why."),
          count("uptime_s", "How long the node runs."),
          count("epoch", "Of the worker that answers; grows with every start."),
          text("worker", "The api worker that answers."), text("api"),
          optional(hex("member", 40, "This node's member id.")), optional(hex("public_key", 148)),
          optional(integer("overlay_port", 0, 65535)), list("workers", "Worker")}});
    rows.push_back(
        {"Worker",
         {text("name"), text("role"), count("index"), choice("state", worker_states), count("pid"),
          count("restarts"), count("epoch"), optional(text("reason", "Why it is not ready.")),
          optional(count("slots", "That a storage worker serves, of 64.")),
          optional(list("pinned_slots", "", "Those of them that `storage.pin` names."))}});
    rows.push_back({"WorkerList", {list("items", "Worker")}});
    rows.push_back({"Scale", {integer("count", 1, 64, "How many processes of this role.")}});
    rows.push_back({"Scaled", {text("role"), integer("count", 1, 64)}});
    rows.push_back({"Accepted", {text("detail")}});
    rows.push_back({.name = "Settings", .open = true});
    rows.push_back({.name = "OpenApi", .open = true});
    rows.push_back(
        {"FieldError",
         {text("pointer", "JSON pointer into the body, or ?NAME of the query."), text("detail")}});
    rows.push_back({"Problem",
                    {text("type"), text("title"), integer("status", 400, 599),
                     optional(text("detail")), optional(text("instance")),
                     optional(text("role", "The part of the node that is missing.")),
                     optional(list("errors", "FieldError"))}});
}

void add_content(std::vector<Schema>& rows) {
    rows.push_back({"Community",
                    {hex("id", 40), choice("kind", "directory|channel"), flag("joined"),
                     count("records"), count("bytes"), text("name")}});
    rows.push_back({"CommunityList", {list("items", "Community")}});
    rows.push_back({"Membership", {hex("id", 40), flag("joined")}});
    rows.push_back({"NewChannel", {text("name", 1, 128), optional(text("description", 0, 2048))}});
    rows.push_back(
        {"CreatedChannel", {hex("id", 40), text("name"), hex("record", 64), count("global_time")}});
    rows.push_back(
        {"Channel",
         {hex("id", 40), text("name"), text("description"), text("founder", "Public key, in hex."),
          count("torrents"), flag("joined"), flag("own", "This node founded it."),
          count("updated_ms", "Unix time."), count("votes_up", "Members whose vote is for it."),
          count("votes_down"), count("subscribers"), number("popularity", "docs/channels.md."),
          integer("vote", -1, 1, "Of this node's identity."), flag("subscribed")}});
    rows.push_back({"ChannelPage", {list("items", "Channel"), next()}});
    const std::vector<Member> torrent = {
        hex("community", 40),
        text("channel", "Name of the channel."),
        hex("record", 64),
        count("global_time"),
        text("ref", "The record in other addresses: TIME.ID."),
        flag("edited", "Name and tags are those of an edit."),
        hex("infohash", 40),
        text("name"),
        count("size", "Bytes."),
        count("files"),
        text("tags"),
        integer("created_ms", 0, 0, "Unix time, as the publisher says."),
        optional(count("seeders", "When somebody counted them.")),
        optional(count("leechers")),
        optional(count("checked_ms", "Unix time of the count.")),
        optional(choice("checked_by", "node|neighbour", "Who counted."))};
    rows.push_back({"Torrent", torrent});
    rows.push_back({"TorrentPage", {list("items", "Torrent"), next()}});
    auto found = torrent;
    for (const auto& member :
         {number("score", "text x health x freshness: docs/search.md."),
          number("text", "How well the words fit, 0 to 1."),
          number("health", "0.5 to 2; 1 when nobody knows."),
          number("freshness", "0.5 to 1, by the publisher's date."),
          choice("source", "local|remote", "Remote: this node has no such record."),
          optional(list("peers", "", "Members that found it, when neighbours were asked."))})
        found.push_back(member);
    rows.push_back({"FoundTorrent", std::move(found)});
    rows.push_back({"SearchResult",
                    {list("items", "FoundTorrent", "Best first."),
                     flag("complete", "False: a part of the node did not answer."),
                     optional(count("peers_asked", "Neighbours, of a remote search."))}});
    rows.push_back({"SearchLine",
                    {{.name = "torrent",
                      .type = Object,
                      .need = Need::Optional,
                      .of = "FoundTorrent",
                      .note = "In the order of finding."},
                     optional(flag("complete", "On the last line, which has no torrent.")),
                     optional(count("items", "How many lines came before.")),
                     optional(count("peers_asked", "Neighbours, of a remote search."))},
                    {"torrent", "complete"}});
}

void add_authored(std::vector<Schema>& rows) {
    rows.push_back({"AuthoredRecord",
                    {hex("community", 40), hex("record", 64), count("global_time"),
                     choice("kind", record_kinds),
                     flag("forked", "Another record of this member names the same predecessor.")}});
    rows.push_back(
        {"AuthorPage",
         {hex("member", 40), optional(hex("public_key", 148)), count("records"),
          count("forks", "Places where the member's line parts."), list("items", "AuthoredRecord"),
          next(), flag("complete", "False: a part of the node did not answer.")}});
}

void add_publishing(std::vector<Schema>& rows) {
    const auto trackers = optional(list("trackers", "", "URLs, 16 at most."));
    const auto thumbnail = optional(hex("thumbnail", 64, "SHA-256 of a picture."));
    rows.push_back(
        {"NewTorrent",
         {optional(text("path", 1, 4096, "Directory or file below the share root.")),
          base64("torrent", "A .torrent file."), optional(text("magnet", 1, 8192, "Needs `name`.")),
          optional(text("name", 1, 300)), optional(text("tags", 0, 200, "Separated by commas.")),
          trackers, thumbnail},
         {"path", "torrent", "magnet"}});
    rows.push_back({"PublishedTorrent",
                    {hex("community", 40), hex("record", 64), count("global_time"), text("ref"),
                     hex("infohash", 40), text("name"), count("size"), count("files")}});
}

void add_channel_items(std::vector<Schema>& rows) {
    const auto ref = text("ref", "The record in other addresses: TIME.ID.");
    const auto key = text("public_key", "Of its author, in hex.");
    const std::vector<Member> record = {ref, hex("record", 64), count("global_time")};
    rows.push_back({"Published", record});
    rows.push_back({"ChannelChange",
                    {optional(text("name", 1, 128)), optional(text("description", 0, 2048))}});
    rows.push_back({"NewVote", {integer("value", -1, 1, "0 takes the vote back.")}});
    rows.push_back({"Vote", {hex("id", 40), integer("value", -1, 1)}});
    rows.push_back({"Subscription", {hex("id", 40), flag("subscribed")}});
    rows.push_back({"TorrentChange",
                    {optional(text("name", 1, 300)), optional(text("tags", 0, 200)),
                     optional(list("trackers", "", "URLs, 16 at most.")),
                     optional(text("thumbnail", 0, 64, "SHA-256 in hex; empty: none."))}});
    rows.push_back({"TorrentDetails",
                    {hex("community", 40), text("channel"), hex("record", 64), count("global_time"),
                     ref, flag("edited"), hex("infohash", 40), text("name"), count("size"),
                     count("files"), text("tags"), integer("created_ms", 0, 0),
                     list("trackers", ""), optional(hex("thumbnail", 64))}});
    rows.push_back({"Comment",
                    {ref, hex("record", 64), count("global_time"), hex("member", 40), key,
                     text("text"), optional(text("about", "A torrent; absent: the channel.")),
                     optional(text("reply_to", "A comment.")), flag("edited")}});
    rows.push_back({"CommentPage", {list("items", "Comment"), next()}});
    rows.push_back({"NewComment",
                    {text("text", 1, 2000), optional(text("about", 1, 128, "`ref` of a torrent.")),
                     optional(text("reply_to", 1, 128, "`ref` of a comment."))}});
    rows.push_back({"CommentChange", {text("text", 1, 2000)}});
    std::vector<Member> playlist = {ref,
                                    hex("record", 64),
                                    count("global_time"),
                                    hex("member", 40),
                                    key,
                                    text("name"),
                                    text("description"),
                                    list("items", "", "The `ref`s of its torrents, in order."),
                                    flag("edited")};
    rows.push_back({"Playlist", playlist});
    rows.push_back({"PlaylistPage", {list("items", "Playlist"), next()}});
    playlist.push_back(list("torrents", "Torrent", "Those of them that are shown here."));
    rows.push_back({"PlaylistDetails", std::move(playlist)});
    rows.push_back({"NewPlaylist",
                    {text("name", 1, 128), optional(text("description", 0, 1024)),
                     list("items", "", "`ref`s of torrents, 128 at most.")}});
    rows.push_back(
        {"ModerationEntry",
         {ref, hex("record", 64), count("global_time"), hex("member", 40), key,
          text("target", "`ref` of what is hidden or restored."), choice("kind", record_kinds),
          choice("action", "hide|restore"),
          text("why", "Where the records are that allowed it, down to the founder's.")}});
    rows.push_back({"ModerationLog", {list("items", "ModerationEntry"), next()}});
    rows.push_back({"NewModeration",
                    {text("target", 1, 128, "`ref` of a record."), choice("action", "hide|restore"),
                     optional(choice("as", "author|moderator",
                                     "Absent: author of what this node wrote, else moderator."))}});
}

void add_transfers(std::vector<Schema>& rows) {
    rows.push_back(
        {"NewDownload",
         {base64("torrent", "A .torrent file."), optional(text("magnet", 1, 8192)),
          optional(hex("infohash", 40)),
          optional(text("name", 1, 300, "Until the torrent's own is known; not with `torrent`.")),
          optional(flag("paused"))},
         {"torrent", "magnet", "infohash"}});
    rows.push_back(
        {"AddedDownload",
         {hex("infohash", 40), text("name"), flag("created", "False: it was there already.")}});
    rows.push_back({"Download",
                    {hex("infohash", 40), text("name"), choice("state", download_states),
                     optional(text("error")), count("size", "Bytes."), count("done", "Bytes."),
                     count("down_rate", "Bytes a second."), count("up_rate", "Bytes a second."),
                     count("uploaded", "Bytes."), count("peers"), count("seeds"), count("files"),
                     integer("added_ms", 0, 0, "Unix time."), text("path", "Below its root.")}});
    rows.push_back({"DownloadList", {list("items", "Download")}});
    rows.push_back({"DownloadChange", {choice("state", "paused|running")}});
    rows.push_back({"DownloadChanged", {hex("infohash", 40), choice("state", "paused|running")}});
    rows.push_back(
        {"Peer",
         {text("address"), optional(hex("member", 40)), list("communities", ""), flag("verified"),
          optional(count("round_trip_us")), count("last_seen_ms", "How long ago."),
          count("bytes_in"), count("bytes_out")}});
    rows.push_back({"PeerList", {list("items", "Peer"), integer("port", 0, 65535)}});
    rows.push_back({"NewPeer", {text("address", 1, 64, "IP:PORT of its overlay.")}});
    rows.push_back({"AddedPeer", {text("address")}});
    rows.push_back(
        {"SyncState",
         {hex("community", 40), count("peers"), count("peers_in_sync"), count("bytes_in"),
          count("bytes_out"), integer("last_in_sync_ms", -1, big, "How long ago; -1: never.")}});
    rows.push_back({"SyncList", {list("items", "SyncState")}});
}

void add_overlay(std::vector<Schema>& rows) {
    rows.push_back({"OverlayCommunity",
                    {hex("id", 40), choice("kind", "records|discovery|dht"),
                     count("neighbours", "Peers that hold one of its slots."),
                     count("partners", "Of them: nodes that records are exchanged with.")}});
    rows.push_back({"Overlay",
                    {count("peers"), count("proven", "Peers whose address is proven."),
                     list("lan", "", "Addresses in the local network, one of a family."),
                     list("wan", "", "Addresses as others see them; empty while nobody said."),
                     choice("connection", "unknown|public|symmetric_nat"),
                     flag("bootstrap", "Introduces peers of any community."),
                     count("introduced", "Peers in the bootstrap registry."),
                     list("communities", "OverlayCommunity")}});
    rows.push_back({"DhtFamily",
                    {choice("family", "ipv4|ipv6"), hex("node_id", 40), count("nodes"),
                     count("good", "Nodes that answered within 15 minutes."), count("buckets"),
                     count("keys", "That this node keeps values of."), count("values"),
                     count("members_held", "Members that registered here to be found.")}});
    rows.push_back(
        {"Dht", {flag("running", "False: overlay.dht is off."), list("families", "DhtFamily")}});
    rows.push_back({"DhtValue",
                    {{.name = "data", .type = Base64},
                     optional(hex("signer", 148, "Public key; absent: anybody's.")),
                     optional(hex("member", 40, "Of the signer.")),
                     optional(count("version", "Unix time when the signer stored it."))}});
    rows.push_back({"DhtValueList", {list("items", "DhtValue")}});
    rows.push_back({"NewDhtValue",
                    {{.name = "data",
                      .type = Base64,
                      .max = 256,
                      .note = "Up to 169 bytes; signed: up to 23."},
                     optional(flag("signed", "By this node; replaces its older value."))}});
    rows.push_back(
        {"DhtStored", {hex("key", 40), count("nodes", "That hold it now, this one included.")}});
    rows.push_back({"FoundMember", {text("address"), hex("public_key", 148)}});
    rows.push_back({"DhtMemberList", {list("items", "FoundMember")}});
}

void add_upkeep(std::vector<Schema>& rows) {
    rows.push_back({"Retention",
                    {optional(count("age_s", "Records older than this go; 0: none.")),
                     optional(count("records", "So many are kept, the newest; 0: all.")),
                     optional(count("bytes", "Of the file's pages in use; 0: any."))}});
    rows.push_back({"RetentionInForce",
                    {count("age_s"), count("records"), count("bytes"),
                     choice("source", "community|settings")}});
    rows.push_back(
        {"Shard",
         {hex("community", 40), choice("state", "closed|open|left|damaged"), count("slot"),
          text("worker"), count("records"), count("bytes"),
          count("log_bytes", "Of what was not moved into the file yet."), count("bytes_max"),
          count("oldest", "Global time."), count("newest"),
          count("floor", "Records before this global time were pruned; 0: none."),
          count("checked_ms", "When all of it was last proven, Unix time; 0: not yet."),
          optional({.name = "retention",
                    .type = Object,
                    .of = "Retention",
                    .note = "The community's own rule; absent: that of the settings."})}});
    rows.push_back({"DiskUsage",
                    {count("shards"), count("left"), count("logs"), count("derived"), count("node"),
                     count("backups"), count("other"), count("free"),
                     count("set_aside", "Damaged files that were rebuilt.")}});
    rows.push_back({"ShardList",
                    {list("items", "Shard"),
                     {.name = "usage", .type = Object, .of = "DiskUsage", .note = "Bytes."}}});
    rows.push_back({"NewTask", {choice("task", "check|compact|prune|rebuild")}});
    rows.push_back({"Task",
                    {choice("task", "check|compact|prune|backup|restore|rebuild"),
                     text("subject", "A community, or a backup's name."),
                     choice("state", "running|done|failed"), count("done"), count("total"),
                     text("found", "How it ended, in words.")}});
    rows.push_back({"TaskList", {list("items", "Task")}});
    rows.push_back({"RecordPart",
                    {count("records"),
                     {.name = "packets",
                      .type = Base64,
                      .note = "Records as they were signed, each with its size in two bytes."},
                     {.name = "details", .type = Base64, .note = "For the head of a stream file."},
                     count("damaged", "Left out of this part."),
                     next()}});
    rows.push_back({"NewRecords",
                    {{.name = "packets", .type = Base64, .max = 700'000},
                     base64("details", "Of the stream file: joins the community if need be.")}});
    rows.push_back({"ImportCounts",
                    {count("stored"), count("known"), count("waiting"), count("refused"),
                     count("bad_signature"), count("not_stored", "Try these again.")}});
    rows.push_back({"NewBackup", {text("name", 1, 64, "Letters, digits, '-', '_' and '.'.")}});
    rows.push_back(
        {"Backup",
         {text("name"), count("created_ms", "Unix time."), count("records"), count("communities"),
          count("bytes"), count("damaged", "Records that were left out."),
          flag("whole", "False: being made, or left by a crash.")}});
    rows.push_back({"BackupList", {list("items", "Backup")}});
}

}  // namespace

std::span<const Schema> schemas() {
    static const auto rows = [] {
        std::vector<Schema> out;
        add_node(out);
        add_rights(out);
        add_people(out);
        add_content(out);
        add_authored(out);
        add_publishing(out);
        add_channel_items(out);
        add_transfers(out);
        add_overlay(out);
        add_upkeep(out);
        return out;
    }();
    return rows;
}

}  // namespace warren::api::json
