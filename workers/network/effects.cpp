// The overlay's effects become datagrams and requests; their answers go back in as inputs.
#include "runtime/process/log.h"
#include "workers/network/network_worker.h"

namespace warren::network {

namespace asio = pipe::asio;
namespace log = process::log;

namespace {
constexpr Nanoseconds tick_after_work = 20_ms;
}

// Many answers may come in one turn; what they lead to leaves together at its end.
void NetworkWorker::flush_soon() {
    if (flush_scheduled_ || !overlay_) return;
    flush_scheduled_ = true;
    asio::post(host_.io(), [this] { flush(); });
}

void NetworkWorker::flush() {
    flush_scheduled_ = false;
    auto effects = overlay_->take_effects();
    for (auto& effect : effects)
        apply(effect);
    batches_->send();
    flush_ports();
    if (overlay_->has_effects()) flush_soon();  // something had to be dropped
    if (!effects.empty()) tick_soon();
}

// What came in may have work for the clock: a session to begin, a first step of a walk.
void NetworkWorker::tick_soon() {
    auto soon = monotonic_now() + tick_after_work;
    if (tick_at_ <= soon) return;
    tick_at_ = soon;
    tick_timer_.cancel();
}

void NetworkWorker::flush_ports() {
    for (std::size_t number = 0; number < ports_.size(); ++number)
        if (!ports_[number].waits_to_write && !ports_[number].udp->flush())
            pipe::spawn(host_.io(), write_when_ready(number));
}

// Who waited is gone when its deadline passed first.
template <typename Outcome>
void NetworkWorker::fulfil(Wishes<Outcome>& wishes, Outcome& outcome) {
    if (auto wish = wishes.extract(outcome.ref)) wish.mapped()->set(std::move(outcome));
}

void NetworkWorker::apply(protocol::Effect& effect) {
    using namespace protocol;
    auto& io = host_.io();
    struct Visitor {
        NetworkWorker& worker;
        asio::io_context& io;
        void operator()(SendDatagram& e) { worker.send(e); }
        void operator()(CheckSignature& e) { worker.batches_->add(std::move(e)); }
        void operator()(StoreRecords& e) { worker.batches_->add(std::move(e)); }
        void operator()(SignAndSend& e) {
            ++worker.signing_;
            pipe::spawn(io, worker.sign(std::move(e)));
        }
        void operator()(Reconcile& e) { pipe::spawn(io, worker.reconcile(std::move(e))); }
        void operator()(GetRoot& e) { pipe::spawn(io, worker.get_root(e)); }
        void operator()(FetchRecords& e) { pipe::spawn(io, worker.fetch(std::move(e))); }
        void operator()(GetProof& e) { pipe::spawn(io, worker.prove(std::move(e))); }
        void operator()(FindSwarm& e) { pipe::spawn(io, worker.find_swarm(std::move(e))); }
        void operator()(AddTorrentPeers& e) { pipe::spawn(io, worker.add_peers(std::move(e))); }
        void operator()(PeerMet& e) { worker.tell(e); }
        void operator()(PeerLost& e) { worker.tell(e); }
        void operator()(InSync& e) { worker.tell(e); }
        void operator()(SyncEnded& e) { worker.tell(e); }
        void operator()(JudgePair& e) { pipe::spawn(io, worker.judge_pair(std::move(e))); }
        void operator()(PairOpened& e) { worker.tell("event.pair.asked", e.row); }
        void operator()(PairSettled& e) { worker.tell("event.pair.settled", e.row); }
        void operator()(LetterArrived& e) { worker.tell(e); }
        void operator()(LetterDone& e) { worker.fulfil(worker.letters_, e); }
        void operator()(FindRecords& e) { pipe::spawn(io, worker.find_records(std::move(e))); }
        void operator()(QueryAnswered& e) { pipe::spawn(io, worker.check_answer(std::move(e))); }
        void operator()(QueryEnded& e) { worker.end_search(e.ref); }
        void operator()(CountSwarms& e) { pipe::spawn(io, worker.count_swarms(e)); }
        void operator()(SwarmsCounted& e) {
            pipe::spawn(io, worker.outbox_.put_health(e.community, std::move(e.swarms)));
        }
        void operator()(DhtFound& e) { worker.fulfil(worker.finds_, e); }
        void operator()(DhtStored& e) { worker.fulfil(worker.stores_, e); }
        void operator()(DhtPeersFound& e) { worker.fulfil(worker.member_finds_, e); }
    };
    std::visit(Visitor{*this, io}, effect);
}

void NetworkWorker::send(protocol::SendDatagram& effect) {
    for (auto& port : ports_)
        if (port.udp->v6() == effect.to.v6)
            return port.udp->queue(effect.to, std::move(effect.bytes));
    ++host_.metrics().counter("overlay_no_family_total");
}

void NetworkWorker::tell(const protocol::PeerMet& event) {
    log::info("peer met community={} peer={} address={}", event.community.hex(), event.member.hex(),
              event.address.text());
    host_.tap().event("event.peer.met", {{"community", event.community.hex()},
                                         {"peer", event.member.hex()},
                                         {"address", event.address.text()}});
}

void NetworkWorker::tell(const protocol::PeerLost& event) {
    log::info("peer lost peer={} address={}", event.member.hex(), event.address.text());
    host_.tap().event("event.peer.lost",
                      {{"peer", event.member.hex()}, {"address", event.address.text()}});
}

void NetworkWorker::tell(const protocol::InSync& event) {
    log::debug("in sync community={} peer={} records={}", event.community.hex(), event.member.hex(),
               event.records);
    host_.tap().event("event.community.in_sync", {{"community", event.community.hex()},
                                                  {"peer", event.member.hex()},
                                                  {"records", event.records}});
}

void NetworkWorker::tell(const protocol::SyncEnded& event) {
    log::debug("sync session ended community={} peer={} rounds={} equal={}", event.community.hex(),
               event.member.hex(), event.rounds, event.equal);
}

pipe::Task<void> NetworkWorker::sign(protocol::SignAndSend effect) {
    auto signature = co_await outbox_.sign(std::move(effect.unsigned_bytes));
    --signing_;
    auto now = monotonic_now();
    if (signature.ok()) {
        overlay_->signed_bytes(now, effect.token, *signature);
    } else {
        log::debug("not signed error=\"{}\"", signature.error().text);
        overlay_->failed(now, effect.token);
    }
    flush_soon();
}

pipe::Task<void> NetworkWorker::reconcile(protocol::Reconcile effect) {
    auto token = effect.token;
    auto outcome = co_await outbox_.reconcile(std::move(effect));
    auto now = monotonic_now();
    if (outcome.ok())
        overlay_->reconciled(now, token,
                             {outcome->answers, outcome->wants, outcome->offers, outcome->in_sync});
    else
        overlay_->failed(now, token);
    flush_soon();
}

pipe::Task<void> NetworkWorker::get_root(protocol::GetRoot effect) {
    auto root = co_await outbox_.get_root(effect.community);
    auto now = monotonic_now();
    if (root.ok())
        overlay_->root(now, effect.token, *root);
    else
        overlay_->failed(now, effect.token);
    flush_soon();
}

pipe::Task<void> NetworkWorker::fetch(protocol::FetchRecords effect) {
    auto token = effect.token;
    auto fetched = co_await outbox_.fetch_records(std::move(effect));
    auto now = monotonic_now();
    if (fetched.ok())
        overlay_->fetched(now, token, *fetched);
    else
        overlay_->failed(now, token);
    flush_soon();
}

pipe::Task<void> NetworkWorker::prove(protocol::GetProof effect) {
    const auto token = effect.token;
    auto proof = co_await outbox_.get_proof(std::move(effect));
    const auto now = monotonic_now();
    if (proof.ok())
        overlay_->fetched(now, token, *proof);
    else
        overlay_->failed(now, token);
    flush_soon();
}

pipe::Task<void> NetworkWorker::find_swarm(protocol::FindSwarm effect) {
    auto held = co_await outbox_.find_swarm(std::move(effect.infohashes));
    if (held.ok())
        overlay_->have_swarms(effect.token, held->bitmap, held->port);
    else
        overlay_->failed(monotonic_now(), effect.token);
    flush_soon();
}

pipe::Task<void> NetworkWorker::add_peers(protocol::AddTorrentPeers effect) {
    auto added = co_await outbox_.add_peers(effect.infohash, std::move(effect.peers));
    if (!added.ok()) log::debug("peers not added error=\"{}\"", added.error().text);
}

}  // namespace warren::network
