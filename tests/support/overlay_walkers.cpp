#include "tests/support/overlay_walkers.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "protocol/ipv8.h"
#include "protocol/overlay_messages.h"
#include "runtime/process/fd.h"
#include "tests/support/test_identity.h"

namespace warren::test {

using namespace protocol;

struct OverlayWalkers::Walker {
    explicit Walker(std::uint64_t seed) : identity(seed) {}

    TestIdentity identity;
    process::Fd socket;
    Endpoint address;
    std::map<std::uint16_t, CommunityId> open;
    std::set<std::uint16_t> done;
    std::uint16_t last = 0;
    std::uint64_t cookie = 0;  // of the node
    std::set<Endpoint> introduced;
    std::size_t puncture_requests = 0, bytes_in = 0, bytes_out = 0;
};

namespace {

sockaddr_in to_sockaddr(const Endpoint& endpoint) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(endpoint.port);
    std::memcpy(&out.sin_addr, endpoint.address.data(), 4);
    return out;
}

}  // namespace

OverlayWalkers::OverlayWalkers(const Endpoint& node, std::size_t walkers, std::uint64_t seed,
                               Echo echo)
    : node_(node), echo_(echo) {
    for (std::size_t i = 0; i < walkers; ++i) {
        auto& walker = *walkers_.emplace_back(std::make_unique<Walker>(seed + i));
        walker.socket = process::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        walker.address = Endpoint::ipv4(127, static_cast<std::uint8_t>(20 + i),
                                        static_cast<std::uint8_t>(seed), 1, 0);
        auto name = to_sockaddr(walker.address);
        socklen_t size = sizeof name;
        auto* at = reinterpret_cast<sockaddr*>(&name);
        WARREN_CHECK(::bind(walker.socket.get(), at, size) == 0);
        WARREN_CHECK(::getsockname(walker.socket.get(), at, &size) == 0);
        walker.address.port = ntohs(name.sin_port);
    }
}

OverlayWalkers::~OverlayWalkers() = default;

const Endpoint& OverlayWalkers::address(std::size_t walker) const {
    return walkers_.at(walker)->address;
}

void OverlayWalkers::ask(const CommunityId& community) {
    auto& walker = *walkers_[asked_++ % walkers_.size()];
    IntroductionRequest request;
    request.destination = node_;
    request.source_lan = request.source_wan = walker.address;
    request.identifier = ++walker.last;
    Trailer trailer;
    trailer.cookie = 1;
    if (echo_ == Echo::Always) trailer.echo = walker.cookie;
    const auto extra = encode(trailer);
    request.extra = extra;
    const auto packet = walker.identity.signed_packet(
        frame_signed(community, static_cast<std::uint8_t>(BaseMessage::IntroductionRequest),
                     walker.identity.public_key(), request.identifier, encode(request)));
    walker.open[request.identifier] = community;
    walker.bytes_out += packet.size();
    auto to = to_sockaddr(node_);
    WARREN_CHECK(::sendto(walker.socket.get(), packet.data(), packet.size(), 0,
                          reinterpret_cast<sockaddr*>(&to),
                          sizeof to) == static_cast<ssize_t>(packet.size()));
}

void OverlayWalkers::take(Walker& walker, const std::vector<std::uint8_t>& datagram) {
    const auto header = decode_header(datagram);
    walker.bytes_in += datagram.size();
    if (header && header->message_id == static_cast<std::uint8_t>(BaseMessage::PunctureRequest))
        ++walker.puncture_requests;
    const auto parts = decode_signed(datagram, WithGlobalTime::Yes);
    if (!header || !parts) return;
    if (header->message_id == static_cast<std::uint8_t>(BaseMessage::IntroductionRequest))
        return void(++requests_[header->community]);
    if (header->message_id != static_cast<std::uint8_t>(BaseMessage::IntroductionResponse)) return;
    const auto response = decode_introduction_response(parts->payload, Style::Old);
    if (!response) return;
    if (const auto trailer = decode_trailer(response->extra)) walker.cookie = trailer->cookie;
    if (response->introduced_wan.port != 0) walker.introduced.insert(response->introduced_wan);
    if (walker.open.erase(response->identifier) > 0)
        walker.done.insert(response->identifier);
    else if (walker.done.contains(response->identifier))
        ++answered_twice_;
}

void OverlayWalkers::listen() {
    std::vector<std::uint8_t> datagram(2048);
    for (auto& walker : walkers_) {
        while (true) {
            datagram.resize(2048);
            const auto size =
                ::recv(walker->socket.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
            if (size < 0) break;
            datagram.resize(static_cast<std::size_t>(size));
            take(*walker, datagram);
        }
    }
}

std::map<CommunityId, std::size_t> OverlayWalkers::open() const {
    std::map<CommunityId, std::size_t> out;
    for (const auto& walker : walkers_)
        for (const auto& [identifier, community] : walker->open)
            ++out[community];
    return out;
}

const std::set<Endpoint>& OverlayWalkers::introduced(std::size_t walker) const {
    return walkers_.at(walker)->introduced;
}

std::size_t OverlayWalkers::puncture_requests(std::size_t walker) const {
    return walkers_.at(walker)->puncture_requests;
}

std::size_t OverlayWalkers::bytes_in(std::size_t walker) const {
    return walkers_.at(walker)->bytes_in;
}

std::size_t OverlayWalkers::bytes_out(std::size_t walker) const {
    return walkers_.at(walker)->bytes_out;
}

}  // namespace warren::test
