// Any bytes as a shared log: whatever is torn or damaged, each byte is accounted for, and what is
// taken has exactly one form.
#include "storage-shard/intake_log.h"

#include <algorithm>

#include "base/check.h"

using namespace warren;
using namespace warren::shard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t marks = IntakeGroups().size() * 8, head = 16;
    const ByteView file(data, size);
    const auto content = decode_intake(file);
    auto accounted = std::min(size, marks) + content.tail_bytes + content.damaged_bytes;
    std::size_t at = 0;
    for (const auto& entry : content.entries) {
        WARREN_CHECK(!entry.packets.empty());
        const auto bytes = encode(entry);
        accounted += head + bytes.size();
        const auto found = std::search(file.begin() + static_cast<std::ptrdiff_t>(at), file.end(),
                                       bytes.begin(), bytes.end());
        WARREN_CHECK(found != file.end());
        at = static_cast<std::size_t>(found - file.begin()) + bytes.size();
    }
    WARREN_CHECK(accounted == size);
    return 0;
}
