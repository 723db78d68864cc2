#include "runtime/pipe/link.h"

namespace warren::pipe {

namespace {
constexpr int batch_messages = 64;
constexpr int fuse_messages = 4096;  // above any credit window
}  // namespace

Link::Link(asio::io_context& io, Context& context, Metrics& metrics, Setup setup,
           std::function<void()> credit_changed)
    : io_(io), metrics_(metrics), setup_(std::move(setup)),
      credit_changed_(std::move(credit_changed)),
      socket_(context, SocketKind::Dealer, fuse_messages) {
    socket_.set_routing_id(setup_.routing_id);
    socket_.set_curve_client(setup_.keys);
    if (!socket_.connect(setup_.endpoint).ok()) return;
    watch_ = std::make_unique<Watch>(io_, socket_, [this] { on_readable(); });
    // IMMEDIATE refuses to queue before the connection stands, so Open waits for it in a task of
    // its own.
    spawn(io_, [](Link& self, std::weak_ptr<int> alive) -> Task<void> {
        Envelope open;
        open.kind = ipc::Kind::Open;
        open.schema_hash = self.setup_.schema_hash;
        const auto frames = std::vector<Frame>{encode(open)};
        auto& io_context = self.io_;
        Nanoseconds pause = 1_ms;
        while (!alive.expired() && !self.socket_.send(frames)) {
            co_await sleep_for(io_context, pause);
            pause = std::min(pause * 2, 50_ms);
        }
        if (!alive.expired()) self.watch_->kick();
    }(*this, alive_));
}

Task<std::optional<LinkAnswer>> Link::exchange(const Envelope& envelope, const Message& message) {
    const auto cost = cost_of(message);
    std::vector<Frame> frames{encode(envelope), message.body};
    frames.insert(frames.end(), message.blobs.begin(), message.blobs.end());
    if (!socket_.send(frames)) {
        ++metrics_.counter("pipe_fuse_blown_total");
        co_return LinkAnswer(Failure{ErrorKind::Unavailable, "connection is down", true, 50});
    }
    credit_messages_ -= 1;
    credit_bytes_ -= cost;
    auto promise = std::make_shared<Promise<LinkAnswer>>(io_);
    pending_.emplace(envelope.id, promise);
    watch_->kick();
    const std::weak_ptr<int> alive = alive_;
    auto answer = co_await promise->wait(envelope.deadline);
    if (!alive.expired() && !answer)
        std::erase_if(pending_, [&](const auto& entry) { return entry.second == promise; });
    co_return answer;
}

void Link::on_readable() {
    for (int i = 0; i < batch_messages; ++i) {
        auto parts = socket_.receive();
        if (!parts) return;
        take(std::move(*parts));
    }
}

void Link::take(Parts parts) {
    const auto envelope = parts.frames.empty() ? std::nullopt : decode_envelope(parts.frames[0]);
    if (!envelope) {
        ++metrics_.counter("pipe_violations_total");
        return;
    }
    credit_messages_ += envelope->credit_messages;
    credit_bytes_ += envelope->credit_bytes;
    if (envelope->kind == ipc::Kind::Grant) {
        open_ = true;
        window_bytes_ = std::max(window_bytes_, envelope->credit_bytes);
    }
    const auto found = pending_.find(envelope->id);
    if (found != pending_.end() && envelope->kind != ipc::Kind::Grant) {
        auto promise = std::move(found->second);
        pending_.erase(found);
        if (envelope->kind == ipc::Kind::Failure) {
            promise->set(failure_from(*envelope));
        } else {
            Message message;
            if (parts.frames.size() > 1) message.body = std::move(parts.frames[1]);
            for (std::size_t i = 2; i < parts.frames.size(); ++i)
                message.blobs.push_back(std::move(parts.frames[i]));
            promise->set(std::move(message));
        }
    }
    credit_changed_();
}

void Link::lose(LinkLost how) {
    auto lost = std::move(pending_);
    pending_.clear();
    for (auto& [id, promise] : lost)
        promise->set(how);
}

}  // namespace warren::pipe
