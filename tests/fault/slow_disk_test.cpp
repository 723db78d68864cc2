// F-08: one community's disk hangs or is slow; nobody else may feel it, and nothing that was
// acknowledged is lost. The storage worker is real; its disk is one that can be told to hang.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/recording_vfs.h"
#include "tests/unit/storage/storage_fixture.h"

namespace warren::test {
namespace {

constexpr std::size_t others_count = 10;
constexpr Nanoseconds pace = 5_ms;

class SlowDiskTest : public ::testing::Test {
protected:
    struct Window {
        std::vector<double> ms;  // of the other communities' calls
        std::size_t failed = 0;  // of these
        std::size_t slow_failed = 0;
        std::size_t calls_open = 0;
        Nanoseconds until = 0;
        std::int64_t queued_most = 0;
        bool told = false;  // the metrics named a shard that hangs
    };

    SlowDiskTest() {
        node = std::make_unique<StorageNode>(me, folder.path(), std::uint64_t{1} << 32);
        slow = found("slow");
        for (std::size_t i = 0; i < others_count; ++i)
            others.push_back(found("other " + std::to_string(i)));
    }
    ~SlowDiskTest() override {
        disk->clear_rules();
        node.reset();
    }

    CommunityId found(const std::string& name) {
        Builder builder;
        auto text = builder.CreateString(name);
        auto answer = node->ask(question(builder, S::CreateFoundChannel(builder, text, text)));
        const auto* reply = reply_of<S::FoundChannelReply>(answer);
        EXPECT_TRUE(reply) << answer.failure.text;
        return reply ? from_wire<CommunityId>(*reply->community()) : CommunityId{};
    }
    static pipe::Message publish_message(const CommunityId& community, const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        Builder builder;
        auto payload = builder.CreateVector(protocol::encode(entry));
        auto id = to_wire<ipc::CommunityId>(community);
        auto kind = static_cast<std::uint8_t>(protocol::RecordKind::Torrent);
        return question(builder, S::CreatePublishRecord(builder, &id, kind, payload));
    }
    static pipe::Message contents_message(const CommunityId& community) {
        Builder builder;
        auto id = to_wire<ipc::CommunityId>(community);
        auto after = builder.CreateString("");
        return question(builder, S::CreateListContents(builder, &id, after, 100));
    }
    pipe::Task<pipe::Answer> ask(pipe::Message message, Nanoseconds patience) {
        pipe::Request request;
        request.id = random.id<RequestId>();
        request.deadline = monotonic_now() + patience;
        request.message = std::move(message);
        co_return co_await node->worker().on_request(std::move(request));
    }

    // Publishes and lists in turn, and measures each.
    pipe::Task<void> use_community(CommunityId community, Window& window) {
        for (int i = 0; monotonic_now() < window.until; ++i) {
            const auto began = monotonic_now();
            auto message =
                i % 2 == 0 ? publish_message(community, "x") : contents_message(community);
            auto answer = co_await ask(std::move(message), 10_s);
            window.ms.push_back(static_cast<double>(monotonic_now() - began) / 1e6);
            if (answer.message && i % 2 == 0) ++acknowledged[community];
            if (!answer.message) ++window.failed;
            window.queued_most =
                std::max(window.queued_most, node->host().metrics().gauge("storage_jobs_queued"));
            window.told |= node->host().metrics().gauge("storage_shards_hung") > 0;
            co_await pipe::sleep_for(node->host().io(), pace);
        }
        --window.calls_open;
    }
    // Many at once and with little patience, as callers of a slow community are.
    pipe::Task<void> use_slow(int who, Window& window) {
        for (int i = 0; monotonic_now() < window.until; ++i) {
            auto name = "s" + std::to_string(who) + "." + std::to_string(++names);
            auto answer = co_await ask(publish_message(slow, name), 1500_ms);
            if (answer.message) slow_names.push_back(name);
            if (!answer.message) {
                ++window.slow_failed;
                const auto kind = answer.failure.kind;
                EXPECT_TRUE(kind == ErrorKind::Expired || kind == ErrorKind::Unavailable)
                    << answer.failure.text;
            }
            co_await pipe::sleep_for(node->host().io(), 300_ms);
        }
        --window.calls_open;
    }
    Window measure(Nanoseconds span, int slow_callers) {
        Window window;
        window.until = monotonic_now() + span;
        window.calls_open = others.size() + static_cast<std::size_t>(slow_callers);
        for (const auto& community : others)
            pipe::spawn(node->host().io(), use_community(community, window));
        for (int i = 0; i < slow_callers; ++i)
            pipe::spawn(node->host().io(), use_slow(i, window));
        EXPECT_TRUE(node->run_until([&] { return window.calls_open == 0; }, 30_s));
        EXPECT_EQ(window.failed, 0u);
        return window;
    }
    static double p99(Window& window) {
        EXPECT_GT(window.ms.size(), 500u);
        std::ranges::sort(window.ms);
        return window.ms[window.ms.size() * 99 / 100];
    }
    void rule(unsigned calls, bool hang, Nanoseconds delay) {
        FileRule rule;
        rule.path = slow.hex();
        rule.calls = calls;
        rule.hang = hang;
        rule.delay = delay;
        disk->add_rule(rule);
    }
    // Everybody's acknowledged records are there.
    void expect_all_there() {
        for (const auto& community : others) {
            Builder builder;
            auto id = to_wire<ipc::CommunityId>(community);
            auto answer = node->ask(question(builder, S::CreateGetRoot(builder, &id)));
            const auto* root = reply_of<S::GetRootReply>(answer);
            ASSERT_TRUE(root) << answer.failure.text;
            EXPECT_EQ(root->count(), acknowledged[community] + 1) << "with the genesis";
        }
        auto answer = node->ask(contents_message(slow));
        const auto* list = reply_of<S::ListContentsReply>(answer);
        ASSERT_TRUE(list) << answer.failure.text;
        std::set<std::string> present;
        for (const auto* torrent : *list->torrents())
            present.insert(torrent->name()->str());
        for (const auto& name : slow_names)
            EXPECT_TRUE(present.contains(name)) << "acknowledged, but lost: " << name;
    }
    bool goes_on() {
        return node->run_until(
            [&] { return reply_of<S::PublishRecordReply>(node->ask(publish_message(slow, "on"))); },
            20_s);
    }

    TempFolder folder;
    TestIdentity me{1};
    SeededRandom random{7};
    std::unique_ptr<RecordingVfs> disk = RecordingVfs::register_as_default();
    std::unique_ptr<StorageNode> node;
    CommunityId slow;
    std::vector<CommunityId> others;
    std::map<CommunityId, std::uint64_t> acknowledged;
    std::vector<std::string> slow_names;
    int names = 0;
};

}  // namespace

TEST_F(SlowDiskTest, AHangingDiskIsFeltByItsOwnCallersOnly) {
    (void)measure(1_s, 0);  // caches
    auto baseline = measure(4_s, 0);
    rule(Read | Write | Sync, true, 0);
    auto before = slow_names.size();
    auto hung = measure(8_s, 12);
    EXPECT_EQ(slow_names.size(), before) << "acknowledged by a disk that hangs";
    EXPECT_GT(hung.slow_failed, 12u);
    EXPECT_TRUE(hung.told);
    EXPECT_LT(hung.queued_most, 64);
    auto limit = 2 * p99(baseline) + 20;
    EXPECT_LE(p99(hung), limit) << "baseline " << p99(baseline) << " ms";
    RecordProperty("p99_us", static_cast<int>(p99(hung) * 1000));
    disk->clear_rules();
    EXPECT_TRUE(goes_on());
    EXPECT_TRUE(node->run_until([&] { return node->host().metrics().gauge("storage_jobs") == 0; }));
    expect_all_there();
}

TEST_F(SlowDiskTest, ASlowDiskIsFeltByItsOwnCallersOnly) {
    (void)measure(1_s, 0);
    auto baseline = measure(3_s, 0);
    auto limit = 2 * p99(baseline) + 20;
    for (auto delay : {200_ms, 2_s}) {
        rule(Sync, false, delay);
        auto slowed = measure(4_s, 4);
        EXPECT_LE(p99(slowed), limit) << "delay " << delay << ", baseline " << p99(baseline);
        disk->clear_rules();
    }
    EXPECT_TRUE(goes_on());
    expect_all_there();
}

}  // namespace warren::test
