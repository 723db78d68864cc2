// A channel with members: records of any of them, and a shard whose work is done at once.
#pragma once

#include "protocol/community/evaluator.h"
#include "protocol/community/types.h"
#include "tests/unit/storage_shard/fixture.h"

namespace warren::test {

using protocol::ControlKind;
using protocol::RecordKind;

inline constexpr auto torrent_kind = static_cast<protocol::MessageId>(RecordKind::Torrent);
inline constexpr auto comment_kind = static_cast<protocol::MessageId>(RecordKind::Comment);
inline constexpr protocol::Rights rights_all = 15;

class GovernedShard : public ShardFixture {
protected:
    // Each author's records follow each other.
    Bytes by(const TestIdentity& author, std::uint8_t kind, GlobalTime time, ByteView payload) {
        auto& head = heads_[author.public_key()];
        auto packet = author.record(channel.community(), static_cast<RecordKind>(kind), time,
                                    head.time < time ? head : RecordRef{}, payload);
        head = ref(packet);
        return packet;
    }
    Bytes torrent(const TestIdentity& author, GlobalTime time, const std::string& name) {
        protocol::TorrentEntry entry;
        entry.name = name;
        entry.infohash = SeededRandom(time).id<Infohash>();
        return by(author, torrent_kind, time, protocol::encode(entry));
    }
    Bytes grant(const TestIdentity& author, GlobalTime time, const TestIdentity& whom,
                protocol::Rights rights, protocol::MessageId kind = torrent_kind) {
        return by(author, id_of(ControlKind::Authorize), time,
                  protocol::encode_grants({{whom.public_key(), kind, rights}}));
    }
    Bytes revoke(const TestIdentity& author, GlobalTime time, const TestIdentity& whom,
                 protocol::Rights rights, protocol::MessageId kind = torrent_kind) {
        return by(author, id_of(ControlKind::Revoke), time,
                  protocol::encode_grants({{whom.public_key(), kind, rights}}));
    }
    Bytes undo(const TestIdentity& author, GlobalTime time, ByteView target, ControlKind how,
               protocol::Undo::Action action = protocol::Undo::Action::Undo) {
        const auto record = protocol::decode_record(target);
        return by(author, id_of(how), time,
                  protocol::encode(protocol::Undo{
                      record->ref(), static_cast<protocol::MessageId>(record->kind), action}));
    }
    Bytes destroy(const TestIdentity& author, GlobalTime time) {
        return by(author, id_of(ControlKind::Destroy), time, {});
    }
    static RecordRef ref(ByteView packet) { return protocol::decode_record(packet)->ref(); }

    static std::size_t work_off(shard::Shard& shard, std::size_t rows = 64) {
        shard::PruneBudget budget;
        budget.rows = rows;
        std::size_t steps = 0;
        for (bool more = shard.has_work(); more; ++steps) {
            auto left = shard.work(budget);
            EXPECT_OK(left);
            more = left && *left;
        }
        return steps;
    }
    static std::vector<shard::Verdict> settle(shard::Shard& into,
                                              const std::vector<Bytes>& packets) {
        auto verdicts = store(into, packets);
        work_off(into);
        return verdicts;
    }
    bool has(ByteView packet) { return *reader()->has(ref(packet)); }
    std::vector<std::string> shown() {
        std::vector<std::string> out;
        const auto page = reader()->contents("", 100);
        EXPECT_OK(page);
        if (!page) return out;
        for (const auto& row : page->rows)
            out.push_back(row.entry.name);
        std::ranges::sort(out);
        return out;
    }

    TestIdentity member{3}, moderator{4};

private:
    std::map<protocol::PublicKey, RecordRef> heads_;
};

}  // namespace warren::test
