#include "workers/api/api_worker.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/endpoint.h"
#include "runtime/process/log.h"

namespace warren::api {

namespace {

// What the inherited listener is bound to: port 0 in the settings is a real one by now.
std::string bound_address(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
    Endpoint out;
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        out.v6 = true;
        out.port = ntohs(v6.sin6_port);
        std::copy_n(v6.sin6_addr.s6_addr, 16, out.address.data());
    } else {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        out.port = ntohs(v4.sin_port);
        std::memcpy(out.address.data(), &v4.sin_addr, 4);
    }
    return out.text();
}

}  // namespace

GuardRules ApiWorker::rules() const {
    return {host_names(listen_, settings_.hosts), settings_.token_sha256};
}

pipe::Task<Result<void>> ApiWorker::start() {
    auto settings = read_settings(host_.settings());
    if (!settings) co_return Result<void>(settings.error());
    settings_ = std::move(*settings);
    if (host_.listeners().empty())
        co_return Result<void>(Error{ErrorKind::Environment, "no listener was handed over"});
    listen_ = bound_address(host_.listeners().front());
    facts_ = std::make_unique<NodeFacts>(listen_);
    parts_ = std::make_unique<Parts>(Parts{host_, settings_, outbox_, taps_, *facts_});
    dispatch_ = std::make_unique<Dispatch>(*parts_, rules());
    http::Limits limits;
    limits.connections_max = settings_.connections_max;
    server_ = std::make_unique<http::Server>(host_.io(), limits, *dispatch_);
    auto listening = server_->listen(host_.listeners().front());
    if (!listening) co_return Result<void>(listening.error());
    process::log::info("listening address={}", listen_);
    co_return Result<void>();
}

// Nobody asks the api anything over a pipe.
pipe::Task<pipe::Answer> ApiWorker::on_request(pipe::Request) {
    co_return pipe::unknown_message();
}

void ApiWorker::on_roster() {
    outbox_.on_roster();
    taps_.on_roster();
}

void ApiWorker::on_settings() {
    settings_.hosts = host_.settings().list("api.hosts");
    if (dispatch_) dispatch_->set_rules(rules());
}

pipe::Task<void> ApiWorker::drain() {
    if (!server_) co_return;
    taps_.end_streams();
    server_->begin_stop();
    co_await server_->stopped(monotonic_now() + 5_s);
}

}  // namespace warren::api
