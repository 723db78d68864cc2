#include "tests/support/journey.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <httplib.h>

namespace warren::test {

namespace {

std::string text(const json& body, const std::string& name) {
    return body.is_object() ? body.value(name, "") : "";
}

}  // namespace

std::set<std::string> records_of(Node& node, const std::string& channel) {
    std::set<std::string> out;
    std::string after;
    do {
        const auto page = node.get("/api/v1/channels/" + channel + "/contents?limit=1000" +
                                   (after.empty() ? "" : "&after=" + after));
        if (page.status != 200) return {};
        for (const auto& row : page.body["items"])
            EXPECT_TRUE(out.insert(row["record"]).second) << "one record listed twice";
        after = page.body.value("next", "");
    } while (!after.empty());
    return out;
}

json magnet_entry(std::uint64_t number) {
    return {{"magnet", fmt::format("magnet:?xt=urn:btih:{:040x}", number + 1)},
            {"name", fmt::format("Entry {}", number)}};
}

HttpAnswer persist(Node& node, const std::string& path, const json& body, const std::string& key,
                   double seconds) {
    HttpAnswer answer;
    wait_until(
        [&] {
            answer = node.post(path, body, key);
            return answer.status != 0 && answer.status != 503;
        },
        seconds);
    return answer;
}

std::string create_channel(Node& node, const std::string& name, const std::string& key,
                           double seconds) {
    const auto answer = persist(node, "/api/v1/channels", {{"name", name}}, key, seconds);
    return answer.status == 201 ? text(answer.body, "id") : "";
}

Published publish_folder(Node& node, const std::string& channel, const std::string& folder,
                         const std::string& key, double seconds) {
    const auto answer = persist(node, "/api/v1/channels/" + channel + "/torrents",
                                {{"path", folder}}, key, seconds);
    if (answer.status != 201) return {};
    return {channel, text(answer.body, "record"), text(answer.body, "infohash")};
}

std::string find(Node& node, const std::string& words, double seconds) {
    std::string out;
    wait_until(
        [&] {
            const auto answer =
                node.get(httplib::append_query_params("/api/v1/search", {{"q", words}}));
            if (answer.status != 200 || answer.body["items"].empty()) return false;
            out = text(answer.body["items"][0], "infohash");
            return true;
        },
        seconds);
    return out;
}

bool download(Node& node, const std::string& infohash, const std::string& name, double seconds) {
    const auto added = persist(node, "/api/v1/downloads", {{"infohash", infohash}, {"name", name}},
                               "download-" + infohash, seconds);
    if (added.status != 201 && added.status != 200) return false;
    return wait_until(
        [&] {
            const auto answer = node.get("/api/v1/downloads/" + infohash);
            return answer.status == 200 && text(answer.body, "state") == "seeding";
        },
        seconds);
}

}  // namespace warren::test
