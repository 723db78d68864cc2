// Requests through the whole api worker: what it asks of others, and what becomes of their answers
// and of their absence.
#include <gtest/gtest.h>

#include <sstream>

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

// Both steps of founding: the channel where the request's id says, then its announcement.
Answered found_channel(const pipe::Ask& ask) {
    Builder builder;
    const auto id = community(5);
    const auto ref = record(3);
    if (storage_kind(ask) == S::Inbox::PublishRecord)
        return storage_reply(builder, S::CreatePublishRecordReply(builder, &ref));
    EXPECT_EQ(ask.target.index, process::founding_slot(ask.id));
    const auto payload = builder.CreateVector(Bytes{1, 2, 3});
    return storage_reply(builder, S::CreateFoundChannelReply(builder, &id, &ref, payload));
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
    ASSERT_EQ(asked.size(), 8u) << "two steps each";
    EXPECT_EQ(asked[0].id, asked[2].id);
    EXPECT_EQ(asked[1].id, asked[3].id) << "it is announced once, too";
    EXPECT_NE(asked[0].id, asked[1].id);
    EXPECT_NE(asked[0].id, asked[4].id);
    EXPECT_NE(asked[4].id, asked[6].id);
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

// Of two workers that share them.
std::uint64_t slots_of(std::uint16_t worker) {
    return std::uint64_t{0x5555'5555'5555'5555} << worker;
}

TEST(Dispatch, SearchMergesByRankAndSaysWhatIsMissing) {
    Node node;
    node.script([](const pipe::Ask& ask) -> Answered {
        if (ask.target.index == 1 && ask.trace == 99) return std::nullopt;
        Builder builder;
        const auto id = community(1);
        const auto hash = infohash(2);
        std::vector<flatbuffers::Offset<S::Torrent>> list;
        for (const double rank : {-3.0, -1.0}) {
            const auto ref = record(static_cast<std::uint64_t>(10 - rank) + ask.target.index);
            const auto own = rank - 0.5 * ask.target.index;
            const auto name = builder.CreateString(std::to_string(own));
            list.push_back(S::CreateTorrent(builder, &id, &ref, &hash, name, 1, 1, 0, 0, 0, own));
        }
        return storage_reply(builder, S::CreateSearchReply(builder, builder.CreateVector(list),
                                                           false, slots_of(ask.target.index)));
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

// Slots that move have no owner for a moment, or answer twice: nothing is missing, nothing is there
// twice, and nobody is told of it.
TEST(Dispatch, ASearchWhileSlotsMoveIsAskedAgain) {
    Node node;
    int asked = 0;
    node.script([&asked](const pipe::Ask& ask) -> Answered {
        const bool moving = asked++ < 2;
        const auto worker = ask.target.index;
        Builder builder;
        const auto id = community(1);
        const auto hash = infohash(2);
        std::vector<flatbuffers::Offset<S::Torrent>> list;
        for (const std::uint64_t time : {std::uint64_t{1}, std::uint64_t{2} + worker}) {
            const auto ref = record(time);  // the first is in both answers
            const auto name = builder.CreateString(std::to_string(time));
            list.push_back(S::CreateTorrent(builder, &id, &ref, &hash, name, 1, 1, 0, 0, 0, -1));
        }
        const auto slots = moving && worker == 1 ? 0 : slots_of(worker);
        return storage_reply(
            builder, S::CreateSearchReply(builder, builder.CreateVector(list), false, slots));
    });
    const auto found = node.call("GET", "/api/v1/search?q=x").json();
    EXPECT_EQ(asked, 4);
    EXPECT_EQ(found["items"].size(), 3u) << found;
    EXPECT_EQ(found["complete"], true);
}

// One torrent for each part of each worker's index; better, the later the part.
Answered found_part(const S::Search& question, std::uint16_t worker) {
    Builder builder;
    const auto id = community(1);
    const auto ref = record(1);
    const auto hash = infohash(2);
    const double score = question.group() + 0.5 * worker;
    const auto name = builder.CreateString("part " + std::to_string(question.group()));
    const std::vector<flatbuffers::Offset<S::Torrent>> list = {S::CreateTorrent(
        builder, &id, &ref, &hash, name, 1, 1, 0, 0, 0, -score, 12, 3, 1'000, score, 1, 1)};
    return storage_reply(builder, S::CreateSearchReply(builder, builder.CreateVector(list), false,
                                                       slots_of(worker)));
}

const S::Search& search_of(const pipe::Ask& ask) {
    return *pipe::verified_root<S::Request>(ask.message.body)->body_as_Search();
}

void ask_for_lines(Client& client, const Node& node, std::string_view path) {
    client.send(request_text("GET", path, "", "Accept: text/html;q=0.5, application/x-ndjson\r\n",
                             node.port()));
}

std::vector<nlohmann::json> lines_in(const std::string& text) {
    std::vector<nlohmann::json> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("{")) continue;
        out.push_back(nlohmann::json::parse(line, nullptr, false));
        const auto faults = json::check(out.back(), *json::find_schema("SearchLine"));
        EXPECT_TRUE(faults.empty()) << line;
    }
    return out;
}

TEST(Dispatch, SearchComesLineByLineToThoseWhoAskForIt) {
    Node node;
    node.script([](const pipe::Ask& ask) { return found_part(search_of(ask), ask.target.index); });
    Client client(node.port());
    ask_for_lines(client, node, "/api/v1/search?q=x&limit=100");
    const auto text = client.read_until("\r\n0\r\n\r\n");
    EXPECT_NE(text.find("Content-Type: application/x-ndjson\r\n"), std::string::npos) << text;
    const auto lines = lines_in(text);
    ASSERT_EQ(lines.size(), 17u) << text;  // 8 parts of 2 workers
    EXPECT_EQ(lines.back(), (nlohmann::json{{"complete", true}, {"items", 16}}));
    EXPECT_EQ(lines[0]["torrent"]["seeders"], 12);
    // What cannot be among the best any more is left out: there are 16, each better one is sent.
    Client few(node.port());
    ask_for_lines(few, node, "/api/v1/search?q=x&limit=1");
    const auto best = lines_in(few.read_until("\r\n0\r\n\r\n"));
    ASSERT_GE(best.size(), 2u);
    EXPECT_EQ(best[best.size() - 2]["torrent"]["score"], 7.5);
    EXPECT_LE(best.size(), 17u);
    // Others get one answer.
    expect_shape(node.call("GET", "/api/v1/search?q=x"), "SearchResult");
}

TEST(Dispatch, FirstLinesDoNotWaitForTheLastPart) {
    Node node;
    node.script([](const pipe::Ask& ask) -> Answered {
        if (search_of(ask).group() > 0) return std::nullopt;
        return found_part(search_of(ask), ask.target.index);
    });
    Client client(node.port());
    ask_for_lines(client, node, "/api/v1/search?q=x");
    const auto begin = monotonic_now();
    const auto first = client.read_until("\"torrent\"");
    EXPECT_NE(first.find("HTTP/1.1 200 "), std::string::npos) << first;
    EXPECT_LT(monotonic_now() - begin, 1_s);  // the others have 2 s
    const auto rest = lines_in(client.read_until("\r\n0\r\n\r\n"));
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(rest.back(), (nlohmann::json{{"complete", false}, {"items", 2}}));
}

TEST(Dispatch, WhatIsWrongWithASearchIsSaidByItsStatus) {
    Node node;
    node.script([](const pipe::Ask&) -> Answered {
        return Result<pipe::Message>(bad_input("the search text is not UTF-8"));
    });
    const std::string_view accept = "Accept: application/x-ndjson\r\n";
    const auto answer = node.call("GET", "/api/v1/search?q=x", "", accept);
    EXPECT_EQ(answer.status, 422u);
    expect_shape(answer, "");
    node.script(
        [](const pipe::Ask&) -> Answered { return Result<pipe::Message>(unavailable("not now")); });
    EXPECT_EQ(node.call("GET", "/api/v1/search?q=x", "", accept).status, 503u);
}

TEST(Dispatch, AnAuthorsRecordsAreMergedOverWorkers) {
    Node node;
    node.script([](const pipe::Ask& ask) -> Answered {
        Builder builder;
        const auto worker = static_cast<std::uint8_t>(ask.target.index);
        std::vector<flatbuffers::Offset<S::Authored>> rows;
        for (std::uint64_t time = 3; time > 1; --time) {
            const auto cursor = builder.CreateString("c" + std::to_string(worker));
            const auto id = community(static_cast<std::uint8_t>(5 + worker));
            const auto ref = record(time);
            rows.push_back(S::CreateAuthored(builder, &id, &ref, 2, time == 3, cursor));
        }
        const auto list = builder.CreateVector(rows);
        const auto key = builder.CreateVector(Bytes(74, 7));
        return storage_reply(builder, S::CreateListAuthoredReply(builder, list, false, 2, 1, key,
                                                                 false, slots_of(worker)));
    });
    for (const auto& member : {std::string(40, 'a'), std::string(148, 'b')}) {
        const auto answer = node.call("GET", "/api/v1/members/" + member + "/records?limit=3");
        EXPECT_EQ(answer.status, 200u) << answer.body;
        expect_shape(answer, "AuthorPage");
        const auto body = answer.json();
        ASSERT_EQ(body["items"].size(), 3u) << answer.body;
        EXPECT_GT(body["items"][0]["community"], body["items"][2]["community"]);
        EXPECT_EQ(body["records"], 4);
        EXPECT_EQ(body["forks"], 2);
        EXPECT_EQ(body["next"], "c0");
        EXPECT_EQ(body["public_key"], to_hex(Bytes(74, 7)));
    }
    EXPECT_EQ(node.call("GET", "/api/v1/members/abc/records").status, 400u);
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
