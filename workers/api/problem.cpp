#include "workers/api/problem.h"

#include <array>

#include <nlohmann/json.hpp>

namespace warren::api {

namespace {

struct Phrase {
    unsigned status;
    std::string_view text;
};
constexpr std::array phrases = {
    Phrase{100, "Continue"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{204, "No Content"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{409, "Conflict"},
    Phrase{413, "Content Too Large"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{500, "Internal Server Error"},
    Phrase{503, "Service Unavailable"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{507, "Insufficient Storage"},
};

unsigned status_of(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::BadInput: return 422;
    case ErrorKind::NotFound: return 404;
    case ErrorKind::Exists: return 409;
    case ErrorKind::Refused: return 403;
    case ErrorKind::Unavailable: return 503;
    case ErrorKind::Expired: return 503;
    case ErrorKind::NoSpace: return 507;
    case ErrorKind::Io: return 500;
    case ErrorKind::Damaged: return 500;
    case ErrorKind::Environment: return 500;
    }
    return 500;
}

}  // namespace

std::string_view reason_phrase(unsigned status) {
    for (const auto& phrase : phrases)
        if (phrase.status == status) return phrase.text;
    return "Status";
}

Problem problem(unsigned status, std::string detail) {
    Problem out;
    out.status = status;
    out.title = reason_phrase(status);
    out.detail = std::move(detail);
    return out;
}

Problem invalid(std::string detail, std::vector<FieldError> errors) {
    auto out = problem(400, std::move(detail));
    out.type = "urn:warren:problem:invalid";
    out.errors = std::move(errors);
    return out;
}

Problem role_unavailable(std::string_view role, std::string detail) {
    auto out = problem(503, std::move(detail));
    out.type = "urn:warren:problem:unavailable";
    out.role = role;
    out.retry_after_s = 1;
    return out;
}

Problem problem_of(const Error& error, std::string_view role) {
    const auto status = status_of(error.kind);
    if (status == 503) return role_unavailable(role, std::string(role) + ": " + error.text);
    // What the system said about an input or output error names files: that is for the log.
    if (status == 500) {
        auto out = problem(500, std::string(role) + " failed; its log says why");
        out.role = role;
        return out;
    }
    return problem(status, error.text);
}

std::string to_json(const Problem& problem, std::string_view instance) {
    nlohmann::ordered_json out;
    out["type"] = problem.type;
    out["title"] = problem.title;
    out["status"] = problem.status;
    if (!problem.detail.empty()) out["detail"] = problem.detail;
    if (!instance.empty()) out["instance"] = instance;
    if (!problem.role.empty()) out["role"] = problem.role;
    if (!problem.errors.empty()) {
        auto& errors = out["errors"] = nlohmann::ordered_json::array();
        for (const auto& error : problem.errors)
            errors.push_back({{"pointer", error.pointer}, {"detail", error.detail}});
    }
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace warren::api
