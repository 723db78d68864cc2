// See slot_pins.h.
#include "runtime/process/slot_pins.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "runtime/process/roster.h"

namespace warren::process {

namespace {

std::optional<std::uint8_t> number_below(std::string_view text, std::size_t bound) {
    unsigned out = 0;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (code != std::errc{} || end != text.data() + text.size() || out >= bound)
        return std::nullopt;
    return static_cast<std::uint8_t>(out);
}

std::optional<std::uint8_t> slot_from(std::string_view text) {
    if (auto community = CommunityId::from_hex_text(text)) return slot_of(*community);
    return number_below(text, slot_count);
}

}  // namespace

Result<SlotPins> parse_slot_pins(const std::vector<std::string>& lines) {
    SlotPins out;
    for (const auto& line : lines) {
        auto equals = line.find('=');
        if (equals == std::string::npos)
            return bad_input(fmt::format("\"{}\" pins nothing: write SLOT=WORKER or "
                                         "COMMUNITY=WORKER, such as 17=2",
                                         line));
        auto name = std::string_view(line).substr(0, equals);
        auto slot = slot_from(name);
        if (!slot)
            return bad_input(
                fmt::format("\"{}\" in \"{}\" is neither a slot nor a community: write "
                            "0 to {}, or 40 hex digits",
                            name, line, slot_count - 1));
        auto index = std::string_view(line).substr(equals + 1);
        auto worker = number_below(index, storage_workers_max);
        if (!worker)
            return bad_input(fmt::format("\"{}\" in \"{}\" is no storage worker: write 0 to {}",
                                         index, line, storage_workers_max - 1));
        auto [pin, added] = out.emplace(*slot, *worker);
        if (!added && pin->second != *worker)
            return bad_input(fmt::format("\"{}\" pins slot {} to storage-{}, but it is pinned to "
                                         "storage-{} already: communities of one slot go together",
                                         line, *slot, *worker, pin->second));
    }
    return out;
}

}  // namespace warren::process
