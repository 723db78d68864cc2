#include "runtime/pipe/edges.h"

#include <algorithm>
#include <array>

#include "ipc-schema/network_generated.h"
#include "ipc-schema/sign_generated.h"
#include "ipc-schema/storage_generated.h"
#include "ipc-schema/torrent_generated.h"
#include "ipc-schema/verify_generated.h"

namespace warren::pipe {

namespace {

struct Edge {
    Role writer, reader;
    std::vector<std::uint8_t> tags;
};

template <typename... Tags>
std::vector<std::uint8_t> tags(Tags... tag) {
    return {static_cast<std::uint8_t>(tag)...};
}

const std::vector<Edge>& edges() {
    using N = ipc::network::Inbox;
    using T = ipc::torrent::Inbox;
    using V = ipc::verify::Inbox;
    using G = ipc::sign::Inbox;
    using S = ipc::storage::Inbox;
    static const std::vector<Edge> table = {
        {Role::Network, Role::Verify, tags(V::VerifyRecords, V::CheckSignatures)},
        {Role::Network, Role::Storage,
         tags(S::ListCommunities, S::Reconcile, S::GetRoot, S::FetchRecords, S::PutPeers,
              S::GetPeers, S::JudgePair, S::GetProofs, S::FindRecords, S::ListHealth,
              S::PutHealth)},
        {Role::Network, Role::Torrent, tags(T::ListWanted, T::FindSwarm, T::AddPeers)},
        {Role::Network, Role::Sign, tags(G::Sign, G::GetIdentity)},
        {Role::Verify, Role::Storage, tags(S::StoreRecords)},
        {Role::Storage, Role::Sign, tags(G::Sign, G::GetIdentity)},
        {Role::Storage, Role::Network, tags(N::PushRecords, N::CommunityChanged, N::WaitersJudged)},
        {Role::Torrent, Role::Storage,
         tags(S::PutDownload, S::PutResume, S::ForgetDownload, S::ListStoredDownloads,
              S::PutHealth)},
        {Role::Api, Role::Network,
         tags(N::ListPeers, N::AddPeer, N::ListSync, N::ImportRecords, N::GetOverlay, N::GetDht,
              N::FindValues, N::StoreValue, N::FindMember, N::ProposePair, N::ListPairs,
              N::DecidePair, N::SendLetter, N::CheckInvitation, N::GetSyncState, N::SearchPeers)},
        {Role::Api, Role::Torrent,
         tags(T::AddDownload, T::PauseDownload, T::ResumeDownload, T::RemoveDownload,
              T::ListDownloads, T::CreateTorrent, T::InspectTorrent)},
        {Role::Api, Role::Sign, tags(G::GetIdentity)},
        {Role::Api, Role::Storage,
         tags(S::PublishRecord, S::FoundChannel, S::JoinCommunity, S::LeaveCommunity,
              S::ListCommunities, S::ListChannels, S::ListContents, S::Search, S::ListAuthored,
              S::ListShards, S::SetRetention, S::StartTask, S::ListTasks, S::ExportRecords,
              S::ListBackups, S::DeleteBackup, S::GetRetention, S::GetRoot, S::DraftPair,
              S::MakeInvitation, S::GetProofs, S::ListPermissions, S::ExplainRecord,
              S::ListControls, S::ListForks, S::ListItems, S::GetRecord, S::RankRecords)},
    };
    return table;
}

}  // namespace

bool may_ask(Role writer, Role reader, std::uint8_t union_tag) {
    return std::ranges::any_of(edges(), [&](const Edge& edge) {
        return edge.writer == writer && edge.reader == reader &&
               std::ranges::find(edge.tags, union_tag) != edge.tags.end();
    });
}

std::vector<Role> readers_of(Role writer) {
    std::vector<Role> out;
    for (const auto& edge : edges())
        if (edge.writer == writer) out.push_back(edge.reader);
    return out;
}

std::string user_name(Role role) {
    return std::string(process::name_of(role));
}

std::optional<Role> role_of_user(const std::string& user) {
    return process::role_from(user);
}

}  // namespace warren::pipe
