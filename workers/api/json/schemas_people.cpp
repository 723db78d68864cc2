// The rows of communities' members.
#include "workers/api/json/schema_rows.h"

namespace warren::api::json {

void add_rights(std::vector<Schema>& rows) {
    rows.push_back(
        {"NewCommunity",
         {choice("type", "channel"), text("name", 1, 128), optional(text("description", 0, 2048)),
          optional(flag("listed", "False: not announced in the directory."))}});
    rows.push_back({"CreatedCommunity",
                    {hex("id", 40), text("type"), text("name"), flag("listed"), hex("record", 64),
                     count("global_time")}});
    rows.push_back({"NewGrant",
                    {hex("member", 148, "Public key."),
                     text("kind", 1, 64, "As the type names it: torrent, comment, agreement…"),
                     list("rights", "", "permit, authorize, revoke, undo.")}});
    rows.push_back({"NewGrants", {list("grants", "NewGrant")}});
    rows.push_back({"MemberRights", {text("kind"), list("rights", "")}});
    rows.push_back({"Member",
                    {hex("member", 40), hex("public_key", 148), flag("founder"), flag("own"),
                     list("rights", "MemberRights", "The founder has all.")}});
    rows.push_back({"MemberList", {list("items", "Member"), flag("complete")}});
    rows.push_back(
        {"Permission",
         {optional(hex("member", 40, "Absent: everybody.")), optional(hex("public_key", 148)),
          text("kind"), text("right"), flag("held"), count("since", "Global time."),
          hex("record", 64, "That decides it."), count("global_time")}});
    rows.push_back({"PermissionPage",
                    {list("items", "Permission"), optional(hex("founder", 40)),
                     optional(hex("end", 64, "The record that ended the community.")), next()}});
    rows.push_back(
        {"Because", {hex("record", 64), count("global_time"), text("kind"), hex("by", 40)}});
    rows.push_back(
        {"Explanation",
         {choice("state", "unknown|accepted|undone|waiting|refused"), list("because", "Because")}});
    rows.push_back(
        {"NewPolicy",
         {text("kind", 1, 64, "One whose policy is dynamic."), choice("policy", "public|linear")}});
    rows.push_back({"NewEnd", {hex("confirm", 40, "The community's id once more.")}});
    rows.push_back(
        {"PublishedRecord", {hex("community", 40), hex("record", 64), count("global_time")}});
    rows.push_back(
        {"SyncMember",
         {hex("member", 40), text("address"), flag("in_sync"), count("records", "As it last said."),
          count("bytes_in", "In all communities."), count("bytes_out")}});
    rows.push_back(
        {"SyncDetail",
         {hex("community", 40), count("peers"), count("peers_in_sync"), count("bytes_in"),
          count("bytes_out"), integer("last_in_sync_ms", -1, big, "How long ago; -1: never."),
          count("records"), count("newest", "Global time."),
          text("fingerprint", "Of the set, in hex; equal ones of one epoch are equal sets."),
          count("epoch"), count("floor"), list("members", "SyncMember")}});
}

void add_people(std::vector<Schema>& rows) {
    rows.push_back({"NewInvitation",
                    {optional(text("name", 0, 128, "Shown to the guest.")),
                     optional(integer("valid_s", 60, 31'536'000, "A week when absent.")),
                     optional(list("grants", "NewGrant", "Published for the guest's key."))}});
    rows.push_back(
        {"Invitation",
         {hex("community", 40), text("invitation", "warren:… to pass on."),
          count("expires_s", "Unix time."), optional(hex("record", 64, "Of the grants."))}});
    rows.push_back({"GivenInvitation", {text("invitation", 8, 16'500)}});
    rows.push_back(
        {"AcceptedInvitation",
         {hex("id", 40), flag("joined"), text("name", "As the inviter says."), hex("inviter", 40),
          hex("founder", 40), count("grants", "Records of it that this node keeps now.")}});
    rows.push_back({"NewAgreement",
                    {hex("with", 148, "The other member's public key."), text("text", 1, 600),
                     optional(integer("patience_s", 1, 86'400, "An hour when absent."))}});
    rows.push_back({"Agreement",
                    {hex("community", 40), hex("record", 64), count("global_time"), text("kind"),
                     text("text"), flag("proposed_by_us"), hex("first", 40), hex("second", 40),
                     choice("state", "open|signed|refused|expired"),
                     flag("considered", "The other node has it and asks its user."), text("reason"),
                     count("left_ms", "Until it expires, or is forgotten here.")}});
    rows.push_back({"AgreementList", {list("items", "Agreement")}});
    rows.push_back(
        {"AgreementAnswer", {choice("answer", "accept|refuse"), optional(text("reason", 0, 200))}});
    rows.push_back({"NewLetter", {hex("member", 40), text("text", 1, 800)}});
    rows.push_back({"LetterFate", {flag("delivered"), optional(text("reason"))}});
}

}  // namespace warren::api::json
