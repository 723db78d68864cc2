// Search over all channels, here and at neighbours, as one answer or line by line as it is found;
// who wrote what.
#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

constexpr Nanoseconds wait_default = 3_s;

using Key = std::pair<CommunityId, RecordRef>;
Key key_of(const FoundTorrent& found) {
    return {found.torrent.community, found.torrent.record};
}

// What one response sends, part by part.
struct SearchLines {
    FoundParts parts;
    std::optional<PeerParts> peers;
    std::size_t limit = 0;
    Found found = {};                 // to be sent
    std::multiset<double> best = {};  // scores of what was sent, `limit` at most
    std::set<Key> sent = {};
    std::size_t items = 0;
    bool complete = true;
    SlotSet slots = 0;
};

// What cannot be among the best any more is left out, and what was sent before.
std::string take_lines(SearchLines& search) {
    std::string out;
    for (const auto& torrent : search.found.torrents) {
        if (search.best.size() == search.limit && torrent.score <= *search.best.begin()) continue;
        if (search.peers && !search.sent.insert(key_of(torrent)).second) continue;
        search.best.insert(torrent.score);
        if (search.best.size() > search.limit) search.best.erase(search.best.begin());
        out += json::dump({{"torrent", to_json(torrent)}}) + "\n";
        ++search.items;
    }
    search.complete = search.complete && search.found.complete;
    search.slots |= search.found.slots;
    search.found.torrents.clear();
    return out;
}

// Into `found`; false: nothing more comes.
pipe::Task<bool> next_part(SearchLines& search, bool& here) {
    if (here) {
        auto part = co_await search.parts.next();
        if (part && *part) search.found = std::move(**part);
        if (part && !*part) search.complete = false;
        if (part) co_return true;
        here = false;
    }
    if (!search.peers) co_return false;
    auto found = co_await search.peers->next();
    if (!found) co_return false;
    search.found.torrents = std::move(*found);
    co_return true;
}

pipe::Task<void> write_lines(std::shared_ptr<SearchLines> search, http::ChunkWriter& writer) {
    bool here = true, more = true;
    while (more) {
        const auto text = take_lines(*search);
        if (!text.empty() && !co_await writer.write(text)) co_return;
        more = co_await next_part(*search, here);
    }
    const bool complete = search->complete && search->slots == all_slots;
    json::Value last = {{"complete", complete}, {"items", search->items}};
    if (search->peers) last["peers_asked"] = search->peers->asked();
    (void)co_await writer.write(json::dump(last) + "\n");
}

// Only when the user says so: neighbours learn what he looks for.
std::optional<PeerParts> ask_peers(Call& call, const SearchWish& wish) {
    if (call.query_text("remote") != "true") return std::nullopt;
    const auto wait = call.query_text("wait_ms");
    const auto span = wait.empty() ? wait_default : std::stoll(wait) * 1_ms;
    Errand errand(monotonic_now() + span, Patience::Read, call.errand.next_id());
    return call.outbox().search_peers(errand, wish);
}

Outcome<SearchWish> wish_of(const Call& call) {
    SearchWish out{call.query_text("q"), call.limit()};
    const auto community = call.query_text("community");
    if (community.empty()) return out;
    const auto id = CommunityId::from_hex_text(community);
    if (!id)
        return invalid("the query is not right", {{"?community", "must be 40 hexadecimal digits"}});
    out.communities.push_back(*id);
    return out;
}

// Starts with the first part that answers, so that what is wrong is still said by a status.
Handled search_lines(Call& call, SearchWish wish) {
    auto parts = call.outbox().search_parts(call.errand, wish);
    auto peers = ask_peers(call, wish);
    auto search = std::make_shared<SearchLines>(
        SearchLines{std::move(parts), std::move(peers), call.limit()});
    auto first = co_await search->parts.next();
    while (first && !*first && first->problem().status >= 500) {
        search->complete = false;
        first = co_await search->parts.next();
    }
    if (!first) co_return role_unavailable("storage", "storage: no worker could search in time");
    if (!*first) co_return std::move(first->problem());
    search->found = std::move(**first);
    Reply reply;
    reply.stream = [search](http::ChunkWriter& writer) { return write_lines(search, writer); };
    co_return std::move(reply);
}

// One record is one result, whoever has it.
void merge(std::vector<FoundTorrent>& into, std::vector<FoundTorrent> more) {
    for (auto& torrent : more) {
        const auto there = std::ranges::find(into, key_of(torrent), key_of);
        if (there == into.end())
            into.push_back(std::move(torrent));
        else
            there->peers.insert(there->peers.end(), torrent.peers.begin(), torrent.peers.end());
    }
}

}  // namespace

Handled search(Call& call) {
    auto wish = wish_of(call);
    if (!wish) co_return std::move(wish.problem());
    const auto limit = std::size_t{wish->limit};
    if (call.lines) co_return co_await search_lines(call, std::move(*wish));
    auto peers = ask_peers(call, *wish);
    auto found = co_await call.outbox().search(call.errand, std::move(*wish));
    if (!found) co_return std::move(found.problem());
    bool more = peers.has_value();
    while (more) {
        auto part = co_await peers->next();
        more = part.has_value();
        if (more) merge(found->torrents, std::move(*part));
    }
    std::ranges::stable_sort(found->torrents, std::greater{}, &FoundTorrent::score);
    if (found->torrents.size() > limit) found->torrents.resize(limit);
    auto out = items<json::Value>(found->torrents);
    out["complete"] = found->complete;
    if (peers) out["peers_asked"] = peers->asked();
    co_return reply_json(out);
}

Handled list_popular(Call& call) {
    SearchWish wish{{}, call.limit()};
    auto found = co_await call.outbox().search(call.errand, std::move(wish));
    if (!found) co_return std::move(found.problem());
    auto out = items<json::Value>(found->torrents);
    out["complete"] = found->complete;
    co_return reply_json(out);
}

// By member id, or by the key that it is the hash of.
Handled list_authored(Call& call) {
    const auto& text = call.path.at("member");
    const auto bytes = *from_hex(text);
    const auto member =
        bytes.size() == MemberId::size ? *MemberId::from(bytes) : MemberId{sha1(bytes)};
    Page page{call.query_text("after"), std::min(call.limit(), 100u)};
    auto got = co_await call.outbox().list_authored(call.errand, member, std::move(page));
    if (!got) co_return std::move(got.problem());
    if (got->public_key.empty() && got->complete)
        co_return problem(404, "this node knows no record of this member");
    auto out = items<json::Value>(got->items);
    out["member"] = member.hex();
    if (!got->public_key.empty()) out["public_key"] = to_hex(got->public_key);
    out["records"] = got->records;
    out["forks"] = got->forks;
    out["complete"] = got->complete;
    if (got->next) out["next"] = *got->next;
    co_return reply_json(out);
}

}  // namespace warren::api
