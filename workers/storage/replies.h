// Answers as messages, one function an answer.
#pragma once

#include "workers/storage/commands.h"
#include "workers/storage/slots.h"

namespace warren::storage::replies {

pipe::Answer stored(const std::vector<shard::Verdict>& verdicts);
pipe::Answer published(const RecordRef& record);
pipe::Answer founded(const FoundedChannel& channel);
pipe::Answer drafted(const DraftedPair& pair);
pipe::Answer judged(const PairJudgement& judgement);
pipe::Answer invited(const RecordRef& grants, Bytes invitation);
pipe::Answer done();
pipe::Answer communities(const std::vector<CommunityRow>& rows);
pipe::Answer channels(const ChannelRows& rows);
pipe::Answer items(protocol::RecordKind kind, const shard::ItemPage& page);
pipe::Answer record(const RecordAndShown& record);
pipe::Answer contents(const Contents& contents);
pipe::Answer found(const SearchResult& result);
pipe::Answer found_records(const std::vector<Bytes>& packets);
pipe::Answer swarms(const std::vector<SwarmRow>& rows);
pipe::Answer authored(const AuthorRecords& records);
pipe::Answer reconciled(ReconcileResult result);
pipe::Answer root(const shard::ShardRoot& root);
pipe::Answer fetched(const shard::Fetched& fetched);
pipe::Answer proofs(const std::vector<Bytes>& packets);
pipe::Answer permissions(const Permissions& permissions);
pipe::Answer explained(const Explained& explained);
pipe::Answer controls(const std::vector<Bytes>& packets, bool more);
pipe::Answer forks(const std::vector<Bytes>& proofs);
pipe::Answer download_put(shard::Put put);
pipe::Answer downloads(const shard::DownloadPage& page);
// The slot lives elsewhere now.
pipe::Answer peers(std::vector<Bytes> parts);
pipe::Answer moved();

}  // namespace warren::storage::replies
