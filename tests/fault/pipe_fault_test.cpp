// R-I6: a reader that stops reading under full load grows its sender by at most 8 MiB.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <iostream>

#include "ipc-schema/verify_generated.h"
#include "tests/support/pipe_pair.h"

namespace warren::test {
namespace {

using process::Role;

std::size_t resident_bytes() {
    std::ifstream in("/proc/self/statm");
    std::size_t pages = 0;
    in >> pages >> pages;
    return pages * 4096;
}

pipe::Message load() {
    flatbuffers::FlatBufferBuilder builder;
    const auto body = ipc::verify::CreateCheckSignatures(
        builder, builder.CreateVector(std::vector<std::uint16_t>(64, 330)));
    const auto root =
        ipc::verify::CreateRequest(builder, ipc::verify::Inbox::CheckSignatures, body.Union());
    return {pipe::finish(builder, root), {pipe::Frame(Bytes(64 * 330, 1))}};
}

pipe::Task<pipe::Answer> answer(pipe::Request) {
    flatbuffers::FlatBufferBuilder builder;
    const auto body = ipc::verify::CreateCheckSignaturesReply(
        builder, builder.CreateVector(std::vector<std::uint8_t>{1}));
    co_return pipe::finish(
        builder,
        ipc::verify::CreateAnswer(builder, ipc::verify::Reply::CheckSignaturesReply, body.Union()));
}

TEST(PipeFault, AStoppedReaderDoesNotGrowItsSender) {
    const auto keys = NodeKeys::fresh();
    const auto folder = fresh_folder("warren-stopped-reader");
    const pid_t reader = ::fork();
    if (reader == 0) {
        PipeWorld world(keys, folder);
        auto inbox =
            world.inbox(Role::Verify, "reader", world.listen_at("reader"), {256, 8u << 20}, answer);
        world.run_until([] { return false; }, 60_s);
        ::_exit(0);
    }
    PipeWorld world(keys, folder);
    ASSERT_TRUE(world.run_until([&] { return std::filesystem::exists(folder / "reader"); }, 10_s));
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "reader")});
    std::size_t answered = 0, dropped = 0;
    bool stop = false;
    const auto writer = [&]() -> pipe::Task<void> {
        while (!stop) {
            pipe::Ask ask{Role::Verify,         {}, load(), monotonic_now() + 30_s,
                          pipe::NoCredit::Drop, {}, 0};
            const auto got = co_await outbox->ask(std::move(ask));
            ++(got.ok() ? answered : dropped);
            if (!got.ok()) co_await pipe::sleep_for(world.io, 1_ms);
        }
    };
    for (int i = 0; i < 2000; ++i)
        pipe::spawn(world.io, writer());
    ASSERT_TRUE(world.run_until([&] { return answered > 5000; }, 20_s));
    const auto before = resident_bytes();
    ::kill(reader, SIGSTOP);
    const auto dropped_before = dropped;
    std::size_t highest = before;
    const auto until = monotonic_now() + 3_s;
    world.run_until(
        [&] {
            highest = std::max(highest, resident_bytes());
            return monotonic_now() > until;
        },
        10_s);
    EXPECT_GT(dropped, dropped_before + 1000) << "the load must go on";
    std::cerr << "grew by " << (highest - before) / 1024 << " KiB\n";
    EXPECT_LE(highest - before, std::size_t{8} << 20);
    stop = true;
    ::kill(reader, SIGKILL);
    ::waitpid(reader, nullptr, 0);
}

}  // namespace
}  // namespace warren::test
