// Reading, making and using the private key.
#include "workers/crypto/sign/signing_key.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "workers/crypto/ed25519.h"

namespace warren::crypto {

namespace {

constexpr std::string_view secret_tag = "LibNaCLSK:";
constexpr std::string_view public_tag = "LibNaCLPK:";
constexpr std::size_t half_bytes = 32;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

Error unfit(const std::string& path, std::string_view why) {
    return {ErrorKind::Environment, fmt::format("sign.key_file: {} {}", path, why)};
}

Error failed(const std::string& path, std::string_view what) {
    return unfit(path, fmt::format("{}: {}", what, std::strerror(errno)));
}

Result<void> check_file(int fd, const std::string& path) {
    struct stat facts = {};
    if (::fstat(fd, &facts) != 0) return failed(path, "cannot be examined");
    if (!S_ISREG(facts.st_mode)) return unfit(path, "is not a regular file");
    if (facts.st_uid != ::geteuid())
        return unfit(path,
                     fmt::format("belongs to user {}, not to user {}", facts.st_uid, ::geteuid()));
    if ((facts.st_mode & 077) != 0)
        return unfit(path, fmt::format("has mode {:04o}: others can reach it; make it 0600",
                                       facts.st_mode & 07777));
    if (facts.st_size != SigningKey::file_bytes)
        return unfit(path, fmt::format("has {} bytes instead of {}; restore it from a backup",
                                       facts.st_size, SigningKey::file_bytes));
    return {};
}

// Of bytes that shall become a key: a sentence, or nothing. Never any of the bytes.
std::string what_is_wrong(ByteView bytes) {
    const auto text = text_of(bytes);
    if (bytes.empty()) return "is empty";
    if (text.starts_with(public_tag))
        return "is a public key (LibNaCLPK:); what is wanted is the private one (LibNaCLSK:)";
    if (text.starts_with("-----BEGIN"))
        return "is a PEM text; an IPv8 key file holds 74 raw bytes, whatever its name ends in";
    if (bytes[0] == 0x30)
        return "is a DER structure: keys of the old binary curves are no identities here";
    if (!text.starts_with(secret_tag)) return "does not begin with LibNaCLSK:";
    if (bytes.size() != SigningKey::file_bytes)
        return fmt::format("has {} bytes instead of {}", bytes.size(), SigningKey::file_bytes);
    const auto halves = bytes.subspan(secret_tag.size());
    for (const auto half : {halves.first(half_bytes), halves.last(half_bytes)})
        if (std::ranges::all_of(half, [&](std::uint8_t byte) { return byte == half[0]; }))
            return "holds no secret: one half of it is the same byte over and over";
    return {};
}

bool read_all(int fd, std::uint8_t* to, std::size_t bytes) {
    while (bytes > 0) {
        const auto got = ::read(fd, to, bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        to += got;
        bytes -= static_cast<std::size_t>(got);
    }
    return true;
}

bool write_all(int fd, const std::uint8_t* from, std::size_t bytes) {
    while (bytes > 0) {
        const auto put = ::write(fd, from, bytes);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        from += put;
        bytes -= static_cast<std::size_t>(put);
    }
    return true;
}

// Whole, synced, and only if there was none: written beside, then linked into place.
Result<void> write_file(const std::string& path, const std::uint8_t* bytes) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return unfit(path, "is not an absolute path");
    const auto folder = path.substr(0, slash);
    const auto name = path.substr(slash + 1);
    const auto draft = name + ".new";
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return failed(path, "has a directory that cannot be made");
    const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() < 0) return failed(path, "has a directory that cannot be opened");
    ::unlinkat(directory.get(), draft.c_str(), 0);  // of a start that was cut short
    const Descriptor file(::openat(directory.get(), draft.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return failed(path, "cannot be created");
    const bool placed =
        write_all(file.get(), bytes, SigningKey::file_bytes) && ::fsync(file.get()) == 0 &&
        ::linkat(directory.get(), draft.c_str(), directory.get(), name.c_str(), 0) == 0;
    const int error = errno;
    ::unlinkat(directory.get(), draft.c_str(), 0);
    errno = error;
    if (!placed) return failed(path, "cannot be created");
    if (::fsync(directory.get()) != 0) return failed(path, "cannot be synced to disk");
    return {};
}

}  // namespace

void SigningKey::Wipe::operator()(std::uint8_t* memory) const {
    ::sodium_free(memory);
}

Result<SigningKey::Secret> SigningKey::secret(std::size_t bytes) {
    if (!start_sodium()) return Error{ErrorKind::Environment, "sign: libsodium does not start"};
    Secret out(static_cast<std::uint8_t*>(::sodium_malloc(bytes)));
    if (!out) return Error{ErrorKind::Environment, "sign: no guarded memory for the key"};
    // sodium_malloc tries this too, but does not say when it failed.
    if (::sodium_mlock(out.get(), bytes) != 0)
        return Error{ErrorKind::Environment,
                     "sign: the key's memory cannot be locked; raise the limit of locked memory "
                     "(LimitMEMLOCK)"};
    return out;
}

Result<SigningKey> SigningKey::from_bytes(ByteView bytes) {
    if (bytes.size() != file_bytes || !text_of(bytes).starts_with(secret_tag))
        return Error{ErrorKind::Environment, "it is not an IPv8 private key"};
    const auto exchange_secret = bytes.subspan(secret_tag.size(), half_bytes);
    const auto seed = bytes.subspan(secret_tag.size() + half_bytes, half_bytes);
    WARREN_TRY(auto key, secret(crypto_sign_SECRETKEYBYTES));
    protocol::PublicKey public_key;
    auto* out = std::copy(public_tag.begin(), public_tag.end(), public_key.bytes.data());
    if (::crypto_scalarmult_base(out, exchange_secret.data()) != 0 ||
        ::crypto_sign_seed_keypair(out + half_bytes, key.get(), seed.data()) != 0)
        return Error{ErrorKind::Environment, "it is not a usable private key"};
    ::sodium_mprotect_readonly(key.get());
    return SigningKey(std::move(key), public_key);
}

Result<SigningKey::Secret> SigningKey::read_file(const std::string& path) {
    const Descriptor file(
        ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) {
        if (errno == ENOENT) return not_found("sign.key_file: " + path + " does not exist");
        if (errno == ELOOP) return unfit(path, "is a symbolic link");
        return failed(path, "cannot be opened");
    }
    WARREN_TRY_VOID(check_file(file.get(), path));
    WARREN_TRY(auto bytes, secret(file_bytes));
    if (!read_all(file.get(), bytes.get(), file_bytes)) return failed(path, "cannot be read");
    return bytes;
}

Result<SigningKey> SigningKey::open(const std::string& path) {
    WARREN_TRY(const auto bytes, read_file(path));
    auto key = from_bytes({bytes.get(), file_bytes});
    if (!key.ok()) return unfit(path, "is unfit: " + key.error().text);
    return key;
}

Result<SigningKey> SigningKey::create(const std::string& path) {
    WARREN_TRY(const auto bytes, secret(file_bytes));
    auto* after_tag = std::copy(secret_tag.begin(), secret_tag.end(), bytes.get());
    ::randombytes_buf(after_tag, 2 * half_bytes);
    WARREN_TRY_VOID(write_file(path, bytes.get()));
    return open(path);  // what was written is what will be read from now on
}

Result<SigningKey> SigningKey::take_over(const std::string& path, int from) {
    constexpr std::size_t most = 4096;  // more than any key has
    WARREN_TRY(const auto bytes, secret(most));
    std::size_t size = 0;
    while (size < most) {
        const auto got = ::read(from, bytes.get() + size, most - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error(fmt::format("cannot be read: {}", std::strerror(errno)));
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    const ByteView read(bytes.get(), size);
    if (auto wrong = what_is_wrong(read); !wrong.empty()) return bad_input(std::move(wrong));
    auto key = from_bytes(read);
    if (!key.ok()) return bad_input(key.error().text);
    WARREN_TRY_VOID(write_file(path, bytes.get()));
    return open(path);
}

Result<void> SigningKey::export_file(const std::string& path, int to) {
    WARREN_TRY(const auto bytes, read_file(path));
    auto key = from_bytes({bytes.get(), file_bytes});
    if (!key.ok()) return unfit(path, "is unfit: " + key.error().text);
    if (!write_all(to, bytes.get(), file_bytes))
        return io_error(fmt::format("cannot be written: {}", std::strerror(errno)));
    return {};
}

protocol::Signature SigningKey::sign(ByteView bytes) const {
    protocol::Signature out;
    const int done =
        ::crypto_sign_detached(out.bytes.data(), nullptr, bytes.data(), bytes.size(), key_.get());
    WARREN_CHECK(done == 0);
    return out;
}

}  // namespace warren::crypto
