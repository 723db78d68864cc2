// What a storage worker does with the shared log, on several channels in one folder: publications
// committed without a sync and acknowledged when their log entries are synced, replicated records
// beside them, logs that rotate, and workers that die and leave both to their successors.
#pragma once

#include <array>

#include "tests/fault/shard_workload.h"

namespace warren::test {

inline constexpr std::size_t intake_channels = 3;

struct Kept {
    std::size_t channel = 0;
    RequestId request;
    RecordRef record;
    Bytes packet;
};

inline std::string intake_shard(const std::string& folder, std::size_t channel) {
    return folder + "/c" + std::to_string(channel) + ".shard";
}

// Opens the shards that are there and replays what the logs hold into them, as a worker's start
// does; logs go when all of it is durable.
class IntakeStart {
public:
    using Shards = std::array<std::unique_ptr<shard::Shard>, intake_channels>;
    IntakeStart(std::string folder, std::array<CommunityId, intake_channels> communities)
        : folder_(std::move(folder)), communities_(communities) {}

    Result<void> run(Shards& shards, std::uint64_t epoch,
                     std::array<shard::Check, intake_channels>& checks) {
        std::vector<std::string> logs;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            if (entry.path().extension() == ".log") logs.push_back(entry.path().string());
        std::ranges::sort(logs);
        for (std::size_t i = 0; i < intake_channels; ++i) {
            auto path = intake_shard(folder_, i);
            if (shards[i] || !std::filesystem::exists(path)) continue;
            WARREN_TRY(shards[i], shard::Shard::open(path, communities_[i],
                                                     {{0, epoch}, 64 << 20, checks[i]}));
            checks[i] = shard::Check::None;
        }
        for (const auto& path : logs)
            WARREN_TRY_VOID(replay(path, shards));
        return {};
    }

private:
    Result<void> replay(const std::string& path, Shards& shards) {
        WARREN_TRY(auto left, shard::LeftIntake::open(path));
        if (!left) return {};
        shard::IntakeGroups all;
        for (std::size_t i = 0; i < intake_channels; ++i) {
            std::vector<shard::IntakeEntry> of_it;
            for (const auto& entry : left->content().entries)
                if (entry.community == communities_[i]) of_it.push_back(entry);
            if (of_it.empty()) continue;
            all.set(i);
            if (left->content().replayed.test(i)) continue;
            if (!shards[i]) return io_error("a log names a shard that is not there");
            WARREN_TRY(auto records, shards[i]->replay(of_it));
            (void)records;
            WARREN_TRY_VOID(left->finish(shard::IntakeGroups().set(i), all));
        }
        if (all.none()) return left->finish({}, {});
        return {};
    }

    std::string folder_;
    std::array<CommunityId, intake_channels> communities_;
};

class IntakeWorkload {
public:
    IntakeWorkload(std::string folder, std::uint64_t seed)
        : folder_(std::move(folder)), random_(seed) {
        for (std::size_t i = 0; i < intake_channels; ++i)
            channels_.emplace_back(founder_, 7 + i);
    }

    void run(RecordingVfs& vfs, int steps) {
        for (int i = 0; i < steps; ++i) {
            switch (random_.below(10)) {
            case 0: replicate(); break;
            case 1: rotate(); break;
            case 2: checkpoint(random_.below(intake_channels)); break;
            case 3: die(); break;
            case 4: close(random_.below(intake_channels)); break;
            default: publish(vfs);
            }
        }
        die();
        dead_.clear();
    }

    const std::vector<Kept>& acknowledged() const { return acknowledged_; }
    std::array<CommunityId, intake_channels> communities() const {
        std::array<CommunityId, intake_channels> out;
        for (std::size_t i = 0; i < intake_channels; ++i)
            out[i] = channels_[i].community();
        return out;
    }
    std::size_t failures() const { return failures_; }
    std::size_t syncs() const { return syncs_; }

private:
    struct Log {
        shard::IntakeLog log;
        std::set<std::size_t> named;
    };

    template <typename T>
    bool ok(const Result<T>& result) {
        if (!result) ++failures_;
        return result.ok();
    }

    bool start() {
        for (std::size_t i = 0; i < intake_channels; ++i) {
            auto path = intake_shard(folder_, i);
            if (std::filesystem::exists(path)) continue;
            const auto& channel = channels_[i];
            shard::Founder founder{founder_.public_key(), channel.nonce()};
            if (!ok(shard::Shard::create(path, channel.community(), founder))) return false;
        }
        return ok(IntakeStart(folder_, communities()).run(shards_, ++epoch_, checks_));
    }
    void settle(std::size_t i) {
        if (!shards_[i] || !shards_[i]->failed()) return;
        shards_[i].reset();
        checks_[i] = shard::Check::Quick;
    }
    void close(std::size_t i) {
        settle(i);
        shards_[i].reset();
    }
    void checkpoint(std::size_t i) {
        if (!shards_[i]) return;
        if (ok(shards_[i]->checkpoint_for_close())) return;
        close(i);
        checks_[i] = shard::Check::Quick;
    }
    // SIGKILL: its files stay as they are, its locks go.
    void die() {
        log_.reset();
        old_.clear();
        for (auto& shard : shards_)
            dead_.push_back(std::move(shard));
    }

    // One group: some of the channels publish, one write and one sync of the log stand for all.
    void publish(RecordingVfs& vfs) {
        if (!start()) return;
        std::vector<Kept> group;
        std::vector<Bytes> entries;
        for (std::size_t i = 0; i < intake_channels; ++i) {
            if (random_.below(2) == 0) continue;
            auto one = commit(i);
            settle(i);
            if (!one) continue;
            shard::IntakeEntry entry{
                channels_[i].community(), shard::IntakePublication{one->request, 1}, {one->packet}};
            entries.push_back(encode(entry));
            group.push_back(std::move(*one));
        }
        if (group.empty()) return;
        const bool kept = append(entries);
        for (auto& one : group) {
            if (kept && log_) log_->named.insert(one.channel);
            if (!kept && !make_durable(one.channel)) continue;
            vfs.mark(acknowledged_.size());
            acknowledged_.push_back(std::move(one));
        }
        if (!kept) rotate();
    }
    std::optional<Kept> commit(std::size_t i) {
        protocol::TorrentEntry torrent;
        torrent.name = "published " + std::to_string(++number_);
        torrent.file_names = {std::string(random_.below(180) + 1, 'f')};
        auto payload = protocol::encode(torrent);
        Kept out{i, random_.id<RequestId>(), {}, {}};
        auto prepared = shards_[i]->prepare_publish(
            {out.request, protocol::RecordKind::Torrent, founder_.public_key(), payload});
        if (!ok(prepared)) return std::nullopt;
        out.packet = founder_.signed_packet(prepared->to_sign);
        auto ref =
            shards_[i]->commit_publish(out.request, out.packet, 1, shard::Durability::Logged);
        if (!ok(ref)) return std::nullopt;
        out.record = *ref;
        return out;
    }
    bool append(const std::vector<Bytes>& entries) {
        if (!log_) {
            auto made =
                shard::IntakeLog::create(folder_ + "/" + std::to_string(1000 + ++logs_) + ".log");
            if (!ok(made)) return false;
            log_.emplace(Log{std::move(*made), {}});
        }
        ++syncs_;
        return ok(log_->log.append(entries));
    }
    bool make_durable(std::size_t i) {
        if (!shards_[i]) return !std::filesystem::exists(intake_shard(folder_, i) + "-wal");
        const bool done = ok(shards_[i]->make_durable());
        settle(i);
        return done;
    }
    void rotate() {
        if (log_) old_.push_back(std::move(*log_));
        log_.reset();
        std::erase_if(old_, [this](Log& old) {
            std::erase_if(old.named, [this](std::size_t i) { return make_durable(i); });
            return old.named.empty() && ok(old.log.remove());
        });
    }
    void replicate() {
        if (!start()) return;
        auto i = random_.below(intake_channels);
        std::vector<Bytes> packets;
        for (auto count = 1 + random_.below(6); count > 0; --count) {
            protocol::TorrentEntry torrent;
            torrent.name = "replicated " + std::to_string(++number_);
            auto payload = protocol::encode(torrent);
            packets.push_back(founder_.record(channels_[i].community(),
                                              protocol::RecordKind::Torrent, 1 + random_.below(500),
                                              {}, payload));
        }
        std::vector<ByteView> views(packets.begin(), packets.end());
        (void)ok(shards_[i]->store(views, shard::Durability::Replicated));
        settle(i);
    }

    std::string folder_;
    SeededRandom random_;
    TestIdentity founder_{1};
    std::vector<TestChannel> channels_;
    IntakeStart::Shards shards_;
    std::array<shard::Check, intake_channels> checks_{};
    std::vector<std::unique_ptr<shard::Shard>> dead_;
    std::optional<Log> log_;
    std::vector<Log> old_;
    std::uint64_t epoch_ = 0, number_ = 0, logs_ = 0;
    std::size_t failures_ = 0, syncs_ = 0;
    std::vector<Kept> acknowledged_;
};

// What a folder holds after the next start.
inline Judgement judge_intake(const std::string& folder,
                              const std::array<CommunityId, intake_channels>& communities,
                              std::span<const Kept> acknowledged) {
    Judgement out;
    IntakeStart::Shards shards;
    std::array<shard::Check, intake_channels> checks{};
    auto started = IntakeStart(folder, communities).run(shards, 1'000'000, checks);
    if (!started) out.corrupt = started.error().text;
    std::array<std::unique_ptr<shard::ShardReader>, intake_channels> readers;
    for (std::size_t i = 0; i < intake_channels && out.corrupt.empty(); ++i) {
        if (!shards[i]) continue;
        auto reader = shard::ShardReader::open(intake_shard(folder, i), communities[i]);
        if (!reader) {
            out.corrupt = reader.error().text;
            break;
        }
        readers[i] = std::move(*reader);
        auto all = readers[i]->bodies_after(0, 1'000'000);
        if (!all || all->size() != shards[i]->root().count) out.corrupt = "bodies and keys differ";
    }
    for (const auto& it : acknowledged) {
        auto& reader = readers[it.channel];
        auto found =
            reader ? reader->record(it.record) : Result<std::optional<Bytes>>(std::nullopt);
        bool there = found && *found && **found == it.packet;
        // A retry is told about it, too.
        if (there) {
            auto again = shards[it.channel]->prepare_publish({it.request, {}, {}, {}});
            there = again && again->done == it.record;
        }
        if (!there) ++out.lost;
    }
    return out;
}

}  // namespace warren::test
