// See fence.h.
#include "storage-shard/fence.h"

#include <array>
#include <filesystem>

#include "base/hash.h"

namespace warren::shard {

namespace {

constexpr std::size_t epoch_bytes = 16, note_bytes = epoch_bytes + 8;

std::uint64_t check_of(ByteView epoch) {
    return siphash({}, epoch);
}

}  // namespace

Bytes encode(const Epoch& epoch) {
    return Writer().u64(epoch.slots).u64(epoch.spawn).take();
}

Result<Epoch> decode_epoch(ByteView bytes) {
    Reader in(bytes);
    Epoch out{in.u64(), in.u64()};
    if (!in.done()) return damaged("the file's epoch is malformed");
    return out;
}

Result<void> refuse_if_newer(const Epoch& there, const Epoch& mine) {
    if (there > mine) return refused("a newer storage worker owns this file");
    return {};
}

// What power loss left of it, or a write that is under way, is no note.
Result<Epoch> Fence::read() {
    std::array<std::uint8_t, note_bytes> note{};
    WARREN_TRY(auto got, file_.read(0, note));
    const auto epoch = ByteView(note).first(epoch_bytes);
    if (got < note_bytes || Reader(ByteView(note).last(8)).u64() != check_of(epoch)) return Epoch{};
    return decode_epoch(epoch);
}

Result<Fence> Fence::raise(const std::string& shard_path, const Epoch& mine) {
    const auto path = std::filesystem::path(shard_path).replace_filename("fence").string();
    WARREN_TRY(auto file, File::open(path, File::How::Create));
    Fence out(std::move(file), mine);
    auto stands = [&](const Epoch& there) { return there > mine || there.spawn == mine.spawn; };
    WARREN_TRY(auto there, out.read());
    if (!stands(there)) {
        auto lock = FileLock::wait(path);
        if (!lock) return io_error("cannot lock " + path);
        WARREN_TRY(there, out.read());
        auto note = encode(mine);
        note = Writer().bytes(note).u64(check_of(note)).take();
        if (!stands(there)) WARREN_TRY_VOID(out.file_.write(0, note));
    }
    WARREN_TRY_VOID(refuse_if_newer(there, mine));
    return out;
}

Result<void> Fence::check() {
    WARREN_TRY(auto there, read());
    return refuse_if_newer(there, mine_);
}

}  // namespace warren::shard
