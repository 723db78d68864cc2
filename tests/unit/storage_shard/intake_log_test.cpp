// The shared log: what comes back from it whole, torn or damaged, who may replay it and when it
// goes, and what a replay brings back into a file that lost its last commits.
#include "storage-shard/intake_log.h"

#include <fstream>

#include "tests/unit/storage_shard/fixture.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;
using protocol::RecordKind;

namespace {

constexpr std::size_t marks = 64 * 8;
constexpr std::size_t head = 16;  // of an entry

Bytes read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(in), {});
}

class Intake : public ShardFixture {
protected:
    // Three entries of different shapes.
    std::vector<Bytes> entries() {
        IntakeEntry group{channel.community(), {}, {view_of("one"), view_of("another"), {}}};
        IntakeEntry own{channel.community(),
                        IntakePublication{SeededRandom(1).id<RequestId>(), 77},
                        {view_of("packet")}};
        IntakeEntry last{SeededRandom(2).id<CommunityId>(), {}, {view_of("x")}};
        return {encode(group), encode(own), encode(last)};
    }
    Bytes file_of(const std::vector<Bytes>& all) {
        auto made = IntakeLog::create(log_path());
        EXPECT_OK(made);
        EXPECT_OK(made->append(all));
        auto out = read_all(log_path());
        EXPECT_OK(made->remove());
        return out;
    }
    static std::vector<Bytes> encoded(const IntakeContent& content) {
        std::vector<Bytes> out;
        for (const auto& entry : content.entries)
            out.push_back(encode(entry));
        return out;
    }
    std::string log_path() const { return folder.file("1.log"); }

    Bytes payload(const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        return protocol::encode(entry);
    }
    RequestId request(std::uint64_t n) { return SeededRandom(n).id<RequestId>(); }
    // Committed without a sync; what belongs into the log.
    Bytes publish(Shard& into, std::uint64_t number, RecordKind kind, const Bytes& body) {
        auto prepared = into.prepare_publish({request(number), kind, founder.public_key(), body});
        EXPECT_OK(prepared);
        packets.push_back(founder.signed_packet(prepared->to_sign));
        auto done = into.commit_publish(request(number), packets.back(), 1000, Durability::Logged);
        EXPECT_OK(done);
        refs.push_back(*done);
        return encode(IntakeEntry{
            channel.community(), IntakePublication{request(number), 1000}, {packets.back()}});
    }

    std::vector<Bytes> packets;
    std::vector<RecordRef> refs;
};

}  // namespace

TEST_F(Intake, EntriesComeBackInTheirOrder) {
    const auto file = file_of(entries());
    const auto content = decode_intake(file);
    EXPECT_EQ(encoded(content), entries());
    EXPECT_EQ(content.tail_bytes + content.damaged_bytes, 0u);
    EXPECT_TRUE(content.replayed.none());
    ASSERT_EQ(content.entries.size(), 3u);
    EXPECT_EQ(content.entries[0].packets.size(), 3u);
    EXPECT_EQ(content.entries[1].publication->at_ms, 77);
}

TEST_F(Intake, ATornTailCostsOnlyWhatItTore) {
    const auto all = entries();
    const auto file = file_of(all);
    std::size_t end = marks, whole = 0;
    for (std::size_t size = 0; size < file.size(); ++size) {
        if (whole < all.size() && size == end + head + all[whole].size()) {
            end = size;
            ++whole;
        }
        const auto content = decode_intake(ByteView(file).first(size));
        EXPECT_EQ(content.entries.size(), whole) << size;
        EXPECT_EQ(content.tail_bytes, size > end ? size - end : 0) << size;
        EXPECT_EQ(content.damaged_bytes, 0u) << size;
    }
}

TEST_F(Intake, AFlippedByteCostsOnlyItsEntry) {
    const auto all = entries();
    const auto file = file_of(all);
    std::size_t begin = marks;
    for (std::size_t which = 0; which < all.size(); ++which) {
        const auto end = begin + head + all[which].size();
        auto others = all;
        others.erase(others.begin() + static_cast<std::ptrdiff_t>(which));
        for (auto at = begin; at < end; ++at) {
            auto flipped = file;
            flipped[at] ^= 0x20;
            const auto content = decode_intake(flipped);
            EXPECT_EQ(encoded(content), others) << at;
            const bool last = which + 1 == all.size();
            EXPECT_EQ(last ? content.tail_bytes : content.damaged_bytes, end - begin) << at;
        }
        begin = end;
    }
}

TEST_F(Intake, AMarkThatChangedOnTheDiskIsNone) {
    {
        auto log = IntakeLog::create(log_path());
        ASSERT_OK(log);
        ASSERT_OK(log->append(entries()));
    }
    auto left = LeftIntake::open(log_path());
    ASSERT_OK(left);
    ASSERT_OK((*left)->finish(IntakeGroups(0b10), IntakeGroups(0b11)));
    auto file = read_all(log_path());
    EXPECT_EQ(decode_intake(file).replayed, IntakeGroups(0b10));
    for (std::size_t at = 0; at < marks; ++at) {
        auto flipped = file;
        flipped[at] ^= 1;
        const auto content = decode_intake(flipped);
        EXPECT_TRUE((content.replayed & ~IntakeGroups(0b10)).none()) << at;
        EXPECT_EQ(encoded(content), entries()) << at;
    }
}

TEST_F(Intake, ItsWriterAnswersForItWhileItLives) {
    auto log = IntakeLog::create(log_path());
    ASSERT_OK(log);
    ASSERT_OK(log->append(entries()));
    auto left = LeftIntake::open(log_path());
    ASSERT_OK(left);
    EXPECT_EQ(*left, nullptr);
    EXPECT_EQ(IntakeLog::create(log_path()).error().kind, ErrorKind::Exists);
}

TEST_F(Intake, ItGoesWithTheLastOfItsGroups) {
    {
        auto log = IntakeLog::create(log_path());
        ASSERT_OK(log);
        ASSERT_OK(log->append(entries()));
    }
    const IntakeGroups all(0b101);
    auto one = LeftIntake::open(log_path());
    auto other = LeftIntake::open(log_path());
    ASSERT_TRUE(one && *one && other && *other) << "two may replay at once";
    EXPECT_EQ((*one)->content().entries.size(), 3u);
    ASSERT_OK((*one)->finish(IntakeGroups(0b001), all));
    EXPECT_TRUE(file_exists(log_path()));
    ASSERT_OK((*other)->finish(IntakeGroups(0b100), all));
    // The first still holds it: it goes with the next who looks, at the latest.
    one = std::unique_ptr<LeftIntake>();
    auto last = LeftIntake::open(log_path());
    ASSERT_OK(last);
    if (*last) {
        EXPECT_EQ((*last)->content().replayed, all);
        ASSERT_OK((*last)->finish({}, all));
    }
    EXPECT_FALSE(file_exists(log_path()));
}

TEST_F(Intake, AReplayBringsBackRecordsRequestsAndHeads) {
    std::vector<Bytes> log;
    auto into = open();
    log.push_back(publish(*into, 0, RecordKind::ChannelGenesis,
                          protocol::encode(protocol::ChannelGenesis{channel.nonce(), "c", ""})));
    ASSERT_OK(into->make_durable());
    for (std::uint64_t i = 1; i <= 5; ++i)
        log.push_back(publish(*into, i, RecordKind::Torrent, payload(std::to_string(i))));
    // The file as power loss may leave it: none of its log was written down.
    const auto lost = folder.file("lost.shard");
    std::filesystem::copy_file(path(), lost);
    auto left = Shard::open(lost, channel.community(), {{0, 2}, 64 << 20, Check::Quick});
    ASSERT_OK(left);
    EXPECT_EQ((*left)->root().count, 0u);

    const auto file = file_of(log);
    const auto content = decode_intake(file);
    auto replayed = (*left)->replay(content.entries);
    ASSERT_OK(replayed);
    EXPECT_EQ(*replayed, 6u);
    EXPECT_EQ((*left)->root().sum, into->root().sum);
    for (std::uint64_t i = 0; i <= 5; ++i) {
        auto retry = (*left)->prepare_publish(
            {request(i), RecordKind::Torrent, founder.public_key(), payload("retry")});
        ASSERT_OK(retry);
        ASSERT_TRUE(retry->done) << i;
        EXPECT_EQ(*retry->done, refs[i]);
    }
    auto next = (*left)->prepare_publish(
        {request(9), RecordKind::Torrent, founder.public_key(), payload("next")});
    ASSERT_OK(next);
    auto packet = founder.signed_packet(next->to_sign);
    EXPECT_EQ(protocol::decode_record(packet)->prev, refs.back());
    // Once more, as when it was cut off half-way.
    EXPECT_EQ(*(*left)->replay(content.entries), 0u);
    EXPECT_EQ((*left)->root().count, 6u);
}

TEST_F(Intake, AReplayBringsNothingBackThatWasPruned) {
    auto into = open();
    std::vector<Bytes> log;
    log.push_back(publish(*into, 0, RecordKind::ChannelGenesis,
                          protocol::encode(protocol::ChannelGenesis{channel.nonce(), "c", ""})));
    for (std::uint64_t i = 1; i <= 20; ++i)
        log.push_back(publish(*into, i, RecordKind::Torrent, payload(std::to_string(i))));
    Retention rule;
    rule.records = 5;
    auto step = into->prune(rule, 2000, {});
    ASSERT_OK(step);
    const auto before = into->root();
    EXPECT_LT(before.count, 21u);
    const auto file = file_of(log);
    const auto content = decode_intake(file);
    auto replayed = into->replay(content.entries);
    ASSERT_OK(replayed);
    EXPECT_EQ(*replayed, 0u);
    EXPECT_EQ(into->root().sum, before.sum);
}

TEST_F(Intake, AFileWhoseOpenerDiedIsWholeAfterOpening) {
    auto into = open();
    (void)publish(*into, 0, RecordKind::ChannelGenesis,
                  protocol::encode(protocol::ChannelGenesis{channel.nonce(), "c", ""}));
    // A second opener, as after a kill: all that it read is in the file itself, not in a log.
    auto next = Shard::open(path(), channel.community(), {{0, 2}, 64 << 20, Check::None});
    ASSERT_OK(next);
    const auto lost = folder.file("lost.shard");
    std::filesystem::copy_file(path(), lost);
    auto left = Shard::open(lost, channel.community(), {{0, 3}, 64 << 20, Check::Quick});
    ASSERT_OK(left);
    EXPECT_EQ((*left)->root().count, 1u);
}
