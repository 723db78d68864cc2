// Coded symbols (Yang, Gilad, Alizadeh: "Practical Rateless Set Reconciliation", 2024): each is the
// sum of the short ids that a fixed rule assigns to it. Those of two sets, one taken from the
// other, keep only what the sets differ in; a few of them name it, however large the sets are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace warren::protocol {

struct CodedSymbol {
    std::int64_t count = 0;
    std::uint64_t ids = 0;    // exclusive or
    std::uint32_t check = 0;  // of their checks: tells that exactly one id is left
    bool operator==(const CodedSymbol&) const = default;
};

std::vector<CodedSymbol> coded_symbols(std::span<const std::uint64_t> ids, std::size_t count);

struct SetDifference {
    std::vector<std::uint64_t> theirs, ours;  // what only one side has; ascending
};
// None: they differ in more than so few symbols can say, or the symbols are no set's.
std::optional<SetDifference> differences(std::vector<CodedSymbol> theirs,
                                         std::span<const std::uint64_t> ours);

// How many symbols name so many differences nine times in ten.
std::size_t symbols_for(double differences);

}  // namespace warren::protocol
