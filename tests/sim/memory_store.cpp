// Records in memory, and signatures that cost almost nothing.
#include "tests/sim/memory_store.h"

#include <algorithm>

#include "base/hash.h"
#include "protocol/community/proof_request.h"
#include "protocol/community/types.h"

namespace warren::sim {

using namespace protocol;

namespace {

constexpr GlobalTime clock_jump_max = 10'000;

bool is_lasting(ByteView packet) {
    const auto kind = packet[prefix_bytes];
    return kind == static_cast<std::uint8_t>(RecordKind::ChannelGenesis) || !is_content_id(kind);
}
bool is_in(Verdict verdict) {
    return verdict != Verdict::Waiting && verdict != Verdict::Refused;
}

}  // namespace

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

RecordVerdict MemoryStore::add(ByteView packet, bool pushed) {
    auto record = decode_record(packet);
    if (!record || record->community != community_)
        return fake_verify(packet) ? RecordVerdict::Refused : RecordVerdict::BadSignature;
    for (auto left = record->signature; !left.empty(); left = left.subspan(signature_bytes))
        if (!std::ranges::equal(left.first(signature_bytes),
                                fake_signature(record->signed_bytes).view()))
            return RecordVerdict::BadSignature;
    const auto ref = record->ref();
    if (records_.contains(ref) || outside_.contains(ref)) return RecordVerdict::Known;
    if (ref.time < floor_ && !is_lasting(packet)) return RecordVerdict::NotStored;
    Stored stored{to_bytes(packet), element_value(key_, record->id), pushed};
    if (evaluator_) return judge(*record, std::move(stored));
    put(ref, std::move(stored));
    return RecordVerdict::Accepted;
}

void MemoryStore::judge_by(const PublicKey& founder) {
    evaluator_ = std::make_unique<Evaluator>(type_of(community_), founder);
    lasting_ = std::make_unique<MemoryStore>(community_);
}

RecordVerdict MemoryStore::judge(const RecordView& record, Stored stored) {
    const auto ref = record.ref();
    outside_.emplace(ref, std::move(stored));
    for (const auto& change : evaluator_->add(record)) {
        const bool in = is_in(change.after);
        const auto waited = outside_.find(change.record);
        if (change.record != ref && waited != outside_.end()) {
            again_.records.push_back({change.record, in ? RecordVerdict::Accepted
                                                     : change.after == Verdict::Waiting
                                                         ? RecordVerdict::Waiting
                                                         : RecordVerdict::Refused});
            if (in && waited->second.pushed) again_.let_in.push_back(waited->second.packet);
        }
        auto& from = in ? outside_ : records_;
        const auto at = from.find(change.record);
        if (at == from.end()) continue;
        if (in) {
            put(change.record, std::move(at->second));
            outside_.erase(at);
        } else {
            outside_.emplace(change.record, at->second);
            take(change.record);
        }
    }
    const auto verdict = *evaluator_->verdict(ref);
    if (verdict == Verdict::Waiting) return RecordVerdict::Waiting;
    return is_in(verdict) ? RecordVerdict::Accepted : RecordVerdict::Refused;
}

FetchedRecords MemoryStore::prove(ByteView questions, std::size_t bytes_max) const {
    FetchedRecords out;
    const auto asked = decode_questions(questions);
    if (!asked || !evaluator_) return out;
    std::set<RecordRef> refs;
    for (const auto& ref : proof_of(evaluator_->permissions(), *asked))
        refs.insert(ref);
    for (const auto& [ref, stored] : records_)
        if (stored.packet[prefix_bytes] == type_of(community_).founding) refs.insert(ref);
    std::size_t used = 0;
    for (const auto& ref : refs) {
        const auto at = records_.find(ref);
        if (at == records_.end()) continue;
        used += at->second.packet.size();
        out.cut = used > bytes_max;
        if (out.cut) break;
        out.packets.push_back(at->second.packet);
    }
    return out;
}

void MemoryStore::put(const RecordRef& ref, Stored stored) {
    if (ref.time <= clock_ + clock_jump_max) clock_ = std::max(clock_, ref.time);
    if (lasting_ && is_lasting(stored.packet)) lasting_->records_.insert_or_assign(ref, stored);
    records_.insert_or_assign(ref, std::move(stored));
}

void MemoryStore::take(const RecordRef& ref) {
    records_.erase(ref);
    if (lasting_) lasting_->records_.erase(ref);
}

void MemoryStore::set_floor(GlobalTime floor) {
    floor_ = floor;
    std::erase_if(records_, [&](const auto& entry) {
        return entry.first.time < floor && !is_lasting(entry.second.packet);
    });
}

std::uint64_t MemoryStore::state_hash(GlobalTime floor) const {
    Writer out;
    for (const auto& [ref, stored] : records_) {
        if (ref.time < floor && !is_lasting(stored.packet)) continue;
        out.u64(ref.time).bytes(ref.id.view());
        if (evaluator_) out.u8(static_cast<std::uint8_t>(*evaluator_->verdict(ref)));
    }
    return siphash({}, out.take());
}

std::vector<Link> MemoryStore::line_of(const PublicKey& author) const {
    std::vector<Link> out;
    for (const auto& [ref, stored] : records_)
        if (const auto record = decode_record(stored.packet); record->author == author)
            out.push_back({ref, record->prev});
    return out;
}

CommunityRoot MemoryStore::root() {
    CommunityRoot out;
    out.sum = sum({RecordRef{floor_, {}}, sync_end()});
    if (!records_.empty()) out.newest = records_.rbegin()->first.time;
    out.floor = floor_;
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
            if (!named || (selection.lasting && !is_lasting(at->second.packet))) continue;
            used += at->second.packet.size();
            out.cut = used > bytes_max;
            if (out.cut) return out;
            out.packets.push_back(at->second.packet);
        }
    }
    return out;
}

}  // namespace warren::sim
