#include "runtime/pipe/inbox.h"

#include "runtime/pipe/edges.h"
#include "runtime/process/log.h"

namespace warren::pipe {

namespace {

constexpr int batch_messages = 64;       // a turn's share of one socket
constexpr std::size_t blobs_max = 4096;  // frames after the body
constexpr std::size_t blob_bytes_max = 256 * 1024;
constexpr std::size_t writers_max = 256;

bool blobs_fit(const Message& message) {
    if (message.blobs.size() > blobs_max) return false;
    for (const auto& blob : message.blobs)
        if (blob.size() > blob_bytes_max) return false;
    return true;
}

constexpr std::string_view unknown_text = "unknown or malformed message";

}  // namespace

Answer unknown_message() {
    return Answer(Failure{ErrorKind::BadInput, std::string(unknown_text), false, 0});
}

Result<std::unique_ptr<Inbox>> Inbox::open(asio::io_context& io, Context& context, Metrics& metrics,
                                           Setup setup) {
    auto inbox = std::unique_ptr<Inbox>(new Inbox(io, context, metrics, std::move(setup)));
    auto& self = *inbox;
    self.socket_.set_curve_server(self.setup_.secret);
    WARREN_TRY_VOID(self.socket_.bind_inherited(self.setup_.endpoint, self.setup_.listener));
    self.watch_ = std::make_unique<Watch>(io, self.socket_, [&self] { self.on_readable(); });
    return inbox;
}

Inbox::Inbox(asio::io_context& io, Context& context, Metrics& metrics, Setup setup)
    : io_(io), metrics_(metrics), setup_(std::move(setup)),
      // A fuse above the credit that the writers hold together; it must never blow.
      socket_(context, SocketKind::Router, static_cast<int>(setup_.window.messages) * 4 + 64) {}

void Inbox::on_readable() {
    for (int i = 0; i < batch_messages; ++i) {
        auto parts = socket_.receive();
        if (!parts) return;
        take(std::move(*parts));
    }
}

void Inbox::take(Parts parts) {
    const auto role = role_of_user(parts.user);
    if (!role || parts.frames.size() < 2)
        return violation(role.value_or(Role::Supervisor), "no role or no envelope");
    const auto envelope = decode_envelope(parts.frames[1]);
    if (!envelope) return violation(*role, "malformed envelope");
    const std::string from(text_of(parts.frames[0].view()));
    if (writers_.size() >= writers_max) forget_gone_writers();
    if (writers_.size() >= writers_max && !writers_.contains(from))
        return violation(*role, "more connections than a node has workers");
    auto& writer = writers_[from];
    writer.role = *role;
    if (envelope->kind == ipc::Kind::Open) return take_open(from, writer, *envelope);
    if (envelope->kind != ipc::Kind::Request || parts.frames.size() < 3)
        return violation(*role, "neither a request nor an opening");
    Message message{std::move(parts.frames[2]), {}};
    for (std::size_t i = 3; i < parts.frames.size(); ++i)
        message.blobs.push_back(std::move(parts.frames[i]));
    // ZeroMQ connects a writer of our predecessor to us before that writer hears of the change.
    if (!writer.opened)
        return fail(from, *envelope, cost_of(message),
                    {ErrorKind::Unavailable, "the connection is not open", true, 0});
    take_request(from, writer, *envelope, std::move(message));
}

void Inbox::take_open(const std::string& from, Writer& writer, const Envelope& envelope) {
    if (envelope.schema_hash != setup_.schema_hash)
        return violation(writer.role, "schema hash differs: two builds in one node");
    writer.opened = true;
    Envelope grant;
    grant.kind = ipc::Kind::Grant;
    grant.credit_messages = setup_.window.messages;
    grant.credit_bytes = setup_.window.bytes;
    reply(from, grant, {});
}

void Inbox::take_request(const std::string& from, Writer& writer, const Envelope& envelope,
                         Message message) {
    const auto cost = cost_of(message);
    writer.messages += 1;
    writer.bytes += cost;
    ++metrics_.counter("pipe_requests_total");
    if (writer.messages > setup_.window.messages || writer.bytes > setup_.window.bytes)
        violation(writer.role, "more than was granted");
    const auto tag = union_tag(message.body);
    if (!tag || !blobs_fit(message)) {
        violation(writer.role, "malformed body");
        return fail(from, envelope, cost, {ErrorKind::BadInput, "malformed body", false, 0});
    }
    if (!may_ask(writer.role, setup_.role, *tag)) {
        violation(writer.role, "message type not allowed for this role");
        return fail(from, envelope, cost,
                    {ErrorKind::Refused, "not allowed for this role", false, 0});
    }
    if (envelope.deadline <= monotonic_now()) {
        ++metrics_.counter("pipe_expired_total");
        return fail(from, envelope, cost, {ErrorKind::Expired, "expired on arrival", false, 0});
    }
    if (draining_)
        return fail(from, envelope, cost,
                    {ErrorKind::Unavailable, "worker is draining", false, 200});
    ++in_hand_;
    spawn(io_, serve(from,
                     Request{writer.role, envelope.id, envelope.deadline, envelope.trace,
                             std::move(message)},
                     cost));
}

Task<void> Inbox::serve(std::string from, Request request, std::uint64_t cost) {
    Envelope envelope;
    envelope.id = request.id;
    envelope.trace = request.trace;
    const auto began = monotonic_now();
    const auto asker = request.from;
    Answer answer = co_await setup_.handler(std::move(request));
    --in_hand_;
    metrics_.observe_us("pipe_service_seconds",
                        static_cast<std::uint64_t>((monotonic_now() - began) / 1000));
    if (setup_.tap)
        setup_.tap->trace(envelope.trace,
                          {{"hop", setup_.name},
                           {"asked_by", std::string(process::name_of(asker))},
                           {"began_ns", began},
                           {"took_us", (monotonic_now() - began) / 1000},
                           {"outcome", answer.message ? std::string("ok") : answer.failure.text}});
    if (!answer.message) {
        if (answer.failure.text == unknown_text) violation(asker, std::string(unknown_text));
        fail(from, envelope, cost, std::move(answer.failure));
        co_return;
    }
    envelope.kind = ipc::Kind::Reply;
    envelope.credit_messages = 1;
    envelope.credit_bytes = cost;
    reply(from, std::move(envelope), std::move(*answer.message));
}

void Inbox::fail(const std::string& to, const Envelope& request, std::uint64_t cost,
                 Failure failure) {
    ++metrics_.counter("pipe_failures_total");
    Envelope out;
    out.kind = ipc::Kind::Failure;
    out.id = request.id;
    out.trace = request.trace;
    out.credit_messages = 1;
    out.credit_bytes = cost;
    out.failure = code_of(failure);
    out.detail = failure.text.substr(0, 1024);
    out.retry_after_ms = failure.retry_after_ms;
    reply(to, std::move(out), {});
}

void Inbox::reply(const std::string& to, Envelope envelope, Message message) {
    const auto writer = writers_.find(to);
    if (writer != writers_.end() && envelope.kind != ipc::Kind::Grant) {
        writer->second.messages -= std::min(writer->second.messages, envelope.credit_messages);
        writer->second.bytes -= std::min(writer->second.bytes, envelope.credit_bytes);
    }
    std::vector<Frame> frames{Frame::copy_of(view_of(to)), encode(envelope)};
    if (!message.body.empty()) frames.push_back(std::move(message.body));
    for (auto& blob : message.blobs)
        frames.push_back(std::move(blob));
    // The asker may be gone: then nobody waits for this.
    if (!socket_.send(frames)) {
        ++metrics_.counter("pipe_replies_undeliverable_total");
        writers_.erase(to);
    }
    watch_->kick();
}

void Inbox::violation(Role role, const std::string& what) {
    ++metrics_.counter("pipe_violations_total");
    process::log::broken("event=pipe.violation from={} what=\"{}\"", process::name_of(role), what);
    setup_.violation(role, what);
}

// A grant of nothing changes nothing for who is there; who cannot be reached is forgotten.
void Inbox::forget_gone_writers() {
    std::vector<std::string> idle;
    for (const auto& [name, writer] : writers_)
        if (writer.messages == 0) idle.push_back(name);
    Envelope probe;
    probe.kind = ipc::Kind::Grant;
    for (const auto& name : idle)
        reply(name, probe, {});
}

}  // namespace warren::pipe
