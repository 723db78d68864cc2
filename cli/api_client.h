// Requests to the node's REST interface: with the token, with one idempotency key over all
// attempts, tried again while the node restarts what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "cli/command.h"

namespace warren::cli {

struct ApiRequest {
    std::string method;
    std::string path;  // below /api/v1; from the root if it starts with '/'
    std::string body;
    std::string key;  // made up if empty and the method changes something
};

struct ApiAnswer {
    int status = 0;
    std::string body;
    bool ok() const { return status >= 200 && status < 300; }
};

class ApiClient {
public:
    // An error means that no node is there.
    static Result<ApiClient> open(const Call& call);
    // For callers with another idea of how long to try.
    void set_timeout_ms(std::int64_t timeout_ms) { timeout_ms_ = timeout_ms; }
    Result<ApiAnswer> send(ApiRequest request);

private:
    struct Attempt;
    ApiClient() = default;
    Attempt attempt(const ApiRequest& request, std::int64_t left_ms) const;
    bool worth_another() const;
    void locate();

    std::string state_dir_;
    std::string host_;
    int port_ = 0;
    bool fixed_ = false;  // the address was given by hand
    std::string token_;
    std::int64_t timeout_ms_ = 15'000;
};

std::string percent_encoded(std::string_view text);
Exit exit_of(int status);

}  // namespace warren::cli
