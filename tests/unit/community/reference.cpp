#include "tests/unit/community/reference.h"

#include <algorithm>

namespace warren::protocol {

Reference::Reference(const std::vector<TestRecord>& records) {
    for (const auto& record : records) {
        Read one;
        one.record = &record;
        read(one);
        all_.push_back(std::move(one));
    }
}

void Reference::read(Read& one) {
    const ByteView payload = one.record->payload;
    one.message = find_message(forum_type, one.record->kind);
    if (one.is(ControlKind::Authorize) || one.is(ControlKind::Revoke))
        if (auto grants = decode_grants(payload)) one.grants = *grants;
    if (one.is(ControlKind::UndoOwn) || one.is(ControlKind::UndoOther))
        if (auto undo = decode_undo(payload)) one.undo = *undo;
    if (one.is(ControlKind::Settings))
        if (auto settings = decode_settings(payload)) one.settings = *settings;
    one.is_wrong = is_wrong(one);
}

bool Reference::is_wrong(const Read& one) {
    if (!one.message || !one.message->fits(one.record->view())) return true;
    for (const auto& item : one.grants) {
        const auto* message = find_message(forum_type, item.kind);
        if (!message || item.member == founder) return true;
        const bool is_public = message->resolution == Resolution::Public;
        if (is_public && !message->undo) return true;
        if ((item.rights & right::permit) != 0 && is_public) return true;
        if ((item.rights & right::undo) != 0 && !message->undo) return true;
    }
    if (one.settings) {
        const auto* message = forum_type.find(one.settings->kind);
        return !message || message->resolution != Resolution::Dynamic;
    }
    if (one.undo) {
        const auto* message = forum_type.find(one.undo->kind);
        return !message || !message->undo || one.undo->target.time >= one.time();
    }
    return false;
}

template <typename Mentions>
std::optional<bool> Reference::newest(const Question& question, Mentions mentions) {
    std::optional<bool> gives;
    GlobalTime at = 0;
    for (auto& one : all_) {
        if (one.is_wrong || !mentions(one)) continue;
        const bool counts = one.time() < question.time ||
                            (one.time() == question.time && one.takes() && !question.by_take);
        if (!counts || one.time() < at || standing(one) != Verdict::Accepted) continue;
        const bool ties = gives && one.time() == at;
        gives = ties ? *gives && !one.takes() : !one.takes();
        at = one.time();
    }
    return gives;
}

Verdict Reference::holds(const Question& question) {
    if (question.who == founder) return Verdict::Accepted;
    const auto& message = *question.message;
    if (question.right == right::permit) {
        const auto policy = newest(question, [&](const Read& one) {
            return one.settings && one.settings->kind == message.id;
        });
        if (message.resolution == Resolution::Public) return Verdict::Accepted;
        if (message.resolution == Resolution::Dynamic &&
            policy.value_or(message.initial == Policy::Public))
            return Verdict::Accepted;
    }
    const auto own = newest(question, [&](const Read& one) {
        return std::ranges::any_of(one.grants, [&](const Grant& item) {
            return item.member == question.who && item.kind == message.id &&
                   (item.rights & question.right) != 0;
        });
    });
    if (!own) return Verdict::Waiting;
    return *own ? Verdict::Accepted : Verdict::Refused;
}

Verdict Reference::standing_of_grants(const Read& one) {
    auto items = one.grants;
    if (one.settings) items = {{{}, one.settings->kind, right::permit}};
    auto out = Verdict::Accepted;
    for (const auto& item : items) {
        for (const Rights one_right :
             {right::permit, right::authorize, right::revoke, right::undo}) {
            const bool needed =
                one.takes() ? one_right == right::revoke
                            : one_right == right::authorize || (item.rights & one_right) != 0;
            if (!needed) continue;
            const auto* message = find_message(forum_type, item.kind);
            const auto got =
                holds({one.record->author, one_right, message, one.time(), one.takes()});
            if (got == Verdict::Refused) return got;
            if (got == Verdict::Waiting) out = got;
        }
    }
    return out;
}

Verdict Reference::standing_of_signers(const Read& one) {
    auto out = holds({one.record->author, right::permit, one.message, one.time(), false});
    if (!one.record->second || out == Verdict::Refused) return out;
    const auto second = holds({*one.record->second, right::permit, one.message, one.time(), false});
    return second == Verdict::Accepted ? out : second;
}

// By permissions alone.
Verdict Reference::standing(Read& one) {
    if (one.standing) return *one.standing;
    auto out = Verdict::Refused;
    const auto& author = one.record->author;
    if (one.is_wrong)
        out = Verdict::Refused;
    else if (!one.grants.empty() || one.settings)
        out = standing_of_grants(one);
    else if (one.is(ControlKind::UndoOwn))
        out = holds(
            {author, right::permit, forum_type.find(one.undo->kind), one.undo->target.time, false});
    else if (one.is(ControlKind::UndoOther))
        out = holds({author, right::undo, forum_type.find(one.undo->kind), one.time(), false});
    else
        out = standing_of_signers(one);
    one.standing = out;
    return out;
}

bool Reference::is_destroyed() {
    return std::ranges::any_of(all_, [&](Read& one) {
        return one.is(ControlKind::Destroy) && standing(one) == Verdict::Accepted;
    });
}

bool Reference::is_superseded(const Read& one) {
    if (one.message->distribution != Distribution::Last) return false;
    const auto subject = [&](const Read& of) {
        return to_bytes(one.message->subject_of(of.record->payload));
    };
    const auto newer = std::ranges::count_if(all_, [&](Read& other) {
        return other.record->author == one.record->author &&
               other.record->kind == one.record->kind && one.record->ref < other.record->ref &&
               subject(other) == subject(one) && standing(other) == Verdict::Accepted;
    });
    return newer >= one.message->last;
}

bool Reference::is_undone(const Read& one, ControlKind by) {
    GlobalTime at = 0;
    bool undone = false;
    for (auto& other : all_) {
        if (!other.is(by) || !other.undo || other.undo->target != one.record->ref) continue;
        if (other.undo->kind != one.record->kind || standing(other) != Verdict::Accepted) continue;
        if (by == ControlKind::UndoOwn && other.record->author != one.record->author) continue;
        const bool undoes = other.undo->action == Undo::Action::Undo;
        if (other.time() > at) undone = undoes;
        if (other.time() == at) undone = undone || undoes;
        at = std::max(at, other.time());
    }
    return undone;
}

std::map<RecordRef, Verdict> Reference::verdicts() {
    std::map<RecordRef, Verdict> out;
    const bool destroyed = is_destroyed();
    for (auto& one : all_) {
        auto& verdict = out[one.record->ref] = standing(one);
        const bool is_content = is_content_id(one.record->kind);
        const bool ends =
            (is_content && one.record->kind != forum_type.founding) || one.undo.has_value();
        if (destroyed && ends) verdict = Verdict::Refused;
        if (!is_content || verdict != Verdict::Accepted) continue;
        if (is_undone(one, ControlKind::UndoOwn) || is_undone(one, ControlKind::UndoOther))
            verdict = Verdict::Undone;
        if (is_superseded(one)) verdict = Verdict::Superseded;
    }
    return out;
}

}  // namespace warren::protocol
