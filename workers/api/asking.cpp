#include "workers/api/asking.h"

#include <algorithm>

namespace warren::api {

namespace {

using pipe::Message;
using pipe::Target;
using process::Role;
using process::WorkerState;

std::string why(const process::RosterEntry& entry) {
    auto out = std::string(process::name_of(entry.role)) + "-" + std::to_string(entry.index) +
               " is " + std::string(process::name_of(entry.state));
    return entry.reason.empty() ? out : out + ": " + entry.reason;
}

}  // namespace

// Asked of one worker, it is that one that counts; asked of any, all must be degraded.
bool Asking::is_degraded(Role role, const Target& target) const {
    std::optional<std::uint16_t> only;
    if (target.kind == Target::Kind::Index) only = target.index;
    if (target.kind == Target::Kind::Slot)
        only = host_.outbox().owner_of(static_cast<std::uint8_t>(target.index));
    bool any = false;
    for (const auto& entry : host_.roster()) {
        if (entry.role != role || (only && entry.index != *only)) continue;
        if (entry.state != WorkerState::Degraded) return false;
        any = true;
    }
    return any;
}

std::optional<Problem> Asking::obstacle(Patience patience, Role role, const Target& target) const {
    const auto name = process::name_of(role);
    if (is_degraded(role, target)) {
        for (const auto& entry : host_.roster())
            if (entry.role == role && entry.state == WorkerState::Degraded)
                return role_unavailable(name, why(entry));
    }
    if (patience == Patience::Write || !host_.outbox().ready(role).empty()) return std::nullopt;
    for (const auto& entry : host_.roster())
        if (entry.role == role) return role_unavailable(name, why(entry));
    return role_unavailable(name, std::string(name) + ": no worker of this role runs");
}

std::shared_ptr<Asking::Answer> Asking::start(Errand& errand, Role role, Target target,
                                              Message message) {
    auto answer = std::make_shared<Answer>(host_.io());
    pipe::Ask ask{.role = role,
                  .target = target,
                  .message = std::move(message),
                  .deadline = errand.deadline(),
                  .no_credit = errand.patience() == Patience::Write ? pipe::NoCredit::Wait
                                                                    : pipe::NoCredit::Fail,
                  .id = errand.next_id(),
                  .trace = 0};
    waiting_.push_back({role, target, answer});
    auto run = [](Asking& self, pipe::Ask question,
                  std::shared_ptr<Answer> out) -> pipe::Task<void> {
        const auto asked = question.role;
        auto got = co_await self.host_.outbox().ask(std::move(question));
        if (got)
            out->set(Outcome<Message>(std::move(*got)));
        else
            out->set(Outcome<Message>(problem_of(got.error(), process::name_of(asked))));
    };
    pipe::spawn(host_.io(), run(*this, std::move(ask), answer));
    return answer;
}

pipe::Task<Outcome<Message>> Asking::finish(std::shared_ptr<Answer> answer, Nanoseconds deadline,
                                            Role role) {
    // A little more than the pipe itself has, so that its own reason for giving up arrives first.
    auto got = co_await answer->wait(deadline + 20_ms);
    waiting_.remove_if([&](const Waiting& entry) { return entry.answer == answer; });
    if (got) co_return std::move(*got);
    const auto name = process::name_of(role);
    co_return Outcome<Message>(
        role_unavailable(name, std::string(name) + " did not answer in time"));
}

pipe::Task<Outcome<Message>> Asking::ask(Errand& errand, Role role, Target target,
                                         Message message) {
    if (auto wrong = obstacle(errand.patience(), role, target))
        co_return Outcome<Message>(std::move(*wrong));
    auto answer = start(errand, role, target, std::move(message));
    co_return co_await finish(std::move(answer), errand.deadline(), role);
}

pipe::Task<std::vector<Outcome<Message>>> Asking::ask_all(Errand& errand, Role role,
                                                          const Message& message) {
    std::vector<std::shared_ptr<Answer>> answers;
    for (const auto index : ready(role))
        answers.push_back(start(errand, role, Target::instance(index), message));
    std::vector<Outcome<Message>> out;
    for (auto& answer : answers)
        out.push_back(co_await finish(std::move(answer), errand.deadline(), role));
    co_return out;
}

Answers Asking::ask_each(Errand& errand, Role role, std::vector<Question> questions) {
    auto state = std::make_shared<Answers::State>(host_.io());
    state->left = questions.size();
    state->deadline = errand.deadline();
    auto take = [](Asking& self, std::shared_ptr<Answer> answer, Role asked,
                   std::shared_ptr<Answers::State> into) -> pipe::Task<void> {
        auto got = co_await self.finish(std::move(answer), into->deadline, asked);
        into->there.push_back(std::move(got));
        into->came->set(true);
    };
    for (auto& question : questions) {
        auto answer =
            start(errand, role, Target::instance(question.instance), std::move(question.message));
        pipe::spawn(host_.io(), take(*this, std::move(answer), role, state));
    }
    return Answers(std::move(state));
}

pipe::Task<std::optional<Outcome<Message>>> Answers::next() {
    const auto state = state_;
    if (state->left == 0) co_return std::nullopt;
    while (state->there.empty()) {
        // Each ends by the deadline; this one is behind it.
        (void)co_await state->came->wait(state->deadline + 1_s);
        state->came = std::make_shared<pipe::Promise<bool>>(state->io);
    }
    --state->left;
    std::optional<Outcome<Message>> out(std::move(state->there.front()));
    state->there.pop_front();
    co_return std::move(out);
}

pipe::Task<bool> Asking::wait_for_slots(Errand& errand, SlotSet answered) {
    constexpr Nanoseconds pause = 20_ms, time_to_answer = 200_ms;
    if (answered == all_slots || monotonic_now() + time_to_answer > errand.deadline())
        co_return false;
    const auto there = ready(Role::Storage);
    for (std::uint8_t slot = 0; slot < process::slot_count; ++slot) {
        if ((answered >> slot & 1) != 0) continue;
        const auto owner = host_.outbox().owner_of(slot);
        if (owner && std::ranges::find(there, *owner) == there.end()) co_return false;
    }
    co_await pipe::sleep_for(host_.io(), pause);
    co_return true;
}

void Asking::fail_degraded() {
    for (const auto& entry : waiting_) {
        if (!is_degraded(entry.role, entry.target)) continue;
        const auto name = process::name_of(entry.role);
        entry.answer->set(
            Outcome<Message>(role_unavailable(name, std::string(name) + " stopped answering")));
    }
}

}  // namespace warren::api
