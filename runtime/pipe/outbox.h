// Outbox over links: chooses the instance, waits for credit, sends again when a reader dies.
#pragma once

#include <map>
#include <set>

#include "base/random.h"
#include "runtime/pipe/link.h"
#include "runtime/pipe/zap.h"

namespace warren::pipe {

class LinkedOutbox final : public Outbox {
public:
    struct Setup {
        Role role;
        RoleKeys public_keys;
        CurveKey own_secret{};
        std::array<std::uint8_t, 16> routing_seed{};
        std::uint64_t schema_hash = 0;
        std::string name = "worker";  // in traces
        Tap* tap = nullptr;
    };
    LinkedOutbox(asio::io_context& io, Context& context, Metrics& metrics, Setup setup);

    Task<Result<Message>> ask(Ask ask) override;
    std::vector<std::uint16_t> ready(Role role) const override;
    std::optional<std::uint16_t> owner_of(std::uint8_t slot) const override;

    // From the lifeline: links to dead spawns end, links to new ones begin.
    void on_roster(const process::Roster& roster);
    void on_slots(const process::SlotMap& slots);

private:
    using Instance = std::pair<Role, std::uint16_t>;
    struct Peer {
        std::shared_ptr<Link> link;
        process::WorkerState state = process::WorkerState::Down;
    };

    Task<Result<Message>> deliver(Ask& ask);
    std::uint64_t sample();
    std::shared_ptr<Link> choose(const Ask& ask) const;
    bool is_starting(const Ask& ask) const;
    Task<std::shared_ptr<Link>> acquire(const Ask& ask, std::uint64_t cost);
    Task<void> changed(Nanoseconds deadline);
    void announce_change();
    std::shared_ptr<Link> connect(const process::RosterEntry& entry);

    asio::io_context& io_;
    Context& context_;
    Metrics& metrics_;
    Setup setup_;
    std::set<Role> readers_;
    std::map<Instance, Peer> peers_;
    process::SlotMap slots_;
    std::uint64_t links_made_ = 0;
    SystemRandom random_;
    asio::steady_timer change_;  // cancelled when credit, roster or slots change
};

}  // namespace warren::pipe
