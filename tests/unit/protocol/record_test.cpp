// Records: form, bounds, and payloads that are always readable by whoever gets them.
#include "protocol/record.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/random.h"

namespace warren::protocol {
namespace {

PublicKey some_key() {
    PublicKey out;
    const auto tag = view_of("LibNaCLPK:");
    std::copy(tag.begin(), tag.end(), out.bytes.begin());
    out.bytes[73] = 42;
    return out;
}

RecordDraft some_draft(ByteView payload = {}) {
    RecordDraft out;
    out.community.bytes[3] = 7;
    out.author = some_key();
    out.time = 9;
    out.payload = payload;
    return out;
}

Bytes packet_of(const RecordDraft& draft) {
    auto out = encode_unsigned(draft);
    out.resize(out.size() + signature_bytes, 0xee);
    return out;
}

bool is_accepted(const RecordDraft& draft) {
    return decode_record(packet_of(draft)).ok();
}

TEST(Record, RoundTrip) {
    const Bytes payload{1, 2, 3};
    auto draft = some_draft(payload);
    draft.kind = RecordKind::ChannelGenesis;
    draft.prev.time = 8;
    draft.prev.id.bytes[31] = 1;
    const auto packet = packet_of(draft);
    const auto got = decode_record(packet);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->community, draft.community);
    EXPECT_EQ(got->kind, draft.kind);
    EXPECT_EQ(got->author, draft.author);
    EXPECT_EQ(got->time, draft.time);
    EXPECT_EQ(got->prev, draft.prev);
    EXPECT_EQ(to_bytes(got->payload), payload);
    EXPECT_EQ(to_bytes(got->signed_bytes), encode_unsigned(draft));
    EXPECT_EQ(got->signature.size(), signature_bytes);
    EXPECT_EQ(got->id.bytes, sha256(got->signed_bytes));
}

TEST(Record, PredecessorAndTimeBounds) {
    auto draft = some_draft();
    EXPECT_TRUE(is_accepted(draft));
    draft.time = 0;
    EXPECT_FALSE(is_accepted(draft));
    draft.time = ~GlobalTime{0};
    EXPECT_FALSE(is_accepted(draft));
    draft.time = ~GlobalTime{0} - 1;
    EXPECT_TRUE(is_accepted(draft));
    draft.time = 9;
    draft.prev.time = 8;  // without an id
    EXPECT_FALSE(is_accepted(draft));
    draft.prev.id.bytes[0] = 1;
    EXPECT_TRUE(is_accepted(draft));
    draft.prev.time = 9;
    EXPECT_FALSE(is_accepted(draft));
    draft.prev.time = 0;
    EXPECT_FALSE(is_accepted(draft));
}

TEST(Record, KindKeyVersionAndSizeBounds) {
    auto draft = some_draft();
    const auto packet = packet_of(draft);
    for (unsigned id = 0; id < 256; ++id) {
        auto other = packet;
        other[prefix_bytes] = static_cast<std::uint8_t>(id);
        const bool control = id >= 208 && id <= 213;
        EXPECT_EQ(decode_record(other).ok(),
                  (id >= 1 && id <= 3) || (id >= 32 && id <= 38) || control);
    }
    auto other = packet;
    other[1] = 1;
    EXPECT_FALSE(decode_record(other).ok());
    draft.author.bytes[0] ^= 1;
    EXPECT_FALSE(is_accepted(draft));
    EXPECT_FALSE(decode_record(ByteView(packet).first(packet.size() - 1)).ok());

    const Bytes largest(record_bytes_max - packet.size());
    EXPECT_EQ(packet_of(some_draft(largest)).size(), record_bytes_max);
    EXPECT_TRUE(is_accepted(some_draft(largest)));
    EXPECT_FALSE(is_accepted(some_draft(Bytes(largest.size() + 1))));
}

RecordDraft some_pair() {
    static const Bytes payload = encode(Agreement{"we two"});
    auto out = some_draft(payload);
    out.kind = RecordKind::Agreement;
    out.second = some_key();
    out.second->bytes[73] = 43;
    return out;
}

TEST(Record, OfTwoMembers) {
    const auto draft = some_pair();
    auto packet = encode_unsigned(draft);
    const auto unsigned_bytes = packet;
    packet.resize(packet.size() + signature_bytes, 0xaa);
    EXPECT_FALSE(decode_record(packet).ok());  // one signature is not enough
    // What the second one is shown is an ordinary packet of the first.
    EXPECT_TRUE(decode_signed(packet, WithGlobalTime::Yes).ok());
    packet.resize(packet.size() + signature_bytes, 0xbb);
    const auto got = decode_record(packet);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->author, draft.author);
    EXPECT_EQ(got->second, draft.second);
    EXPECT_EQ(decode_agreement(got->payload)->text, "we two");
    EXPECT_EQ(to_bytes(got->signed_bytes), unsigned_bytes);
    EXPECT_EQ(got->id.bytes, sha256(unsigned_bytes));  // whatever was signed, and by whom first
    ASSERT_EQ(got->signature.size(), 2 * signature_bytes);
    EXPECT_EQ(got->signature.front(), 0xaa);
    EXPECT_EQ(got->signature.back(), 0xbb);
    EXPECT_EQ(with_blank_signatures(unsigned_bytes).size(), packet.size());
    EXPECT_LE(packet.size(), record_datagram_bytes);
    packet.push_back(0);
    EXPECT_FALSE(decode_agreement(decode_record(packet)->payload).ok());
}

TEST(Record, OfTwoMembersNamesAnotherOne) {
    auto draft = some_pair();
    const auto is_taken = [&] {
        return decode_record(with_blank_signatures(encode_unsigned(draft))).ok();
    };
    EXPECT_TRUE(is_taken());
    draft.second = draft.author;
    EXPECT_FALSE(is_taken());
    draft.second = some_key();
    draft.second->bytes[0] ^= 1;
    EXPECT_FALSE(is_taken());
    draft = some_pair();
    const auto frame = with_blank_signatures(encode_unsigned(draft)).size() - draft.payload.size();
    const Bytes largest(record_bytes_max - frame);
    draft.payload = largest;
    EXPECT_TRUE(is_taken());
    const Bytes longer(largest.size() + 1);
    draft.payload = longer;
    EXPECT_FALSE(is_taken());
    EXPECT_EQ(decode_agreement(encode(Agreement{std::string(700, 'x')}))->text.size(), 600u);
    EXPECT_FALSE(decode_agreement(Bytes{0, 0}).ok());
    EXPECT_FALSE(decode_agreement(Bytes{0, 1, 0xff}).ok());
}

TEST(Record, LegacyKeyIsRefused) {
    Writer to;
    put_header(to, {}, 2);
    auto key = *from_hex("3040301006072a8648ce3d020106052b81040001032c0004");  // sect163k1
    key.resize(66);
    to.u16(66).bytes(key).u64(5).bytes(Bytes(40)).bytes(Bytes(42));
    EXPECT_TRUE(decode_signed(to.peek(), WithGlobalTime::Yes).ok());
    EXPECT_FALSE(decode_record(to.peek()).ok());
}

TEST(Record, CommunitiesAreFixed) {
    EXPECT_EQ(directory_community().bytes, sha1(view_of("warren directory community 1")));
    const auto a = channel_community(some_key(), Nonce{});
    Nonce other;
    other.bytes[15] = 1;
    EXPECT_NE(a, channel_community(some_key(), other));
    Bytes bound = to_bytes(view_of("warren channel"));
    append(bound, some_key().view());
    append(bound, other.view());
    const auto digest = sha256(bound);
    EXPECT_EQ(channel_community(some_key(), other).hex(), to_hex(ByteView(digest).first(20)));
}

TEST(Record, PayloadsRoundTrip) {
    ChannelGenesis genesis{{}, "Caf\u00e9", "a place"};
    genesis.nonce.bytes[1] = 5;
    const auto a = decode_channel_genesis(encode(genesis));
    ASSERT_TRUE(a.ok());
    EXPECT_EQ(a->nonce, genesis.nonce);
    EXPECT_EQ(a->name, genesis.name);
    EXPECT_EQ(a->description, genesis.description);

    ChannelAnnounced announced;
    announced.channel.bytes[2] = 6;
    announced.name = "n";
    const auto b = decode_channel_announced(encode(announced));
    ASSERT_TRUE(b.ok());
    EXPECT_EQ(b->channel, announced.channel);
    EXPECT_EQ(b->name, "n");

    TorrentEntry entry;
    entry.infohash.bytes[0] = 1;
    entry.size = 1ull << 40;
    entry.created_s = 1'700'000'000;
    entry.files = 3;
    entry.name = "linux";
    entry.tags = "os,free";
    entry.file_names = {"a/b", "c", "\u6f22"};
    const auto c = decode_torrent_entry(encode(entry));
    ASSERT_TRUE(c.ok());
    EXPECT_EQ(c->infohash, entry.infohash);
    EXPECT_EQ(c->size, entry.size);
    EXPECT_EQ(c->created_s, entry.created_s);
    EXPECT_EQ(c->files, 3u);
    EXPECT_EQ(c->name, entry.name);
    EXPECT_EQ(c->tags, entry.tags);
    EXPECT_EQ(c->file_names, entry.file_names);
}

TEST(Record, EncodersFitTexts) {
    std::string wide;
    for (int i = 0; i < 200; ++i)
        wide += "\u00e9";
    const auto got = decode_channel_genesis(encode(ChannelGenesis{{}, "x" + wide, wide}));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->name, "x" + wide.substr(0, 126));  // 127 bytes: the next letter does not fit
    EXPECT_EQ(got->description, wide);
    const auto odd = decode_channel_announced(encode(ChannelAnnounced{{}, {}, "a\xff z"}));
    ASSERT_TRUE(odd.ok());
    EXPECT_EQ(odd->name, "a? z");
    const auto empty = decode_channel_announced(encode(ChannelAnnounced{}));
    ASSERT_TRUE(empty.ok());
    EXPECT_EQ(empty->name, "?");
}

TEST(Record, TorrentStaysWithinTheRecord) {
    TorrentEntry entry;
    entry.name = "many";
    for (int i = 0; i < 1000; ++i)
        entry.file_names.push_back(std::string(1 + static_cast<std::size_t>(i) % 300, 'f'));
    const auto payload = encode(entry);
    const auto draft = some_draft(payload);
    const auto packet = packet_of(draft);
    EXPECT_LE(packet.size(), record_bytes_max);
    EXPECT_GT(packet.size(), record_bytes_max - 245);
    const auto record = decode_record(packet);
    ASSERT_TRUE(record.ok());
    const auto got = decode_torrent_entry(record->payload);
    ASSERT_TRUE(got.ok());
    EXPECT_GT(got->file_names.size(), 50u);
}

TEST(Record, PayloadsRefuseWhatTheyShould) {
    auto bytes = encode(ChannelAnnounced{{}, {}, "abc"});
    EXPECT_TRUE(decode_channel_announced(bytes).ok());
    bytes.push_back(0);
    EXPECT_FALSE(decode_channel_announced(bytes).ok());
    bytes.resize(bytes.size() - 2);
    EXPECT_FALSE(decode_channel_announced(bytes).ok());
    bytes.push_back(0xff);  // no UTF-8
    EXPECT_FALSE(decode_channel_announced(bytes).ok());
    const auto long_name = Writer().bytes(Bytes(36)).u16(129).bytes(Bytes(129, 'a')).take();
    EXPECT_FALSE(decode_channel_announced(long_name).ok());
    const auto no_name = Writer().bytes(Bytes(36)).u16(0).take();
    EXPECT_FALSE(decode_channel_announced(no_name).ok());
}

TEST(Record, AnyChangedRecordIsSafe) {
    SeededRandom random(4);
    const auto payload = encode(TorrentEntry{{}, 1, 2, 3, "name", "tag", {"a", "b"}});
    const auto packet = packet_of(some_draft(payload));
    for (int i = 0; i < 20000; ++i) {
        auto bytes = packet;
        for (auto changes = 1 + random.below(3); changes > 0; --changes)
            bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.next());
        bytes.resize(bytes.size() - random.below(3) * random.below(60));
        const auto record = decode_record(bytes);
        if (!record.ok()) continue;
        EXPECT_LT(record->prev.time, record->time);
        if (const auto entry = decode_torrent_entry(record->payload); entry.ok()) {
            EXPECT_EQ(encode(*entry), to_bytes(record->payload));
        }
    }
}

}  // namespace
}  // namespace warren::protocol
