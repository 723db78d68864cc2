#include "runtime/pipe/outbox.h"

#include <algorithm>

#include "base/hash.h"
#include "runtime/pipe/edges.h"
#include "runtime/process/log.h"

namespace warren::pipe {

namespace {

constexpr int deaths_until_quarantine = 2;
constexpr Nanoseconds moved_pause = 20_ms;  // the new slot map is on its way
constexpr Nanoseconds start_wait = 1_s;     // a worker starts in less

Error no_instance(const Ask& ask) {
    return unavailable(std::string(process::name_of(ask.role)) + " is not available");
}

Error too_large(const Ask& ask) {
    return refused("the message is larger than workers." + std::string(process::name_of(ask.role)) +
                   ".queue_bytes");
}

Error expired(const Ask& ask) {
    return {ErrorKind::Expired,
            "no answer from " + std::string(process::name_of(ask.role)) + " within the deadline"};
}

}  // namespace

LinkedOutbox::LinkedOutbox(asio::io_context& io, Context& context, Metrics& metrics, Setup setup)
    : io_(io), context_(context), metrics_(metrics), setup_(std::move(setup)), change_(io) {
    const auto readers = readers_of(setup_.role);
    readers_ = {readers.begin(), readers.end()};
    change_.expires_at(asio::steady_timer::time_point::max());
}

Task<Result<Message>> LinkedOutbox::ask(Ask ask) {
    if (ask.id.is_zero()) ask.id = random_.id<RequestId>();
    if (ask.trace == 0) ask.trace = sample();
    const auto began = monotonic_now();
    auto answer = co_await deliver(ask);
    const auto took_us = (monotonic_now() - began) / 1000;
    metrics_.observe_us("pipe_round_trip_seconds", static_cast<std::uint64_t>(took_us));
    if (setup_.tap)
        setup_.tap->trace(ask.trace,
                          {{"hop", setup_.name},
                           {"asked", std::string(process::name_of(ask.role))},
                           {"began_ns", began},
                           {"took_us", took_us},
                           {"outcome", answer.ok() ? std::string("ok") : answer.error().text}});
    co_return answer;
}

// Where messages begin (api, network), one of many is sampled while somebody listens for traces.
std::uint64_t LinkedOutbox::sample() {
    constexpr std::uint64_t one_of = 16;
    const bool origin = setup_.role == Role::Api || setup_.role == Role::Network;
    if (!origin || !setup_.tap || !setup_.tap->wanted("trace.")) return 0;
    return random_.below(one_of) == 0 ? random_.next() | 1 : 0;
}

Task<Result<Message>> LinkedOutbox::deliver(Ask& ask) {
    const auto cost = cost_of(ask.message);
    Envelope envelope;
    envelope.id = ask.id;
    envelope.deadline = ask.deadline;
    envelope.trace = ask.trace;
    int deaths = 0;
    while (monotonic_now() < ask.deadline) {
        const auto link = co_await acquire(ask, cost);
        if (!link) {
            if (const auto reader = choose(ask); reader && reader->never_takes(cost))
                co_return too_large(ask);
            if (ask.no_credit == NoCredit::Drop) ++metrics_.counter("pipe_dropped_total");
            if (ask.no_credit == NoCredit::Wait) break;
            co_return no_instance(ask);
        }
        auto answer = co_await link->exchange(envelope, ask.message);
        if (!answer) break;
        if (auto* message = std::get_if<Message>(&*answer)) co_return std::move(*message);
        if (auto* failure = std::get_if<Failure>(&*answer)) {
            if (!failure->moved) co_return Error{failure->kind, failure->text};
            co_await changed(std::min(ask.deadline, monotonic_now() + moved_pause));
            continue;
        }
        ++metrics_.counter("pipe_redispatched_total");
        if (std::get<LinkLost>(*answer).died && ++deaths == deaths_until_quarantine) {
            process::log::broken("event=request.quarantined id={} reader={}", ask.id.hex(),
                                 process::name_of(ask.role));
            co_return unavailable("two workers died of this request; it is not tried again");
        }
        // Stalled and nobody else there: those who do not wait are told at once.
        if (ask.no_credit != NoCredit::Wait && !std::get<LinkLost>(*answer).died && !choose(ask))
            co_return no_instance(ask);
    }
    co_return expired(ask);
}

// A link with credit, or null when the policy says not to wait (or the deadline passed). A reader
// that is just being restarted is waited for: that takes a moment, and its death was no fault of
// the asker.
Task<std::shared_ptr<Link>> LinkedOutbox::acquire(const Ask& ask, std::uint64_t cost) {
    const auto began = monotonic_now();
    while (monotonic_now() < ask.deadline) {
        auto link = choose(ask);
        if (link && link->has_credit(cost)) co_return link;
        if (link && link->never_takes(cost)) co_return nullptr;
        const bool connecting = link && !link->open();
        // A slot on its way to another worker arrives in a moment, too.
        const bool moving = ask.target.kind == Target::Kind::Slot &&
                            !owner_of(static_cast<std::uint8_t>(ask.target.index));
        const bool starting = !link && is_starting(ask) && monotonic_now() < began + start_wait;
        if (ask.no_credit == NoCredit::Wait || connecting || moving)
            co_await changed(ask.deadline);
        else if (starting)
            co_await changed(std::min(ask.deadline, began + start_wait));
        else
            co_return nullptr;
    }
    co_return nullptr;
}

std::shared_ptr<Link> LinkedOutbox::choose(const Ask& ask) const {
    const auto usable = [](const Peer& peer) {
        return peer.link && peer.state == process::WorkerState::Ready;
    };
    auto index = std::optional<std::uint16_t>(ask.target.index);
    if (ask.target.kind == Target::Kind::Slot)
        index = owner_of(static_cast<std::uint8_t>(ask.target.index));
    if (ask.target.kind != Target::Kind::Any) {
        if (!index) return nullptr;
        const auto found = peers_.find({ask.role, *index});
        return found != peers_.end() && usable(found->second) ? found->second.link : nullptr;
    }
    std::shared_ptr<Link> best;
    for (const auto& [instance, peer] : peers_) {
        if (instance.first != ask.role || !usable(peer)) continue;
        const bool better =
            !best || (peer.link->open() && !best->open()) ||
            (peer.link->open() == best->open() && peer.link->in_flight() < best->in_flight());
        if (better) best = peer.link;
    }
    return best;
}

bool LinkedOutbox::is_starting(const Ask& ask) const {
    auto index = std::optional<std::uint16_t>(ask.target.index);
    if (ask.target.kind == Target::Kind::Slot)
        index = owner_of(static_cast<std::uint8_t>(ask.target.index));
    return std::ranges::any_of(peers_, [&](const auto& entry) {
        const auto& [instance, peer] = entry;
        return instance.first == ask.role && peer.state == process::WorkerState::Starting &&
               (ask.target.kind == Target::Kind::Any || instance.second == index);
    });
}

Task<void> LinkedOutbox::changed(Nanoseconds deadline) {
    // One shared timer wakes all who wait; their own deadline is a timer of its own.
    auto own = std::make_shared<asio::steady_timer>(
        io_, asio::steady_timer::time_point(std::chrono::nanoseconds(deadline)));
    change_.async_wait([own](const boost::system::error_code&) { own->cancel(); });
    boost::system::error_code ignored;
    co_await own->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

void LinkedOutbox::announce_change() {
    change_.cancel();
}

std::vector<std::uint16_t> LinkedOutbox::ready(Role role) const {
    std::vector<std::uint16_t> out;
    for (const auto& [instance, peer] : peers_)
        if (instance.first == role && peer.state == process::WorkerState::Ready)
            out.push_back(instance.second);
    return out;
}

std::optional<std::uint16_t> LinkedOutbox::owner_of(std::uint8_t slot) const {
    if (slot >= slots_.workers.size() || slots_.workers[slot] == process::slot_unassigned)
        return std::nullopt;
    return slots_.workers[slot];
}

void LinkedOutbox::on_roster(const process::Roster& roster) {
    std::set<Instance> present;
    for (const auto& entry : roster) {
        if (entry.inbox.empty() || !readers_.contains(entry.role)) continue;
        const Instance instance{entry.role, entry.index};
        present.insert(instance);
        auto& peer = peers_[instance];
        const bool gone = entry.state == process::WorkerState::Down ||
                          (peer.link && peer.link->epoch() != entry.epoch);
        if (gone && peer.link) {
            peer.link->lose({true});
            peer.link = nullptr;
        }
        const bool stalled = entry.state == process::WorkerState::Degraded &&
                             peer.state != process::WorkerState::Degraded;
        if (stalled && peer.link) peer.link->lose({false});
        peer.state = entry.state;
        if (!peer.link && entry.state == process::WorkerState::Ready) peer.link = connect(entry);
    }
    for (auto it = peers_.begin(); it != peers_.end();) {
        if (present.contains(it->first)) {
            ++it;
            continue;
        }
        if (it->second.link) it->second.link->lose({true});
        it = peers_.erase(it);
    }
    announce_change();
}

void LinkedOutbox::on_slots(const process::SlotMap& slots) {
    slots_ = slots;
    announce_change();
}

std::shared_ptr<Link> LinkedOutbox::connect(const process::RosterEntry& entry) {
    Link::Setup setup;
    setup.role = entry.role;
    setup.index = entry.index;
    setup.epoch = entry.epoch;
    setup.endpoint = entry.inbox;
    // Fresh for each link, not guessable from outside; must not start with a zero byte.
    Writer seed;
    seed.bytes(setup_.routing_seed).u64(links_made_++);
    const auto digest = sha256(seed.peek());
    setup.routing_id = {'W'};
    setup.routing_id.insert(setup.routing_id.end(), digest.begin(), digest.begin() + 15);
    setup.keys.server_public = setup_.public_keys.at(entry.role);
    setup.keys.own_public = setup_.public_keys.at(setup_.role);
    setup.keys.own_secret = setup_.own_secret;
    setup.schema_hash = setup_.schema_hash;
    return std::make_shared<Link>(io_, context_, metrics_, std::move(setup),
                                  [this] { announce_change(); });
}

}  // namespace warren::pipe
