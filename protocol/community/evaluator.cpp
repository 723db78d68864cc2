#include "protocol/community/evaluator.h"

#include <algorithm>

namespace warren::protocol {

std::vector<VerdictChange> Evaluator::add(const RecordView& record) {
    const auto ref = record.ref();
    auto [place, is_new] = held_.try_emplace(ref);
    if (!is_new) return {};
    auto& held = place->second;
    held.claim = claim_of(type_, founder_, record);
    if (!held.claim) {
        held.verdict = Verdict::Refused;
        return {{ref, std::nullopt, Verdict::Refused}};
    }
    const auto& claim = *held.claim;
    std::vector<VerdictChange> out;
    if (claim.is_control()) {
        const auto effects = permissions_.add(claim);
        for (const auto& change : effects.changes)
            held_.at(change.record).verdict = change.after;
        out = effects.changes;
        settle(reached(effects), out);
        return out;
    }
    by_author_[line_of(claim)].insert(ref);
    if (claim.undo) undos_[claim.undo->target].push_back(ref);
    settle({ref}, out);
    return out;
}

std::set<RecordRef> Evaluator::reached(const Permissions::Effects& effects) const {
    std::set<RecordRef> out;
    for (const auto& [line, refs] : by_author_)
        for (const auto& ref : refs)
            if (effects.reach(*held_.at(ref).claim)) out.insert(ref);
    return out;
}

// First what each may do by itself, then what they do to each other.
void Evaluator::settle(const std::set<RecordRef>& touched, std::vector<VerdictChange>& out) {
    auto all = touched;
    for (const auto& ref : touched)
        judge_again(ref, all);
    for (const auto& ref : all) {
        auto& held = held_.at(ref);
        const auto now = final_verdict(ref, held);
        if (held.verdict == now) continue;
        out.push_back({ref, held.verdict, now});
        held.verdict = now;
    }
}

void Evaluator::judge_again(const RecordRef& ref, std::set<RecordRef>& touched) {
    auto& held = held_.at(ref);
    const auto& claim = *held.claim;
    const auto now = permissions_.judge(claim);
    if (held.standing == now) return;
    held.standing = now;
    if (claim.undo) {
        const auto target = held_.find(claim.undo->target);
        if (target != held_.end() && target->second.standing) touched.insert(target->first);
    }
    if (find_message(type_, claim.kind)->distribution == Distribution::Last)
        touched.merge(std::set(by_author_.at(line_of(claim))));
}

Verdict Evaluator::final_verdict(const RecordRef& ref, const Held& held) const {
    if (held.standing != Verdict::Accepted) return *held.standing;
    const auto& claim = *held.claim;
    if (is_superseded(claim)) return Verdict::Superseded;
    if (!undos_.contains(ref)) return Verdict::Accepted;
    const bool undone =
        is_undone(claim, ControlKind::UndoOwn) || is_undone(claim, ControlKind::UndoOther);
    return undone ? Verdict::Undone : Verdict::Accepted;
}

// Undone ones count as well: taking back the newest does not bring an old one back.
bool Evaluator::is_superseded(const Claim& claim) const {
    const auto& message = *find_message(type_, claim.kind);
    if (message.distribution != Distribution::Last) return false;
    const auto& refs = by_author_.at(line_of(claim));
    std::size_t newer = 0;
    for (auto it = refs.rbegin(); newer < message.last && *it != claim.ref; ++it)
        newer += held_.at(*it).standing == Verdict::Accepted ? 1u : 0u;
    return newer >= message.last;
}

// Author and moderators each have their own say: the newest of theirs, and of one time an undo.
bool Evaluator::is_undone(const Claim& claim, ControlKind by) const {
    std::pair<GlobalTime, bool> newest{};
    for (const auto& ref : undos_.at(claim.ref)) {
        const auto& held = held_.at(ref);
        const bool counts = held.standing == Verdict::Accepted && held.claim->kind == id_of(by) &&
                            held.claim->undo->kind == claim.kind &&
                            (by == ControlKind::UndoOther || held.claim->author == claim.author);
        if (!counts) continue;
        newest = std::max(newest, {ref.time, held.claim->undo->action == Undo::Action::Undo});
    }
    return newest.second;
}

std::optional<Verdict> Evaluator::verdict(const RecordRef& ref) const {
    const auto found = held_.find(ref);
    return found == held_.end() ? std::nullopt : found->second.verdict;
}

std::vector<std::pair<RecordRef, Verdict>> Evaluator::verdicts() const {
    std::vector<std::pair<RecordRef, Verdict>> out;
    for (const auto& [ref, held] : held_)
        out.emplace_back(ref, *held.verdict);
    return out;
}

void carry_out(const CommunityType& type, const VerdictChange& change, const RecordView& record,
               Projection& projection) {
    const auto* message = find_message(type, static_cast<MessageId>(record.kind));
    const bool was = change.before == Verdict::Accepted;
    const bool is = change.after == Verdict::Accepted;
    if (!message || was == is) return;
    if (is && message->apply) (*message->apply)(record, projection);
    if (was && message->undo) (*message->undo)(record, projection);
}

}  // namespace warren::protocol
