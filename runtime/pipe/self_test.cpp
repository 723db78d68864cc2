#include "runtime/pipe/self_test.h"

#include <zmq.h>

#include <cstring>

namespace warren::pipe {

namespace {

constexpr Nanoseconds patience = 2_s;

CurveClient stranger(const CurveKey& server_public) {
    CurveClient out;
    out.server_public = server_public;
    char public_text[41], secret_text[41];
    zmq_curve_keypair(public_text, secret_text);
    zmq_z85_decode(out.own_public.data(), public_text);
    zmq_z85_decode(out.own_secret.data(), secret_text);
    return out;
}

}  // namespace

Task<Result<void>> stranger_is_refused(asio::io_context& io, Context& context, std::string endpoint,
                                       CurveKey server_public) {
    const std::string monitor = "inproc://self-test";
    // The reader of the events outlives the socket they tell of: libzmq's I/O thread blocks for
    // ever in an event that nobody reads.
    Socket events(context, SocketKind::MonitorPair, 0);
    Socket socket(context, SocketKind::Dealer, 8);
    socket.set_curve_client(stranger(server_public));
    socket.monitor(monitor);
    WARREN_CO_TRY_VOID(events.connect(monitor));
    Promise<bool> refused(io);
    Watch watch(io, events, [&] {
        while (auto parts = events.receive()) {
            std::uint16_t event = 0;
            std::memcpy(&event, parts->frames[0].view().data(), sizeof event);
            if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) refused.set(true);
            if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) refused.set(false);
        }
    });
    WARREN_CO_TRY_VOID(socket.connect(endpoint));
    const auto verdict = co_await refused.wait(monotonic_now() + patience);
    if (!verdict)
        co_return Error{ErrorKind::Environment, "self-test of " + endpoint + " got no verdict"};
    if (!*verdict)
        co_return Error{ErrorKind::Environment, "a stranger's key was accepted by " + endpoint};
    co_return Result<void>{};
}

}  // namespace warren::pipe
