// What the benchmarks of taking records in share: the rate that signature checks alone would allow,
// and a watch on a node's commits.
#pragma once

#include <zmq.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/check.h"
#include "bench/peers/overlay_peer.h"
#include "bench/support/report.h"

namespace warren::bench {

// One core, one signature after the other, over the very packets that the node gets; in CPU time,
// so that others on this machine cannot make the baseline look slow.
inline double verify_rate(const std::vector<Bytes>& packets) {
    constexpr double round_s = 0.25;
    constexpr int rounds = 5;
    std::vector<double> rates;
    std::size_t next = 0;
    for (int round = 0; round < rounds; ++round) {
        std::size_t done = 0;
        const auto begin = std::clock();
        double span = 0;
        while (span < round_s) {
            for (int i = 0; i < 64; ++i, ++done)
                WARREN_CHECK(is_valid_packet(packets[next++ % packets.size()]));
            span = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        }
        rates.push_back(static_cast<double>(done) / span);
    }
    return median(rates);
}

// Reads what storage tells on its tap after each commit.
class CommitWatch {
public:
    CommitWatch(const std::string& tap, const CommunityId& community)
        : community_(community.hex()), context_(zmq_ctx_new()),
          socket_(zmq_socket(context_, ZMQ_SUB)) {
        const int no_linger = 0, wait_ms = 1000;
        zmq_setsockopt(socket_, ZMQ_LINGER, &no_linger, sizeof no_linger);
        zmq_setsockopt(socket_, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
        const std::string topic = "event.record.committed";
        zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, topic.data(), topic.size());
        WARREN_CHECK(zmq_connect(socket_, tap.c_str()) == 0);
    }
    ~CommitWatch() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    CommitWatch(const CommitWatch&) = delete;
    CommitWatch& operator=(const CommitWatch&) = delete;

    // How many records the community has after its next commit; 0: none in a second.
    std::size_t next() {
        while (true) {
            const auto topic = frame();
            if (topic.empty()) return 0;
            const auto event = nlohmann::json::parse(frame(), nullptr, false);
            if (!event.is_object() || event.value("community", "") != community_) continue;
            return event.value("count", std::size_t{0});
        }
    }

private:
    std::string frame() {
        std::array<char, 4096> buffer{};
        const auto size = zmq_recv(socket_, buffer.data(), buffer.size(), 0);
        return size <= 0 ? std::string()
                         : std::string(buffer.data(), static_cast<std::size_t>(size));
    }

    std::string community_;
    void* context_;
    void* socket_;
};

}  // namespace warren::bench
