// Search over all channels, as one answer or line by line as it is found; who wrote what.
#include <set>

#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

// What one response sends, part by part.
struct SearchLines {
    FoundParts parts;
    std::size_t limit = 0;
    Found found = {};                 // to be sent
    std::multiset<double> best = {};  // scores of what was sent, `limit` at most
    std::size_t items = 0;
    bool complete = true;
    SlotSet slots = 0;
};

// What cannot be among the best any more is left out.
std::string take_lines(SearchLines& search) {
    std::string out;
    for (const auto& torrent : search.found.torrents) {
        if (search.best.size() == search.limit && torrent.score <= *search.best.begin()) continue;
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

pipe::Task<void> write_lines(std::shared_ptr<SearchLines> search, http::ChunkWriter& writer) {
    while (true) {
        const auto text = take_lines(*search);
        if (!text.empty() && !co_await writer.write(text)) co_return;
        auto part = co_await search->parts.next();
        if (!part) break;
        if (*part)
            search->found = std::move(**part);
        else
            search->complete = false;
    }
    const bool complete = search->complete && search->slots == all_slots;
    const auto last = json::dump({{"complete", complete}, {"items", search->items}}) + "\n";
    (void)co_await writer.write(last);
}

// Starts with the first part that answers, so that what is wrong is still said by a status.
Handled search_lines(Call& call) {
    auto parts = call.outbox().search_parts(call.errand, call.query_text("q"), call.limit());
    auto search = std::make_shared<SearchLines>(SearchLines{std::move(parts), call.limit()});
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

}  // namespace

Handled search(Call& call) {
    if (call.lines) co_return co_await search_lines(call);
    auto found = co_await call.outbox().search(call.errand, call.query_text("q"), call.limit());
    if (!found) co_return std::move(found.problem());
    auto out = items<json::Value>(found->torrents);
    out["complete"] = found->complete;
    co_return reply_json(out);
}

Handled list_popular(Call& call) {
    auto found = co_await call.outbox().search(call.errand, {}, call.limit());
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
