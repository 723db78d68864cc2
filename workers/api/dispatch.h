// From a header to an answer: gate, body check, role check, handler, and what is counted about it.
#pragma once

#include "workers/api/call.h"
#include "workers/api/gate.h"

namespace warren::api {

class Dispatch final : public http::Application {
public:
    Dispatch(Parts& parts, GuardRules rules) : parts_(parts), rules_(std::move(rules)) {}
    void set_rules(GuardRules rules) { rules_ = std::move(rules); }

    http::Admission admit(const http::Head& head) override;
    pipe::Task<http::Response> handle(http::Head head, std::string body) override;
    http::Response refuse(unsigned status, std::string detail) override;

private:
    pipe::Task<http::Response> run(const http::Head& head, const std::string& body, Passed passed);
    void count(const Route& route, unsigned status, Nanoseconds since);

    Parts& parts_;
    GuardRules rules_;
};

// The body against the route's schema; an empty one is an empty object.
Outcome<json::Value> check_body(const Route& route, const std::string& body);
// Nothing: the key is not 1..64 visible characters.
Outcome<RequestId> request_id_of(const http::Head& head);

}  // namespace warren::api
