// The real pipe (credit, CURVE, verification) between two processes, against raw ZeroMQ and a Unix
// socket that carry the same bytes in the same run. Record: 330 bytes.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "bench/support/report.h"
#include "ipc-schema/storage_generated.h"
#include "ipc-schema/verify_generated.h"
#include "tests/support/pipe_pair.h"

namespace warren::bench {
namespace {

using process::Role;

constexpr std::size_t record_bytes = 330;
constexpr int rounds = 5;

pipe::Message records_message(std::size_t records) {
    flatbuffers::FlatBufferBuilder builder;
    const ipc::CommunityId community;
    const auto sizes = builder.CreateVector(std::vector<std::uint16_t>(records, record_bytes));
    const auto body = ipc::verify::CreateVerifyRecords(builder, &community, sizes);
    const auto root =
        ipc::verify::CreateRequest(builder, ipc::verify::Inbox::VerifyRecords, body.Union());
    return {pipe::finish(builder, root), {pipe::Frame(Bytes(records * record_bytes, 0x5a))}};
}

pipe::Task<pipe::Answer> verdicts(pipe::Request request) {
    const auto* root = pipe::verified_root<ipc::verify::Request>(request.message.body);
    WARREN_CHECK(root && root->body_as_VerifyRecords());
    flatbuffers::FlatBufferBuilder builder;
    const std::vector<ipc::Verdict> all(root->body_as_VerifyRecords()->sizes()->size());
    const auto body = ipc::verify::CreateVerifyRecordsReply(builder, builder.CreateVector(all));
    co_return pipe::finish(
        builder,
        ipc::verify::CreateAnswer(builder, ipc::verify::Reply::VerifyRecordsReply, body.Union()));
}

// A child that serves until it is killed.
class Child {
public:
    explicit Child(const std::function<void()>& serve) : pid_(::fork()) {
        WARREN_CHECK(pid_ >= 0);
        if (pid_ == 0) {
            serve();
            ::_exit(0);
        }
    }
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

private:
    pid_t pid_;
};

double seconds_since(Nanoseconds begin) {
    return static_cast<double>(monotonic_now() - begin) / 1e9;
}

struct PipeFigures {
    double records_per_s = 0, round_trip_us = 0;
};

PipeFigures measure_pipe(const test::NodeKeys& keys, std::size_t records, std::size_t messages,
                         std::size_t trips) {
    // Keys and folder are from before the fork; each side makes its context after it.
    const auto folder = test::fresh_folder("warren-bench");
    Child child([&] {
        test::PipeWorld world(keys, folder);
        auto inbox = world.inbox(Role::Verify, "reader", world.listen_at("reader"), {}, verdicts);
        world.run_until([] { return false; }, 600_s);
    });
    test::PipeWorld world(keys, folder);
    WARREN_CHECK(world.run_until([&] { return std::filesystem::exists(folder / "reader"); }, 10_s));
    auto outbox = world.outbox(Role::Network);
    outbox->on_roster({world.entry(Role::Verify, 0, 1, "reader")});
    const auto message = records_message(records);
    std::size_t left = messages, done = 0;
    const auto ask = [&] {
        return pipe::Ask{Role::Verify,         {}, message, monotonic_now() + 60_s,
                         pipe::NoCredit::Wait, {}, 0};
    };
    WARREN_CHECK(world.finish(outbox->ask(ask()))->ok());
    const auto writer = [&]() -> pipe::Task<void> {
        while (left > 0) {
            --left;
            WARREN_CHECK((co_await outbox->ask(ask())).ok());
            ++done;
        }
    };
    auto begin = monotonic_now();
    for (int i = 0; i < 48; ++i)
        pipe::spawn(world.io, writer());
    WARREN_CHECK(world.run_until([&] { return done == messages; }, 120_s));
    PipeFigures out;
    out.records_per_s = static_cast<double>(messages * records) / seconds_since(begin);
    std::vector<double> samples;
    const auto pinger = [&]() -> pipe::Task<void> {
        for (std::size_t i = 0; i < trips; ++i) {
            const auto sent = monotonic_now();
            WARREN_CHECK((co_await outbox->ask(ask())).ok());
            samples.push_back(static_cast<double>(monotonic_now() - sent) / 1e3);
        }
    };
    pipe::spawn(world.io, pinger());
    WARREN_CHECK(world.run_until([&] { return samples.size() == trips; }, 120_s));
    out.round_trip_us = median(samples);
    return out;
}

// Raw sockets, blocking, no CURVE: frames of the same sizes one way, one answer at the end.
double measure_raw(int reader_type, int writer_type, std::size_t records, std::size_t messages) {
    const auto path = "ipc://" + (std::filesystem::temp_directory_path() /
                                  ("warren-raw-" + std::to_string(::getpid())))
                                     .string();
    const auto message = records_message(records);
    Child child([&] {
        void* context = zmq_ctx_new();
        void* socket = zmq_socket(context, reader_type);
        void* done = zmq_socket(context, ZMQ_PUSH);
        zmq_bind(socket, path.c_str());
        zmq_bind(done, (path + "-done").c_str());
        std::size_t seen = 0;
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        while (seen < messages) {
            zmq_msg_recv(&frame, socket, 0);
            if (!zmq_msg_more(&frame)) ++seen;
        }
        zmq_send(done, "x", 1, 0);
        ::pause();
    });
    void* context = zmq_ctx_new();
    void* socket = zmq_socket(context, writer_type);
    void* done = zmq_socket(context, ZMQ_PULL);
    zmq_connect(socket, path.c_str());
    zmq_connect(done, (path + "-done").c_str());
    const auto body = message.body.view();
    const auto blob = message.blobs[0].view();
    const Bytes envelope(96, 1);
    const auto begin = monotonic_now();
    for (std::size_t i = 0; i < messages; ++i) {
        zmq_send(socket, envelope.data(), envelope.size(), ZMQ_SNDMORE);
        zmq_send(socket, body.data(), body.size(), ZMQ_SNDMORE);
        zmq_send(socket, blob.data(), blob.size(), 0);
    }
    char answer = 0;
    zmq_recv(done, &answer, 1, 0);
    const double rate = static_cast<double>(messages * records) / seconds_since(begin);
    const int no_linger = 0;
    for (void* each : {socket, done}) {
        zmq_setsockopt(each, ZMQ_LINGER, &no_linger, sizeof no_linger);
        zmq_close(each);
    }
    zmq_ctx_term(context);
    return rate;
}

void read_exactly(int fd, Bytes& buffer) {
    for (std::size_t have = 0; have < buffer.size();) {
        const auto got = ::read(fd, buffer.data() + have, buffer.size() - have);
        if (got <= 0) ::_exit(0);
        have += static_cast<std::size_t>(got);
    }
}

double measure_unix_round_trip(std::size_t bytes, std::size_t trips) {
    int ends[2];
    WARREN_CHECK(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    Child child([&] {
        Bytes buffer(bytes);
        while (true) {
            read_exactly(ends[1], buffer);
            if (::write(ends[1], buffer.data(), buffer.size()) < 0) ::_exit(0);
        }
    });
    Bytes buffer(bytes, 7);
    std::vector<double> samples;
    for (std::size_t i = 0; i < trips; ++i) {
        const auto sent = monotonic_now();
        WARREN_CHECK(::write(ends[0], buffer.data(), buffer.size()) > 0);
        read_exactly(ends[0], buffer);
        samples.push_back(static_cast<double>(monotonic_now() - sent) / 1e3);
    }
    ::close(ends[0]);
    ::close(ends[1]);
    return median(samples);
}

// Round trip of raw DEALER and ROUTER, blocking and without CURVE: what ZeroMQ itself takes of
// ours.
double measure_raw_round_trip(std::size_t bytes, std::size_t trips) {
    const auto folder = test::fresh_folder("warren-raw");
    const auto path = "ipc://" + (folder / "echo").string();
    Child child([&] {
        void* context = zmq_ctx_new();
        void* socket = zmq_socket(context, ZMQ_ROUTER);
        zmq_bind(socket, path.c_str());
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        while (zmq_msg_recv(&frame, socket, 0) >= 0)
            zmq_msg_send(&frame, socket, zmq_msg_more(&frame) ? ZMQ_SNDMORE : 0);
    });
    void* context = zmq_ctx_new();
    void* socket = zmq_socket(context, ZMQ_DEALER);
    zmq_connect(socket, path.c_str());
    Bytes buffer(bytes, 7);
    std::vector<double> samples;
    for (std::size_t i = 0; i < trips; ++i) {
        const auto sent = monotonic_now();
        zmq_send(socket, buffer.data(), buffer.size(), 0);
        zmq_recv(socket, buffer.data(), buffer.size(), 0);
        samples.push_back(static_cast<double>(monotonic_now() - sent) / 1e3);
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    std::filesystem::remove_all(folder);
    return median(samples);
}

// A buffer of 67 kB that verifies and would expand to 54 MB: what refusing it costs.
double measure_hostile_us() {
    flatbuffers::FlatBufferBuilder builder;
    const auto shared = builder.CreateString(std::string(60'000, 'a'));
    std::vector<flatbuffers::Offset<ipc::storage::Channel>> channels;
    for (int i = 0; i < 900; ++i) {
        ipc::storage::ChannelBuilder channel(builder);
        channel.add_name(shared);
        channels.push_back(channel.Finish());
    }
    const auto body =
        ipc::storage::CreateListChannelsReply(builder, builder.CreateVector(channels));
    const auto bomb = pipe::finish(
        builder,
        ipc::storage::CreateAnswer(builder, ipc::storage::Reply::ListChannelsReply, body.Union()));
    std::vector<double> samples;
    for (int i = 0; i < 2000; ++i) {
        const auto begin = monotonic_now();
        WARREN_CHECK(pipe::verified_root<ipc::storage::Answer>(bomb) == nullptr);
        samples.push_back(static_cast<double>(monotonic_now() - begin) / 1e3);
    }
    return percentile(samples, 0.99);
}

struct Series {
    std::vector<double> pipe, router, push, pipe_trip, raw_trip, unix_trip;
};

Series measure(const test::NodeKeys& keys, std::size_t records, std::size_t messages) {
    Series out;
    for (int round = 0; round < rounds; ++round) {
        const auto figures = measure_pipe(keys, records, messages, 2000);
        out.pipe.push_back(figures.records_per_s);
        out.pipe_trip.push_back(figures.round_trip_us);
        out.router.push_back(measure_raw(ZMQ_ROUTER, ZMQ_DEALER, records, messages));
        out.push.push_back(measure_raw(ZMQ_PULL, ZMQ_PUSH, records, messages));
        out.raw_trip.push_back(measure_raw_round_trip(records * record_bytes, 2000));
        out.unix_trip.push_back(measure_unix_round_trip(records * record_bytes, 2000));
    }
    return out;
}

}  // namespace
}  // namespace warren::bench

int main(int argc, char** argv) {
    using namespace warren::bench;
    const auto keys = warren::test::NodeKeys::fresh();
    const auto batch = measure(keys, 64, 10'000);
    const auto single = measure(keys, 1, 40'000);
    Report report;
    report.bench = "pipes";
    report.goals = {
        {"throughput_ratio", median(batch.pipe) / median(batch.router), "x", 0.3,
         Goal::Better::Higher, "raw ROUTER/DEALER without CURVE, one way, 64 records a message"},
        {"round_trip_ratio", median(single.pipe_trip) / median(single.unix_trip), "x", 3.0,
         Goal::Better::Lower, "Unix stream socket echo of the same bytes, 1 record a message"},
        {"hostile_buffer_us", measure_hostile_us(), "us", 1000, Goal::Better::Lower,
         "p99 of refusing a 67 kB buffer that expands to 54 MB"},
    };
    const auto put = [&](const std::string& name, const Series& series) {
        report.raw[name] = {{"pipe_records_per_s", median(series.pipe)},
                            {"router_dealer_records_per_s", median(series.router)},
                            {"push_pull_records_per_s", median(series.push)},
                            {"pipe_round_trip_us", median(series.pipe_trip)},
                            {"router_dealer_round_trip_us", median(series.raw_trip)},
                            {"router_dealer_round_trip_us", median(series.raw_trip)},
                            {"unix_round_trip_us", median(series.unix_trip)}};
    };
    put("records_64", batch);
    put("records_1", single);
    return finish(report, argc, argv);
}
