// One attacker with many identities in a few nets, who answers as a good peer does: proves its
// addresses, introduces its own kind, and asks the nodes it is after again and again.
#pragma once

#include <unordered_map>

#include "tests/sim/forger.h"
#include "tests/sim/overlay_world.h"

namespace warren::sim {

class Sybils {
public:
    struct Plan {
        std::size_t identities = 10'000;
        std::size_t regions = 8;          // /16s
        std::size_t nets_of_region = 2;   // /24s
        std::size_t requests_per_s = 30;  // in all
    };
    Sybils(World& world, const CommunityId& community, Plan plan, std::uint64_t seed);

    void attack();  // from now on, all nodes that are there
    static bool is_one(const Endpoint& address) { return address.address[0] == first_byte; }
    std::size_t proven() const { return proven_; }  // requests sent that echo a cookie

private:
    static constexpr std::uint8_t first_byte = 150;
    struct Identity {
        Forger voice;
        Endpoint at;
        bool asked = false;  // and its answer is to be followed by a proof
    };
    void heard(const Endpoint& from, const Endpoint& to, ByteView bytes);
    void ask(Identity& who, const Endpoint& victim, std::uint64_t echo);
    void say(const Identity& who, const Endpoint& to, Bytes bytes);
    void next_request();
    const Endpoint& another();

    World& world_;
    CommunityId community_;
    Plan plan_;
    SeededRandom random_;
    std::vector<Identity> identities_;
    std::unordered_map<Endpoint, std::size_t, EndpointHash> by_address_;
    std::size_t proven_ = 0;
};

}  // namespace warren::sim
