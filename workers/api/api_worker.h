// The api worker: the node's front door for programs. Speaks HTTP, asks other workers over pipes,
// listens to taps; owns nothing durable.
#pragma once

#include <memory>

#include "runtime/pipe/worker.h"
#include "workers/api/dispatch.h"
#include "workers/api/http/server.h"

namespace warren::api {

class ApiWorker final : public pipe::Service {
public:
    explicit ApiWorker(pipe::Host& host) : host_(host), outbox_(host), taps_(host) {}

    pipe::Task<Result<void>> start() override;
    pipe::Task<pipe::Answer> on_request(pipe::Request request) override;
    void on_roster() override;
    void on_settings() override;
    pipe::Task<void> drain() override;

private:
    GuardRules rules() const;

    pipe::Host& host_;
    ApiSettings settings_;
    std::string listen_;
    Outbox outbox_;
    TapHub taps_;
    std::unique_ptr<NodeFacts> facts_;
    std::unique_ptr<Parts> parts_;
    std::unique_ptr<Dispatch> dispatch_;
    std::unique_ptr<http::Server> server_;
};

}  // namespace warren::api
