// Channels and what they hold.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/channel_parts.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

// Storage is asked for this many at once, so that an answer stays well below a message's bound.
constexpr std::uint32_t page_max = 100;
constexpr std::uint32_t channels_max = 1000;  // it cuts these by their bytes itself

}  // namespace

Handled list_channels(Call& call) {
    std::vector<Channel> all;
    ChannelQuery query;
    const auto sort = call.query_text("sort");
    if (sort == "popularity") query.order = ChannelOrder::Popularity;
    if (sort == "updated") query.order = ChannelOrder::Updated;
    query.only_subscribed = !call.query_text("subscribed").empty();
    std::optional<std::string> after = call.query_text("after");
    const auto limit = call.limit();
    while (after && all.size() < limit) {
        const auto left = limit - static_cast<std::uint32_t>(all.size());
        query.page = {*after, std::min(left, channels_max)};
        auto got = co_await call.outbox().list_channels(call.errand, query);
        if (!got) co_return std::move(got.problem());
        std::ranges::move(got->channels, std::back_inserter(all));
        after = got->channels.empty() ? std::nullopt : std::move(got->next);
    }
    auto out = items<json::Value>(all);
    if (after) out["next"] = *after;
    co_return reply_json(out);
}

Handled create_channel(Call& call) {
    const NewChannel channel{call.text("name"), call.text("description")};
    auto made = co_await call.outbox().create_channel(call.errand, channel);
    if (!made) co_return std::move(made.problem());
    auto reply = reply_json({{"id", made->community.hex()},
                             {"name", channel.name},
                             {"record", made->record.id.hex()},
                             {"global_time", made->record.time}});
    reply.location = "/api/v1/channels/" + made->community.hex();
    co_return std::move(reply);
}

// There is no message for one channel; the listing is short enough to look through.
pipe::Task<Outcome<Channel>> find_channel(Call& call) {
    const auto id = call.community();
    std::optional<std::string> after = "";
    while (after) {
        ChannelQuery query{{*after, channels_max}};
        auto got = co_await call.outbox().list_channels(call.errand, std::move(query));
        if (!got) co_return std::move(got.problem());
        const auto found = std::ranges::find(got->channels, id, &Channel::id);
        if (found != got->channels.end()) co_return std::move(*found);
        after = got->channels.empty() ? std::nullopt : std::move(got->next);
    }
    co_return problem(404, "this node knows no such channel");
}

Handled get_channel(Call& call) {
    auto channel = co_await find_channel(call);
    if (!channel) co_return std::move(channel.problem());
    co_return reply_json(to_json(*channel));
}

Handled list_contents(Call& call) {
    std::vector<Torrent> all;
    std::optional<std::string> after = call.query_text("after");
    const auto limit = call.limit();
    while (after && all.size() < limit) {
        const auto left = limit - static_cast<std::uint32_t>(all.size());
        Page page{*after, std::min(left, page_max)};
        auto got = co_await call.outbox().list_contents(call.errand, call.community(), page);
        if (!got) co_return std::move(got.problem());
        std::ranges::move(got->torrents, std::back_inserter(all));
        after = got->torrents.empty() ? std::nullopt : std::move(got->next);
    }
    auto out = items<json::Value>(all);
    if (after) out["next"] = *after;
    co_return reply_json(out);
}

}  // namespace warren::api
