// What the network worker asks of others. Generated types stop here; the answers are domain types.
#pragma once

#include <string>
#include <vector>

#include "protocol/overlay_types.h"
#include "runtime/pipe/worker.h"

namespace warren::network {

struct ReconcileOutcome {
    Bytes answers, wants, offers;
    bool in_sync = false;
};
struct SwarmsHeld {
    std::uint32_t bitmap = 0;
    std::uint16_t port = 0;
};

// Does somebody wait to hear that records are kept, whatever happens to the power?
enum class Durable { No, Yes };

struct Received {
    std::vector<Bytes> packets;
    std::vector<std::uint64_t> sources = {};  // of each; none: from nobody outside
};

// Coroutine arguments are taken by value: they must outlive the call.
class Outbox {
public:
    explicit Outbox(pipe::Host& host) : host_(host) {}

    // verify
    pipe::Task<Result<std::vector<bool>>> check_signatures(std::vector<Bytes> packets);
    pipe::Task<Result<std::vector<protocol::RecordVerdict>>>
    verify_records(CommunityId community, Received received, pipe::NoCredit no_credit,
                   Durable durable);

    // sign
    pipe::Task<Result<protocol::PublicKey>> get_identity();
    pipe::Task<Result<protocol::Signature>> sign(Bytes bytes);

    // storage
    pipe::Task<Result<std::vector<CommunityId>>> joined_communities();
    pipe::Task<Result<ReconcileOutcome>> reconcile(protocol::Reconcile wish);
    pipe::Task<Result<protocol::CommunityRoot>> get_root(CommunityId community);
    pipe::Task<Result<protocol::FetchedRecords>> fetch_records(protocol::FetchRecords wish);
    pipe::Task<Result<protocol::FetchedRecords>> get_proof(protocol::GetProof wish);

    pipe::Task<Result<protocol::PairJudgement>> judge_pair(protocol::JudgePair wish);
    pipe::Task<Result<std::vector<Bytes>>> get_peers();
    pipe::Task<Result<void>> put_peers(Bytes peers);

    // What our storage has that holds the words; of each of its workers that may know some.
    pipe::Task<Result<protocol::FetchedRecords>> find_records(protocol::FindRecords wish);
    pipe::Task<Result<std::vector<protocol::SwarmCount>>> list_health(CommunityId community);
    pipe::Task<void> put_health(CommunityId community, std::vector<protocol::SwarmCount> swarms);

    // torrent
    bool torrent_is_ready() const;
    pipe::Task<Result<std::vector<Infohash>>> list_wanted();
    pipe::Task<Result<SwarmsHeld>> find_swarm(std::vector<Infohash> infohashes);
    pipe::Task<Result<void>> add_peers(Infohash infohash, std::vector<Endpoint> peers);

private:
    struct Terms {
        pipe::Role role = pipe::Role::Storage;
        pipe::Target target;
        Nanoseconds patience = 0;
        pipe::NoCredit no_credit = pipe::NoCredit::Fail;
    };
    static Terms to_shard(const CommunityId& community);
    pipe::Task<Result<pipe::Message>> ask(Terms terms, pipe::Message message);

    pipe::Host& host_;
};

// A batch as one blob, and how to cut it.
struct Packed {
    std::vector<std::uint16_t> sizes;
    Bytes blob;
};
Packed pack(const std::vector<Bytes>& packets);
// The packets of a blob; nothing when the sizes do not fit it.
Result<std::vector<Bytes>> unpack(const std::vector<std::uint16_t>& sizes, ByteView blob);
Bytes joined(const std::vector<pipe::Frame>& blobs);

}  // namespace warren::network
