// What retention decides, and its place in the file. See retention.h.
#include "storage-shard/retention.h"

#include <algorithm>

#include "protocol/community/message_type.h"
#include "storage-shard/shard_file.h"

namespace warren::shard {

namespace {

constexpr std::uint64_t marks_in_an_age = 128;  // how finely ages are told apart
constexpr std::uint64_t mark_interval_least_ms = 1000;

std::int64_t before(std::int64_t now_ms, std::uint64_t age_ms) {
    return now_ms - static_cast<std::int64_t>(age_ms);
}

}  // namespace

Bytes encode(const Retention& rule) {
    return Writer().u64(rule.age_ms).u64(rule.records).u64(rule.bytes).take();
}

Result<Retention> decode_retention(ByteView bytes) {
    Reader in(bytes);
    Retention out{in.u64(), in.u64(), in.u64()};
    if (!in.done()) return bad_input("a malformed retention rule");
    return out;
}

bool may_be_pruned(protocol::RecordKind kind) {
    const auto id = static_cast<protocol::MessageId>(kind);
    return protocol::is_content_id(id) && kind != protocol::RecordKind::ChannelGenesis &&
           kind != protocol::RecordKind::ChannelAnnounced &&
           kind != protocol::RecordKind::ChannelEdit;
}

Result<GlobalTime> read_floor(Connection& connection) {
    WARREN_TRY(auto stored, read_meta(connection, "floor"));
    if (!stored) return GlobalTime{0};
    Reader reader(*stored);
    auto floor = reader.u64();
    if (!reader.done()) return damaged("the file's retention floor is malformed");
    return floor;
}

Result<void> write_floor(Connection& connection, GlobalTime floor) {
    return write_meta(connection, "floor", Writer().u64(floor).take());
}

Result<std::optional<Retention>> read_retention(Connection& connection) {
    WARREN_TRY(auto stored, read_meta(connection, "retention"));
    if (!stored || stored->empty()) return std::optional<Retention>{};
    auto rule = decode_retention(*stored);
    if (!rule) return io_error("the file's retention rule is malformed");
    return std::optional<Retention>{*rule};
}

std::vector<AgeMark> mark_age(std::vector<AgeMark> marks, std::uint64_t age_ms,
                              const AgeMark& now) {
    auto interval =
        static_cast<std::int64_t>(std::max(age_ms / marks_in_an_age, mark_interval_least_ms));
    // A wall clock that was set back makes marks of the future; they would only delay.
    std::erase_if(marks, [&](const AgeMark& mark) { return mark.at_ms > now.at_ms; });
    if (marks.empty() || marks.back().at_ms + interval <= now.at_ms) marks.push_back(now);
    // Of those older than the age, the newest says it all.
    auto young = std::ranges::find_if(
        marks, [&](const AgeMark& mark) { return mark.at_ms > before(now.at_ms, age_ms); });
    if (young - marks.begin() > 1) marks.erase(marks.begin(), young - 1);
    return marks;
}

GlobalTime older_than(const std::vector<AgeMark>& marks, std::uint64_t age_ms,
                      std::int64_t now_ms) {
    GlobalTime out = 0;
    for (const auto& mark : marks)
        if (mark.at_ms <= before(now_ms, age_ms)) out = std::max(out, mark.clock + 1);
    return out;
}

void PruneBudget::adapt(Nanoseconds took) {
    if (took > goal) rows = rows / 2;
    if (took < goal / 2) rows = rows * 2;
    rows = std::clamp(rows, rows_least, rows_most);
}

}  // namespace warren::shard
