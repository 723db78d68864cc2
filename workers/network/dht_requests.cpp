// What users ask of the DHT. A wish waits for its effect, or until the asker's deadline.
#include "ipc-schema/network_generated.h"
#include "workers/network/network_worker.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace N = ipc::network;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

constexpr Nanoseconds patience = 20_s;

Error dht_is_off() {
    return refused("this node takes no part in the DHT (overlay.dht)");
}

Error no_answer() {
    return {ErrorKind::Expired, "the DHT's nodes did not answer within the deadline"};
}

Nanoseconds until(Nanoseconds deadline) {
    return deadline > 0 ? deadline : monotonic_now() + patience;
}

}  // namespace

bool NetworkWorker::serves_dht() const {
    return overlay_->communities().contains(protocol::dht_community);
}

pipe::Answer NetworkWorker::on_get_dht() {
    if (!overlay_) return not_yet();
    Builder builder;
    if (!serves_dht()) return answer(builder, N::CreateGetDhtReply(builder));
    std::vector<flatbuffers::Offset<N::DhtFamily>> list;
    const auto number = [](std::size_t value) { return static_cast<std::uint32_t>(value); };
    for (const bool v6 : {false, true}) {
        const auto status = overlay_->dht().status(monotonic_now(), v6);
        const auto id = builder.CreateVector(status.own.bytes.data(), status.own.bytes.size());
        list.push_back(N::CreateDhtFamily(
            builder, v6, id, number(status.nodes), number(status.good), number(status.buckets),
            number(status.keys), number(status.values), number(status.peers_held)));
    }
    const auto families = builder.CreateVector(list);
    return answer(builder, N::CreateGetDhtReply(builder, families));
}

pipe::Task<pipe::Answer> NetworkWorker::on_find_values(protocol::DhtId key, Nanoseconds deadline) {
    if (!overlay_) co_return not_yet();
    if (!serves_dht()) co_return dht_is_off();
    const auto wish = ++last_wish_;
    const auto promise = std::make_shared<pipe::Promise<protocol::DhtFound>>(host_.io());
    finds_[wish] = promise;
    overlay_->dht().find(monotonic_now(), wish, key);
    flush_soon();
    const auto found = co_await promise->wait(until(deadline));
    finds_.erase(wish);
    if (!found) co_return no_answer();
    ++host_.metrics().counter("dht_lookups_total");
    Builder builder;
    std::vector<flatbuffers::Offset<N::DhtValue>> list;
    for (const auto& encoded : found->values) {
        const auto value = protocol::decode_dht_value(encoded);
        if (!value) continue;
        const auto data = builder.CreateVector(value->data.data(), value->data.size());
        const auto& key_bytes = value->public_key;
        const auto signer =
            value->is_signed() ? builder.CreateVector(key_bytes.data(), key_bytes.size()) : 0;
        list.push_back(N::CreateDhtValue(builder, data, signer, value->version));
    }
    const auto values = builder.CreateVector(list);
    co_return answer(builder, N::CreateFindValuesReply(builder, values));
}

pipe::Task<pipe::Answer> NetworkWorker::on_store_value(protocol::DhtId key, Bytes data,
                                                       bool is_signed, Nanoseconds deadline) {
    if (!overlay_) co_return not_yet();
    if (!serves_dht()) co_return dht_is_off();
    const auto wish = ++last_wish_;
    const auto promise = std::make_shared<pipe::Promise<protocol::DhtStored>>(host_.io());
    stores_[wish] = promise;
    auto& dht = overlay_->dht();
    const auto seconds = static_cast<std::uint32_t>(wall_now_ms() / 1000);
    if (is_signed)
        dht.store_signed(monotonic_now(), wish, key, data, seconds);
    else
        dht.store(monotonic_now(), wish, key, protocol::encode_plain_value(data));
    flush_soon();
    const auto stored = co_await promise->wait(until(deadline));
    stores_.erase(wish);
    if (!stored) co_return no_answer();
    ++host_.metrics().counter("dht_stores_total");
    Builder builder;
    co_return answer(builder,
                     N::CreateStoreValueReply(builder, static_cast<std::uint32_t>(stored->nodes)));
}

pipe::Task<pipe::Answer> NetworkWorker::on_find_member(MemberId member, Nanoseconds deadline) {
    if (!overlay_) co_return not_yet();
    if (!serves_dht()) co_return dht_is_off();
    const auto wish = ++last_wish_;
    const auto promise = std::make_shared<pipe::Promise<protocol::DhtPeersFound>>(host_.io());
    member_finds_[wish] = promise;
    overlay_->dht().connect(monotonic_now(), wish, member);
    flush_soon();
    const auto found = co_await promise->wait(until(deadline));
    member_finds_.erase(wish);
    if (!found) co_return no_answer();
    ++host_.metrics().counter("dht_lookups_total");
    Builder builder;
    std::vector<flatbuffers::Offset<N::FoundMember>> list;
    for (const auto& [address, key] : found->peers) {
        const auto endpoint = to_wire(address);
        const auto bytes = builder.CreateVector(key);
        list.push_back(N::CreateFoundMember(builder, &endpoint, bytes));
    }
    const auto members = builder.CreateVector(list);
    co_return answer(builder, N::CreateFindMemberReply(builder, members));
}

}  // namespace warren::network
