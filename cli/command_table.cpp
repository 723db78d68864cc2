// The rows: every command of `warren`, its options and its examples.
#include "cli/command_rows.h"
#include "cli/commands.h"

namespace warren::cli {

namespace {

const OptionRow config_option{"--config", Text, "FILE", "settings file (TOML)"};
const OptionRow set_option{"--set", Texts, "SECTION.NAME=VALUE",
                           "override one setting; repeatable"};

void add_node_commands(std::vector<CommandRow>& rows) {
    rows.push_back({"up", "start the node and stay with it until it ends",
                    Options{config_option, set_option},
                    Examples{"up", "up --state /tmp/node --set api.listen=127.0.0.1:0"}, run_up});
    rows.push_back(
        reads({"status", "how the node and its workers are",
               Options{flag("--roster", "ask no one: show what the supervisor wrote last"),
                       flag("--wait", "wait until every worker is ready")},
               Examples{"status", "status --wait --timeout 30",
                        "status --field workers.role "
                        "--field workers.state"},
               run_status}));
    rows.push_back({"scale", "change how many processes a role has",
                    Options{word("ROLE=N", "such as storage=4")}, Examples{"scale verify=4"},
                    run_scale});
    rows.push_back({"reload", "read the settings file again", {}, Examples{"reload"}, run_reload});
    rows.push_back({"stop", "stop the node in order, and wait until it is gone",
                    Options{flag("--no-wait", "return as soon as the node has agreed")},
                    Examples{"stop", "stop --timeout 60"}, run_stop});
    rows.push_back({"identity export",
                    "write the node's private key to a new file that only you can read",
                    Options{word("FILE", "file to write; - for a pipe")},
                    Examples{"identity export node.key", "identity export - | age -p > node.age"},
                    run_identity_export});
    rows.push_back({"identity import",
                    "start a node as somebody who exists, such as a Tribler user: takes IPv8's key "
                    "file",
                    Options{word("FILE", "file to read; - for standard input")},
                    Examples{"identity import ~/.Tribler/8.0/ec_multichain.pem",
                             "identity import - < node.key"},
                    run_identity_import});
    rows.push_back({"config check", "check a settings file; changes nothing",
                    Options{{"FILE", Text, "FILE", "settings file (TOML)", true}},
                    Examples{"config check /etc/warren/warren.toml"}, run_config_check});
    rows.push_back({"config show", "the settings that a node would use, with their sources",
                    Options{config_option, set_option},
                    Examples{"config show --config warren.toml"}, run_config_show});
    rows.push_back({"config sample",
                    "an annotated settings file with every default",
                    {},
                    Examples{"config sample > warren.toml"},
                    run_config_sample});
}

void add_content_commands(std::vector<CommandRow>& rows) {
    rows.push_back(reads({"channel create", "found a channel",
                          Options{word("NAME", "what people will read"),
                                  {"--description", Text, "TEXT", "what it is about"}},
                          Examples{"channel create 'Open films' --description 'free to share'",
                                   "channel create Books --quiet"},
                          run_channel_create}));
    rows.push_back(reads({"channel list", "the channels that this node knows",
                          Options{{"--sort", Text, "ORDER", "by name, popularity or updated", false,
                                   0, 0, "name|popularity|updated"},
                                  flag("--subscribed", "only those that you are subscribed to"),
                                  limit_option,
                                  after_option},
                          Examples{"channel list", "channel list --sort popularity",
                                   "channel list --subscribed --json"},
                          run_channel_list}));
    rows.push_back(reads({"channel show", "what a channel holds",
                          Options{word("CHANNEL", "id of the channel"), limit_option, after_option},
                          Examples{"channel show 1f0c…", "channel show 1f0c… --field items.name"},
                          run_channel_show}));
    rows.push_back(reads(
        {"channel add",
         "publish torrents in a channel: directories or files below the share root,\n"
         ".torrent files, or magnet links",
         Options{word("CHANNEL", "id of the channel"),
                 {"WHAT", Texts, "WHAT", "directory, file, FILE.torrent or magnet link", true},
                 {"--name", Text, "NAME", "name to publish it under; a magnet link needs one"},
                 {"--tags", Text, "TAGS", "words to find it by, separated by commas"},
                 {"--tracker", Texts, "URL", "tracker to announce with it; repeatable"},
                 {"--thumbnail", Text, "SHA256", "hash of a picture, in hex"}},
         Examples{"channel add 1f0c… films/spring", "channel add 1f0c… spring.torrent",
                  "channel add 1f0c… 'magnet:?xt=urn:btih:…' --name Spring"},
         run_channel_add}));
    rows.push_back({"channel join", "take part in a channel: fetch it and pass it on",
                    Options{word("CHANNEL", "id of the channel")}, Examples{"channel join 1f0c…"},
                    run_channel_join});
    rows.push_back({"channel leave", "take no further part in a channel",
                    Options{word("CHANNEL", "id of the channel")}, Examples{"channel leave 1f0c…"},
                    run_channel_leave});
    rows.push_back(reads(
        {"search", "torrents whose name or tags hold these words",
         Options{{"WORDS", Texts, "WORDS", "all of them must occur", true},
                 {"--community", Text, "ID", "only what this community holds"},
                 flag("--remote", "ask neighbours too, who learn these words"),
                 {"--wait", Number, "SECONDS", "for neighbours, at most; else 3", false, 1, 10},
                 limit_option},
         Examples{"search open film", "search spring --quiet", "search spring --remote"},
         run_search}));
    rows.push_back(reads(
        {"author", "what a member wrote, by community, newest first, and where its line forks",
         Options{word("MEMBER", "member id (40 hexadecimal digits) or public key (148)"),
                 limit_option, after_option},
         Examples{"author 5e0a…", "author 5e0a… --field items.record"}, run_author}));
    rows.push_back(reads({"communities",
                          "the communities that this node takes part in",
                          {},
                          Examples{"communities"},
                          run_communities}));
}

void add_channel_commands(std::vector<CommandRow>& rows) {
    const auto channel = word("CHANNEL", "id of the channel");
    const auto ref = word("REF", "the record, as listings show it: TIME.ID");
    const OptionRow about{"--about", Text, "REF", "a torrent; the channel itself when absent"};
    rows.push_back(reads({"channel edit", "change a channel's name or description",
                          Options{channel,
                                  {"--name", Text, "NAME", "its new name"},
                                  {"--description", Text, "TEXT", "what it is about"}},
                          Examples{"channel edit 1f0c… --name 'Open films'"}, run_channel_edit}));
    rows.push_back(
        {"channel vote", "vote for or against a channel, or take the vote back",
         Options{channel, {"VOTE", Text, "VOTE", "up, down or none", true, 0, 0, "up|down|none"}},
         Examples{"channel vote 1f0c… up", "channel vote 1f0c… none"}, run_channel_vote});
    rows.push_back({"channel subscribe", "subscribe to a channel, and take part in it",
                    Options{channel}, Examples{"channel subscribe 1f0c…"}, run_channel_subscribe});
    rows.push_back({"channel unsubscribe", "end a subscription; what is here stays",
                    Options{channel}, Examples{"channel unsubscribe 1f0c…"},
                    run_channel_unsubscribe});
    rows.push_back(reads({"channel torrent show", "one torrent, with trackers and thumbnail",
                          Options{channel, ref}, Examples{"channel torrent show 1f0c… 17.9ab4…"},
                          run_channel_torrent_show}));
    rows.push_back(
        reads({"channel torrent edit", "change what is said of a torrent; the rest stays",
               Options{channel,
                       ref,
                       {"--name", Text, "NAME", "its new name"},
                       {"--tags", Text, "TAGS", "words to find it by, separated by commas"},
                       {"--tracker", Texts, "URL", "all its trackers; repeatable"},
                       {"--thumbnail", Text, "SHA256", "hash of a picture, in hex"}},
               Examples{"channel torrent edit 1f0c… 17.9ab4… --name Spring --tags film,open"},
               run_channel_torrent_edit}));
    rows.push_back(
        reads({"channel comment list", "comments on a torrent or a channel",
               Options{channel, about, limit_option, after_option},
               Examples{"channel comment list 1f0c… --about 17.9ab4…"}, run_channel_comment_list}));
    rows.push_back(reads({"channel comment add", "comment on a torrent, a channel, or a comment",
                          Options{channel,
                                  word("TEXT", "what to say"),
                                  about,
                                  {"--reply-to", Text, "REF", "the comment that this answers"}},
                          Examples{"channel comment add 1f0c… 'well made' --about 17.9ab4…"},
                          run_channel_comment_add}));
    rows.push_back(reads({"channel comment edit", "change a comment of yours",
                          Options{channel, ref, word("TEXT", "what it says now")},
                          Examples{"channel comment edit 1f0c… 21.03fe… 'very well made'"},
                          run_channel_comment_edit}));
}

void add_playlist_commands(std::vector<CommandRow>& rows) {
    const auto channel = word("CHANNEL", "id of the channel");
    const auto ref = word("REF", "the record, as listings show it: TIME.ID");
    rows.push_back(reads({"channel playlist list", "the playlists of a channel",
                          Options{channel, limit_option, after_option},
                          Examples{"channel playlist list 1f0c…"}, run_channel_playlist_list}));
    rows.push_back(reads({"channel playlist show", "one playlist, and its torrents in order",
                          Options{channel, ref}, Examples{"channel playlist show 1f0c… 30.77d0…"},
                          run_channel_playlist_show}));
    const OptionRow torrents{"TORRENT", Texts, "TORRENT", "torrents in order: TIME.ID each"};
    rows.push_back(reads({"channel playlist create", "make a playlist of a channel's torrents",
                          Options{channel,
                                  word("NAME", "what people will read"),
                                  torrents,
                                  {"--description", Text, "TEXT", "what it is about"}},
                          Examples{"channel playlist create 1f0c… Shorts 17.9ab4… 18.c5e2…"},
                          run_channel_playlist_create}));
    rows.push_back(reads({"channel playlist edit", "change a playlist; what is not given stays",
                          Options{channel,
                                  ref,
                                  torrents,
                                  {"--name", Text, "NAME", "its new name"},
                                  {"--description", Text, "TEXT", "what it is about"}},
                          Examples{"channel playlist edit 1f0c… 30.77d0… 18.c5e2… 17.9ab4…"},
                          run_channel_playlist_edit}));
}

void add_moderation_commands(std::vector<CommandRow>& rows) {
    const auto channel = word("CHANNEL", "id of the channel");
    const auto ref = word("REF", "the record, as listings show it: TIME.ID");
    const OptionRow as{"--as", Text, "ROLE", "author of the record, or moderator",
                       false,  0,    0,      "author|moderator"};
    rows.push_back(
        reads({"channel moderation hide", "hide a record of a channel everywhere",
               Options{channel, ref, as}, Examples{"channel moderation hide 1f0c… 21.03fe…"},
               run_channel_moderation_hide}));
    rows.push_back(reads(
        {"channel moderation restore", "bring a hidden record back", Options{channel, ref, as},
         Examples{"channel moderation restore 1f0c… 21.03fe…"}, run_channel_moderation_restore}));
    rows.push_back(
        reads({"channel moderation log", "what moderators hid and restored, newest first",
               Options{channel, limit_option, after_option},
               Examples{"channel moderation log 1f0c…"}, run_channel_moderation_log}));
    rows.push_back(reads(
        {"popular",
         "of the newest torrents and the most alive, those with the best health and freshness",
         Options{limit_option}, Examples{"popular --limit 10"}, run_popular}));
}

void add_download_commands(std::vector<CommandRow>& rows) {
    const auto infohash = word("INFOHASH", "40 hexadecimal digits");
    rows.push_back(
        reads({"download add", "download: by infohash, magnet link, or .torrent file",
               Options{word("WHAT", "infohash, magnet link or FILE.torrent"),
                       {"--name", Text, "NAME",
                        "with an infohash: name until the torrent's own is known"},
                       flag("--paused", "add it, but do not start"),
                       flag("--wait", "stay until it is complete, with a progress bar"),
                       number("--wait-timeout", "S", 1, 30 * day_s,
                              "give up waiting after S seconds (exit 75)")},
               Examples{"download add 6f3a…  --wait", "download add film.torrent --paused"},
               run_download_add}));
    rows.push_back(reads(
        {"download list", "downloads and what they are doing",
         Options{{"INFOHASH", Text, "INFOHASH", "only this one"},
                 flag("--watch", "keep showing, until Ctrl-C")},
         Examples{"download list", "download list --watch", "download list 6f3a… --field state"},
         run_download_list}));
    rows.push_back({"download pause", "stop transferring; keep everything", Options{infohash},
                    Examples{"download pause 6f3a…"}, run_download_pause});
    rows.push_back({"download resume", "go on with a paused download", Options{infohash},
                    Examples{"download resume 6f3a…"}, run_download_resume});
    rows.push_back({"download remove", "forget a download; its files stay unless you say otherwise",
                    Options{infohash, flag("--delete-files", "delete what was downloaded, too")},
                    Examples{"download remove 6f3a…", "download remove 6f3a… --delete-files"},
                    run_download_remove});
}

void add_watch_commands(std::vector<CommandRow>& rows) {
    rows.push_back(reads({"peers",
                          "the peers that this node talks to",
                          {},
                          Examples{"peers", "peers --json"},
                          run_peers_list}));
    rows.push_back(
        {"peers add", "meet a peer now", Options{word("ADDRESS", "IP:PORT of its overlay")},
         Examples{"peers add 192.0.2.7:8090", "peers add '[2001:db8::7]:8090'"}, run_peers_add});
    rows.push_back(reads({"sync",
                          "how far each community is in sync with its peers",
                          {},
                          Examples{"sync"},
                          run_sync}));
    rows.push_back({"tap", "what the workers are saying, as it happens: TOPIC, a space, JSON",
                    Options{{"TOPIC", Text, "TOPIC",
                             "event.*, metric.*, log.*, trace.*, or a part; default: all"},
                            number("--count", "N", 1, 1'000'000'000, "end after N messages"),
                            number("--seconds", "S", 1, 365 * day_s,
                                   "end after S seconds (exit 75 if --count is not reached)"),
                            flag("--json", "one JSON object a line, with the topic inside")},
                    Examples{"tap event.", "tap metric.storage --count 1", "tap log. --seconds 10"},
                    run_tap});
    rows.push_back({"top", "a table of the workers that keeps itself up to date",
                    Options{number("--count", "N", 1, 1'000'000'000, "end after N tables")},
                    Examples{"top", "top --count 1"}, run_top});
    rows.push_back(
        {"api", "send any request to the REST interface and print the answer",
         Options{{"METHOD", Text, "METHOD", "GET, POST, PUT, PATCH or DELETE", true, 0, 0,
                  "GET|POST|PUT|PATCH|DELETE"},
                 word("PATH", "below /api/v1, or from the root with / in front"),
                 {"BODY", Text, "JSON", "body of the request"},
                 {"--key", Text, "KEY", "idempotency key of this request; default: a new one"}},
         Examples{"api GET settings", "api GET /metrics",
                  "api POST channels '{\"name\":\"Books\"}'"},
         run_api});
    rows.push_back({"completion", "a completion script for a shell",
                    Options{{"SHELL", Text, "SHELL", "bash", true, 0, 0, "bash"}},
                    Examples{"completion bash > ~/.local/share/bash-completion/completions/warren"},
                    run_completion});
    rows.push_back(
        {"help-all", "this reference, as Markdown (docs/cli.md) or scdoc (the man page)",
         Options{{"--format", Text, "FORMAT", "markdown or scdoc", false, 0, 0, "markdown|scdoc"}},
         Examples{"help-all > docs/cli.md"}, run_help_all});
}

void add_overlay_commands(std::vector<CommandRow>& rows) {
    const auto key = word("KEY", "40 hexadecimal digits");
    rows.push_back(reads({"overlay status",
                          "the node's addresses as others see them, its kind of connection, and "
                          "its neighbours by community",
                          {},
                          Examples{"overlay status", "overlay status --field wan"},
                          run_overlay_status}));
    rows.push_back(reads({"dht status",
                          "the DHT's table, and what this node keeps for others",
                          {},
                          Examples{"dht status"},
                          run_dht_status}));
    rows.push_back(reads({"dht find", "look a key up in the DHT", Options{key},
                          Examples{"dht find 1f0c…", "dht find 1f0c… --json"}, run_dht_find}));
    rows.push_back(
        reads({"dht store",
               "leave a value under a key with the nodes nearest to it, for an hour at "
               "most",
               Options{key, word("DATA", "169 bytes at most; signed: 23"),
                       flag("--signed", "by this node; replaces its older value")},
               Examples{"dht store 1f0c… 'see you there'", "dht store 1f0c… 192.0.2.7:80 --signed"},
               run_dht_store}));
    rows.push_back(reads({"dht member", "where a member is, by its id",
                          Options{word("MEMBER", "40 hexadecimal digits")},
                          Examples{"dht member 5e0a…"}, run_dht_member}));
}

void add_upkeep_commands(std::vector<CommandRow>& rows) {
    const auto community = word("COMMUNITY", "40 hexadecimal digits");
    rows.push_back(reads({"shard list",
                          "the communities' files, and what the disk is used for",
                          {},
                          Examples{"shard list", "shard list --json"},
                          run_shard_list}));
    rows.push_back({"shard check",
                    "read all of a file and prove it, while it serves; all if none is named",
                    Options{{"COMMUNITY", Text, "COMMUNITY", "only this one"}},
                    Examples{"shard check", "shard check 1f0c…"}, run_shard_check});
    rows.push_back({"shard compact", "give a file's free pages back, in steps, while it serves",
                    Options{community}, Examples{"shard compact 1f0c…"}, run_shard_compact});
    rows.push_back({"shard rebuild",
                    "make a file and its listings again from its good rows, and put the old one "
                    "aside;\nwhat is missing then comes back from peers",
                    Options{community}, Examples{"shard rebuild 1f0c…"}, run_shard_rebuild});
    rows.push_back({"shard export", "write a community's records to a file, as they were signed",
                    Options{community, word("FILE", "file to write")},
                    Examples{"shard export 1f0c… books.stream"}, run_shard_export});
    rows.push_back({"shard import", "verify and store the records of such a file; joins if need be",
                    Options{word("FILE", "file to read"),
                            {"--community", Text, "COMMUNITY", "refuse the file of another one"}},
                    Examples{"shard import books.stream"}, run_shard_import});
    rows.push_back(reads(
        {"community retention",
         "how much of a community is kept: tells it, or sets a rule of its own;\nwhat is not "
         "given is then not limited",
         Options{community,
                 {"--age", Text, "AGE", "prune what is older, such as 90d"},
                 number("--count", "N", 1, 1'000'000'000, "keep the newest N records"),
                 number("--bytes", "N", 1, 1'099'511'627'776, "of the file in use"),
                 flag("--default", "follow the settings again")},
         Examples{"community retention 1f0c…", "community retention 1f0c… --age 90d --count 100000",
                  "community retention 1f0c… --default"},
         run_community_retention}));
    rows.push_back({"backup create", "back up all communities and downloads while the node runs",
                    Options{{"NAME", Text, "NAME", "default: backup-TIME"}},
                    Examples{"backup create", "backup create before-update"}, run_backup_create});
    rows.push_back(reads({"backup list",
                          "the backups that there are",
                          {},
                          Examples{"backup list"},
                          run_backup_list}));
    rows.push_back({"backup restore", "verify a backup, then bring back what is missing",
                    Options{word("NAME", "of the backup")},
                    Examples{"backup restore before-update"}, run_backup_restore});
    rows.push_back({"backup delete", "delete a backup", Options{word("NAME", "of the backup")},
                    Examples{"backup delete before-update"}, run_backup_delete});
}

const OptionRow globals[] = {
    {"--state", Text, "DIR",
     "state directory of the node; default: $WARREN_STATE, else "
     "$XDG_STATE_HOME/warren, else ~/.local/state/warren (root: /var/lib/warren)"},
    {"--timeout", Number, "S", "how long to try; default 15 seconds", false, 1, day_s},
    {"--api", Text, "HOST:PORT", "address of the REST interface; default: what the node wrote"},
    {"--token-file", Text, "FILE",
     "file that holds the token; default: api_token in the state directory"},
};

const OptionRow outputs[] = {
    {"--json", Flag, "", "print what the node answered, for programs"},
    {"--field", Texts, "PATH",
     "print only this field, one line for each item; several: tabs between"},
    {"--quiet", Flag, "", "print ids only"},
};

constexpr GroupRow groups[] = {
    {"config", "settings files"},
    {"identity", "who the node is"},
    {"channel", "channels and what they hold"},
    {"channel torrent", "one torrent of a channel"},
    {"channel comment", "comments on torrents and channels"},
    {"channel playlist", "ordered lists of torrents"},
    {"channel moderation", "what is hidden, and by whom"},
    {"download", "downloads"},
    {"shard", "communities' files"},
    {"community", "communities, their members and rules"},
    {"agreement", "statements that two members sign"},
    {"backup", "backups of the node"},
    {"overlay", "peers as a whole"},
    {"dht", "values that nodes keep for each other"},
};

}  // namespace

std::span<const CommandRow> command_rows() {
    static const auto rows = [] {
        std::vector<CommandRow> out;
        add_node_commands(out);
        add_content_commands(out);
        add_channel_commands(out);
        add_playlist_commands(out);
        add_moderation_commands(out);
        add_community_commands(out);
        add_agreement_commands(out);
        add_download_commands(out);
        add_watch_commands(out);
        add_overlay_commands(out);
        add_upkeep_commands(out);
        return out;
    }();
    return rows;
}

std::span<const OptionRow> global_options() {
    return globals;
}
std::span<const OptionRow> output_options() {
    return outputs;
}
std::span<const GroupRow> group_rows() {
    return groups;
}

}  // namespace warren::cli
