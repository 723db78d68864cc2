// Which communities this worker serves: those of the node that the kernel steers to it. While the
// number of workers changes, whoever gets a datagram serves it (docs/decisions/0010).
#include <algorithm>

#include "runtime/process/log.h"
#include "workers/network/network_worker.h"

namespace warren::network {

namespace {

constexpr Nanoseconds retry = 200_ms, relist = 20_s;
constexpr Nanoseconds settling = 1_s;  // by then what was steered here before is read and answered
constexpr Nanoseconds drain_patience = 500_ms, drain_look = 2_ms;
constexpr int drain_batches_max = 256;

}  // namespace

bool NetworkWorker::is_mine(const CommunityId& community) const {
    // As the kernel steers datagrams: the 32-bit word at payload offset 2, modulo the workers.
    auto head = Reader(community.view()).u32();
    return head % std::max<std::uint32_t>(host_.count(), 1) == host_.index();
}

std::set<CommunityId> NetworkWorker::all_communities() const {
    auto out = joined_;
    out.insert(standing_.begin(), standing_.end());
    return out;
}

void NetworkWorker::set_joined(const CommunityId& community, bool joined) {
    if (joined)
        joined_.insert(community);
    else
        joined_.erase(community);
    if (!overlay_) return;
    const auto all = all_communities();
    if (!all.contains(community))
        overlay_->leave(community);
    else if (is_mine(community))
        overlay_->join(monotonic_now(), community);
    overlay_->set_node_communities({all.begin(), all.end()});
    flush_soon();
    tick_soon();
}

void NetworkWorker::apply_communities() {
    if (!overlay_) return;
    const auto now = monotonic_now();
    const auto all = all_communities();
    std::vector<CommunityId> gone;
    for (const auto& [community, state] : overlay_->communities()) {
        bool elsewhere = now >= settled_at_ && !is_mine(community);
        if (elsewhere || !all.contains(community)) gone.push_back(community);
    }
    for (const auto& community : gone)
        overlay_->leave(community);
    // Joining what is joined would ask storage for all their roots again.
    for (const auto& community : all)
        if (is_mine(community) && !overlay_->communities().contains(community))
            overlay_->join(now, community);
    overlay_->set_node_communities({all.begin(), all.end()});
    flush_soon();
    tick_soon();
}

pipe::Task<bool> NetworkWorker::list_communities() {
    find_own_address();  // the machine may have moved to another network
    const bool has_storage = std::ranges::any_of(
        host_.roster(), [](const auto& row) { return row.role == process::Role::Storage; });
    if (!has_storage) {  // a bootstrap node
        apply_communities();
        co_return true;
    }
    auto communities = co_await outbox_.joined_communities();
    if (communities.ok()) joined_ = {communities->begin(), communities->end()};
    apply_communities();
    co_return communities.ok();
}

pipe::Task<void> NetworkWorker::keep_communities(bool listed) {
    while (true) {
        // Again now and then: a change may have been told while this worker was starting.
        co_await pipe::sleep_for(host_.io(), listed ? relist : retry);
        listed = co_await list_communities();
    }
}

// ---- when the number of workers changes

// The kernel is always right: a datagram that came here is served here, if the node takes part in
// its community. What is not ours in the long run is left when the list is next looked at.
bool NetworkWorker::take_in(Nanoseconds now, ByteView datagram) {
    CommunityId community;
    std::copy_n(datagram.begin() + 2, CommunityId::size, community.bytes.begin());
    if (!joined_.contains(community) && !standing_.contains(community)) return false;
    ++host_.metrics().counter("overlay_taken_in_total");
    overlay_->join(now, community);
    return true;
}

void NetworkWorker::follow_count() {
    if (count_ == host_.count()) return;
    count_ = host_.count();
    settled_at_ = monotonic_now() + settling;
    pipe::spawn(host_.io(), settle());
}

pipe::Task<void> NetworkWorker::settle() {
    co_await pipe::sleep_until(host_.io(), settled_at_);
    apply_communities();
}

// Nobody else gets what the kernel queued for our socket, so it is answered before we go.
pipe::Task<void> NetworkWorker::drain() {
    if (saved_peers_) co_await save_peers();
    const auto deadline = monotonic_now() + drain_patience;
    while (!overlay_ && monotonic_now() < deadline)
        co_await pipe::sleep_for(host_.io(), drain_look);
    if (!overlay_) co_return;
    for (auto& port : ports_)
        read(port, drain_batches_max);
    flush();
    const auto busy = [this] {
        return batches_->checking() || signing_ > 0 || overlay_->has_effects();
    };
    while (busy() && monotonic_now() < deadline)
        co_await pipe::sleep_for(host_.io(), drain_look);
}

}  // namespace warren::network
