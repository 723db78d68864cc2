// What this node keeps for the DHT: values by key, bounded in total, per key and per source. Pure.
#pragma once

#include <map>
#include <vector>

#include "base/clock.h"
#include "protocol/dht_messages.h"

namespace warren::protocol {

class DhtStore {
public:
    static constexpr std::size_t values_max = 8192;  // about 4 MiB with all overhead
    static constexpr std::size_t values_of_key_max = 64;
    static constexpr std::size_t values_of_source_max = 256;

    // `value` is whole and its signature right. False: an older version, or no room.
    bool put(Nanoseconds now, const DhtId& key, ByteView value, const MemberId& source,
             Nanoseconds lifetime);
    std::vector<ByteView> get(Nanoseconds now, const DhtId& key, std::size_t offset,
                              std::size_t count) const;
    void sweep(Nanoseconds now);
    std::size_t size() const { return size_; }
    std::size_t keys() const { return values_.size(); }

private:
    struct Entry {
        DhtId identity;
        Bytes value;
        std::uint32_t version = 0;
        MemberId source;
        Nanoseconds expires = 0;
    };
    void forget(const Entry& entry);

    std::map<DhtId, std::vector<Entry>> values_;
    std::map<MemberId, std::size_t> of_source_;
    std::size_t size_ = 0;
};

// What makes two values of a key the same one: the signer, or the content.
DhtId dht_value_identity(ByteView encoded, const DhtValue& value);
// 3,600 s, halved for each known nearer node beyond the seventh.
Nanoseconds dht_lifetime(std::size_t nearer_nodes);

}  // namespace warren::protocol
