// The rows of communities' members: their rights, invitations, agreements and letters.
#include "workers/api/resources/handlers.h"
#include "workers/api/route_rows.h"

namespace warren::api {

void add_rights(Rows& rows) {
    const auto control = [&](std::string_view path, std::string_view name, std::string_view summary,
                             Handler handler, std::string_view request) {
        rows.push_back({.method = "POST",
                        .path = path,
                        .name = name,
                        .summary = summary,
                        .handler = handler,
                        .request = request,
                        .response = "PublishedRecord",
                        .status = 201,
                        .needs = storage | sign});
    };
    control("/api/v1/communities/{id}/authorizations", "authorize",
            "Give members rights in a community.", authorize_members, "NewGrants");
    control("/api/v1/communities/{id}/revocations", "revoke",
            "Take rights in a community from members.", revoke_members, "NewGrants");
    control("/api/v1/communities/{id}/policies", "set_policy",
            "Let everybody write a kind of record, or only whom grants reach.", set_policy,
            "NewPolicy");
    control("/api/v1/communities/{id}/end", "destroy", "End a community for all its members.",
            destroy_community, "NewEnd");
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities/{id}/members",
                    .name = "members",
                    .summary = "Who has rights in a community.",
                    .handler = list_members,
                    .response = "MemberList",
                    .needs = storage});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities/{id}/permissions",
                    .name = "permissions",
                    .summary = "Who may do what since when, by which record, and what was taken.",
                    .handler = list_permissions,
                    .query = {limit, after},
                    .response = "PermissionPage",
                    .needs = storage});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities/{id}/why/{record}",
                    .name = "why",
                    .summary = "What became of a record, and the records that decide it.",
                    .handler = explain_record,
                    .response = "Explanation",
                    .needs = storage});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/communities",
                    .name = "create_community",
                    .summary = "Found a community.",
                    .handler = create_community,
                    .request = "NewCommunity",
                    .response = "CreatedCommunity",
                    .status = 201,
                    .needs = storage | sign});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/communities/{id}/sync",
                    .name = "sync_state",
                    .summary = "How far a community is in sync, and with whom.",
                    .handler = get_sync,
                    .response = "SyncDetail",
                    .needs = storage | network});
}

void add_people(Rows& rows) {
    rows.push_back({.method = "POST",
                    .path = "/api/v1/communities/{id}/invitations",
                    .name = "invite",
                    .summary = "An invitation to a community, as a text to pass on.",
                    .handler = invite,
                    .request = "NewInvitation",
                    .response = "Invitation",
                    .status = 201,
                    .needs = storage | sign | network});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/invitations",
                    .name = "accept_invitation",
                    .summary = "Take part in a community by an invitation.",
                    .handler = accept_invitation,
                    .request = "GivenInvitation",
                    .response = "AcceptedInvitation",
                    .needs = storage | network});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/communities/{id}/agreements",
                    .name = "propose_agreement",
                    .summary = "Sign a statement and ask another member to sign it too.",
                    .handler = propose_agreement,
                    .request = "NewAgreement",
                    .response = "PublishedRecord",
                    .status = 202,
                    .needs = storage | sign | network});
    rows.push_back({.method = "GET",
                    .path = "/api/v1/agreements",
                    .name = "agreements",
                    .summary = "What waits for a second signature, ours or another's, and how "
                               "the last ones ended.",
                    .handler = list_agreements,
                    .response = "AgreementList",
                    .needs = network | sign});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/communities/{id}/agreements/{agreement}",
                    .name = "answer_agreement",
                    .summary = "Sign what another member proposed, or refuse.",
                    .handler = answer_agreement,
                    .request = "AgreementAnswer",
                    .response = "Accepted",
                    .status = 202,
                    .needs = network});
    rows.push_back({.method = "POST",
                    .path = "/api/v1/communities/{id}/letters",
                    .name = "send_letter",
                    .summary = "A short text to one member, kept nowhere; its node's listeners "
                               "to event.letter.received get it.",
                    .handler = send_letter,
                    .request = "NewLetter",
                    .response = "LetterFate",
                    .needs = network | sign,
                    .asks_peers = true});
}

}  // namespace warren::api
