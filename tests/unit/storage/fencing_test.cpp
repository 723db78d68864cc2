// A worker that was stopped, lost its files to a successor, and goes on: a real process, really
// stopped. The epoch alone keeps it from writing, as the control shows.
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/storage/storage_fixture.h"

namespace warren::test {
namespace {

enum Outcome : int { Refused = 10, Wrote = 11, Else = 12 };

class FencingTest : public StorageTest {
protected:
    static Outcome outcome_of(const pipe::Answer& answer) {
        if (answer.message) return Wrote;
        return answer.failure.kind == ErrorKind::Refused ? Refused : Else;
    }
    // In the child: publishes, is stopped, and tries again both ways of writing.
    int live_on(int told) {
        node = std::make_unique<StorageNode>(me, folder.path(), epoch);
        channel = found_channel("c", 1);
        publish(channel, "a", 2);
        if (::write(told, channel.bytes.data(), channel.bytes.size()) < 0) return Else;
        ::raise(SIGSTOP);
        auto own = outcome_of(node->ask(publish_message(channel, "late"), request_id(9)));
        TestChannel theirs(other, 5);
        auto peers = outcome_of(node->ask(store_message(directory, {theirs.announcement("x", 1)})));
        return own == Refused || peers != Refused ? peers : own;
    }
    // What became of the writes that a worker tries after it was continued.
    int continued_beside(std::uint64_t successors_epoch) {
        node.reset();
        int ends[2] = {};
        EXPECT_EQ(::pipe(ends), 0);
        const auto old = ::fork();
        if (old == 0) ::_exit(live_on(ends[1]));
        int status = 0;
        EXPECT_EQ(::waitpid(old, &status, WUNTRACED), old);
        EXPECT_TRUE(WIFSTOPPED(status));
        EXPECT_EQ(::read(ends[0], channel.bytes.data(), channel.bytes.size()),
                  static_cast<ssize_t>(channel.bytes.size()));
        node = std::make_unique<StorageNode>(me, folder.path(), successors_epoch);
        EXPECT_EQ(publish(channel, "b", 3).time, 3u);
        // A file that its new owner did not come to yet is not fenced: nobody read it since.
        Builder builder;
        auto id = to_wire<ipc::CommunityId>(directory);
        auto root = node->ask(question(builder, S::CreateGetRoot(builder, &id)));
        EXPECT_TRUE(reply_of<S::GetRootReply>(root)) << root.failure.text;
        ::kill(old, SIGCONT);
        EXPECT_EQ(::waitpid(old, &status, 0), old);
        ::close(ends[0]);
        ::close(ends[1]);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    CommunityId channel;
};

TEST_F(FencingTest, AWorkerThatIsContinuedAfterItsFilesMovedWritesNothing) {
    EXPECT_EQ(continued_beside(epoch + 5), Refused);
    EXPECT_EQ(contents(channel), (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(publish(channel, "c", 4).time, 4u);
}

TEST_F(FencingTest, WithoutANewerEpochItWouldHaveWritten) {
    EXPECT_EQ(continued_beside(epoch), Wrote);
}

}  // namespace
}  // namespace warren::test
