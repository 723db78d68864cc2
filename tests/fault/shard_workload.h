// What a storage worker does to one folder, with the promises that it makes on the way: a channel's
// file with published and replicated records, a checkpoint now and then, and the node's file.
// Published records and downloads are acknowledged, so they must be found in every later state.
#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "storage-shard/node_shard.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"
#include "tests/support/recording_vfs.h"
#include "tests/support/test_identity.h"
#include "tests/unit/storage_shard/fixture.h"

namespace warren::test {

// A folder in memory where there is one: these tests sync thousands of times.
class MemoryFolder {
public:
    MemoryFolder() {
        bool there = std::filesystem::is_directory("/dev/shm");
        auto base =
            there ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
        auto pattern = (base / "warren-fault-XXXXXX").string();
        WARREN_CHECK(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~MemoryFolder() { std::filesystem::remove_all(path_); }
    MemoryFolder(const MemoryFolder&) = delete;
    MemoryFolder& operator=(const MemoryFolder&) = delete;
    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    void empty() const {
        for (const auto& entry : std::filesystem::directory_iterator(path_))
            std::filesystem::remove(entry.path());
    }

private:
    std::string path_;
};

struct Acknowledged {
    enum class What { Record, Download, Joined } what = What::Joined;
    RecordRef record;
    Bytes packet;
    Infohash infohash;
};

// Goes on over errors as the worker does: what failed is not acknowledged, and a shard whose write
// failed is closed and proven before its next use.
class ShardWorkload {
public:
    ShardWorkload(std::string folder, std::uint64_t seed)
        : folder_(std::move(folder)), random_(seed), founder_(1), channel_(founder_, 7) {}

    // Each acknowledgement is written into the record of operations, by its place in this list.
    void run(RecordingVfs& vfs, int steps) {
        for (int i = 0; i < steps; ++i) {
            switch (random_.below(8)) {
            case 0: replicate(vfs); break;
            case 1: replicate(vfs); break;
            case 2: maintain(vfs); break;
            case 3: reopen(); break;
            case 4: put_download(vfs); break;
            default: publish(vfs);
            }
        }
        shard_.reset();
        node_.reset();
    }

    const std::vector<Acknowledged>& acknowledged() const { return acknowledged_; }
    const CommunityId& community() const { return channel_.community(); }
    std::size_t failures() const { return failures_; }
    std::size_t false_reads() const { return false_reads_; }

private:
    void acknowledge(RecordingVfs& vfs, Acknowledged what) {
        vfs.mark(acknowledged_.size());
        acknowledged_.push_back(std::move(what));
    }

    bool open(RecordingVfs& vfs) {
        auto path = folder_ + "/channel.shard";
        if (!std::filesystem::exists(path)) {
            auto made = shard::Shard::create(
                path, community(), shard::Founder{founder_.public_key(), channel_.nonce()});
            if (!made) return fails();
            acknowledge(vfs, {});
        }
        if (shard_) return true;
        auto opened = shard::Shard::open(path, community(), {{0, ++epoch_}, 64 << 20, check_});
        if (!opened) return fails();
        shard_ = std::move(*opened);
        check_ = shard::Check::None;
        return true;
    }
    bool fails() {
        ++failures_;
        return false;
    }
    void settle() {
        if (!shard_ || !shard_->failed()) return;
        shard_.reset();
        check_ = shard::Check::Quick;
    }
    void reopen() {
        settle();
        shard_.reset();
    }
    void maintain(RecordingVfs& vfs) {
        if (!shard_) return;
        if (random_.below(3) > 0) return checkpoint_beside(vfs);
        // Passive ones wait for many pages; this is the same step early.
        if (!shard_->checkpoint_for_close()) {
            ++failures_;
            reopen();
            check_ = shard::Check::Quick;
        }
    }
    // With commits between its parts.
    void checkpoint_beside(RecordingVfs& vfs) {
        auto pin = shard::LogPin::take(folder_ + "/channel.shard");
        maybe_write(vfs);
        if (!pin || !pin->sync_log()) {
            ++failures_;
            return;
        }
        maybe_write(vfs);
        if (shard_ && !shard_->move_log(*pin)) ++failures_;
        settle();
        maybe_write(vfs);
        if (pin->sync_file()) return;
        ++failures_;
        if (shard_) shard_->distrust();
        settle();
    }
    void maybe_write(RecordingVfs& vfs) {
        if (random_.below(2) == 0) return;
        if (random_.below(2) == 0) return publish(vfs);
        replicate(vfs);
    }

    void publish(RecordingVfs& vfs) {
        if (!open(vfs)) return;
        protocol::TorrentEntry entry;
        entry.name = "published " + std::to_string(++number_);
        entry.file_names = {std::string(random_.below(180) + 1, 'f')};
        auto payload = protocol::encode(entry);
        auto request = random_.id<RequestId>();
        auto kind = protocol::RecordKind::Torrent;
        auto prepared = shard_->prepare_publish({request, kind, founder_.public_key(), payload});
        if (prepared) {
            auto packet = founder_.signed_packet(prepared->to_sign);
            auto ref = shard_->commit_publish(request, packet, 1);
            if (ref) {
                acknowledge(vfs, {Acknowledged::What::Record, *ref, packet, {}});
                if (random_.below(4) == 0) read_back();
            } else {
                ++failures_;
            }
        } else {
            ++failures_;
        }
        settle();
    }
    // What was acknowledged is served, whatever the last write met.
    void read_back() {
        auto reader = shard::ShardReader::open(folder_ + "/channel.shard", community());
        if (!reader) return;
        const auto& last = acknowledged_.back();
        auto found = (*reader)->record(last.record);
        if (found && (!*found || **found != last.packet)) ++false_reads_;
    }
    void replicate(RecordingVfs& vfs) {
        if (!open(vfs)) return;
        std::vector<Bytes> packets;
        for (auto count = 1 + random_.below(6); count > 0; --count) {
            protocol::TorrentEntry entry;
            entry.name = "replicated " + std::to_string(++number_);
            auto payload = protocol::encode(entry);
            packets.push_back(founder_.record(community(), protocol::RecordKind::Torrent,
                                              1 + random_.below(500), {}, payload));
        }
        std::vector<ByteView> views(packets.begin(), packets.end());
        if (!shard_->store(views, shard::Durability::Replicated)) ++failures_;
        settle();
    }
    void put_download(RecordingVfs& vfs) {
        if (!node_) {
            auto opened = shard::NodeShard::open(folder_ + "/node", {0, ++epoch_}, node_check_);
            if (!opened) {
                ++failures_;
                return;
            }
            node_ = std::move(*opened);
            node_check_ = shard::Check::None;
        }
        shard::StoredDownload download;
        download.infohash = random_.id<Infohash>();
        download.name = "download " + std::to_string(++number_);
        if (node_->put_download(download))
            acknowledge(vfs, {Acknowledged::What::Download, {}, {}, download.infohash});
        else
            ++failures_;
        if (!node_->failed()) return;
        node_.reset();
        node_check_ = shard::Check::Quick;
    }

    std::string folder_;
    SeededRandom random_;
    TestIdentity founder_;
    TestChannel channel_;
    std::unique_ptr<shard::Shard> shard_;
    std::unique_ptr<shard::NodeShard> node_;
    shard::Check check_ = shard::Check::None, node_check_ = shard::Check::None;
    std::uint64_t epoch_ = 0;
    std::uint64_t number_ = 0;
    std::size_t failures_ = 0, false_reads_ = 0;
    std::vector<Acknowledged> acknowledged_;
};

// What a folder holds, judged as the next start of the node would find it.
struct Judgement {
    std::size_t lost = 0;  // acknowledged, and not there
    std::string corrupt;   // a file that could not be opened or proven
};

inline Judgement judge(const std::string& folder, const CommunityId& community,
                       std::span<const Acknowledged> acknowledged) {
    using What = Acknowledged::What;
    Judgement out;
    auto path = folder + "/channel.shard";
    std::unique_ptr<shard::ShardReader> reader;
    std::unique_ptr<shard::Shard> writer;
    if (std::filesystem::exists(path)) {
        auto opened = shard::Shard::open(path, community, {{1, 0}, 64 << 20, shard::Check::Quick});
        auto reads = shard::ShardReader::open(path, community);
        if (!opened || !reads) {
            out.corrupt = !opened ? opened.error().text : reads.error().text;
            return out;
        }
        writer = std::move(*opened);
        reader = std::move(*reads);
        auto all = reader->bodies_after(0, 1'000'000);
        if (!all || all->size() != writer->root().count) out.corrupt = "bodies and keys differ";
    }
    std::set<Infohash> downloads;
    if (std::filesystem::exists(folder + "/node")) {
        auto node = shard::NodeShard::open(folder + "/node", {1, 0}, shard::Check::Quick);
        auto page = node ? (*node)->downloads() : Result<shard::DownloadPage>(node.error());
        if (!page) {
            out.corrupt = page.error().text;
            return out;
        }
        for (const auto& row : page->rows)
            downloads.insert(row.infohash);
    }
    for (const auto& it : acknowledged) {
        bool there = reader != nullptr;
        if (there && it.what == What::Record) {
            auto found = reader->record(it.record);
            there = found && *found && **found == it.packet;
        }
        if (it.what == What::Download) there = downloads.contains(it.infohash);
        if (!there) ++out.lost;
    }
    return out;
}

}  // namespace warren::test
