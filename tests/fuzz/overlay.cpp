// Any sequence of datagrams to a full overlay core, from a stranger or from a proven partner: it
// must neither crash nor grow without bound, and must never send to an address that nobody spoke
// of. Input: items of source (1 byte), message id (1), length (1) and body; the prefix is put in
// front.
#include "base/check.h"
#include "tests/sim/overlay_world.h"

using namespace warren;
using namespace warren::protocol;

namespace {

constexpr std::uint8_t from_partner = 1, add_signature = 2, add_key = 4;

struct Item {
    std::uint8_t how = 0;
    Bytes datagram;
};

std::vector<Item> items_of(const CommunityId& community, const PublicKey& key, ByteView input) {
    std::vector<Item> out;
    Reader in(input);
    while (in.left() >= 3 && out.size() < 64) {
        Item item;
        item.how = in.u8();
        auto id = in.u8();
        auto body = in.take(std::min<std::size_t>(in.u8(), in.left()));
        item.datagram = item.how & add_key ? frame_signed(community, id, key, 7, body)
                                           : frame_bare(community, id, body);
        if (item.how & add_signature) item.datagram = sim::signed_packet(item.datagram);
        out.push_back(std::move(item));
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto community = directory_community();
    sim::World world(1, {});
    auto& a = world.add_node();
    auto& b = world.add_node();
    world.join(a, community);
    world.join(b, community);
    world.publish(a, community, 3, 60);
    b.overlay->add_bootstrap(world.now(), a.address);
    world.drain(b);
    world.run_for(600'000'000);
    const auto stranger = Endpoint::ipv4(198, 51, 100, 1, 6000);
    world.on_send = [&](const sim::World::Node&, const Endpoint& to, ByteView bytes) {
        WARREN_CHECK(bytes.size() <= datagram_bytes_max && to.port != 0);
        return true;
    };
    for (const auto& item : items_of(community, b.key, {data, size})) {
        world.inject(item.how & from_partner ? b.address : stranger, a.address, item.datagram);
        world.run_for(20'000'000);
    }
    world.run_for(500'000'000);
    WARREN_CHECK(a.overlay->peers().size() <= 3);
    return 0;
}
