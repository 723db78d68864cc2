// The pipe as workers use it: requests, credit, roles, death of a reader. Real sockets, CURVE and
// ZAP.
#include <gmock/gmock.h>

#include "ipc-schema/sign_generated.h"
#include "ipc-schema/verify_generated.h"
#include "runtime/pipe/self_test.h"
#include "tests/support/pipe_pair.h"

namespace warren::test {
namespace {

using pipe::Answer;
using pipe::Ask;
using pipe::Message;
using pipe::NoCredit;
using pipe::Request;
using pipe::Task;
using process::Role;

Message check_signatures(std::size_t blob_bytes) {
    flatbuffers::FlatBufferBuilder builder;
    const auto body = ipc::verify::CreateCheckSignatures(
        builder, builder.CreateVector(std::vector<std::uint16_t>{1}));
    const auto root =
        ipc::verify::CreateRequest(builder, ipc::verify::Inbox::CheckSignatures, body.Union());
    return {pipe::finish(builder, root), {pipe::Frame(Bytes(blob_bytes, 0x55))}};
}

Message reply_of(std::uint8_t value) {
    flatbuffers::FlatBufferBuilder builder;
    const auto body = ipc::verify::CreateCheckSignaturesReply(
        builder, builder.CreateVector(std::vector<std::uint8_t>{value}));
    return {
        pipe::finish(builder, ipc::verify::CreateAnswer(
                                  builder, ipc::verify::Reply::CheckSignaturesReply, body.Union())),
        {}};
}

Task<Answer> echo(Request) {
    co_return Answer(reply_of(1));
}

class RecordingTap final : public pipe::Tap {
public:
    bool wanted(std::string_view) const override { return listening; }
    void publish(std::string_view topic, std::string_view) override { ++hops[std::string(topic)]; }

    bool listening = true;
    std::map<std::string, int> hops;
};

class PipeTest : public testing::Test {
protected:
    Ask ask(std::size_t blob_bytes = 100, NoCredit policy = NoCredit::Wait,
            Nanoseconds span = 5_s) {
        Ask out;
        out.role = Role::Verify;
        out.message = check_signatures(blob_bytes);
        out.deadline = monotonic_now() + span;
        out.no_credit = policy;
        return out;
    }

    // Asks and goes on; the answer is set when it comes.
    void start(pipe::LinkedOutbox& outbox, Ask question, std::optional<Result<Message>>& answer) {
        pipe::spawn(
            world.io,
            [](pipe::LinkedOutbox& box, Ask a, std::optional<Result<Message>>& to) -> Task<void> {
                to.emplace(co_await box.ask(std::move(a)));
            }(outbox, std::move(question), answer));
    }

    PipeWorld world;
    int listener = world.listen_at("verify-0");
};

TEST_F(PipeTest, AnswersARequest) {
    auto inbox =
        world.inbox(Role::Verify, "verify-0", listener, {}, [](Request request) -> Task<Answer> {
            EXPECT_EQ(request.from, Role::Network);
            EXPECT_EQ(request.message.blobs.size(), 1u);
            EXPECT_NE(pipe::verified_root<ipc::verify::Request>(request.message.body), nullptr);
            co_return Answer(reply_of(1));
        });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    const auto answer = world.finish(outbox->ask(ask()));
    ASSERT_TRUE(answer && answer->ok());
    EXPECT_NE(pipe::verified_root<ipc::verify::Answer>((*answer)->body), nullptr);
}

TEST_F(PipeTest, LargeBlobsArriveWhole) {
    std::size_t seen = 0;
    auto inbox =
        world.inbox(Role::Verify, "verify-0", listener, {}, [&](Request request) -> Task<Answer> {
            seen = request.message.blobs.at(0).size();
            co_return Answer(reply_of(1));
        });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    ASSERT_TRUE(world.finish(outbox->ask(ask(256 * 1024)))->ok());
    EXPECT_EQ(seen, 256u * 1024);
}

TEST_F(PipeTest, WithoutAReaderTheRequestFailsAtOnceOrWaits) {
    auto outbox = world.outbox(Role::Network);
    const auto refused = world.finish(outbox->ask(ask(100, NoCredit::Fail)));
    ASSERT_TRUE(refused && !refused->ok());
    EXPECT_EQ(refused->error().kind, ErrorKind::Unavailable);
    const auto waited = world.finish(outbox->ask(ask(100, NoCredit::Wait, 50_ms)));
    ASSERT_TRUE(waited && !waited->ok());
    EXPECT_EQ(waited->error().kind, ErrorKind::Expired);
}

// A reader that never answers takes what it granted and not a byte more.
TEST_F(PipeTest, CreditBoundsWhatIsInFlight) {
    std::size_t taken_bytes = 0, taken = 0;
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {1000, 1 << 20},
                             [&](Request request) -> Task<Answer> {
                                 ++taken;
                                 taken_bytes += request.message.bytes();
                                 co_await pipe::sleep_for(world.io, 60_s);
                                 co_return Answer(reply_of(1));
                             });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    std::size_t refused = 0, asked = 64;
    for (std::size_t i = 0; i < asked; ++i)
        pipe::spawn(world.io,
                    [](pipe::LinkedOutbox& box, Ask a, std::size_t& failed) -> Task<void> {
                        const auto answer = co_await box.ask(std::move(a));
                        if (!answer.ok() && answer.error().kind == ErrorKind::Unavailable) ++failed;
                    }(*outbox, ask(100'000, NoCredit::Drop, 30_s), refused));
    EXPECT_TRUE(world.run_until([&] { return taken + refused == asked; }));
    EXPECT_LE(taken_bytes, std::size_t{1} << 20);
    EXPECT_GE(taken, 10u);
    EXPECT_EQ(world.metrics.counter("pipe_dropped_total"), refused);
}

TEST_F(PipeTest, CreditReturnsWithAnswers) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {2, 4096}, echo);
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    int answered = 0;
    for (int i = 0; i < 50; ++i)
        pipe::spawn(world.io, [](pipe::LinkedOutbox& box, Ask a, int& done) -> Task<void> {
            if ((co_await box.ask(std::move(a))).ok()) ++done;
        }(*outbox, ask(), answered));
    EXPECT_TRUE(world.run_until([&] { return answered == 50; }));
}

// While somebody listens, one message of sixteen is followed: a line from the asker and one from
// the asked.
TEST_F(PipeTest, SampledMessagesAreTraced) {
    RecordingTap tap;
    world.tap = &tap;
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    for (int i = 0; i < 200; ++i) {
        auto question = ask();
        ASSERT_TRUE(world.finish(outbox->ask(std::move(question)))->ok());
    }
    EXPECT_GT(tap.hops.size(), 0u);
    EXPECT_LT(tap.hops.size(), 100u);
    for (const auto& [topic, hops] : tap.hops) {
        EXPECT_TRUE(topic.starts_with("trace."));
        EXPECT_EQ(hops, 2) << topic;
    }
    tap.listening = false;
    tap.hops.clear();
    for (int i = 0; i < 50; ++i) {
        auto question = ask();
        ASSERT_TRUE(world.finish(outbox->ask(std::move(question)))->ok());
    }
    EXPECT_TRUE(tap.hops.empty());
}

TEST_F(PipeTest, AForbiddenMessageIsRefusedAndReported) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    auto forbidden = ask();
    flatbuffers::FlatBufferBuilder builder;
    forbidden.message.body = pipe::finish(builder, [&] {
        // A tag that no edge allows: one past the union's last member.
        const auto body = ipc::verify::CreateCheckSignatures(
            builder, builder.CreateVector(std::vector<std::uint16_t>{}));
        return ipc::verify::CreateRequest(builder, static_cast<ipc::verify::Inbox>(9),
                                          body.Union());
    }());
    const auto answer = world.finish(outbox->ask(std::move(forbidden)));
    ASSERT_TRUE(answer && !answer->ok());
    EXPECT_EQ(answer->error().kind, ErrorKind::Refused);
    EXPECT_THAT(world.violations, testing::Contains(testing::HasSubstr("not allowed")));
}

TEST_F(PipeTest, MalformedBodiesAreRefused) {
    bool handled = false;
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, [&](Request) -> Task<Answer> {
        handled = true;
        co_return Answer(reply_of(1));
    });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    for (const Bytes& body : {Bytes{}, Bytes{1, 2, 3}, Bytes(64, 0xff), Bytes(64, 0)}) {
        auto bad = ask();
        bad.message.body = pipe::Frame(body);
        const auto answer = world.finish(outbox->ask(std::move(bad)));
        ASSERT_TRUE(answer && !answer->ok());
        EXPECT_EQ(answer->error().kind, ErrorKind::BadInput);
    }
    EXPECT_FALSE(handled);
    EXPECT_EQ(world.violations.size(), 4u);
}

TEST_F(PipeTest, AStrangerIsRefused) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    const auto safe = world.finish(pipe::stranger_is_refused(
        world.io, world.context, world.endpoint("verify-0"), world.keys[Role::Verify].public_key));
    ASSERT_TRUE(safe && safe->ok());
    EXPECT_GE(world.zap->refused(), 1u);
}

// The control of the test above: with the stranger's defence off (no ZAP check), the self-test
// fails.
TEST(PipeSelfTest, NoticesAMissingZapHandler) {
    PipeWorld world;
    world.zap.reset();
    const int listener = world.listen_at("verify-0");
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    const auto safe = world.finish(pipe::stranger_is_refused(
        world.io, world.context, world.endpoint("verify-0"), world.keys[Role::Verify].public_key));
    ASSERT_TRUE(safe.has_value());
    EXPECT_FALSE(safe->ok());
}

TEST_F(PipeTest, AWriterWithoutAnyKeyGetsNothing) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    pipe::Socket plain(world.context, pipe::SocketKind::Dealer, 8);
    ASSERT_TRUE(plain.connect(world.endpoint("verify-0")).ok());
    bool answered = false;
    pipe::Watch watch(world.io, plain, [&] { answered = plain.receive().has_value(); });
    pipe::Envelope open;
    open.kind = ipc::Kind::Open;
    open.schema_hash = 7;
    bool sent = false;
    world.run_until(
        [&] {
            sent = sent || plain.send({pipe::encode(open)});
            return answered;
        },
        300_ms);
    EXPECT_FALSE(sent) << "no connection may come to stand";
    EXPECT_FALSE(answered);
}

TEST_F(PipeTest, AWriterWithAnotherRolesKeyGetsNothing) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    world.keys[Role::Network] = KeyPair::fresh();  // a key that ZAP does not know
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    const auto answer = world.finish(outbox->ask(ask(100, NoCredit::Wait, 300_ms)));
    ASSERT_TRUE(answer && !answer->ok());
    EXPECT_EQ(answer->error().kind, ErrorKind::Expired);
}

TEST_F(PipeTest, ADeadReadersWorkGoesToItsSuccessorWithTheSameId) {
    std::vector<RequestId> seen;
    auto first =
        world.inbox(Role::Verify, "verify-0", listener, {}, [&](Request request) -> Task<Answer> {
            seen.push_back(request.id);
            co_await pipe::sleep_for(world.io, 60_s);
            co_return Answer(reply_of(0));
        });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    std::optional<Result<Message>> answer;
    start(*outbox, ask(), answer);
    ASSERT_TRUE(world.run_until([&] { return seen.size() == 1; }));
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0", process::WorkerState::Down)});
    const int second_listener = world.listen_at("verify-0b");
    auto second = world.inbox(Role::Verify, "verify-0b", second_listener, {},
                              [&](Request request) -> Task<Answer> {
                                  seen.push_back(request.id);
                                  co_return Answer(reply_of(1));
                              });
    outbox->on_roster({world.entry(Role::Verify, 0, 2, "verify-0b")});
    ASSERT_TRUE(world.run_until([&] { return answer.has_value(); }));
    EXPECT_TRUE(answer->ok());
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0], seen[1]);
}

TEST_F(PipeTest, ARequestThatTwoReadersDiedOfIsNotTriedAThirdTime) {
    int seen = 0;
    const auto hang = [&](Request) -> Task<Answer> {
        ++seen;
        co_await pipe::sleep_for(world.io, 60_s);
        co_return Answer(reply_of(0));
    };
    auto outbox = world.outbox(Role::Network);
    std::optional<Result<Message>> answer;
    start(*outbox, ask(), answer);
    std::vector<std::unique_ptr<pipe::Inbox>> spawns;
    for (std::uint64_t epoch = 1; epoch <= 2; ++epoch) {
        const auto name = "poison-" + std::to_string(epoch);
        spawns.push_back(world.inbox(Role::Verify, name, world.listen_at(name), {}, hang));
        outbox->on_roster({world.entry(Role::Verify, 0, epoch, name)});
        ASSERT_TRUE(world.run_until([&] { return seen == static_cast<int>(epoch); }));
        outbox->on_roster({world.entry(Role::Verify, 0, epoch, name, process::WorkerState::Down)});
    }
    ASSERT_TRUE(world.run_until([&] { return answer.has_value(); }));
    ASSERT_FALSE(answer->ok());
    EXPECT_THAT(answer->error().text, testing::HasSubstr("two workers died"));
}

TEST_F(PipeTest, AStalledReaderFailsThoseWhoDoNotWait) {
    int seen = 0;
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, [&](Request) -> Task<Answer> {
        ++seen;
        co_await pipe::sleep_for(world.io, 60_s);
        co_return Answer(reply_of(0));
    });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    std::optional<Result<Message>> answer;
    start(*outbox, ask(100, NoCredit::Fail, 30_s), answer);
    ASSERT_TRUE(world.run_until([&] { return seen == 1; }));
    outbox->on_roster(
        {world.entry(Role::Verify, 0, 1, "verify-0", process::WorkerState::Degraded)});
    ASSERT_TRUE(world.run_until([&] { return answer.has_value(); }));
    EXPECT_EQ(answer->error().kind, ErrorKind::Unavailable);
}

TEST_F(PipeTest, WhatTheHandlerDoesNotKnowIsAViolation) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {},
                             [](Request) -> Task<Answer> { co_return pipe::unknown_message(); });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    const auto answer = world.finish(outbox->ask(ask()));
    ASSERT_TRUE(answer && !answer->ok());
    EXPECT_EQ(answer->error().kind, ErrorKind::BadInput);
    EXPECT_EQ(world.violations.size(), 1u);
}

// A client that repeats its request while the first is under way gets two answers.
TEST_F(PipeTest, OneIdInFlightTwiceIsAnsweredTwice) {
    int seen = 0;
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, [&](Request) -> Task<Answer> {
        ++seen;
        while (seen < 2)
            co_await pipe::sleep_for(world.io, 1_ms);
        co_return Answer(reply_of(1));
    });
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    auto question = ask();
    question.id = SystemRandom().id<RequestId>();
    int answered = 0;
    for (int i = 0; i < 2; ++i)
        pipe::spawn(world.io, [](pipe::LinkedOutbox& box, Ask a, int& done) -> Task<void> {
            if ((co_await box.ask(std::move(a))).ok()) ++done;
        }(*outbox, question, answered));
    EXPECT_TRUE(world.run_until([&] { return answered == 2; }, 3_s));
}

// Workers come and go for months; one that only listened meanwhile still has its connection.
TEST_F(PipeTest, AQuietWriterOutlivesManyOthers) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    const auto entry = world.entry(Role::Verify, 0, 1, "verify-0");
    auto quiet = world.outbox(Role::Network);
    quiet->on_roster({entry});
    ASSERT_TRUE(world.finish(quiet->ask(ask()))->ok());
    for (int i = 0; i < 300; ++i) {
        auto other = world.outbox(Role::Network);
        other->on_roster({entry});
        ASSERT_TRUE(world.finish(other->ask(ask()))->ok()) << i;
    }
    const auto answer = world.finish(quiet->ask(ask(100, NoCredit::Wait, 3_s)));
    EXPECT_TRUE(answer && answer->ok());
    EXPECT_THAT(world.violations, testing::IsEmpty());
}

// ZeroMQ reconnects to the next spawn by itself, maybe before the roster tells of it.
TEST_F(PipeTest, ARequestThatOvertakesTheRosterIsNoViolation) {
    auto first = world.inbox(Role::Verify, "verify-0", ::dup(listener), {}, echo);
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    ASSERT_TRUE(world.finish(outbox->ask(ask()))->ok());
    first.reset();
    auto second = world.inbox(Role::Verify, "verify-0", listener, {}, echo);
    // What is sent before ZeroMQ notices the end is lost, and expires.
    const auto& failures = world.metrics.counter("pipe_failures_total");
    for (int i = 0; i < 100 && failures == 0 && world.violations.empty(); ++i)
        world.finish(outbox->ask(ask(100, NoCredit::Wait, 50_ms)));
    ASSERT_GT(failures, 0u);
    outbox->on_roster({world.entry(Role::Verify, 0, 2, "verify-0")});
    ASSERT_TRUE(world.finish(outbox->ask(ask()))->ok());
    EXPECT_THAT(world.violations, testing::IsEmpty());
}

TEST_F(PipeTest, WhatNeverFitsIsRefusedAtOnce) {
    auto inbox = world.inbox(Role::Verify, "verify-0", listener, {16, 65'536}, echo);
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "verify-0")});
    const auto answer = world.finish(outbox->ask(ask(100'000, NoCredit::Wait, 5_s)));
    ASSERT_TRUE(answer && !answer->ok());
    EXPECT_EQ(answer->error().kind, ErrorKind::Refused);
    EXPECT_THAT(answer->error().text, testing::HasSubstr("workers.verify.queue_bytes"));
}

}  // namespace
}  // namespace warren::test
