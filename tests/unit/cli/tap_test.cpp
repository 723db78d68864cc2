// `warren tap` before real publishers: it follows the roster file when workers come and go.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;

class Publisher {
public:
    Publisher(void* context, const std::string& endpoint) : socket_(zmq_socket(context, ZMQ_XPUB)) {
        const int linger = 1000;
        zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof linger);
        EXPECT_EQ(zmq_bind(socket_, endpoint.c_str()), 0) << zmq_strerror(zmq_errno());
    }
    ~Publisher() { zmq_close(socket_); }
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    // The topic that a listener asked for; empty if none came in time.
    std::string subscription() {
        zmq_pollitem_t item{socket_, 0, ZMQ_POLLIN, 0};
        std::array<char, 64> text{};
        if (zmq_poll(&item, 1, 20'000) != 1) return "";
        const int count = zmq_recv(socket_, text.data(), text.size(), 0);
        return count < 1 ? "" : std::string(text.data() + 1, static_cast<std::size_t>(count - 1));
    }
    void publish(const std::string& topic, const std::string& json) {
        zmq_send(socket_, topic.data(), topic.size(), ZMQ_SNDMORE);
        zmq_send(socket_, json.data(), json.size(), 0);
    }

private:
    void* socket_;
};

class Tap : public ::testing::Test {
protected:
    Tap() {
        std::string name = (fs::temp_directory_path() / "warren-tap.XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        fs::create_directories(folder_ / "run");
    }
    ~Tap() override {
        zmq_ctx_term(context_);
        fs::remove_all(folder_);
    }
    std::string endpoint(const std::string& worker) const {
        return "ipc://" + (folder_ / worker).string();
    }
    // As the supervisor does: a whole new file in place of the old one.
    void list(const std::string& worker) const {
        const auto next = folder_ / "run/next";
        std::ofstream(next) << R"({"workers":[{"role":"storage","index":0,"tap":")"
                            << endpoint(worker) << "\"}]}";
        fs::rename(next, folder_ / "run/roster.json");
    }
    std::FILE* start(const std::string& words) const {
        return ::popen(
            (std::string(WARREN_PROGRAM) + " tap " + words + " --state " + folder_.string())
                .c_str(),
            "r");
    }
    static std::string line_of(std::FILE* pipe) {
        std::array<char, 256> text{};
        return std::fgets(text.data(), text.size(), pipe) == nullptr ? "" : text.data();
    }

    fs::path folder_;
    void* context_ = zmq_ctx_new();
};

TEST_F(Tap, FollowsTheRosterFile) {
    std::FILE* pipe = nullptr;
    {
        Publisher first(context_, endpoint("first"));
        list("first");
        pipe = start("'event.*' --count 2 --seconds 30");
        ASSERT_EQ(first.subscription(), "event.");
        first.publish("metric.storage-0", "{}");
        first.publish("event.record", R"({"n":1})");
        EXPECT_EQ(line_of(pipe), "event.record {\"n\":1}\n");
    }
    Publisher second(context_, endpoint("second"));
    list("second");
    ASSERT_EQ(second.subscription(), "event.");
    second.publish("event.record", R"({"n":"\u001b"})");
    EXPECT_EQ(line_of(pipe), "event.record {\"n\":\"\\u001b\"}\n");
    EXPECT_EQ(::pclose(pipe), 0);
}

TEST_F(Tap, ReconnectsToARestartedWorker) {
    std::FILE* pipe = nullptr;
    list("worker");
    {
        Publisher worker(context_, endpoint("worker"));
        pipe = start("event --count 2 --seconds 30 --json");
        ASSERT_EQ(worker.subscription(), "event");
        worker.publish("event.a", "{\"n\":1}");
        EXPECT_EQ(line_of(pipe), "{\"body\":{\"n\":1},\"topic\":\"event.a\"}\n");
    }
    Publisher worker(context_, endpoint("worker"));
    ASSERT_EQ(worker.subscription(), "event");
    worker.publish("event.b", "{\"n\":2}");
    EXPECT_EQ(line_of(pipe), "{\"body\":{\"n\":2},\"topic\":\"event.b\"}\n");
    EXPECT_EQ(::pclose(pipe), 0);
}

TEST_F(Tap, SaysWhenTheCountWasNotReached) {
    list("nobody");
    EXPECT_EQ(WEXITSTATUS(::pclose(start("event --count 1 --seconds 1"))), 75);
    EXPECT_EQ(WEXITSTATUS(::pclose(start("event --seconds 1"))), 0);
}

}  // namespace
