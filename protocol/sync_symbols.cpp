// Integers only: both sides must assign alike on every machine.
#include "protocol/sync_symbols.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace warren::protocol {

namespace {

// The short ids are keyed, so nobody chooses what is drawn from them.
class Draws {
public:
    explicit Draws(std::uint64_t id) : random_(id) {}
    std::uint32_t check() { return static_cast<std::uint32_t>(random_.next() >> 32); }
    std::uint32_t sixteen_bits() {
        if (left_ == 0) {
            bits_ = random_.next();
            left_ = 4;
        }
        const auto out = static_cast<std::uint32_t>(bits_ & 0xffff);
        bits_ >>= 16;
        --left_;
        return out;
    }

private:
    SeededRandom random_;
    std::uint64_t bits_ = 0;
    unsigned left_ = 0;
};

// Puts an id into the symbols it belongs to: symbol i has it with probability 1 / (1 + i / 2).
void apply(std::span<CodedSymbol> symbols, std::uint64_t id, std::int64_t sign) {
    Draws draws(id);
    const auto check = draws.check();
    for (std::uint32_t i = 0; i < symbols.size(); ++i) {
        if (i > 0 && draws.sixteen_bits() * (2 + i) >= 2U * 65'536) continue;
        symbols[i].count += sign;
        symbols[i].ids ^= id;
        symbols[i].check ^= check;
    }
}

bool is_one_id(const CodedSymbol& symbol) {
    return (symbol.count == 1 || symbol.count == -1) && symbol.check == Draws(symbol.ids).check();
}

}  // namespace

std::vector<CodedSymbol> coded_symbols(std::span<const std::uint64_t> ids, std::size_t count) {
    std::vector<CodedSymbol> out(count);
    for (const auto id : ids)
        apply(out, id, 1);
    return out;
}

std::optional<SetDifference> differences(std::vector<CodedSymbol> theirs,
                                         std::span<const std::uint64_t> ours) {
    for (const auto id : ours)
        apply(theirs, id, -1);
    SetDifference out;
    // Each id taken out may leave another alone in a symbol. More ids than symbols cannot be told.
    for (std::size_t found = 0; found <= theirs.size(); ++found) {
        const auto at = std::ranges::find_if(theirs, is_one_id);
        if (at == theirs.end()) break;
        const auto [count, id, check] = *at;
        (count > 0 ? out.theirs : out.ours).push_back(id);
        apply(theirs, id, -count);
    }
    const bool all = std::ranges::all_of(
        theirs, [](const CodedSymbol& symbol) { return symbol == CodedSymbol{}; });
    if (!all) return std::nullopt;
    std::ranges::sort(out.theirs);
    std::ranges::sort(out.ours);
    return out;
}

std::size_t symbols_for(double differences) {
    constexpr double most = 1e6;  // so many symbols nobody sends
    const auto mean = std::min(differences, most);
    // Some ranges have more than the mean.
    return static_cast<std::size_t>(std::ceil(1.6 * mean + 2.5 * std::sqrt(mean))) + 1;
}

}  // namespace warren::protocol
