// Searching at neighbours: every network worker asks its own, and each answer goes to the storage
// of its community, which judges and ranks it.
#include <map>

#include "base/random.h"
#include "workers/api/outbox_network_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using namespace wire::network;
using pipe::Message;
using pipe::Target;
using process::Role;

constexpr Nanoseconds turn_least = 200_ms;  // less is no time for another answer

Outcome<std::vector<PeerAnswer>> answers_of(const N::SearchPeersReply& from,
                                            const Message& message) {
    const auto bytes = pipe::join_blobs(message.blobs);
    Reader in(bytes);
    std::vector<PeerAnswer> out;
    if (from.answers()) {
        for (const auto* answer : *from.answers()) {
            const auto member = MemberId::from(bytes_of(answer->member()));
            if (!member || !answer->sizes()) return strange_reply("network");
            out.push_back({*member, {}});
            for (const auto size : *answer->sizes())
                out.back().packets.push_back(to_bytes(in.take(size)));
        }
    }
    if (!in.done()) return strange_reply("network");
    return out;
}

Message question(std::uint64_t search, bool begin, const SearchWish& wish, Nanoseconds left) {
    Builder builder;
    Bytes only;
    for (const auto& community : wish.communities)
        append(only, community.view());
    const auto text = builder.CreateString(wish.text);
    const auto ids = builder.CreateVector(only);
    return request(builder, N::CreateSearchPeers(builder, search, begin, text, ids, wish.limit,
                                                 static_cast<std::uint32_t>(left / 1_ms)));
}

}  // namespace

PeerParts Outbox::search_peers(Errand& errand, const SearchWish& wish) {
    auto state = std::make_shared<PeerParts::State>(asking_.io());
    state->deadline = errand.deadline();
    for (const auto worker : asking_.ready(Role::Network)) {
        ++state->workers;
        Errand own(errand.deadline(), Patience::Read, errand.next_id());
        pipe::spawn(asking_.io(), follow_worker(state, worker, own, wish));
    }
    return PeerParts(std::move(state));
}

pipe::Task<void> Outbox::follow_worker(std::shared_ptr<PeerParts::State> state,
                                       std::uint16_t worker, Errand errand, SearchWish wish) {
    const auto search = SystemRandom().next();
    bool over = false;
    for (bool begin = true; !over; begin = false) {
        const auto left = errand.deadline() - monotonic_now();
        if (left < turn_least) break;
        Errand turn(errand.deadline(), Patience::Read, errand.next_id());
        auto message = question(search, begin, wish, left);
        auto got =
            co_await asking_.ask(turn, Role::Network, Target::instance(worker), std::move(message));
        const auto* found = got ? reply<N::SearchPeersReply>(*got) : nullptr;
        if (!found) break;
        if (begin) state->asked += found->asked();
        over = found->over();
        auto answers = answers_of(*found, *got);
        if (!answers) break;
        for (auto& answer : *answers)
            co_await rank_answer(state, turn, wish, std::move(answer));
    }
    --state->workers;
    state->came->set(true);
}

pipe::Task<void> Outbox::rank_answer(std::shared_ptr<PeerParts::State> state, Errand& errand,
                                     const SearchWish& wish, PeerAnswer answer) {
    std::map<CommunityId, std::vector<Bytes>> communities;
    for (auto& packet : answer.packets)
        if (const auto record = protocol::decode_record(packet))
            communities[record->community].push_back(std::move(packet));
    std::vector<FoundTorrent> found;
    for (const auto& [community, packets] : communities) {
        auto ranked = co_await rank_records(errand, community, wish.text, packets);
        if (!ranked) continue;
        for (auto& torrent : *ranked) {
            torrent.peers.push_back(answer.member);
            found.push_back(std::move(torrent));
        }
    }
    if (found.empty()) co_return;
    state->there.push_back(std::move(found));
    state->came->set(true);
}

pipe::Task<std::optional<std::vector<FoundTorrent>>> PeerParts::next() {
    const auto state = state_;
    while (state->there.empty()) {
        if (state->workers == 0) co_return std::nullopt;
        const auto came = state->came;
        (void)co_await came->wait(state->deadline + 1_s);
        state->came = std::make_shared<pipe::Promise<bool>>(state->io);
    }
    std::optional<std::vector<FoundTorrent>> out(std::move(state->there.front()));
    state->there.pop_front();
    co_return std::move(out);
}

}  // namespace warren::api
