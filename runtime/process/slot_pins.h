// Slots that an operator pinned to a storage worker: the lines of storage.pin, "SLOT=WORKER" or
// "COMMUNITY=WORKER". A community pins its slot, for slots move whole.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace warren::process {

using SlotPins = std::map<std::uint8_t, std::uint8_t>;  // slot: worker
inline constexpr std::uint8_t storage_workers_max = 16;

// The error says which line is wrong and what to write.
Result<SlotPins> parse_slot_pins(const std::vector<std::string>& lines);

}  // namespace warren::process
