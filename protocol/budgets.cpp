// Token buckets, duplicate filter and address cookies.
#include "protocol/budgets.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr float rate_address = 20, rate_net = 200, rate_region = 1000;
constexpr Nanoseconds replay_window = 600'000'000'000;
constexpr Nanoseconds secret_life = 120'000'000'000;

SipKey random_key(Random& random) {
    SipKey out;
    random.fill(out);
    return out;
}

std::uint64_t cookie_of(const SipKey& secret, const Endpoint& address) {
    Bytes text = Writer().bytes(address.address).u16(address.port).u8(address.v6 ? 1 : 0).take();
    auto value = siphash(secret, text);
    return value == 0 ? 1 : value;  // zero stands for "none" on the wire
}

}  // namespace

void TokenBucket::refill(Nanoseconds now) {
    if (now <= last_) return;
    level_ = std::min(rate_.burst, level_ + rate_.per_s * static_cast<double>(now - last_) / 1e9);
    last_ = now;
}

bool TokenBucket::take(Nanoseconds now, double amount) {
    refill(now);
    if (level_ < amount) return false;
    level_ -= amount;
    return true;
}

bool TokenBucket::positive(Nanoseconds now) {
    refill(now);
    return level_ > 0;
}

void TokenBucket::charge(Nanoseconds now, double amount) {
    refill(now);
    level_ -= amount;
}

SourceBudget::SourceBudget(Random& random, std::size_t buckets) : key_(random_key(random)) {
    for (auto& table : tables_)
        table.resize(std::max<std::size_t>(buckets, 64));
}

bool SourceBudget::take(Nanoseconds now, const Endpoint& source) {
    constexpr std::array<float, levels> rates = {rate_address, rate_net, rate_region};
    constexpr std::array<std::size_t, levels> v4 = {4, 3, 2}, v6 = {8, 6, 4};
    auto now_ms = static_cast<std::uint32_t>(now / 1'000'000);
    std::array<Bucket*, levels> hit{};
    for (std::size_t i = 0; i < levels; ++i) {
        std::array<std::uint8_t, 9> key{};
        key[0] = source.v6 ? 1 : 0;
        std::copy_n(source.address.begin(), (source.v6 ? v6 : v4)[i], key.begin() + 1);
        auto& bucket = tables_[i][siphash(key_, key) % tables_[i].size()];
        auto elapsed = static_cast<float>(now_ms - bucket.last_ms) / 1000.0F;
        bucket.level = std::min(rates[i], bucket.level + elapsed * rates[i]);
        bucket.last_ms = now_ms;
        if (bucket.level < 1.0F) return false;
        hit[i] = &bucket;
    }
    for (auto* bucket : hit)
        bucket->level -= 1.0F;
    return true;
}

std::size_t FlatSet::place_of(std::uint64_t value) const {
    auto at = value >> 1 & (places_.size() - 1);
    while (places_[at] != 0 && places_[at] != value)
        at = (at + 1) & (places_.size() - 1);
    return at;
}

bool FlatSet::contains(std::uint64_t value) const {
    return !places_.empty() && places_[place_of(value | 1)] != 0;
}

void FlatSet::insert(std::uint64_t value) {
    value |= 1;  // zero marks a free place
    if (2 * size_ >= places_.size()) {
        auto before = std::move(places_);
        places_.assign(std::max<std::size_t>(64, 2 * before.size()), 0);
        for (auto one : before)
            if (one != 0) places_[place_of(one)] = one;
    }
    auto& place = places_[place_of(value)];
    size_ += place == 0 ? 1 : 0;
    place = value;
}

void FlatSet::clear() {
    places_.clear();
    places_.shrink_to_fit();
    size_ = 0;
}

DuplicateFilter::DuplicateFilter(Random& random, std::size_t max)
    : key_(random_key(random)), max_(max) {}

void DuplicateFilter::rotate(Nanoseconds now) {
    if (young_.size() < max_ && now - rotated_ < replay_window) return;
    old_ = std::move(young_);
    young_.clear();
    rotated_ = now;
}

bool DuplicateFilter::seen(Nanoseconds now, std::uint64_t digest) {
    rotate(now);
    return young_.contains(digest) || old_.contains(digest);
}

void DuplicateFilter::insert(std::uint64_t digest) {
    young_.insert(digest);
}

namespace {
Endpoint room_of(const Endpoint& from) {
    if (from.is_private() || from.is_loopback()) return from;
    Endpoint out;
    out.v6 = from.v6;
    std::copy_n(from.address.begin(), from.v6 ? 6 : 3, out.address.begin());
    return out;
}
}  // namespace

std::uint64_t source_number(const Endpoint& from) {
    const auto net = room_of(from);
    Writer out;
    out.u8(net.v6 ? 1 : 0).bytes(net.address);
    return std::max<std::uint64_t>(siphash({}, out.take()), 1);
}

bool WaitingRoom::enter(const Endpoint& from, std::size_t bytes) {
    if (bytes_ + bytes > bytes_max) return false;
    auto net = nets_.try_emplace(room_of(from), 0).first;
    const bool fits = net->second + bytes <= net_bytes_max;
    if (fits) {
        net->second += bytes;
        bytes_ += bytes;
    }
    if (net->second == 0) nets_.erase(net);
    return fits;
}

void WaitingRoom::leave(const Endpoint& from, std::size_t bytes) {
    auto net = nets_.find(room_of(from));
    if (net == nets_.end()) return;
    bytes_ -= bytes;
    if ((net->second -= bytes) == 0) nets_.erase(net);
}

Cookies::Cookies(Random& random)
    : random_(random), secrets_{random_key(random), random_key(random)} {}

void Cookies::rotate(Nanoseconds now) {
    if (now - rotated_ < secret_life) return;
    secrets_[1] = secrets_[0];
    secrets_[0] = random_key(random_);
    rotated_ = now;
}

std::uint64_t Cookies::make(Nanoseconds now, const Endpoint& address) {
    rotate(now);
    return cookie_of(secrets_[0], address);
}

bool Cookies::valid(Nanoseconds now, const Endpoint& address, std::uint64_t echo) {
    rotate(now);
    if (echo == 0) return false;
    return std::any_of(secrets_.begin(), secrets_.end(),
                       [&](const SipKey& secret) { return cookie_of(secret, address) == echo; });
}

}  // namespace warren::protocol
