// One community's import beside other communities' single publications, on a storage
// worker.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/check.h"
#include "bench/storage/records.h"
#include "runtime/pipe/wire.h"
#include "tests/unit/storage/fake_node.h"
#include "workers/storage/layout.h"

namespace warren::test {

class Fairness {
public:
    struct Figures {
        std::vector<double> publish_ms;
        double seconds = 0;
    };
    Fairness(const TestIdentity& me, const std::string& state, std::size_t records)
        : records_(records / batch_records * batch_records) {
        const storage::Layout layout(state);
        WARREN_CHECK(layout.prepare().ok());
        WARREN_CHECK(layout.join(imported_.community(), imported_.founder()).ok());
        node_ = std::make_unique<StorageNode>(
            me, state, std::uint64_t{1} << 32,
            std::vector<StorageNode::Setting>{{"storage.shard_bytes_max", "4294967296"}});
        // The first lies in the slot of the one that imports, and shares its listings.
        const auto slot = process::slot_of(imported_.community());
        for (std::uint8_t i = 0; i < others_count; ++i)
            others_.push_back(
                found(static_cast<std::uint8_t>((slot + 7u * i) % process::slot_count)));
        make_batches();
    }

    Figures quiet(std::size_t publications) {
        return publish(
            [&](const Figures& so_far) { return so_far.publish_ms.size() >= publications; });
    }
    // Publishes until all records are imported.
    Figures beside_import() {
        std::size_t senders = 4;
        next_batch_ = 0;
        for (std::size_t i = senders; i > 0; --i)
            pipe::spawn(node_->host().io(), send(senders));
        return publish([&](const Figures&) { return senders == 0; });
    }
    std::size_t records() const { return records_; }
    std::uint64_t present() {
        Builder builder;
        const auto id = pipe::wire::to_wire<ipc::CommunityId>(imported_.community());
        const auto answer = node_->ask(question(builder, S::CreateGetRoot(builder, &id)));
        const auto* root = reply_of<S::GetRootReply>(answer);
        return root ? root->count() : 0;
    }

private:
    static constexpr std::size_t batch_records = 800;  // a message of 240 kB
    static constexpr std::uint8_t others_count = 4;
    static constexpr Nanoseconds pace = 2_ms;

    // All at once, so that making them takes no time of what is measured.
    void make_batches() {
        GlobalTime time = 0;
        for (std::size_t i = 0; i < records_; i += batch_records) {
            Bytes& batch = batches_.emplace_back();
            for (std::size_t k = 0; k < batch_records; ++k)
                append(batch, imported_.torrent(++time));
        }
    }
    CommunityId found(std::uint8_t slot) {
        auto request = random_.id<RequestId>();
        request.bytes[0] = slot;
        Builder builder;
        const auto text = builder.CreateString("other");
        const auto answer =
            node_->ask(question(builder, S::CreateFoundChannel(builder, text, text)), request);
        const auto* reply = reply_of<S::FoundChannelReply>(answer);
        WARREN_CHECK(reply != nullptr);
        return pipe::wire::from_wire<CommunityId>(*reply->community());
    }
    pipe::Task<pipe::Answer> ask(pipe::Message message) {
        pipe::Request request;
        request.id = random_.id<RequestId>();
        request.deadline = monotonic_now() + 20_s;
        request.message = std::move(message);
        co_return co_await node_->worker().on_request(std::move(request));
    }
    // One batch after the other, each durable before its answer, as an import is.
    pipe::Task<void> send(std::size_t& senders) {
        while (next_batch_ < batches_.size()) {
            auto blob = std::move(batches_[next_batch_++]);
            Builder builder;
            const auto id = pipe::wire::to_wire<ipc::CommunityId>(imported_.community());
            const auto sizes = builder.CreateVector(
                std::vector<std::uint16_t>(batch_records, bench::record_bytes));
            auto message = question(builder, S::CreateStoreRecords(builder, &id, sizes, true));
            message.blobs.emplace_back(std::move(blob));
            auto answer = co_await ask(std::move(message));
            WARREN_CHECK(reply_of<S::StoreRecordsReply>(answer) != nullptr);
        }
        --senders;
    }
    pipe::Task<void> publish_in_turn(const std::function<bool(const Figures&)>& ended, Figures& out,
                                     bool& done) {
        while (!ended(out)) {
            protocol::TorrentEntry entry;
            entry.name = "published " + std::to_string(++published_);
            Builder builder;
            const auto payload = builder.CreateVector(protocol::encode(entry));
            const auto id =
                pipe::wire::to_wire<ipc::CommunityId>(others_[published_ % others_.size()]);
            const auto kind = static_cast<std::uint8_t>(protocol::RecordKind::Torrent);
            auto message = question(builder, S::CreatePublishRecord(builder, &id, kind, payload));
            const auto began = monotonic_now();
            auto answer = co_await ask(std::move(message));
            WARREN_CHECK(reply_of<S::PublishRecordReply>(answer) != nullptr);
            out.publish_ms.push_back(static_cast<double>(monotonic_now() - began) / 1e6);
            co_await pipe::sleep_for(node_->host().io(), pace);
        }
        done = true;
    }
    Figures publish(const std::function<bool(const Figures&)>& ended) {
        Figures out;
        bool done = false;
        const auto began = monotonic_now();
        pipe::spawn(node_->host().io(), publish_in_turn(ended, out, done));
        WARREN_CHECK(node_->run_until([&] { return done; }, 600_s));
        out.seconds = static_cast<double>(monotonic_now() - began) / 1e9;
        return out;
    }

    std::size_t records_;
    SeededRandom random_{5};
    bench::Channel imported_{7};
    std::unique_ptr<StorageNode> node_;
    std::vector<CommunityId> others_;
    std::vector<Bytes> batches_;
    std::size_t next_batch_ = 0, published_ = 0;
};

}  // namespace warren::test
