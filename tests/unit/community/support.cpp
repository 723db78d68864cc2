#include "tests/unit/community/support.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "base/check.h"
#include "base/hash.h"

namespace warren::protocol {

namespace {

constexpr MessageId id_of(ForumKind kind) {
    return static_cast<MessageId>(kind);
}

bool is_text(ByteView payload) {
    return payload.size() <= 100 && is_utf8(text_of(payload));
}
bool is_by_founder(const RecordView& record) {
    return record.author == founder;
}
ByteView first_letter(ByteView payload) {
    return payload.first(std::min<std::size_t>(payload.size(), 1));
}
void show_text(const RecordView& record, Projection& projection) {
    projection.show(record, {.title = std::string(text_of(record.payload))});
}

constexpr MessageType row(ForumKind kind, std::string_view name, Resolution resolution) {
    MessageType out{.id = id_of(kind), .name = name, .resolution = resolution};
    out.payload = is_text;
    out.apply = show_text;
    out.undo = hide_record;
    return out;
}

constexpr std::array forum_messages = [] {
    auto genesis = row(ForumKind::Genesis, "genesis", Resolution::Public);
    genesis.check = is_by_founder;
    genesis.undo = {};
    auto note = row(ForumKind::Note, "note", Resolution::Dynamic);
    note.initial = Policy::Public;
    auto vote = row(ForumKind::Vote, "vote", Resolution::Public);
    vote.distribution = Distribution::Last;
    vote.last = 1;
    auto draw = row(ForumKind::Draw, "draw", Resolution::Linear);
    draw.distribution = Distribution::Last;
    draw.last = 2;
    auto pact = row(ForumKind::Pact, "pact", Resolution::Linear);
    pact.authentication = Authentication::TwoMembers;
    auto mark = vote;
    mark.id = id_of(ForumKind::Mark);
    mark.name = "mark";
    mark.subject = first_letter;
    const auto post = row(ForumKind::Post, "post", Resolution::Linear);
    const auto page = row(ForumKind::Page, "page", Resolution::Dynamic);
    return std::array{genesis, post, note, page, vote, draw, pact, mark};
}();

}  // namespace

constexpr CommunityType forum_type{
    .name = "forum", .messages = forum_messages, .founding = id_of(ForumKind::Genesis)};
static_assert(flaw(forum_type).empty());

PublicKey member(unsigned number) {
    PublicKey out;
    std::ranges::copy(view_of("LibNaCLPK:"), out.bytes.begin());
    out.bytes.back() = static_cast<std::uint8_t>(number);
    return out;
}

RecordView TestRecord::view() const {
    RecordView out;
    out.kind = static_cast<RecordKind>(kind);
    out.author = author;
    out.time = ref.time;
    out.id = ref.id;
    out.prev = prev;
    out.payload = payload;
    out.second = second;
    return out;
}

TestRecord Scribe::record(GlobalTime time, const PublicKey& author, MessageId kind, Bytes payload) {
    return {{time, random_.id<RecordId>()}, {}, author, kind, std::move(payload)};
}
TestRecord Scribe::content(GlobalTime time, const PublicKey& author, ForumKind kind,
                           std::string_view text) {
    return record(time, author, id_of(kind), to_bytes(view_of(text)));
}
TestRecord Scribe::pact(GlobalTime time, const PublicKey& author, const PublicKey& second) {
    auto out = content(time, author, ForumKind::Pact);
    out.second = second;
    return out;
}
TestRecord Scribe::authorize(GlobalTime time, const PublicKey& author, std::vector<Grant> grants) {
    return record(time, author, protocol::id_of(ControlKind::Authorize),
                  encode_grants(std::move(grants)));
}
TestRecord Scribe::revoke(GlobalTime time, const PublicKey& author, std::vector<Grant> grants) {
    return record(time, author, protocol::id_of(ControlKind::Revoke),
                  encode_grants(std::move(grants)));
}
TestRecord Scribe::settings(GlobalTime time, const PublicKey& author, ForumKind kind,
                            Policy policy) {
    return record(time, author, protocol::id_of(ControlKind::Settings),
                  encode(Settings{id_of(kind), policy}));
}
TestRecord Scribe::undo(GlobalTime time, const PublicKey& author, ControlKind by,
                        const TestRecord& target, Undo::Action action) {
    return record(time, author, protocol::id_of(by), encode(Undo{target.ref, target.kind, action}));
}
TestRecord Scribe::destroy(GlobalTime time, const PublicKey& author) {
    return record(time, author, protocol::id_of(ControlKind::Destroy));
}

Grant grant(const PublicKey& whom, ForumKind kind, int rights) {
    return {whom, id_of(kind), static_cast<Rights>(rights)};
}

std::vector<VerdictChange> Node::add(const TestRecord& record) {
    records_.emplace(record.ref, record);
    auto changes = evaluator.add(record.view());
    for (const auto& change : changes)
        carry_out(forum_type, change, records_.at(change.record).view(), shown);
    return changes;
}

void Node::add_all(const std::vector<TestRecord>& records) {
    for (const auto& record : records)
        add(record);
}

std::string Node::state_hash() const {
    Writer to;
    for (const auto& [ref, verdict] : evaluator.verdicts())
        to.u64(ref.time).bytes(ref.id.view()).u8(static_cast<std::uint8_t>(verdict));
    for (const auto& [ref, title] : shown.rows)
        to.u64(ref.time).bytes(ref.id.view()).bytes(view_of(title));
    to.u8(evaluator.permissions().end().has_value());
    return to_hex(sha256(to.peek()));
}

void shuffle(std::vector<TestRecord>& records, Random& random) {
    for (std::size_t i = records.size(); i > 1; --i)
        std::swap(records[i - 1], records[random.below(i)]);
}

void PrintTo(Verdict verdict, std::ostream* out) {
    constexpr std::array names{"Accepted", "Waiting", "Refused", "Undone", "Superseded"};
    *out << names[static_cast<std::size_t>(verdict)];
}

}  // namespace warren::protocol
