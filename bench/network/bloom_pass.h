// A pass of Bloom filters as Dispersy sends them, our own: windows of as many records as a filter
// of one datagram holds at one percent; the other side gives what the window's filter does not
// know.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace warren::bench {

struct BloomPass {
    std::uint64_t filters = 0, bytes = 0, missed = 0;
    double cpu_ms = 0;  // of both sides
};

// Both in order; `theirs` holds what we may lack. One way: what they lack costs a pass of theirs.
inline BloomPass bloom_pass(const std::vector<RecordRef>& ours,
                            const std::vector<RecordRef>& theirs) {
    constexpr std::size_t filter_bytes = 1070, bits = filter_bytes * 8, window = 893;
    constexpr std::uint64_t hashes = 7, header_bytes = 39;
    const auto each_bit = [](const RecordRef& ref, auto&& visit) {
        Reader in(ref.id.view());
        const auto start = in.u64(), step = in.u64() | 1;
        for (std::uint64_t i = 0; i < hashes; ++i)
            visit((start + i * step) % bits);
    };
    const auto began = std::clock();
    BloomPass out;
    std::vector<RecordRef> held_back;
    auto next = theirs.begin();
    for (std::size_t first = 0; out.filters == 0 || first < ours.size(); first += window) {
        const auto last = std::min(first + window, ours.size());
        std::vector<bool> filter(bits);
        for (auto i = first; i < last; ++i)
            each_bit(ours[i], [&](std::uint64_t bit) { filter[bit] = true; });
        ++out.filters;
        const auto end = last < ours.size() ? std::upper_bound(next, theirs.end(), ours[last - 1])
                                            : theirs.end();
        for (; next != end; ++next) {
            bool known = true;
            each_bit(*next, [&](std::uint64_t bit) { known = known && filter[bit]; });
            if (known) held_back.push_back(*next);
        }
    }
    out.bytes = out.filters * (filter_bytes + header_bytes);
    out.cpu_ms = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC * 1e3;
    for (const auto& ref : held_back)
        if (!std::ranges::binary_search(ours, ref)) ++out.missed;
    return out;
}

}  // namespace warren::bench
