// The rest of a node, as the network worker sees it: answers to its requests come from memory. The
// sockets and the network worker itself are real.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "runtime/pipe/worker.h"
#include "tests/sim/overlay_world.h"
#include "workers/network/network_worker.h"

namespace warren::network {

class FakeOutbox final : public pipe::Outbox {
public:
    pipe::Task<Result<pipe::Message>> ask(pipe::Ask ask) override;
    std::vector<std::uint16_t> ready(pipe::Role) const override { return {0}; }
    std::optional<std::uint16_t> owner_of(std::uint8_t) const override { return 0; }

    protocol::PublicKey key;
    std::map<CommunityId, sim::MemoryStore> stores;
    std::vector<Infohash> wanted;
    std::map<std::uint16_t, Bytes> peers;  // kept for the next start
    std::map<Infohash, std::uint16_t> seeds;
    std::map<Infohash, std::set<Endpoint>> found;
    unsigned failures_to_come = 0;            // so many requests are refused first
    std::map<pipe::Role, std::size_t> asked;  // how often

private:
    Result<pipe::Message> answer(const pipe::Ask& ask);
    Result<pipe::Message> sign(const pipe::Message& message);
    Result<pipe::Message> verify(const pipe::Message& message);
    Result<pipe::Message> storage(const pipe::Message& message);
    Result<pipe::Message> torrent(const pipe::Message& message);
};

class FakeTap final : public pipe::Tap {
public:
    bool wanted(std::string_view) const override { return true; }
    void publish(std::string_view topic, std::string_view json) override {
        events.emplace_back(topic, json);
    }
    std::vector<std::pair<std::string, std::string>> events;
};

class FakeNode final : public pipe::Host {
public:
    FakeNode(pipe::asio::io_context& io, std::uint64_t seed, std::vector<std::string> bootstrap);

    pipe::asio::io_context& io() override { return io_; }
    const process::Settings& settings() const override { return settings_; }
    FakeOutbox& outbox() override { return outbox_; }
    FakeTap& tap() override { return tap_; }
    pipe::Metrics& metrics() override { return metrics_; }
    process::Role role() const override { return process::Role::Network; }
    std::uint16_t index() const override { return index_; }
    std::uint16_t count() const override { return count_; }
    std::uint64_t epoch() const override { return 1; }
    std::string name() const override { return "network-0"; }
    const process::Roster& roster() const override { return roster_; }
    const process::SlotMap& slots() const override { return slots_; }
    const std::vector<int>& listeners() const override { return listeners_; }
    const std::vector<std::string>& listener_names() const override { return names_; }
    pipe::Task<pipe::ControlAnswer> control(pipe::Control, Nanoseconds) override {
        co_return pipe::ControlAnswer{};
    }
    void slots_released(std::uint64_t) override {}

    Endpoint address() const { return *Endpoint::parse(names_.front()); }
    void set(std::string key, std::string value) {  // before start
        settings_.set(std::move(key), std::move(value));
    }
    void start();
    // Answer to a request from `role`; runs the loop until it is there.
    pipe::Answer request(pipe::Message message);
    NetworkWorker& worker() { return *worker_; }
    void be(std::uint16_t index, std::uint16_t count) {
        index_ = index;
        count_ = count;
    }

private:
    pipe::asio::io_context& io_;
    process::Settings settings_;
    FakeOutbox outbox_;
    FakeTap tap_;
    pipe::Metrics metrics_;
    process::Roster roster_;
    process::SlotMap slots_;
    std::vector<int> listeners_;
    std::vector<std::string> names_;
    std::uint16_t index_ = 0, count_ = 1;
    std::unique_ptr<NetworkWorker> worker_;
};

// Runs the loop until the condition holds; false when the deadline passed.
bool run_until(pipe::asio::io_context& io, Nanoseconds patience,
               const std::function<bool()>& condition);

// A UDP socket on loopback and the port it got.
std::pair<int, Endpoint> loopback_socket();

}  // namespace warren::network
