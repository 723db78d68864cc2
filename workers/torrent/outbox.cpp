// Messages to storage.
#include "workers/torrent/outbox.h"
#include "runtime/pipe/wire.h"

#include <algorithm>

#include "base/random.h"
#include "ipc-schema/storage_generated.h"

namespace warren::torrent {

namespace S = ipc::storage;

namespace {

constexpr Nanoseconds retry_interval = 100_ms;
constexpr Nanoseconds health_timeout = 2_s;

ipc::Infohash to_wire(const Infohash& infohash) {
    return pipe::wire::to_wire<ipc::Infohash>(infohash);
}

template <typename Body>
pipe::Message request(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Body> body) {
    return {pipe::finish(builder,
                         S::CreateRequest(builder, S::InboxTraits<Body>::enum_value, body.Union())),
            {}};
}

template <typename Reply>
const Reply* reply_of(const pipe::Message& message) {
    const auto* answer = pipe::verified_root<S::Answer>(message.body);
    return answer ? answer->body_as<Reply>() : nullptr;
}

template <typename Reply>
Result<void> check_reply(const Result<pipe::Message>& answer) {
    if (!answer.ok()) return answer.error();
    if (!reply_of<Reply>(*answer)) return unavailable("storage: not the answer to what was asked");
    return {};
}

std::string to_text(const flatbuffers::String* text) {
    return pipe::wire::text_of(text);
}

Result<Download> download_of(const S::StoredDownload& from) {
    Download out;
    if (!from.infohash()) return bad_input("storage: a download without an infohash");
    std::copy_n(from.infohash()->bytes()->data(), Infohash::size, out.infohash.bytes.begin());
    const auto root = root_from(to_text(from.root()));
    if (!root) return bad_input("storage: a download below an unknown root");
    out.root = *root;
    out.name = to_text(from.name());
    out.magnet = to_text(from.magnet());
    out.path = to_text(from.path());
    out.paused = from.paused();
    out.added_ms = from.added_ms();
    out.stored = true;
    return out;
}

}  // namespace

pipe::Task<Result<pipe::Message>> Outbox::ask(pipe::Message message, Nanoseconds deadline) {
    SystemRandom random;
    pipe::Ask ask;
    ask.role = pipe::Role::Storage;
    ask.target = pipe::Target::slot(process::node_slot);
    ask.message = std::move(message);
    ask.deadline = deadline;
    ask.no_credit = pipe::NoCredit::Wait;
    ask.id = random.id<RequestId>();
    while (true) {
        pipe::Ask attempt = ask;
        auto answer = co_await host_.outbox().ask(std::move(attempt));
        if (answer.ok() || answer.error().kind != ErrorKind::Unavailable) co_return answer;
        if (monotonic_now() + retry_interval >= deadline) co_return answer;
        co_await pipe::sleep_for(host_.io(), retry_interval);
    }
}

pipe::Task<Result<void>> Outbox::put_download(Download download, Bytes torrent,
                                              Nanoseconds deadline) {
    flatbuffers::FlatBufferBuilder builder;
    const auto infohash = to_wire(download.infohash);
    const auto name = builder.CreateString(download.name);
    const auto magnet = builder.CreateString(download.magnet);
    const auto path = builder.CreateString(download.path);
    const auto root = builder.CreateString(std::string(name_of(download.root)));
    auto message = request(builder, S::CreatePutDownload(builder, &infohash, name, magnet, path,
                                                         root, download.paused, download.added_ms));
    pipe::add_blobs(message, torrent);
    auto answer = co_await ask(std::move(message), deadline);
    co_return check_reply<S::PutDownloadReply>(answer);
}

pipe::Task<Result<void>> Outbox::put_resume(Infohash infohash, bool paused, Bytes resume,
                                            Nanoseconds deadline) {
    flatbuffers::FlatBufferBuilder builder;
    const auto wire = to_wire(infohash);
    auto message = request(builder, S::CreatePutResume(builder, &wire, paused));
    pipe::add_blobs(message, resume);
    auto answer = co_await ask(std::move(message), deadline);
    co_return check_reply<S::Done>(answer);
}

pipe::Task<Result<void>> Outbox::forget_download(Infohash infohash, Nanoseconds deadline) {
    flatbuffers::FlatBufferBuilder builder;
    const auto wire = to_wire(infohash);
    auto message = request(builder, S::CreateForgetDownload(builder, &wire));
    auto answer = co_await ask(std::move(message), deadline);
    co_return check_reply<S::Done>(answer);
}

pipe::Task<Result<StoredPage>> Outbox::list_downloads(Infohash after, Nanoseconds deadline) {
    flatbuffers::FlatBufferBuilder builder;
    const auto wire = to_wire(after);
    auto answer =
        co_await ask(request(builder, S::CreateListStoredDownloads(builder, &wire)), deadline);
    if (!answer.ok()) co_return answer.error();
    const auto* reply = reply_of<S::ListStoredDownloadsReply>(*answer);
    if (!reply) co_return unavailable("storage: not the answer to what was asked");
    StoredPage out;
    out.more = reply->more();
    if (!reply->downloads()) co_return std::move(out);
    const auto files = pipe::join_blobs(answer->blobs);
    Reader cut(files);
    for (const auto* row : *reply->downloads()) {
        auto download = download_of(*row);
        if (!download.ok()) co_return download.error();
        StoredDownload stored;
        stored.download = std::move(*download);
        stored.torrent = to_bytes(cut.take(row->torrent_bytes()));
        stored.resume = to_bytes(cut.take(row->resume_bytes()));
        out.downloads.push_back(std::move(stored));
    }
    if (!cut.done() || (out.more && out.downloads.empty()))
        co_return unavailable("storage: downloads without their files");
    co_return std::move(out);
}

void Outbox::put_health(const std::vector<SwarmHealth>& swarms) {
    if (swarms.empty()) return;
    const auto now = wall_now_ms();
    std::vector<S::SwarmHealth> rows;
    for (const auto& swarm : swarms)
        rows.emplace_back(now, swarm.seeders, swarm.leechers, to_wire(swarm.infohash));
    for (const auto worker : host_.outbox().ready(pipe::Role::Storage)) {
        flatbuffers::FlatBufferBuilder builder;
        const auto list = builder.CreateVectorOfStructs(rows);
        auto message = request(builder, S::CreatePutHealth(builder, list));
        pipe::spawn(host_.io(), send_health(worker, std::move(message)));
    }
}

pipe::Task<void> Outbox::send_health(std::uint16_t worker, pipe::Message message) {
    SystemRandom random;
    pipe::Ask ask;
    ask.role = pipe::Role::Storage;
    ask.target = pipe::Target::instance(worker);
    ask.message = std::move(message);
    ask.deadline = monotonic_now() + health_timeout;
    ask.no_credit = pipe::NoCredit::Drop;
    ask.id = random.id<RequestId>();
    (void)co_await host_.outbox().ask(std::move(ask));
}

}  // namespace warren::torrent
