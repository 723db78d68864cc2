// Values: which replaces which, and for how long.
#include "protocol/dht_store.h"

#include <algorithm>

#include "base/hash.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds lifetime_max = 3600_s;
constexpr std::size_t storing_nodes = 8, halvings_max = 32;

}  // namespace

DhtId dht_value_identity(ByteView encoded, const DhtValue& value) {
    return DhtId{sha1(value.is_signed() ? value.public_key : encoded)};
}

Nanoseconds dht_lifetime(std::size_t nearer_nodes) {
    const auto beyond = nearer_nodes < storing_nodes ? 0 : nearer_nodes - (storing_nodes - 1);
    return lifetime_max >> std::min(beyond, halvings_max);
}

void DhtStore::forget(const Entry& entry) {
    --size_;
    auto source = of_source_.find(entry.source);
    if (--source->second == 0) of_source_.erase(source);
}

bool DhtStore::put(Nanoseconds now, const DhtId& key, ByteView value, const MemberId& source,
                   Nanoseconds lifetime) {
    const auto parts = decode_dht_value(value);
    if (!parts.ok() || value.size() > dht_value_bytes_max) return false;
    Entry entry{dht_value_identity(value, *parts), to_bytes(value), parts->version, source,
                now + lifetime};
    const auto list = values_.find(key);
    const auto old = list == values_.end()
                         ? std::vector<Entry>::iterator{}
                         : std::ranges::find(list->second, entry.identity, &Entry::identity);
    const bool replaces = list != values_.end() && old != list->second.end();
    if (replaces && old->version > entry.version) return false;
    // What it replaces makes room first.
    if (replaces) {
        forget(*old);
        list->second.erase(old);
    }
    auto& entries = values_[key];
    const auto share = of_source_.find(source);
    const bool room = size_ < values_max && entries.size() < values_of_key_max &&
                      (share == of_source_.end() || share->second < values_of_source_max);
    if (!room) {
        if (entries.empty()) values_.erase(key);
        return false;
    }
    ++size_;
    ++of_source_[source];
    // Newest first, but the owner of the key comes last.
    const auto place = entry.identity == key ? entries.end() : entries.begin();
    entries.insert(place, std::move(entry));
    return true;
}

std::vector<ByteView> DhtStore::get(Nanoseconds now, const DhtId& key, std::size_t offset,
                                    std::size_t count) const {
    std::vector<ByteView> out;
    const auto list = values_.find(key);
    if (list == values_.end()) return out;
    for (const auto& entry : list->second) {
        if (entry.expires <= now) continue;
        if (offset > 0) {
            --offset;
            continue;
        }
        if (out.size() == count) break;
        out.push_back(entry.value);
    }
    return out;
}

void DhtStore::sweep(Nanoseconds now) {
    for (auto list = values_.begin(); list != values_.end();) {
        std::erase_if(list->second, [&](const Entry& entry) {
            if (entry.expires > now) return false;
            forget(entry);
            return true;
        });
        list = list->second.empty() ? values_.erase(list) : std::next(list);
    }
}

}  // namespace warren::protocol
