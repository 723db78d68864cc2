// Lifetimes and order of the addresses to try.
#include "protocol/walk_candidates.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds introduced_life = 27'500'000'000, discovered_life = 57'500'000'000;
constexpr Nanoseconds asked_again_after = 27'500'000'000;  // eligible for another step
constexpr Nanoseconds timeout = 3'000'000'000, retry_after = 1'000'000'000;
constexpr std::size_t entries_max = 256, fresh_max = 64, of_introducer_max = 8;
constexpr unsigned tries_max = 2;

}  // namespace

bool Candidates::due(const Entry& entry, Nanoseconds now) {
    return entry.tries == 0 || (entry.tries < tries_max && now - entry.asked >= retry_after);
}

bool Candidates::add(Nanoseconds now, const Endpoint& address, const MemberId& introducer,
                     Source source) {
    if (entries_.contains(address) || entries_.size() >= entries_max) return false;
    const auto pending = [&](const auto& entry) { return entry.second.tries < tries_max; };
    const auto of_same = [&](const auto& entry) {
        return pending(entry) && entry.second.introducer == introducer;
    };
    if (std::count_if(entries_.begin(), entries_.end(), pending) >=
        static_cast<std::ptrdiff_t>(fresh_max))
        return false;
    if (source == Source::Introduced && std::count_if(entries_.begin(), entries_.end(), of_same) >=
                                            static_cast<std::ptrdiff_t>(of_introducer_max))
        return false;
    entries_[address] = {introducer, source, now};
    return true;
}

std::optional<Endpoint> Candidates::take(Nanoseconds now, Random& random) {
    const auto preferred = random.below(20) == 0 ? Source::Discovered : Source::Introduced;
    auto best = entries_.end();
    const auto rank = [&](const auto& entry) {
        return std::pair(entry.second.source != preferred, entry.second.learned);
    };
    for (auto at = entries_.begin(); at != entries_.end(); ++at)
        if (due(at->second, now) && (best == entries_.end() || rank(*at) < rank(*best))) best = at;
    if (best == entries_.end()) return std::nullopt;
    best->second.asked = now;
    ++best->second.tries;
    return best->first;
}

void Candidates::asked(Nanoseconds now, const Endpoint& address) {
    auto at = entries_.find(address);
    if (at == entries_.end()) return;
    at->second.asked = now;
    at->second.tries = tries_max;
}

std::optional<MemberId> Candidates::met(const Endpoint& address) {
    auto at = entries_.find(address);
    if (at == entries_.end()) return std::nullopt;
    auto out = at->second.introducer;
    entries_.erase(at);
    return out;
}

bool Candidates::may_retry(Nanoseconds now, const Endpoint& address) {
    auto at = entries_.find(address);
    if (at == entries_.end() || at->second.tries != 1) return false;
    asked(now, address);
    return true;
}

void Candidates::expire(Nanoseconds now) {
    std::erase_if(entries_, [&](const auto& one) {
        const auto& entry = one.second;
        if (entry.tries > 0) return now - entry.asked > asked_again_after;
        return now - entry.learned >
               (entry.source == Source::Introduced ? introduced_life : discovered_life);
    });
}

bool Candidates::waiting(Nanoseconds now) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const auto& entry) { return due(entry.second, now); });
}

std::size_t Candidates::outstanding(Nanoseconds now) const {
    return static_cast<std::size_t>(
        std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
            return entry.second.tries > 0 && now - entry.second.asked < timeout;
        }));
}

}  // namespace warren::protocol
