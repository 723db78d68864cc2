// Downloads: what the torrent worker transfers.
#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/magnet.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

namespace {

Outcome<NewDownload> wanted(const Call& call) {
    NewDownload out;
    out.name = call.text("name");
    out.magnet = call.text("magnet");
    out.paused = call.body.value("paused", false);
    if (call.body.contains("torrent")) out.torrent = *from_base64(call.text("torrent"));
    if (call.body.contains("infohash"))
        out.infohash = Infohash::from_hex_text(call.text("infohash"));
    if (!out.name.empty() && !out.torrent.empty())
        return invalid("a .torrent file has its own name", {{"/name", "is not allowed here"}});
    if (out.magnet.empty()) return out;
    const auto infohash = infohash_of_magnet(out.magnet);
    if (!infohash) return invalid("this is no magnet link", {{"/magnet", infohash.error().text}});
    return out;
}

}  // namespace

Handled list_downloads(Call& call) {
    auto list = co_await call.outbox().list_downloads(call.errand, std::nullopt);
    if (!list) co_return std::move(list.problem());
    co_return reply_json(items<json::Value>(*list));
}

Handled add_download(Call& call) {
    auto download = wanted(call);
    if (!download) co_return std::move(download.problem());
    auto added = co_await call.outbox().add_download(call.errand, *download);
    if (!added) co_return std::move(added.problem());
    auto reply = reply_json(
        {{"infohash", added->infohash.hex()}, {"name", added->name}, {"created", added->created}});
    reply.location = "/api/v1/downloads/" + added->infohash.hex();
    reply.existed = !added->created;
    co_return std::move(reply);
}

Handled get_download(Call& call) {
    auto list = co_await call.outbox().list_downloads(call.errand, call.infohash());
    if (!list) co_return std::move(list.problem());
    if (list->empty()) co_return problem(404, "there is no such download");
    co_return reply_json(to_json(list->front()));
}

Handled change_download(Call& call) {
    const auto infohash = call.infohash();
    const auto state = call.text("state");
    Outcome<Nothing> done = Nothing{};
    if (state == "paused")
        done = co_await call.outbox().pause_download(call.errand, infohash);
    else
        done = co_await call.outbox().resume_download(call.errand, infohash);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"infohash", infohash.hex()}, {"state", state}});
}

Handled remove_download(Call& call) {
    const auto files = call.query_text("files") == "delete" ? Files::Delete : Files::Keep;
    auto done = co_await call.outbox().remove_download(call.errand, call.infohash(), files);
    if (!done) co_return std::move(done.problem());
    co_return Reply{};
}

}  // namespace warren::api
