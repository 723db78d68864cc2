// HTTP itself, over real sockets: limits, keep-alive, pipelining, chunks, streams (R-A5, F-29).
#include <gtest/gtest.h>

#include "tests/unit/api/node.h"

namespace warren::api::testing {
namespace {

TEST(Http, AnswersOnOneConnectionInOrder) {
    Node node;
    Client client(node.port());
    std::string pipelined;
    for (int i = 0; i < 20; ++i)
        pipelined +=
            request_text("GET", i % 2 ? "/api/v1/workers" : "/nowhere", "", "", node.port());
    ASSERT_TRUE(client.send(pipelined));
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(client.read_answer().status, i % 2 ? 200u : 404u) << i;
}

TEST(Http, ClosesAfterAHundredRequests) {
    Node node;
    Client client(node.port());
    for (int i = 1; i <= 100; ++i) {
        ASSERT_TRUE(client.send(request_text("GET", "/api/v1/workers", "", "", node.port())));
        const auto answer = client.read_answer();
        ASSERT_EQ(answer.status, 200u);
        EXPECT_EQ(answer.fields.at("connection"), i < 100 ? "keep-alive" : "close") << i;
    }
    EXPECT_TRUE(client.at_end());
}

TEST(Http, HeadHasNoBody) {
    Node node;
    Client client(node.port());
    ASSERT_TRUE(client.send(request_text("HEAD", "/api/v1/workers", "", "", node.port()) +
                            request_text("GET", "/api/v1/workers", "", "", node.port())));
    const auto head = client.read_answer(true);
    const auto get = client.read_answer();
    EXPECT_EQ(head.status, 200u);
    EXPECT_EQ(head.fields.at("content-length"), get.fields.at("content-length"));
    EXPECT_FALSE(get.body.empty());
}

TEST(Http, EveryAnswerSaysHowItMayBeUsed) {
    Node node;
    for (const auto* path : {"/api/v1/workers", "/nowhere"}) {
        const auto answer = node.call("GET", path);
        EXPECT_EQ(answer.fields.at("x-content-type-options"), "nosniff");
        EXPECT_EQ(answer.fields.at("cache-control"), "no-store");
        EXPECT_EQ(answer.fields.at("content-security-policy"),
                  "default-src 'none'; frame-ancestors 'none'");
        EXPECT_FALSE(answer.fields.contains("access-control-allow-origin"));
    }
}

TEST(Http, HeaderAtItsBoundAndBeyond) {
    Node node;
    EXPECT_EQ(
        node.call("GET", "/api/v1/workers", "", "X: " + std::string(15'000, 'x') + "\r\n").status,
        200u);
    EXPECT_EQ(
        node.call("GET", "/api/v1/workers", "", "X: " + std::string(17'000, 'x') + "\r\n").status,
        431u);
    EXPECT_EQ(node.call("GET", "/api/v1/workers", "", "X: " + std::string(1'000'000, 'x') + "\r\n")
                  .status,
              431u);
    EXPECT_EQ(node.call("GET", "/api/v1/workers").status, 200u);
}

TEST(Http, BodyAtItsBoundAndBeyond) {
    Node node;
    const std::size_t mib = 1u << 20;
    const auto padded = [](std::size_t size) {
        const std::string inner = "{\"address\":\"nonsense\"}";
        return inner + std::string(size - inner.size(), ' ');
    };
    EXPECT_EQ(node.call("POST", "/api/v1/peers", padded(mib)).status, 400u);  // read, and wrong
    EXPECT_EQ(node.call("POST", "/api/v1/peers", padded(mib + 1)).status, 413u);
    const auto torrents = "/api/v1/channels/" + std::string(40, 'a') + "/torrents";
    EXPECT_EQ(node.call("POST", torrents, padded(2 * mib)).status, 400u);
    EXPECT_EQ(node.call("POST", torrents, padded(2 * mib + 1)).status, 413u);
}

TEST(Http, ChunkedBodiesHaveTheSameBound) {
    Node node;
    const auto head = request_text("PUT", "/api/v1/workers/storage", "",
                                   "Transfer-Encoding: chunked\r\n", node.port());
    Client right(node.port());
    ASSERT_TRUE(right.send(head + "6\r\n{\"coun\r\n5\r\nt\":2}\r\n0\r\n\r\n"));
    EXPECT_EQ(right.read_answer().status, 200u);
    Client large(node.port());
    const std::string part(65536, ' ');
    large.send(head);
    for (int i = 0; i < 20; ++i)
        if (!large.send("10000\r\n" + part + "\r\n")) break;
    EXPECT_EQ(large.read_answer().status, 413u);
}

TEST(Http, RefusesBeforeTheBodyComes) {
    Node node;
    Client client(node.port());
    ASSERT_TRUE(client.send("POST /api/v1/channels HTTP/1.1\r\nHost: 127.0.0.1:" +
                            std::to_string(node.port()) + "\r\nContent-Length: 1000\r\n\r\n"));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.status, 401u);
    EXPECT_EQ(answer.fields.at("connection"), "close");
}

TEST(Http, SaysGoOnToWhoeverWaitsForIt) {
    Node node;
    Client client(node.port());
    ASSERT_TRUE(
        client.send(request_text("PUT", "/api/v1/workers/storage", "",
                                 "Expect: 100-continue\r\nContent-Length: 11\r\n", node.port())));
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    ASSERT_TRUE(client.send("{\"count\":2}"));
    EXPECT_EQ(client.read_answer().status, 200u);
}

TEST(Http, NonsenseGetsAnAnswerAndNoMore) {
    Node node;
    for (const std::string text :
         {"\x16\x03\x01\x02\x01 TLS?\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
          "G\x01T / HTTP/1.1\r\n\r\n"}) {
        Client client(node.port());
        ASSERT_TRUE(client.send(text));
        const auto answer = client.read_answer();
        EXPECT_TRUE(answer.status == 0 || (answer.status >= 400 && answer.status < 600)) << text;
        EXPECT_TRUE(client.at_end()) << text;
    }
    EXPECT_EQ(node.call("GET", "/api/v1/workers").status, 200u);
}

TEST(Http, AFullHouseSendsTheOneAtRestAway) {
    Node node({.connections_max = 3});
    std::vector<std::unique_ptr<Client>> resting;
    for (int i = 0; i < 12; ++i) {
        resting.push_back(std::make_unique<Client>(node.port()));
        ASSERT_TRUE(
            resting.back()->send(request_text("GET", "/api/v1/workers", "", "", node.port())));
        EXPECT_EQ(resting.back()->read_answer().status, 200u) << i;
    }
    EXPECT_TRUE(resting.front()->at_end());
}

TEST(Http, EventStreamsAreCountedAndEnd) {
    Node node({.streams_max = 2});
    const auto open = [&](Client& client) {
        client.send(request_text("GET", "/api/v1/events?topics=event.record", "", "", node.port()));
        return client.read_until("\r\n\r\n");
    };
    auto first = std::make_unique<Client>(node.port());
    Client second(node.port());
    EXPECT_NE(open(*first).find("Content-Type: text/event-stream"), std::string::npos);
    EXPECT_NE(first->read_until(": warren events\n\n"), "");
    EXPECT_NE(open(second).find("200 OK"), std::string::npos);
    EXPECT_NE(second.read_until(": warren events\n\n"), "");
    EXPECT_EQ(node.call("GET", "/api/v1/events").status, 503u);
    // The place of one who left is free again without waiting for the next event.
    first.reset();
    unsigned status = 503;
    for (const auto end = monotonic_now() + 10_s; status == 503 && monotonic_now() < end;) {
        Client third(node.port());
        status = open(third).find("200 OK") != std::string::npos ? 200 : 503;
    }
    EXPECT_EQ(status, 200u);
    EXPECT_EQ(node.call("GET", "/api/v1/events?topics=log.").status, 400u);
}

TEST(Http, DrainEndsStreamsAndConnectionsAtRest) {
    Node node;
    Client stream(node.port()), resting(node.port());
    stream.send(request_text("GET", "/api/v1/events", "", "", node.port()));
    EXPECT_NE(stream.read_until(": warren events\n\n"), "");
    resting.send(request_text("GET", "/api/v1/workers", "", "", node.port()));
    EXPECT_EQ(resting.read_answer().status, 200u);
    node.begin_drain();
    EXPECT_NE(stream.read_until("0\r\n\r\n"), "");
    EXPECT_TRUE(resting.at_end());
}

}  // namespace
}  // namespace warren::api::testing
