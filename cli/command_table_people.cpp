// The rows of communities' members.
#include "cli/command_rows.h"
#include "cli/commands.h"

namespace warren::cli {

void add_community_commands(std::vector<CommandRow>& rows) {
    const auto community = word("COMMUNITY", "40 hexadecimal digits");
    const auto key = word("KEY", "public key of the member (148 hexadecimal digits)");
    const OptionRow kind{"--kind", Text, "KINDS",
                         "such as torrent,comment,agreement; default torrent"};
    const OptionRow rights{"--rights", Text, "RIGHTS",
                           "of permit,authorize,revoke,undo; default permit"};
    rows.push_back(
        reads({"community create", "found a community",
               Options{word("NAME", "what people will read"),
                       {"--description", Text, "TEXT", "what it is about"},
                       flag("--unlisted", "do not announce it in the directory")},
               Examples{"community create 'Garden club' --unlisted"}, run_community_create}));
    rows.push_back(reads({"community join", "take part in a community",
                          Options{word("WHAT", "its id, or an invitation (warren:…)")},
                          Examples{"community join 1f0c…", "community join warren:AAI…"},
                          run_community_join}));
    rows.push_back({"community leave", "take no further part in a community", Options{community},
                    Examples{"community leave 1f0c…"}, run_community_leave});
    rows.push_back(
        reads({"community invite",
               "an invitation to pass on; with --key it gives that member rights, too",
               Options{community,
                       {"--key", Text, "KEY", "public key of the guest"},
                       kind,
                       rights,
                       {"--name", Text, "NAME", "what the guest will read"},
                       number("--days", "N", 1, 365, "how long it is valid; default 7")},
               Examples{"community invite 1f0c…", "community invite 1f0c… --key 4c69… --kind "
                                                  "torrent,agreement"},
               run_community_invite}));
    rows.push_back(
        reads({"community sync", "how far a community is in sync, and with whom",
               Options{community}, Examples{"community sync 1f0c…"}, run_community_sync}));
    rows.push_back(reads({"community members", "who has rights in a community", Options{community},
                          Examples{"community members 1f0c…"}, run_community_members}));
    rows.push_back(reads({"community permissions", "who may do what since when, by which record",
                          Options{community, limit_option, after_option},
                          Examples{"community permissions 1f0c…"}, run_community_permissions}));
    rows.push_back(reads({"community why", "what became of a record, and what decides it",
                          Options{community, word("REF", "TIME.ID of the record")},
                          Examples{"community why 1f0c… 21.03fe…"}, run_community_why}));
    rows.push_back(reads(
        {"community authorize", "give a member rights", Options{community, key, kind, rights},
         Examples{"community authorize 1f0c… 4c69… --kind torrent"}, run_community_authorize}));
    rows.push_back(reads(
        {"community revoke", "take rights from a member", Options{community, key, kind, rights},
         Examples{"community revoke 1f0c… 4c69… --kind torrent"}, run_community_revoke}));
    rows.push_back(
        reads({"community policy", "let everybody write a kind of record, or not",
               Options{community,
                       word("KIND", "one whose policy is dynamic"),
                       {"POLICY", Text, "POLICY", "public or linear", true, 0, 0, "public|linear"}},
               Examples{"community policy 1f0c… comment linear"}, run_community_policy}));
    rows.push_back(reads({"community destroy", "end a community for all its members, for ever",
                          Options{community, flag("--yes", "really")},
                          Examples{"community destroy 1f0c… --yes"}, run_community_destroy}));
}

void add_agreement_commands(std::vector<CommandRow>& rows) {
    const auto community = word("COMMUNITY", "40 hexadecimal digits");
    const auto key = word("KEY", "public key of the member (148 hexadecimal digits)");
    rows.push_back(reads(
        {"agreement propose", "sign a statement and ask another member to sign it too",
         Options{community, key, word("TEXT", "600 bytes at most"),
                 number("--seconds", "S", 1, day_s, "how long to ask; default an hour")},
         Examples{"agreement propose 1f0c… 4c69… 'we share the garden'"}, run_agreement_propose}));
    rows.push_back(reads({"agreement list",
                          "what waits for a second signature, and how the last ones ended",
                          {},
                          Examples{"agreement list"},
                          run_agreement_list}));
    rows.push_back(
        {"agreement answer", "sign what another member proposed, or refuse",
         Options{community,
                 word("RECORD", "64 hexadecimal digits"),
                 {"ANSWER", Text, "ANSWER", "accept or refuse", true, 0, 0, "accept|refuse"},
                 {"--reason", Text, "TEXT", "why it is refused"}},
         Examples{"agreement answer 1f0c… 7a00… accept"}, run_agreement_answer});
    rows.push_back(reads({"letter", "a short text to one member, kept nowhere",
                          Options{community, word("MEMBER", "member id (40 hexadecimal digits)"),
                                  word("TEXT", "800 bytes at most")},
                          Examples{"letter 1f0c… 5e0a… 'see you at eight'"}, run_letter}));
}

}  // namespace warren::cli
