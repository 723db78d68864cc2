// The rest of a node, as the storage worker sees it: sign is a key in memory, network only listens.
// Files, SQLite and the storage worker are real.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ipc-schema/storage_generated.h"
#include "runtime/pipe/wire.h"
#include "runtime/pipe/worker.h"
#include "tests/support/test_identity.h"
#include "workers/storage/storage_worker.h"

namespace warren::test {

class FakeOutbox final : public pipe::Outbox {
public:
    explicit FakeOutbox(const TestIdentity& identity) : identity_(identity) {}
    pipe::Task<Result<pipe::Message>> ask(pipe::Ask ask) override;
    std::vector<std::uint16_t> ready(pipe::Role) const override { return {0}; }
    std::optional<std::uint16_t> owner_of(std::uint8_t) const override { return 0; }

    std::vector<Bytes> pushed;
    std::vector<std::pair<CommunityId, bool>> changes;  // joined or left
    std::size_t signatures = 0;
    bool sign_is_down = false;

private:
    Result<pipe::Message> sign(const pipe::Message& message);
    Result<pipe::Message> network(const pipe::Message& message);

    const TestIdentity& identity_;
};

class FakeTap final : public pipe::Tap {
public:
    bool wanted(std::string_view) const override { return true; }
    void publish(std::string_view topic, std::string_view) override { topics.emplace_back(topic); }
    std::vector<std::string> topics;
};

class FakeHost final : public pipe::Host {
public:
    FakeHost(const TestIdentity& identity, const std::string& state_dir, std::uint64_t epoch);

    pipe::asio::io_context& io() override { return io_; }
    const process::Settings& settings() const override { return settings_; }
    FakeOutbox& outbox() override { return outbox_; }
    FakeTap& tap() override { return tap_; }
    pipe::Metrics& metrics() override { return metrics_; }
    process::Role role() const override { return process::Role::Storage; }
    std::uint16_t index() const override { return 0; }
    std::uint16_t count() const override { return 1; }
    std::uint64_t epoch() const override { return epoch_; }
    std::string name() const override { return "storage-0"; }
    const process::Roster& roster() const override { return roster_; }
    const process::SlotMap& slots() const override { return slots_; }
    const std::vector<int>& listeners() const override { return listeners_; }
    const std::vector<std::string>& listener_names() const override { return names_; }
    pipe::Task<pipe::ControlAnswer> control(pipe::Control, Nanoseconds) override {
        co_return pipe::ControlAnswer{};
    }
    void slots_released(std::uint64_t version) override { released = version; }

    process::Settings& change_settings() { return settings_; }
    process::SlotMap& change_slots() { return slots_; }
    std::uint64_t released = 0;

private:
    pipe::asio::io_context io_{1};
    process::Settings settings_;
    pipe::Metrics metrics_;
    FakeTap tap_;
    FakeOutbox outbox_;
    process::Roster roster_;
    process::SlotMap slots_;
    std::vector<int> listeners_;
    std::vector<std::string> names_;
    std::uint64_t epoch_;
};

// A storage worker on a state directory, and questions to it as messages.
class StorageNode {
public:
    using Setting = std::pair<std::string, std::string>;
    StorageNode(const TestIdentity& identity, const std::string& state_dir, std::uint64_t epoch = 1,
                const std::vector<Setting>& settings = {});
    ~StorageNode();

    FakeHost& host() { return host_; }
    storage::StorageWorker& worker() { return *worker_; }

    bool run_until(const std::function<bool()>& done, Nanoseconds span = 20_s);
    pipe::Answer ask(pipe::Message message, const RequestId& id = {});
    // Several at once; answers in the order of the questions.
    std::vector<pipe::Answer> ask_all(std::vector<std::pair<RequestId, pipe::Message>> questions);
    void finish(pipe::Task<void> task);

private:
    FakeHost host_;
    std::unique_ptr<storage::StorageWorker> worker_;
    SeededRandom random_{99};
};

namespace S = ipc::storage;
using Builder = flatbuffers::FlatBufferBuilder;

template <typename Body>
pipe::Message question(Builder& builder, flatbuffers::Offset<Body> body) {
    auto root = S::CreateRequest(builder, S::InboxTraits<Body>::enum_value, body.Union());
    return {pipe::finish(builder, root), {}};
}
template <typename Reply>
const Reply* reply_of(const pipe::Answer& answer) {
    if (!answer.message) return nullptr;
    const auto* root = pipe::verified_root<S::Answer>(answer.message->body);
    return root ? root->body_as<Reply>() : nullptr;
}

// What the asker of FoundChannel publishes next.
inline pipe::Message announcement_of(const S::FoundChannelReply& founded) {
    Builder builder;
    auto payload =
        builder.CreateVector(founded.announcement()->data(), founded.announcement()->size());
    auto id = pipe::wire::to_wire<ipc::CommunityId>(protocol::directory_community());
    auto kind = static_cast<std::uint8_t>(protocol::RecordKind::ChannelAnnounced);
    return question(builder, S::CreatePublishRecord(builder, &id, kind, payload));
}

}  // namespace warren::test
