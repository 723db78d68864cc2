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

SourceBudget::SourceBudget(Random& random, std::size_t buckets)
    : key_(random_key(random)), buckets_(std::max<std::size_t>(buckets, 64)) {}

SourceBudget::Bucket& SourceBudget::refilled(std::uint32_t now_ms, ByteView key, float rate) {
    auto& bucket = buckets_[siphash(key_, key) % buckets_.size()];
    auto elapsed = static_cast<float>(now_ms - bucket.last_ms) / 1000.0F;
    bucket.level = std::min(rate, bucket.level + elapsed * rate);
    bucket.last_ms = now_ms;
    return bucket;
}

bool SourceBudget::take(Nanoseconds now, const Endpoint& source) {
    auto now_ms = static_cast<std::uint32_t>(now / 1'000'000);
    const std::array<std::size_t, 3> lengths =
        source.v6 ? std::array<std::size_t, 3>{8, 6, 4} : std::array<std::size_t, 3>{4, 3, 2};
    const std::array<float, 3> rates = {rate_address, rate_net, rate_region};
    std::array<Bucket*, 3> hit{};
    for (std::size_t i = 0; i < 3; ++i) {
        std::array<std::uint8_t, 18> key{};
        key[0] = static_cast<std::uint8_t>(i);
        key[1] = source.v6 ? 1 : 0;
        std::copy_n(source.address.begin(), lengths[i], key.begin() + 2);
        hit[i] = &refilled(now_ms, key, rates[i]);
        if (hit[i]->level < 1.0F) return false;
    }
    for (auto* bucket : hit)
        bucket->level -= 1.0F;
    return true;
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
