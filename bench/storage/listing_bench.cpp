// The storage worker itself (its loop, pool and files; questions as messages, without the pipe):
// 1,200 channels listed and words searched in a million torrents, in quiet and while records are
// taken in at a steady rate. The data set is made once and kept in the build folder.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "bench/support/report.h"
#include "runtime/pipe/wire.h"
#include "storage-shard/derived.h"
#include "tests/unit/storage/fake_node.h"
#include "workers/storage/layout.h"

namespace warren::bench {
namespace {

namespace fs = std::filesystem;
using pipe::wire::to_wire;
using test::Builder;
namespace S = ipc::storage;

constexpr std::size_t channel_count = 1200, vocabulary = 50'000, batch = 50, busy_channels = 32;
constexpr Nanoseconds question_pause = 10_ms;

// Words by Zipf's law: the n-th word comes 1/n times as often as the first.
class Words {
public:
    explicit Words(std::uint64_t seed) : random_(seed) {}
    // A word is its number in syllables: spelled the same everywhere.
    static std::string spelled(std::size_t number) {
        constexpr std::string_view heads = "bcdfgklmnprstvwz", tails = "aeiou";
        std::string out;
        for (std::size_t left = number * 7 + 11; left > 0; left /= 80) {
            out += heads[left % 16];
            out += tails[left / 16 % 5];
        }
        return out;
    }
    std::size_t number() {
        const auto& upto = shares();
        const double at = static_cast<double>(random_.below(1u << 30)) / (1u << 30) * upto.back();
        return static_cast<std::size_t>(std::ranges::lower_bound(upto, at) - upto.begin());
    }
    std::string several(std::size_t count) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i)
            out += (i == 0 ? "" : " ") + spelled(number());
        return out;
    }
    SeededRandom& random() { return random_; }

private:
    // Added up, word by word.
    static const std::vector<double>& shares() {
        static const std::vector<double> out = [] {
            std::vector<double> upto;
            double sum = 0;
            for (std::size_t n = 1; n <= vocabulary; ++n)
                upto.push_back(sum += 1.0 / static_cast<double>(n));
            return upto;
        }();
        return out;
    }

    SeededRandom random_;
};

// Signatures are noise: they were checked before storage sees a record.
class Channel {
public:
    explicit Channel(std::uint64_t seed) : words_(seed) {
        words_.random().fill(founder_.key.bytes);
        constexpr std::string_view tag = "LibNaCLPK:";
        std::memcpy(founder_.key.bytes.data(), tag.data(), tag.size());
        founder_.nonce = words_.random().id<protocol::Nonce>();
        community_ = protocol::channel_community(founder_.key, founder_.nonce);
    }
    const CommunityId& community() const { return community_; }
    const shard::Founder& founder() const { return founder_; }
    Bytes genesis() {
        return next(protocol::RecordKind::ChannelGenesis,
                    protocol::encode(protocol::ChannelGenesis{founder_.nonce, words_.several(3),
                                                              words_.several(28)}));
    }
    Bytes torrent() {
        protocol::TorrentEntry entry;
        entry.infohash = words_.random().id<Infohash>();
        entry.size = words_.random().below(4'000'000'000);
        entry.created_s = 1'700'000'000 + head_.time * 60;
        entry.files = 2;
        entry.name = words_.several(5);
        entry.tags = words_.several(2);
        entry.file_names = {words_.several(3) + ".mkv"};
        return next(protocol::RecordKind::Torrent, protocol::encode(entry));
    }
    // Goes on where the data set ends.
    void skip_to(GlobalTime time) { head_ = {time, words_.random().id<RecordId>()}; }

private:
    Bytes next(protocol::RecordKind kind, const Bytes& payload) {
        auto packet = protocol::encode_unsigned(
            {community_, kind, founder_.key, head_.time + 1, head_, payload});
        packet.resize(packet.size() + protocol::signature_bytes, 0x5a);
        auto record = protocol::decode_record(packet);
        WARREN_CHECK(record.ok());
        head_ = record->ref();
        return packet;
    }

    Words words_;
    shard::Founder founder_;
    CommunityId community_;
    RecordRef head_;
};

// Few large channels and many small ones.
std::size_t torrents_of(std::size_t channel, std::size_t all) {
    static const double sum = [] {
        double out = 0;
        for (std::size_t n = 1; n <= channel_count; ++n)
            out += 1 / std::sqrt(static_cast<double>(n));
        return out;
    }();
    return static_cast<std::size_t>(static_cast<double>(all) /
                                    std::sqrt(static_cast<double>(channel + 1)) / sum);
}

void make_channel(const storage::Layout& layout, shard::Derived& derived, std::size_t number,
                  std::size_t torrents) {
    Channel channel(number + 1);
    const auto path = layout.shard_file(channel.community());
    WARREN_CHECK(shard::Shard::create(path, channel.community(), channel.founder()).ok());
    // Closed after the reader: a log that stays beside the file would be indexed at start.
    auto into = shard::Shard::open(path, channel.community(), {{0, 1}});
    WARREN_CHECK(into.ok());
    std::vector<Bytes> packets{channel.genesis()};
    for (std::size_t done = 0; done <= torrents; ++done) {
        if (done == torrents || packets.size() == 1000) {
            std::vector<ByteView> views(packets.begin(), packets.end());
            WARREN_CHECK((*into)->store(views, shard::Durability::Replicated).ok());
            packets.clear();
        }
        if (done < torrents) packets.push_back(channel.torrent());
    }
    WARREN_CHECK((*into)->maintain().ok());
    auto reader = shard::ShardReader::open(path, channel.community());
    WARREN_CHECK(reader.ok());
    for (bool more = true; more;) {
        auto step = derived.catch_up(channel.community(), **reader, {4096});
        WARREN_CHECK(step.ok() && derived.maintain().ok());
        more = step->more;
    }
}

void make_slots(const storage::Layout& layout, std::size_t torrents, std::size_t part) {
    for (std::size_t slot = part; slot < process::slot_count; slot += 2) {
        const auto number = static_cast<std::uint8_t>(slot);
        std::unique_ptr<shard::Derived> derived;
        for (std::size_t i = 0; i < channel_count; ++i) {
            if (process::slot_of(Channel(i + 1).community()) != number) continue;
            if (!derived) derived = std::move(*shard::Derived::open(layout.derived_file(number)));
            make_channel(layout, *derived, i, torrents_of(i, torrents));
        }
    }
}

// Two processes, each with every other slot.
double make_data(const fs::path& folder, std::size_t torrents) {
    if (fs::exists(folder / "complete")) return 0;
    const auto begin = monotonic_now();
    fs::remove_all(folder);
    fs::create_directories(folder);
    const storage::Layout layout(folder.string());
    WARREN_CHECK(layout.prepare().ok());
    const auto child = ::fork();
    WARREN_CHECK(child >= 0);
    make_slots(layout, torrents, child == 0 ? 0 : 1);
    if (child == 0) ::_exit(0);
    int status = 0;
    WARREN_CHECK(::waitpid(child, &status, 0) == child && status == 0);
    std::ofstream(folder / "complete") << torrents;
    return static_cast<double>(monotonic_now() - begin) / 1e9;
}

struct Figures {
    std::vector<double> list_ms, first_ms, search_ms;
    std::size_t listed = 0, list_bytes = 0, list_json_bytes = 0, found = 0, partial = 0;
    std::size_t records = 0, failed = 0;
    double seconds = 0, cpu_s = 0;
};

// As the REST interface writes a page, without its brackets.
std::size_t json_bytes(const S::ListChannelsReply& page) {
    std::size_t out = 0;
    for (const auto* row : *page.channels()) {
        const auto id = pipe::wire::from_wire<CommunityId>(row->id());
        const nlohmann::json json = {
            {"id", id.hex()},
            {"name", row->name()->str()},
            {"description", row->description()->str()},
            {"founder", to_hex(ByteView(row->founder()->data(), row->founder()->size()))},
            {"torrents", row->torrents()},
            {"joined", row->joined()},
            {"own", row->own()},
            {"updated_ms", row->updated_ms()}};
        out += json.dump().size() + 1;
    }
    return out;
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

class Bench {
public:
    Bench(const std::string& folder, const test::TestIdentity& me)
        : node_(me, folder, std::uint64_t{1} << 32) {
        for (std::size_t i = 0; i < channel_count; ++i) {
            channels_.emplace_back(i + 1);
            channels_.back().skip_to(10'000'000);
        }
    }

    Figures run(Nanoseconds span, double records_per_s) {
        Figures out;
        make_batches(static_cast<double>(span) / 1e9 * records_per_s);
        const auto end = monotonic_now() + span;
        const auto cpu_before = cpu_seconds();
        int running = 3;
        pipe::spawn(node_.host().io(), list(out, end, running));
        pipe::spawn(node_.host().io(), search(out, end, running));
        pipe::spawn(node_.host().io(), ingest(out, end, records_per_s, running));
        WARREN_CHECK(node_.run_until([&] { return running == 0 && storing_ == 0; }, span + 60_s));
        out.seconds = static_cast<double>(span) / 1e9;
        out.cpu_s = cpu_seconds() - cpu_before;
        return out;
    }

private:
    pipe::Task<pipe::Answer> ask(pipe::Message message) {
        pipe::Request request;
        request.id = random_.id<RequestId>();
        request.deadline = monotonic_now() + 10_s;
        request.message = std::move(message);
        co_return co_await node_.worker().on_request(std::move(request));
    }

    // All channels, page by page: what a user waits for.
    pipe::Task<void> list(Figures& out, Nanoseconds end, int& running) {
        while (monotonic_now() < end) {
            const auto begin = monotonic_now();
            std::string after;
            std::vector<pipe::Answer> pages;
            out.listed = out.list_bytes = 0;
            for (bool more = true; more;) {
                Builder builder;
                auto cursor = builder.CreateString(after);
                auto question =
                    test::question(builder, S::CreateListChannels(builder, cursor, 1000));
                auto answer = co_await ask(std::move(question));
                const auto* page = test::reply_of<S::ListChannelsReply>(answer);
                WARREN_CHECK(page != nullptr);
                out.listed += page->channels()->size();
                out.list_bytes += answer.message->bytes();
                more = page->more();
                after = page->next()->str();
                pages.push_back(std::move(answer));
            }
            out.list_ms.push_back(static_cast<double>(monotonic_now() - begin) / 1e6);
            if (out.list_json_bytes == 0)
                for (const auto& page : pages)
                    out.list_json_bytes += json_bytes(*test::reply_of<S::ListChannelsReply>(page));
            co_await pipe::sleep_for(node_.host().io(), question_pause);
        }
        --running;
    }

    pipe::Task<void> search(Figures& out, Nanoseconds end, int& running) {
        Words words(77);
        while (monotonic_now() < end) {
            // One word, two, or the beginning of one as it is typed.
            auto text = words.several(1 + words.random().below(2));
            if (words.random().below(3) == 0)
                text.resize(std::max<std::size_t>(text.size() / 2, 2));
            Builder builder;
            auto typed = builder.CreateString(text);
            auto question = test::question(builder, S::CreateSearch(builder, typed, 50));
            const auto begin = monotonic_now();
            auto answer = co_await ask(std::move(question));
            out.search_ms.push_back(static_cast<double>(monotonic_now() - begin) / 1e6);
            const auto* found = test::reply_of<S::SearchReply>(answer);
            WARREN_CHECK(found != nullptr);
            out.found += found->torrents()->size();
            out.partial += found->partial() ? 1U : 0U;
            co_await pipe::sleep_for(node_.host().io(), question_pause);
        }
        --running;
    }

    pipe::Message batch_of(Channel& channel) {
        Builder builder;
        Bytes blob;
        std::vector<std::uint16_t> sizes;
        for (std::size_t i = 0; i < batch; ++i) {
            auto packet = channel.torrent();
            sizes.push_back(static_cast<std::uint16_t>(packet.size()));
            append(blob, packet);
        }
        auto id = to_wire<ipc::CommunityId>(channel.community());
        auto list = builder.CreateVector(sizes);
        auto message = test::question(builder, S::CreateStoreRecords(builder, &id, list));
        message.blobs.emplace_back(std::move(blob));
        return message;
    }
    // Before the clock runs: what peers would send is made on the loop that is measured.
    void make_batches(double records) {
        batches_.clear();
        for (double made = 0; made < records; made += batch)
            batches_.push_back(batch_of(channels_[random_.below(busy_channels)]));
    }
    pipe::Task<void> store(pipe::Message message, Figures& out) {
        ++storing_;
        auto answer = co_await ask(std::move(message));
        const auto* reply = test::reply_of<S::StoreRecordsReply>(answer);
        if (reply)
            out.records += reply->verdicts()->size();
        else
            ++out.failed;
        --storing_;
    }
    // At a steady rate, whether or not the earlier ones are answered; a few channels are busy.
    pipe::Task<void> ingest(Figures& out, Nanoseconds end, double per_s, int& running) {
        const auto pause = static_cast<Nanoseconds>(per_s > 0 ? 1e9 * batch / per_s : 1e9);
        auto due = monotonic_now();
        for (auto& message : batches_) {
            if (monotonic_now() >= end) break;
            pipe::spawn(node_.host().io(), store(std::move(message), out));
            due += pause;
            co_await pipe::sleep_until(node_.host().io(), due);
        }
        --running;
    }

    test::StorageNode node_;
    std::vector<Channel> channels_;
    std::vector<pipe::Message> batches_;
    SeededRandom random_{5};
    std::size_t storing_ = 0;
};

nlohmann::json raw_of(const Figures& figures) {
    return {
        {"list_ms", {{"p50", median(figures.list_ms)}, {"p99", percentile(figures.list_ms, 0.99)}}},
        {"search_ms",
         {{"p50", median(figures.search_ms)}, {"p99", percentile(figures.search_ms, 0.99)}}},
        {"cpu_s", figures.cpu_s},
        {"lists", figures.list_ms.size()},
        {"searches", figures.search_ms.size()},
        {"found_per_search",
         static_cast<double>(figures.found) /
             static_cast<double>(std::max<std::size_t>(figures.search_ms.size(), 1))},
        {"partial_answers", figures.partial},
        {"channels_listed", figures.listed},
        {"list_answer_bytes", figures.list_bytes},
        {"list_json_bytes", figures.list_json_bytes},
        {"records_per_s", static_cast<double>(figures.records) / figures.seconds},
        {"failed_batches", figures.failed}};
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren;
    using namespace warren::bench;
    const auto torrents = std::stoul(option(argc, argv, "torrents", "1000000"));
    const auto seconds = std::stoul(option(argc, argv, "seconds", "20"));
    const auto rate = std::stod(option(argc, argv, "rate", "5000"));
    const fs::path kept =
        option(argc, argv, "data", "build/bench/listing-4-" + std::to_string(torrents));
    const auto made_s = make_data(kept, torrents);
    const auto used = kept.string() + ".run";
    fs::remove_all(used);
    fs::copy(kept, used, fs::copy_options::recursive);
    const test::TestIdentity me(1);
    Figures quiet, busy;
    {
        Bench bench(used, me);
        (void)bench.run(2_s, 0);  // opens every file
        const auto span = static_cast<Nanoseconds>(seconds) * 1_s;
        quiet = bench.run(span, 0);
        busy = bench.run(span, rate);
    }
    fs::remove_all(used);
    const auto p99 = [](const std::vector<double>& values) { return percentile(values, 0.99); };
    const auto list_effect = p99(busy.list_ms) / p99(quiet.list_ms);
    const auto search_effect = p99(busy.search_ms) / p99(quiet.search_ms);
    Report report;
    report.bench = "listing";
    const std::string with = " while " + std::to_string(static_cast<int>(rate)) + " records/s come";
    report.goals = {
        {"list_p99_ms", p99(busy.list_ms), "ms", 20, Goal::Better::Lower,
         "all 1,200 channels, in storage," + with},
        {"search_p99_ms", p99(busy.search_ms), "ms", 50, Goal::Better::Lower,
         "1 or 2 words or a beginning, " + std::to_string(torrents) + " torrents, in storage," +
             with},
        {"ingest_effect", std::max(list_effect, search_effect), "x", 1.5, Goal::Better::Lower,
         "the same questions without ingest, in this run; the worse of both p99"},
    };
    report.raw["quiet"] = raw_of(quiet);
    report.raw["ingesting"] = raw_of(busy);
    report.raw["effects"] = {{"list", list_effect}, {"search", search_effect}};
    report.raw["made_s"] = made_s;
    return finish(report, argc, argv);
}
