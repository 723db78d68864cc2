// A worker without work, for tests of the supervisor. Its role is its program name (warren-ROLE);
// what it shall do beside the usual stands in files next to it: ROLE.crash (dies after ready),
// ROLE.unfit (exits 78), ROLE.slow (never drains). The api plays an operator: it sends what api.ask
// says.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "runtime/process/exit.h"
#include "runtime/process/log.h"
#include "runtime/process/worker_start.h"

namespace {

using namespace warren;
using namespace warren::process;

class FakeWorker {
public:
    FakeWorker(WorkerStart start, std::string folder)
        : lifeline_(std::move(start.lifeline)), welcome_(std::move(start.welcome)),
          folder_(std::move(folder)) {}

    int run() {
        note("started");
        for (const auto& listener : welcome_.listeners)
            note("listener " + listener.address);
        slots_ = welcome_.slots;
        (void)lifeline_.send(WorkerReady{"fake"});
        if (told("crash")) std::abort();
        while (!done_) {
            pollfd readable{lifeline_.fd(), POLLIN, 0};
            ::poll(&readable, 1, 50);
            if (monotonic_now() - last_beat_ > 200_ms) {
                last_beat_ = monotonic_now();
                (void)lifeline_.send(Heartbeat{0, resident_kib()});
            }
            if (welcome_.role == Role::Api && welcome_.index == 0) ask();
            for (;;) {
                auto message = lifeline_.receive();
                if (!message) return 1;
                if (!*message) break;
                hear(**message);
            }
        }
        return 0;
    }

private:
    bool told(const std::string& what) const {
        return ::access((folder_ + "/" + std::string(name_of(welcome_.role)) + "." + what).c_str(),
                        F_OK) == 0;
    }

    void note(const std::string& what) {
        auto line = std::string(name_of(welcome_.role)) + "-" + std::to_string(welcome_.index) +
                    " " + what + "\n";
        Fd file(::open((folder_ + "/events").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
        (void)!::write(file.get(), line.data(), line.size());
    }

    void hear(const Message& message) {
        if (std::holds_alternative<LifelineClosed>(message)) std::_Exit(0);
        if (std::holds_alternative<Drain>(message) && !told("slow")) {
            note("drained");
            (void)lifeline_.send(Drained{});
        }
        if (std::holds_alternative<Stop>(message)) done_ = true;
        if (const auto* m = std::get_if<SlotsChanged>(&message)) on_slots(m->slots);
        if (const auto* m = std::get_if<SettingsChanged>(&message))
            note("settings log_level=" + m->settings.text("node.log_level"));
        if (const auto* m = std::get_if<ControlReply>(&message))
            note(std::string("reply ") + (m->ok ? "ok " : "no ") + m->text);
    }

    void on_slots(const SlotMap& slots) {
        bool lost = false;
        for (std::size_t i = 0; i < slot_count; ++i) {
            lost = lost ||
                   (slots_.workers[i] == welcome_.index && slots.workers[i] == slot_unassigned);
        }
        slots_ = slots;
        if (!lost || welcome_.role != Role::Storage) return;
        note("released");
        (void)lifeline_.send(SlotsReleased{slots.version});
    }

    void ask() {
        auto path = folder_ + "/api.ask";
        std::ifstream file(path);
        std::string word, role;
        std::uint16_t count = 0;
        if (!(file >> word)) return;
        file >> role >> count;
        ::unlink(path.c_str());
        if (word == "scale") (void)lifeline_.send(Scale{1, *role_from(role), count});
        if (word == "reload") (void)lifeline_.send(Reload{2});
        if (word == "list") (void)lifeline_.send(ListSettings{3});
        if (word == "stop") (void)lifeline_.send(StopNode{4});
    }

    Lifeline lifeline_;
    Welcome welcome_;
    SlotMap slots_;
    std::string folder_;
    Nanoseconds last_beat_ = 0;
    bool done_ = false;
};

}  // namespace

int main(int, char** argv) {
    std::string path = argv[0];
    auto folder = path.substr(0, path.rfind('/'));
    auto role = role_from(path.substr(path.rfind("warren-") + 7));
    if (!role) return 64;
    auto start = start_worker(*role);
    auto unfit = folder + "/" + std::string(name_of(*role)) + ".unfit";
    if (::access(unfit.c_str(), F_OK) == 0) fail(ExitReason::Settings, "told to be unfit");
    return FakeWorker(std::move(start), folder).run();
}
