// Any bytes as a community's file and its log: opening, reading, checking and rebuilding end, never
// crash, and never serve a record that was not stored. An input is a list of edits of a sound
// image (so that damage reaches every layer), or, when it begins with 0xff, the file itself.
#include <algorithm>
#include <filesystem>
#include <map>

#include "base/check.h"
#include "storage-shard/rebuild.h"
#include "storage-shard/shard_walk.h"
#include "tests/fault/shard_workload.h"

using namespace warren;
using namespace warren::shard;
using namespace warren::test;

namespace {

// A worker that was killed left it: part in the file, part in the log.
struct Image {
    Image() {
        const auto path = folder.file("made");
        std::vector<Bytes> packets{channel.genesis("a channel")};
        for (int i = 0; i < 60; ++i)
            packets.push_back(channel.torrent("film " + std::to_string(i)));
        for (const auto& packet : packets)
            stored[protocol::decode_record(packet)->ref()] = packet;
        WARREN_CHECK(Shard::create(path, channel.community(), std::nullopt).ok());
        auto into = Shard::open(path, channel.community(), {{0, 1}});
        WARREN_CHECK(into.ok());
        const std::vector<ByteView> views(packets.begin(), packets.end());
        const auto all = std::span(views);
        WARREN_CHECK((*into)->store(all.first(40), Durability::Replicated).ok());
        WARREN_CHECK((*into)->checkpoint_for_close().ok());
        WARREN_CHECK((*into)->store(all.subspan(40), Durability::Replicated).ok());
        file = read_file(path);
        log = read_file(path + "-wal");
    }
    MemoryFolder folder;
    TestIdentity founder{1};
    TestChannel channel{founder, 7};
    std::map<RecordRef, Bytes> stored;
    Bytes file, log;
};

// An edit: where (one bit: file or log; the rest: offset), how many bytes, the bytes; a length of
// 0 cuts the end off.
void edit(Reader& in, Bytes& file, Bytes& log) {
    const auto place = in.u32();
    const auto length = in.u8();
    auto& into = (place & 1) == 0 ? file : log;
    if (into.empty()) return;
    const auto at = (place >> 1) % into.size();
    if (length == 0) return into.resize(at);
    const auto bytes = in.take(std::min<std::size_t>(length, in.left()));
    const auto count = std::min(bytes.size(), into.size() - at);
    std::copy_n(bytes.begin(), count, into.begin() + static_cast<std::ptrdiff_t>(at));
}

void read_all(const std::string& path, const Image& image) {
    auto reader = ShardReader::open(path, image.channel.community());
    if (reader) {
        for (const auto& [ref, packet] : image.stored) {
            auto found = (*reader)->record(ref);
            if (found && *found) WARREN_CHECK(**found == packet);
        }
        (void)(*reader)->contents("", 100);
    }
    auto walk = ShardWalk::open(path, image.channel.community(), ShardWalk::Sees::Snapshot);
    if (!walk) return;
    (void)(*walk)->structure();
    RecordRef after;
    for (bool more = true; more;) {
        auto part = (*walk)->next(after, 16 * 1024);
        if (!part) return;
        WARREN_CHECK(!part->more || after < part->last);  // it gets on
        for (const auto& packet : part->records) {
            const auto ref = protocol::decode_record(packet)->ref();
            WARREN_CHECK(image.stored.contains(ref) && image.stored.at(ref) == packet);
        }
        after = part->last;
        more = part->more;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Image image;
    const auto path = image.folder.file("shard");
    const auto& community = image.channel.community();
    Bytes file = image.file, log = image.log;
    if (size > 0 && data[0] == 0xff) {
        file.assign(data + 1, data + size);
        log.clear();
    }
    Reader in(ByteView(data, size));
    while (in.left() > 0 && !log.empty())
        edit(in, file, log);
    image.folder.empty();
    write_file(path, file);
    if (!log.empty()) write_file(path + "-wal", log);
    {
        auto opened = Shard::open(path, community, {{0, 2}});
        if (opened) read_all(path, image);
    }
    auto rebuilt = rebuild(path, community, {0, 2});
    if (!rebuilt) return 0;
    auto again = Shard::open(path, community, {{0, 3}});
    WARREN_CHECK(again.ok());
    WARREN_CHECK((*again)->root().count == rebuilt->records);
    read_all(path, image);
    return 0;
}
