#include "runtime/pipe/tap_reader.h"

#include <set>

#include "runtime/pipe/socket.h"

namespace warren::pipe {

namespace {
constexpr int batch_messages = 128;
constexpr int hwm_messages = 1000;
}  // namespace

// A context of its own, so that a flood of taps never delays a pipe.
struct TapReader::State {
    State(TapReader& owner, Host& process)
        : host(process), socket(context, SocketKind::Sub, hwm_messages),
          watch(process.io(), socket, [this, &owner] { read(owner); }) {}

    void read(TapReader& owner) {
        for (int i = 0; i < batch_messages; ++i) {
            const auto parts = socket.receive();
            if (!parts) return;
            if (parts->frames.size() == 2 && owner.on_message)
                owner.on_message(text_of(parts->frames[0].view()),
                                 text_of(parts->frames[1].view()));
        }
    }

    Host& host;
    Context context;
    Socket socket;
    std::set<std::string> connected;
    Watch watch;
};

TapReader::TapReader(Host& host) : state_(std::make_unique<State>(*this, host)) {
    on_roster();
}

TapReader::~TapReader() = default;

void TapReader::subscribe(const std::string& topic_prefix) {
    state_->socket.subscribe(topic_prefix);
    state_->watch.kick();
}

void TapReader::on_roster() {
    std::set<std::string> present;
    for (const auto& entry : state_->host.roster())
        if (!entry.tap.empty()) present.insert(entry.tap);
    for (const auto& tap : present)
        if (state_->connected.insert(tap).second) (void)state_->socket.connect(tap);
    std::erase_if(state_->connected, [&](const std::string& tap) {
        if (present.contains(tap)) return false;
        state_->socket.disconnect(tap);
        return true;
    });
    state_->watch.kick();
}

}  // namespace warren::pipe
