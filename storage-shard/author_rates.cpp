// See author_rates.h.
#include "storage-shard/author_rates.h"

#include <algorithm>

namespace warren::shard {

namespace {

constexpr Nanoseconds minute = 60_s, day = 24 * 3600_s;
constexpr Nanoseconds per_record = minute / AuthorRates::records_a_minute;

Nanoseconds span_of(std::size_t bytes) {
    return static_cast<Nanoseconds>(bytes) *
           (day / static_cast<Nanoseconds>(AuthorRates::bytes_a_day));
}

}  // namespace

bool AuthorRates::take(const protocol::PublicKey& author, std::size_t bytes, Nanoseconds now) {
    auto found = used_.find(author);
    if (found == used_.end()) {
        if (used_.size() >= authors_max)
            std::erase_if(used_, [now](const auto& entry) {
                return entry.second.records_until <= now && entry.second.bytes_until <= now;
            });
        // So many at once are no people; those who are known go on.
        if (used_.size() >= authors_max) return false;
        found = used_.emplace(author, Used{}).first;
    }
    auto& used = found->second;
    const auto records = std::max(used.records_until, now) + per_record;
    const auto spent = std::max(used.bytes_until, now) + span_of(bytes);
    if (records - now > minute || spent - now > day) return false;
    used = {records, spent};
    return true;
}

}  // namespace warren::shard
