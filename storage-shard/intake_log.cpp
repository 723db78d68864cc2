// See intake_log.h. The file: a sector of marks, one for each group, then entries, each with a head
// of its own: what it is, its length, a check value.
#include "storage-shard/intake_log.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "protocol/record.h"

namespace warren::shard {

namespace {

constexpr std::array<std::uint8_t, 4> entry_magic = {0xd7, 'W', 'i', '1'};
constexpr std::size_t head_bytes = entry_magic.size() + 4 + 8;
constexpr std::size_t mark_bytes = 8;
constexpr std::size_t marks_bytes = IntakeGroups().size() * mark_bytes;
constexpr std::uint64_t log_bytes_max = std::uint64_t{1} << 30;

// Against accidents, not against people: whoever can write here can write anything.
std::uint64_t check_of(ByteView bytes) {
    constexpr std::array<std::uint8_t, 16> key = {'w', 'a', 'r', 'r', 'e', 'n', ' ', 'i',
                                                  'n', 't', 'a', 'k', 'e', ' ', '1', 0};
    return siphash(key, bytes);
}

// No accident makes it.
std::uint64_t mark_of(std::size_t group) {
    return check_of(Writer().u64(group).take());
}

std::optional<IntakeEntry> decode_entry(ByteView payload) {
    Reader in(payload);
    IntakeEntry out;
    out.community.bytes = in.array<CommunityId::size>();
    const auto published = in.u8();
    if (published > 1) return std::nullopt;
    if (published == 1) {
        IntakePublication publication;
        publication.request.bytes = in.array<RequestId::size>();
        publication.at_ms = static_cast<std::int64_t>(in.u64());
        out.publication = publication;
    }
    const auto count = in.u32();
    if (count == 0 || count > in.left() / 2 || (published == 1 && count != 1)) return std::nullopt;
    for (std::uint32_t i = 0; i < count; ++i)
        out.packets.push_back(in.take(in.u16()));
    if (!in.done()) return std::nullopt;
    return out;
}

// The entry at the head of these bytes, and how many it takes.
std::optional<std::pair<IntakeEntry, std::size_t>> next_entry(ByteView bytes) {
    Reader in(bytes);
    if (!std::ranges::equal(in.take(entry_magic.size()), entry_magic)) return std::nullopt;
    const auto length = in.u32();
    const auto check = in.u64();
    if (length > intake_entry_bytes_max) return std::nullopt;
    const auto payload = in.take(length);
    if (!in.ok() || check_of(payload) != check) return std::nullopt;
    auto entry = decode_entry(payload);
    if (!entry) return std::nullopt;
    return std::pair{std::move(*entry), head_bytes + length};
}

std::size_t find_magic(ByteView bytes, std::size_t from) {
    auto found = std::search(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                             entry_magic.begin(), entry_magic.end());
    return static_cast<std::size_t>(found - bytes.begin());
}

}  // namespace

Bytes encode(const IntakeEntry& entry) {
    Writer out;
    out.bytes(entry.community.view()).u8(entry.publication ? 1 : 0);
    if (entry.publication)
        out.bytes(entry.publication->request.view())
            .u64(static_cast<std::uint64_t>(entry.publication->at_ms));
    out.u32(static_cast<std::uint32_t>(entry.packets.size()));
    for (auto packet : entry.packets)
        out.u16(static_cast<std::uint16_t>(packet.size())).bytes(packet);
    return out.take();
}

IntakeContent decode_intake(ByteView file) {
    IntakeContent out;
    Reader marks(file.first(std::min(file.size(), marks_bytes)));
    for (std::size_t group = 0; group < out.replayed.size(); ++group)
        out.replayed[group] = marks.u64() == mark_of(group) && marks.ok();
    std::size_t at = std::min(file.size(), marks_bytes);
    while (at < file.size()) {
        if (auto entry = next_entry(file.subspan(at))) {
            out.damaged_bytes += std::exchange(out.tail_bytes, 0);
            at += entry->second;
            out.entries.push_back(std::move(entry->first));
            continue;
        }
        const auto next = find_magic(file, at + 1);
        out.tail_bytes += next - at;
        at = next;
    }
    return out;
}

Result<IntakeLog> IntakeLog::create(const std::string& path) {
    const auto temporary = path + ".new";
    {
        WARREN_TRY(auto file, File::open(temporary, File::How::Create));
        WARREN_TRY_VOID(file.write(0, Bytes(marks_bytes)));
    }
    auto lock = FileLock::take(temporary, FileLock::Kind::Exclusive);
    if (!lock) return unavailable("another process looks at " + temporary);
    if (auto renamed = rename_durably(temporary, path); !renamed) {
        (void)remove_file(temporary);
        return std::move(renamed.error());
    }
    WARREN_TRY(auto file, File::open(path, File::How::Create));
    IntakeLog out(path, std::move(*lock), std::move(file));
    out.end_ = marks_bytes;
    return out;
}

Result<void> IntakeLog::append(std::span<const Bytes> entries) {
    if (failed_) return unavailable("the log's last write failed");
    Writer all;
    for (const auto& entry : entries) {
        if (entry.size() > intake_entry_bytes_max) return bad_input("too much for one log entry");
        all.bytes(entry_magic).u32(static_cast<std::uint32_t>(entry.size()));
        all.u64(check_of(entry)).bytes(entry);
    }
    auto written = file_.write(end_, all.peek());
    if (written) written = file_.sync();
    failed_ = !written;
    if (written) end_ += all.size();
    return written;
}

Result<std::unique_ptr<LeftIntake>> LeftIntake::open(const std::string& path) {
    std::unique_ptr<LeftIntake> out;
    auto lock = FileLock::take(path, FileLock::Kind::Shared);
    if (!lock || !file_exists(path)) return out;
    out.reset(new LeftIntake(path, std::move(*lock)));
    WARREN_TRY(auto file, File::open(path, File::How::Read));
    WARREN_TRY(auto bytes, file.size());
    out->bytes_.resize(std::min(bytes, log_bytes_max));
    WARREN_TRY(auto there, file.read(0, out->bytes_));
    out->bytes_.resize(there);
    out->content_ = decode_intake(out->bytes_);
    return out;
}

Result<void> LeftIntake::finish(const IntakeGroups& groups, const IntakeGroups& all) {
    auto file = File::open(path_, File::How::Create);
    if (!file) return std::move(file.error());
    for (std::size_t group = 0; group < groups.size(); ++group)
        if (groups[group])
            WARREN_TRY_VOID(file->write(group * mark_bytes, Writer().u64(mark_of(group)).take()));
    // Others may have marked theirs since this one was opened.
    Bytes marks(marks_bytes);
    WARREN_TRY(auto there, file->read(0, marks));
    marks.resize(there);
    if ((all & ~decode_intake(marks).replayed).any()) return file->sync();
    if (!lock_.upgrade()) return {};  // another one is about to find the same
    return remove_file(path_);
}

}  // namespace warren::shard
