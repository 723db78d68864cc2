// Lifetimes and order of the addresses to try.
#include "protocol/walk_candidates.h"

#include <algorithm>

#include "protocol/peers.h"

namespace warren::protocol {

namespace {

constexpr Nanoseconds introduced_life = 27'500'000'000, discovered_life = 57'500'000'000;
constexpr Nanoseconds asked_again_after = 27'500'000'000;  // eligible for another step
constexpr Nanoseconds timeout = 3'000'000'000, retry_after = 1'000'000'000;
constexpr std::size_t entries_max = 256, fresh_max = 64, of_introducer_max = 8, of_region_max = 4;
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
    const auto region = region_of(address);
    const auto of_region = [&](const auto& entry) {
        return pending(entry) && region_of(entry.first) == region;
    };
    if (region && std::count_if(entries_.begin(), entries_.end(), of_region) >=
                      static_cast<std::ptrdiff_t>(of_region_max))
        return false;
    entries_[address] = {introducer, source, now};
    return true;
}

// Every region has the same chance, however many addresses were named in it.
std::optional<Endpoint> Candidates::take(Nanoseconds now, Random& random) {
    const auto preferred = random.below(20) == 0 ? Source::Discovered : Source::Introduced;
    using At = std::map<Endpoint, Entry>::iterator;
    const auto rank = [&](At at) {
        return std::pair(at->second.source != preferred, at->second.learned);
    };
    std::map<std::uint64_t, At> best;  // of each region
    std::uint64_t lone = 0;            // addresses without one stand for themselves
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
        if (!due(at->second, now)) continue;
        auto region = region_of(at->first);
        auto [there, fresh] = best.emplace(region ? *region : --lone, at);
        if (!fresh && rank(at) < rank(there->second)) there->second = at;
    }
    const bool any_preferred = std::any_of(best.begin(), best.end(), [&](const auto& one) {
        return one.second->second.source == preferred;
    });
    if (any_preferred)
        std::erase_if(best,
                      [&](const auto& one) { return one.second->second.source != preferred; });
    if (best.empty()) return std::nullopt;
    auto& [address, entry] =
        *std::next(best.begin(), static_cast<std::ptrdiff_t>(random.below(best.size())))->second;
    entry.asked = now;
    ++entry.tries;
    return address;
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
