#include "bench/storage/records.h"

#include <cstring>

#include "base/check.h"
#include "protocol/community/control_records.h"

namespace warren::bench {

Channel::Channel(std::uint64_t seed) : random_(seed) {
    random_.fill(founder_.key.bytes);
    constexpr std::string_view tag = "LibNaCLPK:";
    std::memcpy(founder_.key.bytes.data(), tag.data(), tag.size());
    founder_.nonce = random_.id<protocol::Nonce>();
    community_ = protocol::channel_community(founder_.key, founder_.nonce);
}

Channel::Channel(std::uint64_t seed, const protocol::PublicKey& founder) : random_(seed) {
    founder_ = {founder, random_.id<protocol::Nonce>()};
    community_ = protocol::channel_community(founder_.key, founder_.nonce);
}

Bytes Channel::torrent(GlobalTime time) {
    protocol::TorrentEntry entry;
    entry.infohash = random_.id<Infohash>();
    entry.size = random_.below(4'000'000'000);
    entry.created_s = 1'700'000'000 + time;
    entry.files = 1;
    entry.name = "A film of middling name, " + std::to_string(time);
    RecordRef prev{time - 1, random_.id<RecordId>()};
    if (prev.time == 0) prev = {};
    // Tags fill up to the size that all records have.
    auto size = [&] {
        return protocol::encode_unsigned({community_, protocol::RecordKind::Torrent, founder_.key,
                                          time, prev, protocol::encode(entry)})
                   .size() +
               protocol::signature_bytes;
    };
    const auto bare = size();
    WARREN_CHECK(bare <= record_bytes);
    entry.tags = std::string(record_bytes - bare, 't');
    auto packet = protocol::encode_unsigned({community_, protocol::RecordKind::Torrent,
                                             founder_.key, time, prev, protocol::encode(entry)});
    protocol::Signature noise;
    random_.fill(noise.bytes);
    append(packet, noise.view());
    WARREN_CHECK(packet.size() == record_bytes);
    return packet;
}

Bytes Channel::authorize(GlobalTime time) {
    auto member = founder_.key;
    random_.fill(std::span(member.bytes).last(64));
    const auto torrents = static_cast<protocol::MessageId>(protocol::RecordKind::Torrent);
    auto packet = protocol::encode_unsigned(
        {community_, static_cast<protocol::RecordKind>(protocol::ControlKind::Authorize),
         founder_.key, time, RecordRef{time - 1, random_.id<RecordId>()},
         protocol::encode_grants({{member, torrents, protocol::right::permit}})});
    protocol::Signature noise;
    random_.fill(noise.bytes);
    append(packet, noise.view());
    return packet;
}

Bytes Arrivals::next() {
    const bool late = static_cast<double>(dice_.below(1'000'000)) < late_share_ * 1e6;
    if (late) return channel_.torrent(1 + 2 * dice_.below(newest_ / 2));
    newest_ += 2;
    return channel_.torrent(newest_);
}

std::vector<Bytes> Arrivals::next(std::size_t count) {
    std::vector<Bytes> out;
    out.reserve(count);
    while (out.size() < count)
        out.push_back(next());
    return out;
}

std::vector<ByteView> views_of(const std::vector<Bytes>& packets) {
    return {packets.begin(), packets.end()};
}

}  // namespace warren::bench
