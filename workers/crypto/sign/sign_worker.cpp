// The sign worker.
#include "workers/crypto/sign/sign_worker.h"

#include "runtime/process/log.h"

namespace warren::crypto {

namespace {

// The supervisor knows whether the directory ever had a key.
StateDir state_of(const pipe::Host& host) {
    return host.settings().flag("sign.new_node") ? StateDir::New : StateDir::Used;
}

}  // namespace

Result<SigningKey> open_or_create_key(const std::string& path, StateDir state) {
    auto key = SigningKey::open(path);
    if (key.ok() || key.error().kind != ErrorKind::NotFound) return key;
    if (state == StateDir::New) return SigningKey::create(path);
    return Error{ErrorKind::Environment,
                 "sign.key_file: " + path +
                     " is missing, but this state directory has been used: restore the file from a "
                     "backup, or start with another state directory to become somebody else"};
}

SignWorker::SignWorker(pipe::Host& host)
    : host_(host), settings_(SignSettings::from(host.settings())), rates_(settings_.rate_per_s) {}

pipe::Task<Result<void>> SignWorker::start() {
    auto key = open_or_create_key(settings_.key_file, state_of(host_));
    if (!key.ok()) co_return key.error();
    key_ = std::move(*key);
    process::log::info("member={}", protocol::member_id(key_->public_key().view()).hex());
    co_return Result<void>{};
}

std::variant<protocol::Signature, SignWorker::Refusal> SignWorker::sign(process::Role from,
                                                                        ByteView bytes) {
    const auto allowed = may_sign(from, bytes, key_->public_key());
    if (!allowed.ok()) {
        ++host_.metrics().counter("sign_refused_total");
        process::log::unusual("role={} refused: {}", process::name_of(from), allowed.error().text);
        return Refusal{allowed.error(), 0};
    }
    const auto wait = rates_.take(from, monotonic_now());
    if (wait > 0) {
        ++host_.metrics().counter("sign_limited_total");
        return Refusal{unavailable("sign: this role asks for more signatures than sign.rate_per_s"),
                       static_cast<std::uint32_t>(wait / 1_ms + 1)};
    }
    ++host_.metrics().counter("sign_signatures_total");
    return key_->sign(bytes);
}

}  // namespace warren::crypto
