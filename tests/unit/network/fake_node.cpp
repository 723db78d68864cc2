// Answers from memory.
#include "tests/unit/network/fake_node.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "ipc-schema/sign_generated.h"
#include "ipc-schema/storage_generated.h"
#include "ipc-schema/torrent_generated.h"
#include "ipc-schema/verify_generated.h"
#include "workers/network/wire.h"

namespace warren::network {

namespace V = ipc::verify;
namespace G = ipc::sign;
namespace S = ipc::storage;
namespace T = ipc::torrent;
using Builder = flatbuffers::FlatBufferBuilder;

namespace {

template <typename Answer, typename Tag, typename Body>
pipe::Message reply(Builder& builder, Tag tag, flatbuffers::Offset<Body> body) {
    return request<Answer>(builder, tag, body);
}

Bytes blob_of(const pipe::Message& message) {
    return joined(message.blobs);
}

}  // namespace

pipe::Task<Result<pipe::Message>> FakeOutbox::ask(pipe::Ask ask) {
    auto executor = co_await pipe::asio::this_coro::executor;
    co_await pipe::asio::post(executor, pipe::asio::use_awaitable);
    ++asked[ask.role];
    if (failures_to_come > 0) {
        --failures_to_come;
        co_return unavailable("not up yet");
    }
    co_return answer(ask);
}

Result<pipe::Message> FakeOutbox::answer(const pipe::Ask& ask) {
    switch (ask.role) {
    case pipe::Role::Sign: return sign(ask.message);
    case pipe::Role::Verify: return verify(ask.message);
    case pipe::Role::Storage: return storage(ask.message);
    case pipe::Role::Torrent: return torrent(ask.message);
    case pipe::Role::Supervisor:
    case pipe::Role::Network:
    case pipe::Role::Api: break;
    }
    return refused("no such edge");
}

Result<pipe::Message> FakeOutbox::sign(const pipe::Message& message) {
    const auto* root = pipe::verified_root<G::Request>(message.body);
    Builder builder;
    if (root->body_type() == G::Inbox::GetIdentity) {
        const auto bytes = builder.CreateVector(key.bytes.data(), key.bytes.size());
        return reply<G::Answer>(builder, G::Reply::GetIdentityReply,
                                G::CreateGetIdentityReply(builder, bytes));
    }
    const auto signature = sim::fake_signature(blob_of(message));
    const auto bytes = builder.CreateVector(signature.bytes.data(), signature.bytes.size());
    return reply<G::Answer>(builder, G::Reply::SignReply, G::CreateSignReply(builder, bytes));
}

Result<pipe::Message> FakeOutbox::verify(const pipe::Message& message) {
    const auto* root = pipe::verified_root<V::Request>(message.body);
    Builder builder;
    if (const auto* check = root->body_as_CheckSignatures()) {
        auto packets = unpack(to_domain(*check->sizes()), blob_of(message));
        std::vector<std::uint8_t> valid;
        for (const auto& packet : *packets)
            valid.push_back(sim::fake_verify(packet) ? 1 : 0);
        const auto list = builder.CreateVector(valid);
        return reply<V::Answer>(builder, V::Reply::CheckSignaturesReply,
                                V::CreateCheckSignaturesReply(builder, list));
    }
    const auto* verify = root->body_as_VerifyRecords();
    auto packets = unpack(to_domain(*verify->sizes()), blob_of(message));
    auto& store = stores.at(to_domain(*verify->community()));
    std::vector<ipc::Verdict> verdicts;
    for (const auto& packet : *packets)
        verdicts.push_back(static_cast<ipc::Verdict>(store.add(packet)));
    const auto list = builder.CreateVector(verdicts);
    return reply<V::Answer>(builder, V::Reply::VerifyRecordsReply,
                            V::CreateVerifyRecordsReply(builder, list));
}

Result<pipe::Message> FakeOutbox::storage(const pipe::Message& message) {
    const auto* root = pipe::verified_root<S::Request>(message.body);
    Builder builder;
    if (root->body_as_ListCommunities()) {
        std::vector<flatbuffers::Offset<S::Community>> list;
        for (const auto& [community, store] : stores) {
            const auto id = to_wire(community);
            list.push_back(S::CreateCommunity(builder, &id, S::CommunityKind::Channel, true));
        }
        const auto vector = builder.CreateVector(list);
        return reply<S::Answer>(builder, S::Reply::ListCommunitiesReply,
                                S::CreateListCommunitiesReply(builder, vector));
    }
    if (const auto* wish = root->body_as_GetRoot()) {
        const auto own = stores.at(to_domain(*wish->community())).root();
        const auto bytes = Writer().u64(own.sum.high).u64(own.sum.low).take();
        const auto fingerprint = builder.CreateVector(bytes);
        return reply<S::Answer>(
            builder, S::Reply::GetRootReply,
            S::CreateGetRootReply(builder, own.sum.count, own.newest, fingerprint));
    }
    if (const auto* wish = root->body_as_FetchRecords()) {
        auto& store = stores.at(to_domain(*wish->community()));
        const auto fetched = store.fetch(wish->session(), blob_of(message), wish->bytes_max());
        auto packed = pack(fetched.packets);
        const auto sizes = builder.CreateVector(packed.sizes);
        auto out = reply<S::Answer>(builder, S::Reply::FetchRecordsReply,
                                    S::CreateFetchRecordsReply(builder, sizes, fetched.cut));
        out.blobs.emplace_back(std::move(packed.blob));
        return out;
    }
    if (const auto* put = root->body_as_PutPeers()) {
        peers[put->worker()] = blob_of(message);
        return reply<S::Answer>(builder, S::Reply::Done, S::CreateDone(builder));
    }
    if (root->body_as_GetPeers()) {
        auto out =
            reply<S::Answer>(builder, S::Reply::GetPeersReply, S::CreateGetPeersReply(builder));
        for (const auto& [worker, bytes] : peers)
            out.blobs.emplace_back(Bytes(bytes));
        return out;
    }
    const auto* wish = root->body_as_Reconcile();
    if (wish == nullptr) return bad_input("not a message for storage");
    const auto community = to_domain(*wish->community());
    auto& store = stores.at(community);
    protocol::Reconciled result;
    protocol::SyncEpoch epoch = 0;
    if (wish->opening()) {
        result.answers = protocol::open_sync(store);
    } else {
        auto body = protocol::decode_sync_body(blob_of(message));
        if (!body.ok()) return body.error();
        epoch = body->epoch;
        auto side =
            wish->responder() ? protocol::SyncSide::Responder : protocol::SyncSide::Initiator;
        result = protocol::reconcile(store, protocol::session_key(community, wish->session()),
                                     body->elements, side);
    }
    auto out =
        reply<S::Answer>(builder, S::Reply::ReconcileReply, S::CreateReconcileReply(builder));
    out.blobs.emplace_back(protocol::encode({epoch, result.answers}));
    out.blobs.emplace_back(protocol::encode_selections(result.wants));
    out.blobs.emplace_back(protocol::encode_selections(result.offers));
    return out;
}

Result<pipe::Message> FakeOutbox::torrent(const pipe::Message& message) {
    const auto* root = pipe::verified_root<T::Request>(message.body);
    Builder builder;
    if (root->body_as_ListWanted()) {
        std::vector<ipc::Infohash> list;
        for (const auto& infohash : wanted)
            list.push_back(to_wire(infohash));
        const auto vector = builder.CreateVectorOfStructs(list);
        return reply<T::Answer>(builder, T::Reply::ListWantedReply,
                                T::CreateListWantedReply(builder, vector));
    }
    if (const auto* find = root->body_as_FindSwarm()) {
        std::vector<std::uint8_t> have;
        std::uint16_t port = 0;
        for (const auto* infohash : *find->infohashes()) {
            auto at = seeds.find(to_domain(*infohash));
            have.push_back(at == seeds.end() ? 0 : 1);
            if (at != seeds.end()) port = at->second;
        }
        const auto vector = builder.CreateVector(have);
        return reply<T::Answer>(builder, T::Reply::FindSwarmReply,
                                T::CreateFindSwarmReply(builder, vector, port));
    }
    const auto* add = root->body_as_AddPeers();
    if (add == nullptr) return bad_input("not a message for torrent");
    for (const auto* peer : *add->peers())
        found[to_domain(*add->infohash())].insert(to_domain(*peer));
    return reply<T::Answer>(builder, T::Reply::Done, T::CreateDone(builder));
}

// ---- node

std::pair<int, Endpoint> loopback_socket() {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t length = sizeof address;
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    return {fd, Endpoint::ipv4(127, 0, 0, 1, ntohs(address.sin_port))};
}

FakeNode::FakeNode(pipe::asio::io_context& io, std::uint64_t seed,
                   std::vector<std::string> bootstrap)
    : io_(io) {
    SeededRandom random(seed);
    outbox_.key = sim::make_key(random);
    auto [fd, address] = loopback_socket();
    listeners_.push_back(fd);
    names_.push_back(address.text());
    settings_.set("overlay.lan", "true");
    settings_.set("overlay.walk_interval_ms", "50");
    settings_.set("overlay.sync_interval_ms", "500");
    settings_.set("overlay.peers_max", "30");
    std::string list;
    for (const auto& text : bootstrap)
        list += (list.empty() ? "" : "\n") + text;
    settings_.set("overlay.bootstrap_peers", list);
    settings_.set("overlay.bootstrap", "false");
    settings_.set("overlay.discovery", "false");
    settings_.set("overlay.dht", "false");
    process::RosterEntry storage;
    storage.role = process::Role::Storage;
    roster_.push_back(storage);
    worker_ = std::make_unique<NetworkWorker>(*this);
}

void FakeNode::start() {
    pipe::asio::co_spawn(
        io_,
        [this]() -> pipe::Task<void> {
            auto started = co_await worker_->start();
            EXPECT_TRUE(started.ok());
        },
        pipe::asio::detached);
}

pipe::Answer FakeNode::request(pipe::Message message) {
    std::optional<pipe::Answer> out;
    pipe::asio::co_spawn(
        io_,
        [this, &out, &message]() -> pipe::Task<void> {
            pipe::Request request;
            request.message = std::move(message);
            out = co_await worker_->on_request(std::move(request));
        },
        pipe::asio::detached);
    run_until(io_, 2_s, [&] { return out.has_value(); });
    return *out;
}

bool run_until(pipe::asio::io_context& io, Nanoseconds patience,
               const std::function<bool()>& condition) {
    auto deadline = monotonic_now() + patience;
    while (!condition()) {
        if (monotonic_now() > deadline) return false;
        io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
}

}  // namespace warren::network
