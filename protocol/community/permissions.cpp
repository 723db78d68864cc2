#include "protocol/community/permissions.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "base/check.h"

namespace warren::protocol {

// Keys share their head (a tag); the tail differs.
std::size_t Permissions::SubjectHash::operator()(const Subject& subject) const {
    std::size_t out = 0;
    const auto tail = subject.first.view().last(sizeof out);
    std::memcpy(&out, tail.data(), sizeof out);
    return out * 31 + subject.second;
}

bool Permissions::Effects::reach(const Claim& claim) const {
    if (end_changed) return true;
    return std::ranges::any_of(reaches, [&](const Reach& one) {
        return std::ranges::any_of(claim.needs, [&](const Need& need) {
            const bool is_meant = one.member == everyone || one.member == claim.who(need);
            return is_meant && need.kind == one.kind && need.time >= one.from;
        });
    });
}

void Permissions::Effects::join(const Effects& later) {
    changes.insert(changes.end(), later.changes.begin(), later.changes.end());
    reaches.insert(reaches.end(), later.reaches.begin(), later.reaches.end());
    end_changed = end_changed || later.end_changed;
}

void Permissions::forget(const Claim& claim) {
    const auto at = position_of(claim);
    const auto found = controls_.find(at);
    if (found == controls_.end() || found->second.verdict == Verdict::Accepted) return;
    controls_.erase(found);
    const auto by_author = by_author_.find(claim.author);
    by_author->second.erase(at);
    if (by_author->second.empty()) by_author_.erase(by_author);
}

Permissions::Effects Permissions::add(const Claim& claim) {
    WARREN_CHECK(claim.is_control());
    Effects out;
    const auto at = position_of(claim);
    if (!controls_.try_emplace(at, Control{claim, std::nullopt}).second) return out;
    by_author_[claim.author].insert(at);
    const bool was_ended = !ends_.empty();
    // Verdicts depend on earlier positions only: taken in their order, each is judged once.
    for (std::set<Position> due{at}; !due.empty();) {
        const auto next = *due.begin();
        due.erase(due.begin());
        judge_again(next, due, out);
    }
    out.end_changed = was_ended != !ends_.empty();
    return out;
}

void Permissions::judge_again(const Position& at, std::set<Position>& due, Effects& out) {
    auto& control = controls_.at(at);
    const auto before = control.verdict;
    const auto now = judge(control.claim);
    if (before == now) return;
    out.changes.push_back({at.ref(), before, now});
    control.verdict = now;
    const bool was_accepted = before == Verdict::Accepted;
    if (was_accepted != (now == Verdict::Accepted)) change(at, control, due, out);
}

// What the record says holds from now on, or no longer.
void Permissions::change(const Position& at, const Control& control, std::set<Position>& due,
                         Effects& out) {
    const auto& claim = control.claim;
    const bool holds = control.verdict == Verdict::Accepted;
    if (claim.is_destroy() && holds) ends_.insert(claim.ref);
    if (claim.is_destroy() && !holds) ends_.erase(claim.ref);
    for (const auto& item : claim.grants) {
        auto& said = said_[{item.member, item.kind}];
        const Said one{at.time, claim.takes, at.id, item.rights};
        const auto place = std::ranges::lower_bound(said, one);
        if (holds)
            said.insert(place, one);
        else
            said.erase(place);
        out.reaches.push_back(
            {item.member, item.kind, claim.takes ? at.time : at.time + 1, claim.takes == holds});
        add_later_ones(item.member, at, due);
    }
}

void Permissions::add_later_ones(const PublicKey& member, const Position& than,
                                 std::set<Position>& due) const {
    if (member == everyone) {
        for (auto it = controls_.upper_bound(than); it != controls_.end(); ++it)
            due.insert(it->first);
        return;
    }
    const auto found = by_author_.find(member);
    if (found == by_author_.end()) return;
    due.insert(found->second.upper_bound(than), found->second.end());
}

const Permissions::Said* Permissions::newest(const PublicKey& member, const Need& need) const {
    const auto found = said_.find({member, need.kind});
    if (found == said_.end()) return nullptr;
    const auto& said = found->second;
    auto end = std::ranges::upper_bound(said, need.time, {}, &Said::time);
    while (end != said.begin()) {
        --end;
        const bool counts = end->time < need.time || (end->takes && !need.by_take);
        if (counts && (end->rights & need.right) != 0) return &*end;
    }
    return nullptr;
}

Verdict Permissions::decide(const PublicKey& member, const Need& need,
                            std::vector<Position>* because) const {
    const auto newest_of = [&](const PublicKey& whom) {
        const auto* said = newest(whom, need);
        if (said && because) because->push_back({said->time, !said->takes, said->id});
        return said;
    };
    if (member == founder_) return Verdict::Accepted;
    const auto* message = find_message(type_, need.kind);
    if (!message) return Verdict::Refused;
    if (need.right == right::permit && message->resolution == Resolution::Public)
        return Verdict::Accepted;
    if (need.right == right::permit && message->resolution == Resolution::Dynamic) {
        const auto* policy = newest_of(everyone);
        const bool is_public = policy ? !policy->takes : message->initial == Policy::Public;
        if (is_public) return Verdict::Accepted;
    }
    const auto* own = newest_of(member);
    if (!own) return Verdict::Waiting;
    return own->takes ? Verdict::Refused : Verdict::Accepted;
}

// What proves the end goes on to count: control records, and who founded.
bool Permissions::is_ended_for(const Claim& claim) const {
    return !ends_.empty() && !claim.is_control() && claim.kind != type_.founding;
}

Verdict Permissions::judge(const Claim& claim) const {
    auto out = Verdict::Accepted;
    for (const auto& need : claim.needs) {
        const auto one = decide(claim.who(need), need, nullptr);
        if (one == Verdict::Refused) return one;
        if (one == Verdict::Waiting) out = one;
    }
    return is_ended_for(claim) ? Verdict::Refused : out;
}

std::vector<RecordRef> Permissions::proof(const Claim& claim) const {
    std::set<Position> found;
    const auto add_from = [&](const Claim& from) {
        std::vector<Position> because;
        for (const auto& need : from.needs)
            decide(from.who(need), need, &because);
        return because;
    };
    auto left = add_from(claim);
    if (is_ended_for(claim)) left.push_back({ends_.begin()->time, true, ends_.begin()->id});
    while (!left.empty()) {
        const auto next = left.back();
        left.pop_back();
        if (!found.insert(next).second) continue;
        const auto more = add_from(controls_.at(next).claim);
        left.insert(left.end(), more.begin(), more.end());
    }
    std::vector<RecordRef> out;
    for (const auto& position : found)
        out.push_back(position.ref());
    return out;
}

// `since` goes back to where it last became what it is: giving again changes nothing.
std::vector<Standing> Permissions::standings() const {
    std::vector<Standing> out;
    for (const auto& [subject, said] : said_) {
        for (const Rights one : {right::permit, right::authorize, right::revoke, right::undo}) {
            std::optional<Standing> now;
            for (const auto& entry : said) {
                if ((entry.rights & one) == 0) continue;
                const bool goes_on = now && now->held == !entry.takes;
                now = Standing{subject.first,
                               subject.second,
                               one,
                               !entry.takes,
                               goes_on ? now->since : entry.time,
                               {entry.time, entry.id}};
            }
            if (now) out.push_back(*now);
        }
    }
    std::ranges::sort(
        out, {}, [](const Standing& row) { return std::tuple(row.member, row.kind, row.right); });
    return out;
}

std::optional<RecordRef> Permissions::end() const {
    return ends_.empty() ? std::nullopt : std::optional(*ends_.begin());
}

}  // namespace warren::protocol
