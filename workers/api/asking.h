// One question to another role with everything that may go wrong with it: the role is missing,
// slow, degraded while we wait. It always ends by its deadline.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "runtime/pipe/worker.h"
#include "workers/api/domain.h"
#include "workers/api/errand.h"
#include "workers/api/problem.h"

namespace warren::api {

// Answers to several questions, taken in the order in which they come.
class Answers {
public:
    // Nothing: all were taken.
    pipe::Task<std::optional<Outcome<pipe::Message>>> next();

private:
    friend class Asking;
    struct State {
        explicit State(pipe::asio::io_context& loop)
            : io(loop), came(std::make_shared<pipe::Promise<bool>>(loop)) {}
        pipe::asio::io_context& io;
        std::shared_ptr<pipe::Promise<bool>> came;
        std::deque<Outcome<pipe::Message>> there;
        std::size_t left = 0;
        Nanoseconds deadline = 0;
    };
    explicit Answers(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

class Asking {
public:
    explicit Asking(pipe::Host& host) : host_(host) {}

    pipe::Task<Outcome<pipe::Message>> ask(Errand& errand, process::Role role, pipe::Target target,
                                           pipe::Message message);
    // The same message to every ready instance at once, each under an id of its own; in the order
    // of `ready`. Empty: none is ready.
    pipe::Task<std::vector<Outcome<pipe::Message>>> ask_all(Errand& errand, process::Role role,
                                                            const pipe::Message& message);
    struct Question {
        std::uint16_t instance = 0;
        pipe::Message message;
    };
    // All at once, each under an id of its own.
    Answers ask_each(Errand& errand, process::Role role, std::vector<Question> questions);
    pipe::asio::io_context& io() const { return host_.io(); }
    std::vector<std::uint16_t> ready(process::Role role) const {
        return host_.outbox().ready(role);
    }
    // Why the role cannot be asked right now, if so.
    std::optional<Problem> obstacle(Patience patience, process::Role role,
                                    const pipe::Target& target) const;
    // Slots that nobody answered for are just on their way from one ready worker to another; true,
    // after a moment: ask again.
    pipe::Task<bool> wait_for_slots(Errand& errand, SlotSet answered);
    // The roster changed: whoever waits for a degraded worker gets an answer now.
    void fail_degraded();

private:
    using Answer = pipe::Promise<Outcome<pipe::Message>>;
    struct Waiting {
        process::Role role;
        pipe::Target target;
        std::shared_ptr<Answer> answer;
    };

    std::shared_ptr<Answer> start(Errand& errand, process::Role role, pipe::Target target,
                                  pipe::Message message);
    pipe::Task<Outcome<pipe::Message>> finish(std::shared_ptr<Answer> answer, Nanoseconds deadline,
                                              process::Role role);
    bool is_degraded(process::Role role, const pipe::Target& target) const;

    pipe::Host& host_;
    std::list<Waiting> waiting_;
};

}  // namespace warren::api
