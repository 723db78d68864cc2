// Writes one file of each kind, of the version that this tree makes. Run it before a step is added
// to migrations.cpp, and keep what it wrote under fixtures/vN: migration_test.cpp opens them.
#include <cstdio>
#include <filesystem>

#include "storage-shard/derived.h"
#include "storage-shard/node_shard.h"
#include "storage-shard/shard.h"
#include "storage-shard/shard_reader.h"
#include "tests/support/test_identity.h"

using namespace warren;
using namespace warren::shard;

namespace {

Result<void> publish(Shard& into, const test::TestIdentity& author) {
    protocol::TorrentEntry entry;
    entry.name = "published here";
    auto payload = protocol::encode(entry);
    auto request = SeededRandom(9).id<RequestId>();
    WARREN_TRY(auto prepared, into.prepare_publish({request, protocol::RecordKind::Torrent,
                                                    author.public_key(), payload}));
    auto packet = author.signed_packet(prepared.to_sign);
    WARREN_TRY(auto ref, into.commit_publish(request, packet, 1'700'000'000'000));
    (void)ref;
    return {};
}

Result<void> write_community(const std::string& path, const test::TestIdentity& founder,
                             test::TestChannel& channel) {
    WARREN_TRY_VOID(
        Shard::create(path, channel.community(), Founder{founder.public_key(), channel.nonce()}));
    WARREN_TRY(auto into, Shard::open(path, channel.community(), {{1, 1}}));
    std::vector<Bytes> packets{channel.genesis("Films of the commons", "for tests")};
    for (int i = 0; i < 12; ++i)
        packets.push_back(channel.torrent("film number " + std::to_string(i)));
    std::vector<ByteView> views(packets.begin(), packets.end());
    WARREN_TRY(auto verdicts, into->store(views, Durability::Replicated));
    (void)verdicts;
    WARREN_TRY_VOID(publish(*into, founder));
    return into->checkpoint_for_close();
}

Result<void> write_node(const std::string& path) {
    WARREN_TRY(auto node, NodeShard::open(path, {1, 1}));
    StoredDownload download;
    download.infohash = SeededRandom(10).id<Infohash>();
    download.name = "a download";
    download.resume = Bytes{1, 2, 3};
    WARREN_TRY(auto put, node->put_download(download));
    (void)put;
    WARREN_TRY_VOID(node->put_resume(download.infohash, Bytes{4, 5, 6}, false));
    return node->put_fact("a fact", Bytes{7});
}

Result<void> write_derived(const std::string& path, const std::string& shard_path,
                           const CommunityId& community) {
    WARREN_TRY(auto derived, Derived::open(path));
    WARREN_TRY(auto reader, ShardReader::open(shard_path, community));
    WARREN_TRY(auto caught_up, derived->catch_up(community, *reader, Slice{.records = 100}));
    (void)caught_up;
    return {};
}

Result<void> write_all(const std::string& folder) {
    test::TestIdentity founder(1);
    test::TestChannel channel(founder, 7);
    WARREN_TRY_VOID(write_community(folder + "/community", founder, channel));
    WARREN_TRY_VOID(write_node(folder + "/node"));
    return write_derived(folder + "/derived", folder + "/community", channel.community());
}

}  // namespace

int main(int count, char** texts) {
    if (count != 2) {
        std::fprintf(stderr, "usage: write_shard_fixtures FOLDER\n");
        return 2;
    }
    std::filesystem::create_directories(texts[1]);
    auto written = write_all(texts[1]);
    if (!written) std::fprintf(stderr, "%s\n", written.error().text.c_str());
    return written ? 0 : 1;
}
