// Records in memory, and signatures that cost almost nothing.
#include "tests/sim/memory_store.h"

#include <algorithm>

#include "base/hash.h"

namespace warren::sim {

using namespace protocol;

// Nothing here is secret: whoever may sign is decided by the scripts of the simulation.
Signature fake_signature(ByteView signed_bytes) {
    Signature out;
    auto [first, second] = siphash128({}, signed_bytes);
    SeededRandom(first ^ second).fill(out.bytes);
    return out;
}

bool fake_verify(ByteView packet) {
    if (packet.size() < signature_bytes) return false;
    auto body = packet.first(packet.size() - signature_bytes);
    auto signature = packet.last(signature_bytes);
    return equal_constant_time(fake_signature(body).view(), signature);
}

PublicKey make_key(Random& random) {
    PublicKey out;
    random.fill(out.bytes);
    auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), out.bytes.begin());
    return out;
}

Bytes signed_packet(Bytes unsigned_bytes) {
    auto signature = fake_signature(unsigned_bytes);
    append(unsigned_bytes, signature.view());
    return unsigned_bytes;
}

RecordVerdict MemoryStore::add(ByteView packet) {
    if (!fake_verify(packet)) return RecordVerdict::BadSignature;
    auto record = decode_record(packet);
    if (!record || record->community != community_) return RecordVerdict::Refused;
    if (records_.contains(record->ref())) return RecordVerdict::Known;
    records_[record->ref()] = {to_bytes(packet), element_value(key_, record->id)};
    return RecordVerdict::Accepted;
}

CommunityRoot MemoryStore::root() {
    CommunityRoot out;
    out.sum = sum({RecordRef{}, sync_end()});
    if (!records_.empty()) out.newest = records_.rbegin()->first.time;
    return out;
}

std::set<RecordRef> MemoryStore::refs() const {
    std::set<RecordRef> out;
    for (const auto& [ref, stored] : records_)
        out.insert(ref);
    return out;
}

RangeSum MemoryStore::sum(const SyncRange& range) {
    RangeSum out;
    auto end = records_.lower_bound(range.upper);
    for (auto at = records_.lower_bound(range.lower); at != end; ++at)
        out.add(at->second.value);
    return out;
}

std::vector<RecordRef> MemoryStore::refs(const SyncRange& range, std::size_t limit) {
    std::vector<RecordRef> out;
    auto end = records_.lower_bound(range.upper);
    for (auto at = records_.lower_bound(range.lower); at != end && out.size() < limit; ++at)
        out.push_back(at->first);
    return out;
}

std::vector<RecordRef> MemoryStore::split(const SyncRange& range, std::size_t parts) {
    auto all = refs(range, records_.size());
    std::vector<RecordRef> out;
    for (std::size_t i = 1; i < parts; ++i)
        if (auto at = i * all.size() / parts; at > 0 && (out.empty() || out.back() < all[at]))
            out.push_back(all[at]);
    return out;
}

FetchedRecords MemoryStore::fetch(std::uint64_t session, ByteView selections,
                                  std::size_t bytes_max) {
    FetchedRecords out;
    auto decoded = decode_selections(selections);
    if (!decoded) return out;
    auto key = session_key(community_, session);
    std::size_t used = 0;
    for (const auto& selection : *decoded) {
        std::set<std::uint64_t> wanted(selection.ids.begin(), selection.ids.end());
        auto end = records_.lower_bound(selection.range.upper);
        for (auto at = records_.lower_bound(selection.range.lower); at != end; ++at) {
            const bool named = selection.all > 0 || wanted.contains(short_id(key, at->first.id));
            if (!named) continue;
            used += at->second.packet.size();
            out.cut = used > bytes_max;
            if (out.cut) return out;
            out.packets.push_back(at->second.packet);
        }
    }
    return out;
}

}  // namespace warren::sim
