// Searches in storage: of all its workers at once, or by parts, as they answer.
#include <set>

#include "workers/api/outbox_storage_shared.h"

namespace warren::api {

namespace {

using namespace wire;
using namespace wire::storage;
using pipe::Target;
using process::Role;

// Parts of a worker's index, when results are wanted as they come.
constexpr std::uint8_t search_groups = 8;

FoundTorrent found_torrent_of(const S::Torrent& from) {
    FoundTorrent out{torrent_of(from), -from.rank()};
    out.here = from.stored();
    out.text = from.text();
    out.health = from.health();
    out.freshness = from.freshness();
    return out;
}

// A slot that moved between two answers is in both.
void drop_copies(std::vector<FoundTorrent>& found) {
    std::set<std::pair<CommunityId, RecordRef>> seen;
    std::erase_if(found, [&](const FoundTorrent& one) {
        return !seen.emplace(one.torrent.community, one.torrent.record).second;
    });
}

Bytes bytes_of(const std::vector<CommunityId>& communities) {
    Bytes out;
    for (const auto& community : communities)
        append(out, community.view());
    return out;
}

}  // namespace

FoundParts Outbox::ask_search(Errand& errand, const SearchWish& wish, std::uint8_t groups) {
    const auto only = bytes_of(wish.communities);
    std::vector<Asking::Question> questions;
    for (std::uint8_t group = 0; group < groups; ++group) {
        for (const auto instance : asking_.ready(Role::Storage)) {
            Builder builder;
            const auto words = builder.CreateString(wish.text);
            const auto ids = builder.CreateVector(only);
            auto message = request(builder, S::CreateSearch(builder, words, wish.limit, group,
                                                            groups, wish.text.empty(), ids));
            questions.push_back({instance, std::move(message)});
        }
    }
    return FoundParts(asking_.ask_each(errand, Role::Storage, std::move(questions)));
}

FoundParts Outbox::search_parts(Errand& errand, const SearchWish& wish) {
    return ask_search(errand, wish, search_groups);
}

pipe::Task<std::optional<Outcome<Found>>> FoundParts::next() {
    using Part = std::optional<Outcome<Found>>;
    auto answer = co_await answers_.next();
    if (!answer) co_return std::nullopt;
    if (!*answer) co_return Part(std::move(answer->problem()));
    const auto* found = reply<S::SearchReply>(**answer);
    if (!found) co_return Part(strange());
    Found out;
    out.complete = !found->partial();
    out.slots = found->slots();
    if (found->torrents())
        for (const auto* torrent : *found->torrents())
            out.torrents.push_back(found_torrent_of(*torrent));
    co_return Part(std::move(out));
}

Outbox::Asked<std::vector<FoundTorrent>> Outbox::rank_records(Errand& errand, CommunityId community,
                                                              std::string text,
                                                              const std::vector<Bytes>& packets) {
    std::vector<std::uint16_t> sizes;
    Bytes blob;
    for (const auto& packet : packets) {
        sizes.push_back(static_cast<std::uint16_t>(packet.size()));
        append(blob, packet);
    }
    Builder builder;
    const auto id = to_wire<ipc::CommunityId>(community);
    const auto words = builder.CreateString(text);
    const auto list = builder.CreateVector(sizes);
    auto message = request(builder, S::CreateRankRecords(builder, &id, words, list));
    pipe::add_blobs(message, blob);
    auto got = co_await asking_.ask(errand, Role::Storage, Target::community(community),
                                    std::move(message));
    if (!got) co_return std::move(got.problem());
    const auto* found = reply<S::SearchReply>(*got);
    if (!found) co_return strange();
    std::vector<FoundTorrent> out;
    if (found->torrents())
        for (const auto* torrent : *found->torrents())
            out.push_back(found_torrent_of(*torrent));
    co_return std::move(out);
}

// What is found while slots move may lack some of them, or have one twice: it is asked again.
Outbox::Asked<Found> Outbox::search(Errand& errand, SearchWish wish) {
    while (true) {
        auto out = co_await search_once(errand, wish);
        if (!out) co_return out;
        const bool again = co_await asking_.wait_for_slots(errand, out->slots);
        if (again) continue;
        out->complete = out->complete && out->slots == all_slots;
        co_return out;
    }
}

Outbox::Asked<Found> Outbox::search_once(Errand& errand, const SearchWish& wish) {
    if (auto wrong = obstacle(Patience::Read, Role::Storage)) co_return std::move(*wrong);
    auto parts = ask_search(errand, wish, 1);
    Found out;
    bool any = false;
    for (auto part = co_await parts.next(); part; part = co_await parts.next()) {
        // What one worker finds wrong with the words, all do.
        if (!*part && part->problem().status < 500) co_return std::move(part->problem());
        out.complete = out.complete && *part && (**part).complete;
        if (!*part) continue;
        any = true;
        out.slots |= (**part).slots;
        std::ranges::move((**part).torrents, std::back_inserter(out.torrents));
    }
    if (!any) co_return role_unavailable("storage", "storage: no worker could search in time");
    std::ranges::stable_sort(out.torrents, std::greater{}, &FoundTorrent::score);
    drop_copies(out.torrents);
    if (out.torrents.size() > wish.limit) out.torrents.resize(wish.limit);
    co_return out;
}

}  // namespace warren::api
