#include "workers/api/http/target.h"

#include <algorithm>

#include "base/bytes.h"

namespace warren::api::http {

namespace {

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_query(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> out;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (pair.empty()) continue;
        if (out.size() == query_pairs_max) return bad_input("too many query parameters");
        const auto equals = std::min(pair.find('='), pair.size());
        auto name = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) return bad_input("the query is not percent-encoded UTF-8");
        if (std::ranges::find(out, *name, [](const auto& p) { return p.first; }) != out.end())
            return bad_input("a query parameter stands twice");
        out.emplace_back(std::move(*name), std::move(*value));
    }
    return out;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = digit(text[i + 1]), low = digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) return std::nullopt;
        out += c;
    }
    if (!is_utf8(out)) return std::nullopt;
    return out;
}

Result<Target> parse_target(std::string_view target) {
    if (target.size() > target_bytes_max) return bad_input("the request target is too long");
    if (target.empty() || target.front() != '/') return bad_input("the target must begin with /");
    if (target.find('#') != target.npos) return bad_input("a fragment is never sent");
    const auto mark = std::min(target.find('?'), target.size());
    auto path = target.substr(1, mark - 1);
    Target out;
    while (true) {
        const auto end = std::min(path.find('/'), path.size());
        auto segment = percent_decode(path.substr(0, end), false);
        if (!segment) return bad_input("the path is not percent-encoded UTF-8");
        out.segments.push_back(std::move(*segment));
        if (end == path.size()) break;
        path.remove_prefix(end + 1);
    }
    auto query = parse_query(target.substr(std::min(mark + 1, target.size())));
    if (!query) return query.error();
    out.query = std::move(*query);
    return out;
}

}  // namespace warren::api::http
