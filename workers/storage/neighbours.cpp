// Searches among nodes: what neighbours look for here, and what they found for our user; and how
// alive torrents are, as it is passed among neighbours.
#include <algorithm>
#include <map>
#include <set>

#include "storage-shard/foreign_search.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr std::size_t ranked_max = 100;
constexpr std::size_t found_bytes_max = 64 * 1024;
constexpr std::size_t candidates_max = 256;  // swarms that are looked up for one neighbour

using Packets = std::map<RecordRef, Bytes>;

std::function<Result<Packets>(shard::ShardReader&)> reads(std::vector<RecordRef> refs) {
    return [refs = std::move(refs)](shard::ShardReader& reader) -> Result<Packets> {
        Packets out;
        for (const auto& ref : refs) {
            WARREN_TRY(auto packet, reader.record(ref));
            if (packet) out[ref] = std::move(*packet);
        }
        return out;
    };
}

}  // namespace

// As the records themselves, with the edits that count: who asked can check who signed them.
Task<pipe::Answer> StorageWorker::on_find_records(Call call, FindRecords command) {
    auto found = co_await slots_.search(owned_slots(), command.question, call.deadline);
    if (!found) co_return found.error();
    struct Wanted {
        std::vector<RecordRef> torrents;
        std::map<RecordRef, RecordRef> edits;
        Packets packets;
    };
    std::map<CommunityId, Wanted> wanted;
    for (const auto& one : found->torrents)
        wanted[one.torrent.community].torrents.push_back(one.torrent.ref);
    for (auto& [community, want] : wanted) {
        auto refs = want.torrents;
        auto edits = co_await slots_.torrent_edit_refs(community, std::vector(refs), call.deadline);
        for (std::size_t i = 0; edits && i < edits->size(); ++i) {
            if (!(*edits)[i]) continue;
            want.edits[want.torrents[i]] = *(*edits)[i];
            refs.push_back(*(*edits)[i]);
        }
        auto use = shards_.use(community);
        auto read = reads(std::move(refs));
        auto packets = co_await shards_.read<Packets>(use, std::move(read), call.deadline);
        if (packets) want.packets = std::move(*packets);
    }
    std::vector<Bytes> out;
    std::size_t bytes = 0;
    const auto bytes_max = std::min(command.bytes_max, found_bytes_max);
    for (const auto& one : found->torrents) {
        auto& want = wanted[one.torrent.community];
        const auto edit = want.edits.find(one.torrent.ref);
        const auto& torrent = want.packets[one.torrent.ref];
        const auto edited = edit == want.edits.end() ? Bytes{} : want.packets[edit->second];
        if (torrent.empty() || bytes + torrent.size() + edited.size() > bytes_max) continue;
        bytes += torrent.size() + edited.size();
        out.push_back(torrent);
        if (!edited.empty()) out.push_back(edited);
    }
    host_.metrics().counter("storage_records_found_for_neighbours_total") += out.size();
    co_return replies::found_records(out);
}

// On the writing strand, as all that asks for verdicts.
Task<pipe::Answer> StorageWorker::on_rank_records(Call call, RankRecords command) {
    std::vector<CommunityId> only(1, command.community);
    auto described = co_await slots_.describe(std::move(only), call.deadline);
    const auto channel = described && !described->empty() ? described->front().name : std::string();
    using Foreign = std::vector<shard::ForeignTorrent>;
    std::function<Result<Foreign>(shard::Shard&)> work =
        [channel, packets = std::move(command.packets),
         text = std::move(command.text)](shard::Shard& shard) -> Result<Foreign> {
        WARREN_TRY(auto torrents, shard::foreign_torrents(shard, packets));
        for (auto& one : torrents)
            one.torrent.channel = channel;
        return shard::fitting(std::move(torrents), text);
    };
    auto use = shards_.use(command.community);
    auto fitting = co_await shards_.write<Foreign>(use, std::move(work), call.deadline);
    if (!fitting) co_return fitting.error();
    std::vector<shard::FoundTorrent> torrents;
    for (auto& one : *fitting)
        torrents.push_back(std::move(one.torrent));
    co_return replies::found(slots_.ranked(std::move(torrents), ranked_max));
}

pipe::Answer StorageWorker::on_put_health(const std::vector<SwarmRow>& swarms) {
    for (const auto& swarm : swarms)
        slots_.swarms().count(swarm.infohash, swarm.health);
    return replies::done();
}

// Only of torrents that are here, so that nobody fills our memory with others.
Task<pipe::Answer> StorageWorker::on_hear_health(Call call, CommunityId community,
                                                 std::vector<SwarmRow> swarms) {
    std::vector<Infohash> infohashes;
    for (const auto& swarm : swarms)
        infohashes.push_back(swarm.infohash);
    auto there = co_await slots_.swarms_in(community, std::move(infohashes), call.deadline);
    if (!there) co_return there.error();
    const std::set<Infohash> known(there->begin(), there->end());
    const auto now = wall_now_ms();
    std::uint64_t heard = 0;
    for (const auto& swarm : swarms)
        if (known.contains(swarm.infohash) &&
            slots_.swarms().hear(swarm.infohash, community, swarm.health, now))
            ++heard;
    host_.metrics().counter("storage_swarms_heard_total") += heard;
    host_.metrics().counter("storage_swarms_not_believed_total") += swarms.size() - heard;
    co_return replies::done();
}

// Others each time, until all had their turn.
Task<pipe::Answer> StorageWorker::on_list_health(Call call, CommunityId community,
                                                 std::size_t limit) {
    auto candidates = slots_.swarms().own_alive(wall_now_ms(), passed_on_, candidates_max);
    if (candidates.empty()) co_return replies::swarms({});
    auto there = co_await slots_.swarms_in(community, candidates, call.deadline);
    if (!there) co_return there.error();
    std::vector<SwarmRow> out;
    for (const auto& infohash : *there) {
        const auto health = slots_.health_of(infohash);
        if (out.size() < limit && health) out.push_back({infohash, *health});
    }
    passed_on_ = out.size() < limit ? candidates.back() : out.back().infohash;
    co_return replies::swarms(out);
}

}  // namespace warren::storage
