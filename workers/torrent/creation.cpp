// Walks a directory by descriptors, hashes its pieces and writes the .torrent.
#include "workers/torrent/creation.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include <libtorrent/create_torrent.hpp>
#include <libtorrent/file_storage.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "workers/torrent/sources.h"

namespace warren::torrent {

namespace {

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    void release() { fd_ = -1; }

private:
    int fd_;
};

std::string reason() {
    return std::strerror(errno);
}

// Opens a name beneath a directory; no link on the way, no mount crossing by "..".
Result<Descriptor> open_beneath(int directory, const std::string& path, int flags) {
    open_how how = {};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const long fd = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    if (fd >= 0) return Descriptor(static_cast<int>(fd));
    if (errno == ELOOP) return refused("share: '" + path + "' is or contains a symbolic link");
    if (errno == EXDEV) return refused("share: '" + path + "' leads out of the share root");
    if (errno == ENOENT || errno == ENOTDIR)
        return not_found("share: '" + path + "' does not exist below the share root");
    return io_error("share: cannot open '" + path + "': " + reason());
}

struct Walk {
    int root = -1;
    std::vector<FileEntry> files;  // paths below the share root
};

Result<std::vector<std::string>> names_in(Descriptor directory, const std::string& path) {
    DIR* stream = ::fdopendir(directory.get());
    if (!stream) return io_error("share: cannot list '" + path + "': " + reason());
    directory.release();  // the stream owns it from here on
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream)) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        names.push_back(name);
        if (names.size() > files_max) break;
    }
    ::closedir(stream);
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> take_file(Walk& state, const std::string& path, std::uint64_t size) {
    if (state.files.size() == files_max)
        return refused(fmt::format("share: more than {} files", files_max));
    state.files.push_back({path, size});
    return {};
}

Result<void> walk(Walk& state, const std::string& path, std::size_t level) {
    if (level > path_levels_max)
        return refused(
            fmt::format("share: '{}' is more than {} levels deep", path, path_levels_max));
    if (!is_utf8(path)) return refused("share: a name is not UTF-8, which torrents require");
    // O_RDONLY would follow nothing either, but a device may act on being opened: look first.
    WARREN_TRY(auto look, open_beneath(state.root, path, O_PATH | O_NOFOLLOW));
    struct stat facts = {};
    if (::fstat(look.get(), &facts) != 0)
        return io_error("share: cannot read '" + path + "': " + reason());
    if (S_ISLNK(facts.st_mode)) return refused("share: '" + path + "' is a symbolic link");
    if (S_ISREG(facts.st_mode))
        return take_file(state, path, static_cast<std::uint64_t>(facts.st_size));
    if (!S_ISDIR(facts.st_mode))
        return refused("share: '" + path + "' is neither a file nor a directory");
    WARREN_TRY(auto directory, open_beneath(state.root, path, O_RDONLY | O_DIRECTORY));
    WARREN_TRY(const auto names, names_in(std::move(directory), path));
    for (const auto& name : names)
        WARREN_TRY_VOID(walk(state, path + "/" + name, level + 1));
    return {};
}

// Reads the files end to end, as v1 pieces lie over them.
class PieceReader {
public:
    PieceReader(int root, const std::vector<FileEntry>& files) : root_(root), files_(files) {}

    Result<void> read(std::uint8_t* to, std::size_t bytes) {
        while (bytes > 0) {
            if (left_ == 0) {
                WARREN_TRY_VOID(open_next());
                continue;
            }
            const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes));
            const auto got = ::read(file_.back().get(), to, want);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return io_error("share: cannot read '" + name() + "': " + reason());
            if (got == 0) return unavailable("share: '" + name() + "' shrank while it was read");
            to += got;
            bytes -= static_cast<std::size_t>(got);
            left_ -= static_cast<std::uint64_t>(got);
        }
        return {};
    }

private:
    const std::string& name() const { return files_[next_ - 1].path; }
    Result<void> open_next() {
        const auto& entry = files_[next_++];
        file_.clear();
        WARREN_TRY(auto file, open_beneath(root_, entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
        struct stat facts = {};
        if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode) ||
            static_cast<std::uint64_t>(facts.st_size) != entry.size)
            return unavailable("share: '" + entry.path + "' changed while it was read");
        left_ = entry.size;
        file_.push_back(std::move(file));
        return {};
    }

    int root_;
    const std::vector<FileEntry>& files_;
    std::size_t next_ = 0;
    std::uint64_t left_ = 0;
    std::vector<Descriptor> file_;  // the one that is open, if any
};

Result<Bytes> write_torrent(const Walk& found, std::size_t parent_bytes) {
    lt::file_storage storage;
    for (const auto& file : found.files)
        storage.add_file(file.path.substr(parent_bytes), static_cast<std::int64_t>(file.size));
    if (storage.total_size() == 0) return refused("share: there are no bytes in it to share");
    // Our infohash has 20 bytes, so v1 alone.
    lt::create_torrent torrent(storage, 0, lt::create_torrent::v1_only);
    torrent.set_creator("Warren");
    if (torrent.num_pieces() > pieces_max)
        return refused(fmt::format("share: more than {} pieces", pieces_max));
    PieceReader reader(found.root, found.files);
    Bytes piece;
    for (const auto index : torrent.piece_range()) {
        piece.resize(static_cast<std::size_t>(torrent.piece_size(index)));
        WARREN_TRY_VOID(reader.read(piece.data(), piece.size()));
        const auto hash = sha1(piece);
        torrent.set_hash(index, lt::sha1_hash(reinterpret_cast<const char*>(hash.data())));
    }
    const auto file = torrent.generate_buf();
    return Bytes(file.begin(), file.end());
}

}  // namespace

Result<std::string> path_below(const std::string& root, std::string_view path) {
    if (root.empty()) return refused("share: torrent.share_root is not set, so nothing is shared");
    if (path.size() > 4096) return bad_input("share: the path is too long");
    if (path.starts_with("/")) {
        if (!path.starts_with(root) || path.size() <= root.size() || path[root.size()] != '/')
            return refused("share: only what lies below torrent.share_root is shared");
        path.remove_prefix(root.size() + 1);
    }
    std::string out;
    while (!path.empty()) {
        const auto cut = std::min(path.find('/'), path.size());
        const auto part = path.substr(0, cut);
        path.remove_prefix(std::min(cut + 1, path.size()));
        if (part.empty() || part == ".") continue;
        if (part == "..")
            return refused("share: only what lies below torrent.share_root is shared");
        if (part.find('\0') != std::string_view::npos)
            return bad_input("share: the path contains a zero byte");
        if (!out.empty()) out += '/';
        out += part;
    }
    if (out.empty()) return bad_input("share: name a file or directory below torrent.share_root");
    return out;
}

Result<Created> create_torrent(const std::string& share_root, std::string_view path) {
    WARREN_TRY(auto below, path_below(share_root, path));
    Descriptor root(::open(share_root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (root.get() < 0) return io_error("share: cannot open torrent.share_root: " + reason());
    Walk found;
    found.root = root.get();
    WARREN_TRY_VOID(walk(found, below, 1));
    if (found.files.empty()) return refused("share: there are no files in '" + below + "'");
    const auto slash = below.rfind('/');
    const auto parent_bytes = slash == std::string::npos ? 0 : slash + 1;
    try {
        WARREN_TRY(auto torrent, write_torrent(found, parent_bytes));
        return Created{std::move(torrent), std::move(below)};
    } catch (const std::exception& e) {
        return io_error(std::string("share: no torrent made: ") + e.what());
    }
}

}  // namespace warren::torrent
