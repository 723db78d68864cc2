#include "protocol/record_ref.h"

#include <charconv>

namespace warren::protocol {

std::string ref_text(const RecordRef& ref) {
    return std::to_string(ref.time) + "." + ref.id.hex();
}

std::optional<RecordRef> ref_from(std::string_view text) {
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    RecordRef out;
    const auto* end = text.data() + dot;
    const auto parsed = std::from_chars(text.data(), end, out.time);
    const auto id = RecordId::from_hex_text(text.substr(dot + 1));
    if (parsed.ec != std::errc{} || parsed.ptr != end || !id) return std::nullopt;
    out.id = *id;
    return out;
}

}  // namespace warren::protocol
