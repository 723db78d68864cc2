// The node's identity. Answers only; asks nobody.
#pragma once

#include <optional>

#include "runtime/pipe/worker.h"
#include "workers/crypto/sign/settings.h"
#include "workers/crypto/sign/sign_policy.h"
#include "workers/crypto/sign/signing_key.h"

namespace warren::crypto {

enum class StateDir { New, Used };

// Opens the key; makes it only where the state directory is new, so that losing the file never
// starts another identity in silence (R-K3).
Result<SigningKey> open_or_create_key(const std::string& path, StateDir state);

class SignWorker final : public pipe::Service {
public:
    explicit SignWorker(pipe::Host& host);

    pipe::Task<Result<void>> start() override;
    pipe::Task<pipe::Answer> on_request(pipe::Request request) override;  // inbox.cpp

private:
    struct Refusal {
        Error error;
        std::uint32_t retry_after_ms = 0;
    };
    // The signature, or why not.
    std::variant<protocol::Signature, Refusal> sign(process::Role from, ByteView bytes);

    pipe::Host& host_;
    SignSettings settings_;
    SignRates rates_;
    std::optional<SigningKey> key_;
};

}  // namespace warren::crypto
