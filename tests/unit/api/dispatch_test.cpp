// Requests through the whole api worker: what it asks of others, and what becomes of their answers
// and of their absence.
#include <gtest/gtest.h>

#include "ipc-schema/network_generated.h"
#include "ipc-schema/storage_generated.h"
#include "ipc-schema/torrent_generated.h"
#include "tests/unit/api/node.h"
#include "workers/api/json/schema.h"

namespace warren::api::testing {
namespace {

using process::Role;
using process::WorkerState;
using Answered = std::optional<Result<pipe::Message>>;
using Builder = flatbuffers::FlatBufferBuilder;
namespace S = ipc::storage;
namespace T = ipc::torrent;
namespace N = ipc::network;

template <typename Id, typename Wire>
Wire filled(std::uint8_t with) {
    Id id;
    id.bytes.fill(with);
    return Wire(flatbuffers::span<const std::uint8_t, Id::size>(id.bytes));
}
ipc::CommunityId community(std::uint8_t with) {
    return filled<CommunityId, ipc::CommunityId>(with);
}
ipc::Infohash infohash(std::uint8_t with) {
    return filled<Infohash, ipc::Infohash>(with);
}
ipc::RecordRef record(std::uint64_t time) {
    return {time, filled<RecordId, ipc::RecordId>(9)};
}

template <typename Body>
Answered storage_reply(Builder& builder, flatbuffers::Offset<Body> body) {
    auto root = S::CreateAnswer(builder, S::ReplyTraits<Body>::enum_value, body.Union());
    return pipe::Message{pipe::finish(builder, root), {}};
}
template <typename Body>
Answered torrent_reply(Builder& builder, flatbuffers::Offset<Body> body) {
    auto root = T::CreateAnswer(builder, T::ReplyTraits<Body>::enum_value, body.Union());
    return pipe::Message{pipe::finish(builder, root), {}};
}

S::Inbox storage_kind(const pipe::Ask& ask) {
    return pipe::verified_root<S::Request>(ask.message.body)->body_type();
}

Answered found_channel(const pipe::Ask&) {
    Builder builder;
    const auto id = community(5);
    const auto ref = record(3);
    return storage_reply(builder, S::CreateFoundChannelReply(builder, &id, &ref));
}

// The answer is a problem document of this status, or a body as the route's schema says.
void expect_shape(const HttpAnswer& answer, std::string_view schema) {
    const bool good = answer.status < 300;
    const auto errors =
        json::check(answer.json(), *json::find_schema(good ? schema : std::string_view("Problem")));
    for (const auto& error : errors)
        ADD_FAILURE() << error.pointer << " " << error.detail << " in " << answer.body;
    EXPECT_EQ(answer.fields.at("content-type"),
              good ? "application/json" : "application/problem+json");
}

TEST(Dispatch, StatusAnswersWhateverElseIsDown) {
    Node node;
    for (const auto role : {Role::Network, Role::Torrent, Role::Sign})
        node.set_state(role, 0, WorkerState::Down);
    node.set_state(Role::Storage, 1, WorkerState::Degraded);
    const auto answer = node.call("GET", "/api/v1/status");
    EXPECT_EQ(answer.status, 200u);
    expect_shape(answer, "Status");
    EXPECT_EQ(answer.json()["state"], "degraded");
    EXPECT_EQ(answer.json()["degraded"].size(), 4u);
    EXPECT_EQ(answer.json()["version"], "9.9");
}

TEST(Dispatch, WhatTheSupervisorAnswers) {
    Node node;
    expect_shape(node.call("GET", "/api/v1/workers"), "WorkerList");
    expect_shape(node.call("GET", "/api/v1/openapi.json"), "OpenApi");
    expect_shape(node.call("GET", "/api/v1/settings"), "Settings");
    expect_shape(node.call("PUT", "/api/v1/workers/storage", "{\"count\":4}"), "Scaled");
    expect_shape(node.call("POST", "/api/v1/reload"), "Accepted");
    EXPECT_EQ(node.call("POST", "/api/v1/stop").status, 202u);
    const auto refused = node.call("PUT", "/api/v1/workers/storage", "{\"count\":17}");
    EXPECT_EQ(refused.status, 422u);
    EXPECT_EQ(refused.json()["detail"], "count: at most 16");
}

TEST(Dispatch, ChannelIsCreatedOncePerKey) {
    Node node;
    node.script(found_channel);
    const auto make = [&](std::string_view key) {
        return node.call("POST", "/api/v1/channels", "{\"name\":\"Books\"}",
                         "Idempotency-Key: " + std::string(key) + "\r\n");
    };
    const auto answer = make("k1");
    EXPECT_EQ(answer.status, 201u);
    expect_shape(answer, "CreatedChannel");
    EXPECT_EQ(answer.fields.at("location"),
              "/api/v1/channels/" + answer.json()["id"].get<std::string>());
    make("k1");
    make("k2");
    node.call("POST", "/api/v1/channels", "{\"name\":\"Books\"}");
    const auto asked = node.asked();
    ASSERT_EQ(asked.size(), 4u);
    EXPECT_EQ(asked[0].id, asked[1].id);
    EXPECT_NE(asked[0].id, asked[2].id);
    EXPECT_NE(asked[2].id, asked[3].id);
    EXPECT_EQ(asked[0].no_credit, pipe::NoCredit::Wait);
    EXPECT_EQ(make("").status, 400u);
    EXPECT_EQ(make("a b").status, 400u);
    EXPECT_EQ(make(std::string(65, 'x')).status, 400u);
    EXPECT_EQ(make(std::string(64, 'x')).status, 201u);
}

TEST(Dispatch, BadBodiesAskNobody) {
    Node node;
    const auto body = node.call("POST", "/api/v1/channels", "{\"name\":\n tru}");
    EXPECT_EQ(body.status, 400u);
    EXPECT_NE(body.json()["detail"].get<std::string>().find("line 2, column "), std::string::npos);
    const auto member = node.call("POST", "/api/v1/channels", "{\"name\":\"x\",\"nmae\":1}");
    EXPECT_EQ(member.json()["errors"][0]["pointer"], "/nmae");
    EXPECT_EQ(node.call("POST", "/api/v1/reload", "{\"now\":true}").status, 400u);
    EXPECT_EQ(node.call("POST", "/api/v1/peers", "{\"address\":\"1.2.3.4\"}").status, 400u);
    EXPECT_EQ(node.call("POST", "/api/v1/downloads", "{\"magnet\":\"magnet:?x\"}").status, 400u);
    const auto torrents = "/api/v1/channels/" + std::string(40, 'a') + "/torrents";
    const auto magnet = "{\"magnet\":\"magnet:?xt=urn:btih:" + std::string(40, 'a') + "\"}";
    EXPECT_EQ(node.call("POST", torrents, magnet).json()["errors"][0]["pointer"], "/name");
    EXPECT_EQ(node.call("GET", "/api/v1/search?q=a&limit=0").status, 400u);
    EXPECT_TRUE(node.asked().empty());
}

TEST(Dispatch, PublishingInspectsThenSigns) {
    Node node;
    node.script([](const pipe::Ask& ask) -> Answered {
        Builder builder;
        if (ask.role == Role::Torrent) {
            const auto id = infohash(6);
            const auto name = builder.CreateString("Spring");
            return torrent_reply(builder,
                                 T::CreateCreateTorrentReply(builder, &id, name, 1234, 0, 2));
        }
        const auto ref = record(8);
        return storage_reply(builder, S::CreatePublishRecordReply(builder, &ref));
    });
    const auto torrents = "/api/v1/channels/" + std::string(40, 'a') + "/torrents";
    const auto answer = node.call("POST", torrents, "{\"path\":\"films/spring\"}");
    EXPECT_EQ(answer.status, 201u) << answer.body;
    expect_shape(answer, "PublishedTorrent");
    EXPECT_EQ(answer.json()["name"], "Spring");
    EXPECT_EQ(answer.json()["files"], 2);
    const auto asked = node.asked();
    ASSERT_EQ(asked.size(), 2u);
    EXPECT_NE(asked[0].id, asked[1].id);
    EXPECT_EQ(storage_kind(asked[1]), S::Inbox::PublishRecord);
}

TEST(Dispatch, SearchMergesByRankAndSaysWhatIsMissing) {
    Node node;
    node.script([](const pipe::Ask& ask) -> Answered {
        if (ask.target.index == 1 && ask.trace == 99) return std::nullopt;
        Builder builder;
        const auto id = community(1);
        const auto ref = record(1);
        const auto hash = infohash(2);
        std::vector<flatbuffers::Offset<S::Torrent>> list;
        for (const double rank : {-3.0, -1.0}) {
            const auto own = rank - 0.5 * ask.target.index;
            const auto name = builder.CreateString(std::to_string(own));
            list.push_back(S::CreateTorrent(builder, &id, &ref, &hash, name, 1, 1, 0, 0, 0, own));
        }
        return storage_reply(builder, S::CreateSearchReply(builder, builder.CreateVector(list)));
    });
    const auto both = node.call("GET", "/api/v1/search?q=x&limit=3");
    expect_shape(both, "SearchResult");
    ASSERT_EQ(both.json()["items"].size(), 3u) << both.body;
    EXPECT_EQ(both.json()["items"][0]["name"], "-3.500000");
    EXPECT_EQ(both.json()["items"][1]["name"], "-3.000000");
    EXPECT_EQ(both.json()["complete"], true);
    node.set_state(Role::Storage, 1, WorkerState::Degraded);
    const auto asked = node.asked().size();
    EXPECT_EQ(node.call("GET", "/api/v1/search?q=x").json()["items"].size(), 2u);
    EXPECT_EQ(node.asked().size(), asked + 1);
}

TEST(Dispatch, DownloadsComeInPages) {
    Node node;
    node.script([](const pipe::Ask& ask) -> Answered {
        const auto* root = pipe::verified_root<T::Request>(ask.message.body);
        const auto* list = root->body_as_ListDownloads();
        Builder builder;
        const auto id = infohash(list->after() ? 2 : 1);
        const auto entry = T::CreateDownload(builder, &id, 0, T::DownloadState::Seeding);
        const auto entries = builder.CreateVector(&entry, 1);
        return torrent_reply(builder,
                             T::CreateListDownloadsReply(builder, entries, !list->after()));
    });
    const auto answer = node.call("GET", "/api/v1/downloads");
    expect_shape(answer, "DownloadList");
    EXPECT_EQ(answer.json()["items"].size(), 2u);
    EXPECT_EQ(answer.json()["items"][1]["state"], "seeding");
}

TEST(Dispatch, FailuresKeepTheirKind) {
    Node node;
    const std::vector<std::pair<ErrorKind, unsigned>> table = {
        {ErrorKind::BadInput, 422},    {ErrorKind::NotFound, 404}, {ErrorKind::Refused, 403},
        {ErrorKind::Unavailable, 503}, {ErrorKind::NoSpace, 507},  {ErrorKind::Io, 500}};
    for (const auto& [kind, status] : table) {
        node.script([kind = kind](const pipe::Ask&) -> Answered {
            return Result<pipe::Message>(Error{kind, "because"});
        });
        const auto answer = node.call("POST", "/api/v1/channels", "{\"name\":\"x\"}");
        EXPECT_EQ(answer.status, status);
        expect_shape(answer, "");
        EXPECT_EQ(answer.fields.contains("retry-after"), status == 503);
    }
    node.script([](const pipe::Ask&) -> Answered {
        return pipe::Message{pipe::Frame(Bytes(64, 0xff)), {}};
    });
    EXPECT_EQ(node.call("GET", "/api/v1/channels").status, 500u);
}

TEST(Dispatch, ReadsDoNotWaitForARoleThatIsNotThere) {
    Node node;
    for (const int index : {0, 1})
        node.set_state(Role::Storage, static_cast<std::uint16_t>(index), WorkerState::Starting);
    const auto answer = node.call("GET", "/api/v1/channels");
    EXPECT_EQ(answer.status, 503u);
    expect_shape(answer, "");
    EXPECT_EQ(answer.json()["role"], "storage");
    EXPECT_EQ(answer.fields.at("retry-after"), "1");
    EXPECT_TRUE(node.asked().empty());
    // A change is handed to the pipe, which sends it once the worker is back.
    node.script(found_channel);
    EXPECT_EQ(node.call("POST", "/api/v1/channels", "{\"name\":\"x\"}").status, 201u);
}

TEST(Dispatch, DegradedIsAnsweredAtOnceAndWaitersAreFreed) {
    Node node({.timeout_ms = 120'000});
    Client waiting(node.port());
    waiting.send(request_text("POST", "/api/v1/channels", "{\"name\":\"x\"}", "", node.port()));
    const auto end = monotonic_now() + 20_s;
    while (node.asked().empty() && monotonic_now() < end) {
    }
    for (const int index : {0, 1})
        node.set_state(Role::Storage, static_cast<std::uint16_t>(index), WorkerState::Degraded);
    const auto freed = waiting.read_answer();  // the client gives up long before the deadline
    EXPECT_EQ(freed.status, 503u);
    EXPECT_EQ(freed.json()["role"], "storage");
    EXPECT_EQ(node.call("POST", "/api/v1/channels", "{\"name\":\"x\"}").status, 503u);
    EXPECT_EQ(node.asked().size(), 1u);
}

TEST(Dispatch, NoAnswerWaitsBeyondItsDeadline) {
    Node node({.timeout_ms = 200});
    for (const auto* path : {"/api/v1/channels", "/api/v1/search?q=x", "/api/v1/downloads",
                             "/api/v1/peers", "/api/v1/sync", "/api/v1/communities"}) {
        const auto answer = node.call("GET", path);
        EXPECT_EQ(answer.status, 503u) << path;
        expect_shape(answer, "");
    }
    EXPECT_EQ(node.call("POST", "/api/v1/peers", "{\"address\":\"127.0.0.1:9\"}").status, 503u);
    EXPECT_EQ(node.call("GET", "/api/v1/status").status, 200u);
    EXPECT_EQ(node.call("GET", "/metrics").status, 200u);
}

}  // namespace
}  // namespace warren::api::testing
