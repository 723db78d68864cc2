// See backup.h.
#include "storage-shard/backup.h"

#include <algorithm>
#include <charconv>

namespace warren::shard {

namespace {

constexpr std::size_t part_bytes = 192 * 1024;
constexpr std::size_t manifest_bytes_max = 4 << 20;
constexpr std::string_view manifest_head = "warren backup 1";
constexpr std::string_view unfinished_end = ".part";

std::string path_in(const std::string& folder, std::string_view name) {
    return folder + "/" + std::string(name);
}

// Cuts the text up to the separator off.
std::string_view cut(std::string_view& text, char separator) {
    auto at = std::min(text.find(separator), text.size());
    auto out = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return out;
}

template <typename Number>
bool take_number(std::string_view& text, Number& into) {
    auto word = cut(text, ' ');
    auto* end = word.data() + word.size();
    auto parsed = std::from_chars(word.data(), end, into);
    return parsed.ec == std::errc{} && parsed.ptr == end;
}

std::string line_of(const BackupEntry& entry) {
    return (entry.kind == StreamKind::Node ? std::string("node -")
                                           : "community " + entry.community.hex()) +
           " " + std::to_string(entry.items) + " " + std::to_string(entry.bytes) + " " +
           std::to_string(entry.damaged) + " " + to_hex(entry.digest) + "\n";
}

std::optional<BackupEntry> entry_of(std::string_view line) {
    BackupEntry out;
    auto kind = cut(line, ' ');
    auto id = cut(line, ' ');
    if (kind == "node" && id == "-") {
        out.kind = StreamKind::Node;
    } else {
        auto community = CommunityId::from_hex_text(id);
        if (kind != "community" || !community) return std::nullopt;
        out.community = *community;
    }
    if (!take_number(line, out.items) || !take_number(line, out.bytes) ||
        !take_number(line, out.damaged))
        return std::nullopt;
    auto digest = from_hex(line);
    if (!digest || digest->size() != out.digest.size()) return std::nullopt;
    std::ranges::copy(*digest, out.digest.begin());
    return out;
}

}  // namespace

Result<StreamWriter> StreamWriter::create(const std::string& path, const StreamHead& head) {
    auto unfinished = path + std::string(unfinished_end);
    WARREN_TRY(auto file, File::open(unfinished, File::How::Create));
    WARREN_TRY_VOID(file.truncate(0));  // what an earlier try left
    StreamWriter out(path, std::move(file));
    WARREN_TRY_VOID(out.write(out.encoder_.head(head)));
    return out;
}

Result<void> StreamWriter::write(ByteView bytes) {
    WARREN_TRY_VOID(file_.write(bytes_, bytes));
    bytes_ += bytes.size();
    return {};
}

Result<void> StreamWriter::add(std::span<const Bytes> items) {
    if (items.empty()) return {};
    return write(encoder_.block(items));
}

Result<void> StreamWriter::finish() {
    WARREN_TRY_VOID(write(encoder_.tail()));
    return replace_durably(path_ + std::string(unfinished_end), path_);
}

Result<StreamReader> StreamReader::open(const std::string& path) {
    WARREN_TRY(auto file, File::open(path, File::How::Read));
    StreamReader out(std::move(file));
    while (true) {
        WARREN_TRY(auto step, out.step());
        if (!step.head) continue;
        out.head_ = *step.head;
        return out;
    }
}

Result<StreamDecoder::Step> StreamReader::step() {
    buffer_.resize(decoder_.needs());
    WARREN_TRY(auto got, file_.read(decoder_.offset(), buffer_));
    if (got < buffer_.size()) return decoder_.truncated(got);
    return decoder_.take(buffer_);
}

Result<std::optional<std::vector<Bytes>>> StreamReader::next() {
    while (!decoder_.ended()) {
        WARREN_TRY(auto taken, step());
        if (taken.items.empty()) continue;
        std::vector<Bytes> out;
        for (auto item : taken.items)
            out.push_back(to_bytes(item));
        return std::optional<std::vector<Bytes>>{std::move(out)};
    }
    WARREN_TRY(auto size, file_.size());
    if (size != decoder_.offset())
        return bad_input("at byte " + std::to_string(decoder_.offset()) +
                         ": there is more behind the file's tail");
    return std::optional<std::vector<Bytes>>{};
}

std::string file_name(const BackupEntry& entry) {
    return entry.kind == StreamKind::Node ? "node.stream" : entry.community.hex() + ".stream";
}

Result<void> verify_stream(const std::string& folder, const BackupEntry& entry) {
    auto wrong = [&](const std::string& what) { return bad_input(file_name(entry) + ": " + what); };
    auto reader = StreamReader::open(path_in(folder, file_name(entry)));
    if (!reader) return wrong(reader.error().text);
    while (true) {
        auto items = reader->next();
        if (!items) return wrong(items.error().text);
        if (!*items) break;
    }
    if (reader->head().kind != entry.kind || reader->head().community != entry.community)
        return wrong("it holds something else than the manifest says");
    if (reader->items() != entry.items || reader->digest() != entry.digest)
        return wrong("it is not the file that the manifest names");
    return {};
}

std::string encode(const Manifest& manifest) {
    auto text =
        std::string(manifest_head) + "\ncreated_ms " + std::to_string(manifest.created_ms) + "\n";
    for (const auto& entry : manifest.entries)
        text += line_of(entry);
    return text + "end " + to_hex(sha256(view_of(text))) + "\n";
}

Result<Manifest> decode_manifest(std::string_view text) {
    auto end = text.rfind("end ");
    if (end == std::string_view::npos ||
        text.substr(end) != "end " + to_hex(sha256(view_of(text.substr(0, end)))) + "\n")
        return bad_input("the manifest is not whole: its last line does not match the others");
    text = text.substr(0, end);
    if (cut(text, '\n') != manifest_head)
        return bad_input("the manifest is of another version; this program reads version 1");
    Manifest out;
    auto created = cut(text, '\n');
    if (cut(created, ' ') != "created_ms" || !take_number(created, out.created_ms))
        return bad_input("the manifest's second line is malformed");
    for (int number = 3; !text.empty(); ++number) {
        auto entry = entry_of(cut(text, '\n'));
        if (!entry)
            return bad_input("the manifest's line " + std::to_string(number) + " is malformed");
        out.entries.push_back(*entry);
    }
    return out;
}

Result<void> write_manifest(const std::string& folder, const Manifest& manifest) {
    auto path = path_in(folder, "manifest");
    auto text = encode(manifest);
    {
        WARREN_TRY(auto file, File::open(path + std::string(unfinished_end), File::How::Create));
        WARREN_TRY_VOID(file.truncate(0));
        WARREN_TRY_VOID(file.write(0, view_of(text)));
    }
    return replace_durably(path + std::string(unfinished_end), path);
}

Result<Manifest> read_manifest(const std::string& folder) {
    auto path = path_in(folder, "manifest");
    if (!file_exists(path)) return not_found("there is no backup of that name that was finished");
    WARREN_TRY(auto file, File::open(path, File::How::Read));
    WARREN_TRY(auto size, file.size());
    if (size > manifest_bytes_max) return bad_input("the manifest is too long");
    Bytes text(static_cast<std::size_t>(size));
    WARREN_TRY(auto got, file.read(0, text));
    return decode_manifest(text_of(ByteView(text).first(got)));
}

Result<CommunityBackup> CommunityBackup::begin(const std::string& shard_path,
                                               const CommunityId& community,
                                               const std::string& folder) {
    WARREN_TRY(auto walk, ShardWalk::open(shard_path, community, ShardWalk::Sees::Snapshot));
    WARREN_TRY(auto details, walk->details());
    BackupEntry entry;
    entry.community = community;
    WARREN_TRY(auto writer,
               StreamWriter::create(path_in(folder, file_name(entry)),
                                    {StreamKind::Records, community, encode(details)}));
    return CommunityBackup(std::move(walk), std::move(writer), entry);
}

Result<bool> CommunityBackup::step() {
    WARREN_TRY(auto part, walk_->next(after_, part_bytes));
    WARREN_TRY_VOID(writer_.add(part.records));
    after_ = part.last;
    entry_.damaged += part.damaged;
    if (part.more) return true;
    WARREN_TRY_VOID(writer_.finish());
    entry_.items = writer_.items();
    entry_.bytes = writer_.bytes();
    entry_.digest = writer_.digest();
    return false;
}

Bytes encode(const StoredDownload& download) {
    Writer out;
    out.u8(1).bytes(download.infohash.view()).u8(download.paused ? 1 : 0);
    out.u64(static_cast<std::uint64_t>(download.added_ms));
    for (auto text : {&download.name, &download.magnet, &download.path, &download.root})
        out.u32(static_cast<std::uint32_t>(text->size())).bytes(view_of(*text));
    for (auto file : {&download.torrent, &download.resume})
        out.u32(static_cast<std::uint32_t>(file->size())).bytes(*file);
    return out.take();
}

Result<StoredDownload> decode_download(ByteView item) {
    Reader in(item);
    StoredDownload out;
    if (in.u8() != 1) return bad_input("an item of an unknown kind in the node's file");
    out.infohash = Infohash{in.array<Infohash::size>()};
    out.paused = in.u8() == 1;
    out.added_ms = static_cast<std::int64_t>(in.u64());
    for (auto text : {&out.name, &out.magnet, &out.path, &out.root})
        *text = std::string(text_of(in.take(in.u32())));
    for (auto file : {&out.torrent, &out.resume})
        *file = to_bytes(in.take(in.u32()));
    if (!in.done()) return bad_input("a malformed download in the node's file");
    return out;
}

bool is_backup_name(std::string_view name) {
    constexpr std::size_t length_max = 64;
    auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    };
    return !name.empty() && name.size() <= length_max && name.front() != '.' &&
           std::ranges::all_of(name, fits);
}

}  // namespace warren::shard
