// Searches among nodes: our users' at neighbours, neighbours' in our storage; and how alive
// torrents are, as it is passed among neighbours.
#include "ipc-schema/network_generated.h"
#include "workers/network/network_worker.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

constexpr std::size_t searches_max = 16;
constexpr Nanoseconds answer_time = 100_ms, wait_default = 5_s;
constexpr Nanoseconds kept_after = 5_s;  // what an asker that went away left

}  // namespace

struct NetworkWorker::PeerSearch {
    explicit PeerSearch(pipe::asio::io_context& io)
        : came(std::make_shared<pipe::Promise<bool>>(io)) {}

    std::vector<PeerFound> found;  // to be taken
    std::size_t asked = 0;         // neighbours
    std::size_t checking = 0;      // answers whose signatures are being looked at
    bool ended = false;
    Nanoseconds until = 0;
    std::shared_ptr<pipe::Promise<bool>> came;

    bool over() const { return ended && checking == 0; }
};

Result<std::shared_ptr<NetworkWorker::PeerSearch>>
NetworkWorker::begin_search(std::uint64_t number, protocol::Queries::Wish wish) {
    const auto now = monotonic_now();
    std::erase_if(searches_, [&](const auto& entry) { return entry.second->until < now; });
    if (searches_.size() >= searches_max) return unavailable("too many searches are under way");
    auto search = std::make_shared<PeerSearch>(host_.io());
    searches_[number] = search;
    search->until = wish.deadline + kept_after;
    auto asked = overlay_->queries().ask(now, std::move(wish));
    if (!asked.ok()) {
        searches_.erase(number);
        return asked.error();
    }
    search->asked = *asked;
    flush_soon();
    tick_soon();
    return search;
}

pipe::Task<pipe::Answer> NetworkWorker::on_search_peers(SearchPeers command, Nanoseconds deadline) {
    if (!overlay_) co_return not_yet();
    const auto found = searches_.find(command.search);
    auto search = found == searches_.end() ? nullptr : found->second;
    if (!search && command.begin) {
        const auto until = monotonic_now() + command.patience;
        auto begun =
            begin_search(command.search, {command.search, std::move(command.text),
                                          std::move(command.communities), command.limit, until});
        if (!begun.ok()) co_return begun.error();
        search = *begun;
    }
    Builder builder;
    if (!search) co_return answer(builder, N::CreateSearchPeersReply(builder, 0, 0, true));
    const auto until = (deadline > 0 ? deadline : monotonic_now() + wait_default) - answer_time;
    if (search->found.empty() && !search->over()) {
        const auto came = search->came;
        (void)co_await came->wait(until);
        search->came = std::make_shared<pipe::Promise<bool>>(host_.io());
    }
    std::vector<flatbuffers::Offset<N::PeerAnswer>> list;
    Bytes blob;
    for (const auto& one : std::exchange(search->found, {})) {
        const auto packed = pack(one.packets);
        const auto sizes = builder.CreateVector(packed.sizes);
        const auto member = builder.CreateVector(one.member.bytes.data(), MemberId::size);
        list.push_back(N::CreatePeerAnswer(builder, member, sizes));
        append(blob, packed.blob);
    }
    const auto answers = builder.CreateVector(list);
    const bool over = search->over();
    if (over) searches_.erase(command.search);
    pipe::Message out{
        answer(builder, N::CreateSearchPeersReply(builder, answers,
                                                  static_cast<std::uint32_t>(search->asked), over)),
        {}};
    pipe::add_blobs(out, blob);
    co_return out;
}

// ---- the overlay's side

// A wrong signature is the neighbour's fault: honest nodes pass on what they checked.
pipe::Task<void> NetworkWorker::check_answer(protocol::QueryAnswered answered) {
    const auto at = searches_.find(answered.ref);
    if (at == searches_.end()) co_return;
    const auto search = at->second;
    ++search->checking;
    auto packets = answered.packets;
    auto valid = co_await outbox_.check_signatures(std::move(packets));
    --search->checking;
    PeerFound found{answered.member, {}};
    for (std::size_t i = 0; valid.ok() && i < valid->size(); ++i) {
        if ((*valid)[i])
            found.packets.push_back(std::move(answered.packets[i]));
        else
            overlay_->queries().forged(monotonic_now(), answered.member);
    }
    if (!found.packets.empty()) search->found.push_back(std::move(found));
    search->came->set(true);
    flush_soon();
}

void NetworkWorker::end_search(std::uint64_t number) {
    const auto at = searches_.find(number);
    if (at == searches_.end()) return;
    at->second->ended = true;
    at->second->came->set(true);
}

pipe::Task<void> NetworkWorker::find_records(protocol::FindRecords effect) {
    const auto token = effect.token;
    auto found = co_await outbox_.find_records(std::move(effect));
    const auto now = monotonic_now();
    if (found.ok())
        overlay_->found(now, token, *found);
    else
        overlay_->failed(now, token);
    flush_soon();
}

pipe::Task<void> NetworkWorker::count_swarms(protocol::CountSwarms effect) {
    auto swarms = co_await outbox_.list_health(effect.community);
    if (swarms.ok())
        overlay_->counted(effect.token, std::move(*swarms));
    else
        overlay_->failed(monotonic_now(), effect.token);
    flush_soon();
}

}  // namespace warren::network
