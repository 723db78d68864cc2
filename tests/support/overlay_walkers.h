// Strangers who ask a node's overlay for introductions, from many nets, and note what is answered.
// Every answer shows that one datagram reached a worker that serves its community.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/endpoint.h"
#include "base/ids.h"

namespace warren::test {

class OverlayWalkers {
public:
    // Do they give back the cookie that proves their address?
    enum class Echo { Always, Never };
    // Addresses of 127.0.0.0/8, each in a /16 of its own, so that no budget binds them together;
    // other seeds, other addresses.
    OverlayWalkers(const Endpoint& node, std::size_t walkers, std::uint64_t seed,
                   Echo echo = Echo::Never);
    ~OverlayWalkers();
    OverlayWalkers(const OverlayWalkers&) = delete;
    OverlayWalkers& operator=(const OverlayWalkers&) = delete;

    const Endpoint& address(std::size_t walker) const;
    // Each call by the next of the walkers.
    void ask(const CommunityId& community);
    // Takes what has come.
    void listen();

    std::size_t asked() const { return asked_; }
    std::size_t answered_twice() const { return answered_twice_; }
    // What was not answered yet, by community.
    std::map<CommunityId, std::size_t> open() const;
    // How often the node asked of its own accord.
    std::size_t requests(const CommunityId& community) const {
        const auto at = requests_.find(community);
        return at == requests_.end() ? 0 : at->second;
    }
    // Whom the node introduced to this walker, and how often it asked for a puncture by it.
    const std::set<Endpoint>& introduced(std::size_t walker) const;
    std::size_t puncture_requests(std::size_t walker) const;
    std::size_t bytes_in(std::size_t walker) const;
    std::size_t bytes_out(std::size_t walker) const;

private:
    struct Walker;
    void take(Walker& walker, const std::vector<std::uint8_t>& datagram);

    Endpoint node_;
    Echo echo_;
    std::vector<std::unique_ptr<Walker>> walkers_;
    std::size_t asked_ = 0, answered_twice_ = 0;
    std::map<CommunityId, std::size_t> requests_;
};

}  // namespace warren::test
