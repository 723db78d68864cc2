// See fake_node.h.
#include "tests/unit/storage/fake_node.h"

#include <gtest/gtest.h>

#include "ipc-schema/network_generated.h"
#include "ipc-schema/sign_generated.h"
#include "runtime/pipe/wire.h"

namespace warren::test {

namespace G = ipc::sign;
namespace N = ipc::network;

pipe::Task<Result<pipe::Message>> FakeOutbox::ask(pipe::Ask ask) {
    if (ask.role == pipe::Role::Sign) co_return sign(ask.message);
    co_return network(ask.message);
}

Result<pipe::Message> FakeOutbox::sign(const pipe::Message& message) {
    if (sign_is_down) return unavailable("sign is not available");
    const auto* root = pipe::verified_root<G::Request>(message.body);
    WARREN_CHECK(root != nullptr);
    Builder builder;
    if (root->body_type() == G::Inbox::GetIdentity) {
        const auto& key = identity_.public_key().bytes;
        auto body =
            G::CreateGetIdentityReply(builder, builder.CreateVector(key.data(), key.size()));
        return pipe::Message{
            pipe::finish(builder,
                         G::CreateAnswer(builder, G::Reply::GetIdentityReply, body.Union())),
            {}};
    }
    ++signatures;
    auto signature = identity_.sign(message.blobs.at(0).view());
    auto body = G::CreateSignReply(
        builder, builder.CreateVector(signature.bytes.data(), signature.bytes.size()));
    return pipe::Message{
        pipe::finish(builder, G::CreateAnswer(builder, G::Reply::SignReply, body.Union())), {}};
}

Result<pipe::Message> FakeOutbox::network(const pipe::Message& message) {
    const auto* root = pipe::verified_root<N::Request>(message.body);
    WARREN_CHECK(root != nullptr);
    if (const auto* push = root->body_as_PushRecords()) {
        WARREN_CHECK(push->sizes()->size() > 0);
        pushed.push_back(to_bytes(message.blobs.at(0).view()));
    }
    if (const auto* change = root->body_as_CommunityChanged())
        changes.emplace_back(pipe::wire::from_wire<CommunityId>(*change->community()),
                             change->joined());
    return pipe::Message{};
}

FakeHost::FakeHost(const TestIdentity& identity, const std::string& state_dir, std::uint64_t epoch)
    : outbox_(identity), epoch_(epoch) {
    for (const auto& row : process::setting_rows())
        settings_.set(process::key_of(row), std::string(row.fallback));
    settings_.set("node.state_dir", state_dir);
    process::RosterEntry network;
    network.role = pipe::Role::Network;
    network.state = process::WorkerState::Ready;
    roster_.push_back(network);
    slots_.version = 1;
    slots_.workers.assign(process::slot_count, 0);
}

StorageNode::StorageNode(const TestIdentity& identity, const std::string& state_dir,
                         std::uint64_t epoch, const std::vector<Setting>& settings)
    : host_(identity, state_dir, epoch) {
    for (const auto& [key, value] : settings)
        host_.change_settings().set(key, value);
    worker_ = std::make_unique<storage::StorageWorker>(host_);
    std::optional<Result<void>> started;
    pipe::spawn(
        host_.io(),
        [](storage::StorageWorker& worker, std::optional<Result<void>>& out) -> pipe::Task<void> {
            out.emplace(co_await worker.start());
        }(*worker_, started));
    EXPECT_TRUE(run_until([&] { return started.has_value(); }));
    EXPECT_TRUE(started && started->ok()) << (started ? started->error().text : "");
}

// What the loop still holds ends before the pool that it refers to. (A real worker exits when it is
// drained.)
StorageNode::~StorageNode() {
    pipe::spawn(host_.io(), worker_->drain());
    host_.io().restart();
    host_.io().run_for(std::chrono::seconds(40));
}

bool StorageNode::run_until(const std::function<bool()>& done, Nanoseconds span) {
    auto deadline = monotonic_now() + span;
    while (!done()) {
        if (monotonic_now() > deadline) return false;
        host_.io().restart();
        host_.io().run_one_for(std::chrono::milliseconds(10));
    }
    return true;
}

std::vector<pipe::Answer>
StorageNode::ask_all(std::vector<std::pair<RequestId, pipe::Message>> questions) {
    std::vector<std::optional<pipe::Answer>> answers(questions.size());
    std::size_t open = questions.size();
    auto serve = [](storage::StorageWorker& worker, pipe::Request request,
                    std::optional<pipe::Answer>& to, std::size_t& left) -> pipe::Task<void> {
        to.emplace(co_await worker.on_request(std::move(request)));
        --left;
    };
    for (std::size_t i = 0; i < questions.size(); ++i) {
        pipe::Request request;
        request.id = questions[i].first.is_zero() ? random_.id<RequestId>() : questions[i].first;
        request.deadline = monotonic_now() + 10_s;
        request.message = std::move(questions[i].second);
        pipe::spawn(host_.io(), serve(*worker_, std::move(request), answers[i], open));
    }
    EXPECT_TRUE(run_until([&] { return open == 0; }));
    std::vector<pipe::Answer> out;
    for (auto& answer : answers)
        out.push_back(answer ? std::move(*answer) : pipe::Answer(unavailable("no answer")));
    return out;
}

pipe::Answer StorageNode::ask(pipe::Message message, const RequestId& id) {
    std::vector<std::pair<RequestId, pipe::Message>> one;
    one.emplace_back(id, std::move(message));
    return std::move(ask_all(std::move(one)).front());
}

void StorageNode::finish(pipe::Task<void> task) {
    bool done = false;
    pipe::spawn(host_.io(), [](pipe::Task<void> inner, bool& flag) -> pipe::Task<void> {
        co_await std::move(inner);
        flag = true;
    }(std::move(task), done));
    EXPECT_TRUE(run_until([&] { return done; }));
}

}  // namespace warren::test
