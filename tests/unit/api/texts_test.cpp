// Small texts in and out: percent encoding, magnets, problems, Prometheus, server-sent events, ids.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workers/api/errand.h"
#include "workers/api/gate.h"
#include "workers/api/json/schema.h"
#include "workers/api/magnet.h"
#include "workers/api/metrics_text.h"
#include "workers/api/tap_hub.h"

namespace warren::api {
namespace {

TEST(Target, PercentDecoding) {
    EXPECT_EQ(http::percent_decode("a%20b%C3%A4", false), "a b\xc3\xa4");
    EXPECT_EQ(http::percent_decode("a+b", true), "a b");
    EXPECT_EQ(http::percent_decode("a+b", false), "a+b");
    EXPECT_EQ(http::percent_decode("%2B%2b", true), "++");
    for (const auto bad : {"%", "%2", "%zz", "a%2", "%00", "%0a", "%7f", "%ff", "%c0%80"})
        EXPECT_EQ(http::percent_decode(bad, false), std::nullopt) << bad;
}

TEST(Target, SplitsBeforeItDecodes) {
    const auto target = http::parse_target("/a%2Fb//c%3Fd/?x=1%262&y=&&z");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->segments, (std::vector<std::string>{"a/b", "", "c?d", ""}));
    ASSERT_EQ(target->query.size(), 3u);
    EXPECT_EQ(target->query[0], (std::pair<std::string, std::string>{"x", "1&2"}));
    EXPECT_EQ(target->query[2], (std::pair<std::string, std::string>{"z", ""}));
}

TEST(Target, Refuses) {
    for (const std::string bad : {"", "*", "a", "http://h/", "/a#b", "/%", "/?a=%", "/?a=1&a=2"})
        EXPECT_FALSE(http::parse_target(bad)) << bad;
    EXPECT_FALSE(http::parse_target("/" + std::string(5000, 'a')));
    std::string many = "/?";
    for (int i = 0; i < 33; ++i)
        many += "k" + std::to_string(i) + "=1&";
    EXPECT_FALSE(http::parse_target(many));
}

TEST(Magnet, HexAndBase32SayTheSame) {
    const auto hex =
        infohash_of_magnet("magnet:?dn=x&xt=urn:btih:00443214c74254b635cf84653a56d7c675be77df");
    const auto base32 =
        infohash_of_magnet("magnet:?xt=urn%3Abtih%3AABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    ASSERT_TRUE(hex);
    ASSERT_TRUE(base32);
    EXPECT_EQ(*hex, *base32);
}

TEST(Magnet, Refuses) {
    for (const auto bad :
         {"", "magnet:", "magnet:?", "magnet:?xt=urn:btih:", "magnet:?xt=urn:btih:abc",
          "magnet:?xt=urn:btih:00443214c74254b635cf84653a56d7c675be77dg",
          "magnet:?xt=urn:sha1:00443214c74254b635cf84653a56d7c675be77df",
          "http://x/?xt=urn:btih:00443214c74254b635cf84653a56d7c675be77df",
          "magnet:?xt=urn:btih:ABCDEFGHIJKLMNOPQRSTUVWXYZ234561"})
        EXPECT_FALSE(infohash_of_magnet(bad)) << bad;
}

TEST(Problems, AreProblemDocuments) {
    auto wrong = invalid("the body is not right", {{"/name", "is missing"}});
    const auto response = to_response(wrong, "/api/v1/channels");
    EXPECT_EQ(response.status, 400u);
    EXPECT_EQ(response.content_type, "application/problem+json");
    const auto json = nlohmann::json::parse(response.body);
    EXPECT_TRUE(json::check(json, *json::find_schema("Problem")).empty()) << response.body;
    EXPECT_EQ(json["title"], "Bad Request");
    EXPECT_EQ(json["instance"], "/api/v1/channels");
    EXPECT_EQ(json["errors"][0]["pointer"], "/name");
}

TEST(Problems, KindsBecomeStatuses) {
    const std::vector<std::pair<ErrorKind, unsigned>> table = {
        {ErrorKind::BadInput, 422}, {ErrorKind::NotFound, 404},    {ErrorKind::Exists, 409},
        {ErrorKind::Refused, 403},  {ErrorKind::Unavailable, 503}, {ErrorKind::Expired, 503},
        {ErrorKind::NoSpace, 507},  {ErrorKind::Io, 500},          {ErrorKind::Environment, 500}};
    for (const auto& [kind, status] : table) {
        const auto wrong = problem_of({kind, "/home/user/secret.db: SQL"}, "storage");
        EXPECT_EQ(wrong.status, status);
        EXPECT_EQ(wrong.retry_after_s > 0, status == 503);
        if (status == 500) {
            EXPECT_EQ(to_json(wrong, "").find("secret"), std::string::npos);
        }
        if (status >= 500 && status != 507) {
            EXPECT_EQ(wrong.role, "storage");
        }
    }
}

TEST(Problems, HeadersThatGoWithThem) {
    const auto field = [](unsigned status) {
        auto wrong = problem(status, "");
        wrong.allow = status == 405 ? "GET" : "";
        wrong.retry_after_s = status == 503 ? 2 : 0;
        const auto response = to_response(wrong, "");
        return response.fields.empty()
                   ? std::string()
                   : response.fields[0].first + ": " + response.fields[0].second;
    };
    EXPECT_EQ(field(401), "WWW-Authenticate: Bearer realm=\"warren\"");
    EXPECT_EQ(field(405), "Allow: GET");
    EXPECT_EQ(field(503), "Retry-After: 2");
    EXPECT_EQ(field(404), "");
}

TEST(Problems, InstanceIsClean) {
    http::Head head{"GET", "/a\"b\\c\x01\xff?token=x", {}, ""};
    EXPECT_EQ(instance_of(head), "/a_b_c__");
}

TEST(Prometheus, CountersGaugesAndHistograms) {
    pipe::Metrics metrics;
    metrics.counter("requests_total{route=search,status=200}") = 3;
    metrics.gauge("queue_bytes") = -5;
    metrics.observe_us("request_us", 0);
    metrics.observe_us("request_us", 3);
    metrics.observe_us("request_us", std::uint64_t{1} << 50);
    const auto text = metrics_text({{"api-0", metrics.json("api-0")}, {"api-1", "not json"}},
                                   {{"api", "api-0", true}, {"storage", "storage-0", false}});
    for (const auto* line :
         {"# TYPE warren_requests_total counter\n",
          "warren_requests_total{worker=\"api-0\",route=\"search\",status=\"200\"} 3\n",
          "# TYPE warren_queue_bytes gauge\n", "warren_queue_bytes{worker=\"api-0\"} -5\n",
          "# TYPE warren_request_seconds histogram\n",
          "warren_request_seconds_bucket{worker=\"api-0\",le=\"1e-06\"} 1\n",
          "warren_request_seconds_bucket{worker=\"api-0\",le=\"2e-06\"} 1\n",
          "warren_request_seconds_bucket{worker=\"api-0\",le=\"4e-06\"} 2\n",
          "warren_request_seconds_bucket{worker=\"api-0\",le=\"+Inf\"} 3\n",
          "warren_request_seconds_count{worker=\"api-0\"} 3\n",
          "warren_up{role=\"api\",worker=\"api-0\"} 1\n",
          "warren_up{role=\"storage\",worker=\"storage-0\"} 0\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
}

TEST(Prometheus, FamiliesStandTogether) {
    pipe::Metrics metrics;
    metrics.counter("a_total") = 1;
    metrics.counter("b_total") = 1;
    const auto text =
        metrics_text({{"api-0", metrics.json("api-0")}, {"api-1", metrics.json("api-1")}}, {});
    const auto type = text.find("# TYPE warren_a_total");
    EXPECT_EQ(text.find("# TYPE warren_a_total", type + 1), std::string::npos);
    EXPECT_LT(text.find("warren_a_total{worker=\"api-1\"}"), text.find("# TYPE warren_b_total"));
}

TEST(Prometheus, HostileNamesStayInTheirPlace) {
    const auto text = metrics_text(
        {{"w\"\n0",
          R"({"counters":{"a b{c=d\"e,f}":1,"x{":2,"y{}":3},"histograms":{"h":{"count":-1,"sum_us":0,"buckets":[]}}})"}},
        {});
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        const auto line = text.substr(at, text.find('\n', at) - at);
        EXPECT_TRUE(line.starts_with("warren_") || line.starts_with("# TYPE warren_")) << line;
    }
}

TEST(Events, QueueFormatsFiltersAndLosesTheOldest) {
    EventQueue queue({"event.record"});
    EXPECT_TRUE(queue.wants("event.record.committed"));
    EXPECT_FALSE(queue.wants("event.peer.met"));
    queue.push("event.record.committed", "{\"a\":1}\ndata: forged");
    EXPECT_EQ(queue.take(), "event: event.record.committed\ndata: {\"a\":1}data: forged\n\n");
    EXPECT_TRUE(queue.empty());
    for (std::size_t i = 0; i < EventQueue::messages_max + 3; ++i)
        queue.push("event.record.x", std::to_string(i));
    const auto text = queue.take();
    EXPECT_TRUE(
        text.starts_with("event: lost\ndata: {\"count\":3}\n\nevent: event.record.x\ndata: 3\n"));
    queue.push("event.record.x", std::string(EventQueue::bytes_max + 1, 'x'));
    EXPECT_EQ(queue.take(), "event: lost\ndata: {\"count\":1}\n\n");
}

TEST(Errands, IdsRepeatForTheSameKeyAndPath) {
    const auto id = Errand::id_of("POST", "/api/v1/channels", "key");
    EXPECT_EQ(id, Errand::id_of("POST", "/api/v1/channels", "key"));
    EXPECT_NE(id, Errand::id_of("PUT", "/api/v1/channels", "key"));
    EXPECT_NE(id, Errand::id_of("POST", "/api/v1/channel", "skey"));
    Errand first(0, Patience::Write, id), second(0, Patience::Write, id);
    const auto step = first.next_id();
    EXPECT_EQ(step, second.next_id());
    EXPECT_NE(step, second.next_id());
}

}  // namespace
}  // namespace warren::api
