// Log lines: their shape, and that a reader who does not read costs lines and not time (R-O3).
#include <gtest/gtest.h>

#include <unistd.h>

#include "base/clock.h"
#include "runtime/process/fd.h"
#include "runtime/process/log.h"

namespace warren::process {
namespace {

class StderrPipe {
public:
    StderrPipe() : saved_(::dup(STDERR_FILENO)) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        read_ = Fd(ends[0]);
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[1]);
    }
    ~StderrPipe() { restore(); }
    void restore() {
        if (saved_) ::dup2(saved_.get(), STDERR_FILENO);
        saved_.reset();
    }
    std::string read_all() {
        restore();
        std::string out(1 << 20, '\0');
        std::size_t size = 0;
        for (ssize_t got = 0;
             (got = ::read(read_.get(), out.data() + size, out.size() - size)) > 0;)
            size += static_cast<std::size_t>(got);
        out.resize(size);
        return out;
    }

private:
    Fd saved_, read_;
};

TEST(Log, WritesOneLineForOneEvent) {
    StderrPipe pipe;
    log::open({.subject = "storage-0", .least = log::Level::Info, .journal = true});
    log::debug("event=unseen");
    log::info("event=seen shard={}", 7);
    log::unusual("event=odd name=\"a\nb\"");
    log::close();
    EXPECT_EQ(pipe.read_all(), "<6>info storage-0 event=seen shard=7\n"
                               "<4>unusual storage-0 event=odd name=\"a b\"\n");
}

TEST(Log, NeverWaitsForItsReader) {
    StderrPipe pipe;
    log::open({.subject = "api-0", .least = log::Level::Info, .journal = false});
    auto began = monotonic_now();
    for (int i = 0; i < 50'000; ++i)
        log::info("event=flood number={} {}", i, std::string(100, 'x'));
    EXPECT_LT(monotonic_now() - began, 5_s);
    log::info("event=last");
    EXPECT_GT(log::dropped(), 0u);
    log::close();
    EXPECT_LT(monotonic_now() - began, 10_s);
}

TEST(Log, LevelsHaveTheirNames) {
    EXPECT_EQ(log::level_from("unusual"), log::Level::Unusual);
    EXPECT_EQ(log::level_from("broken"), log::Level::Broken);
    EXPECT_EQ(log::level_from("?"), log::Level::Info);
}

}  // namespace
}  // namespace warren::process
