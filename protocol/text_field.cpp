#include "protocol/text_field.h"

#include <algorithm>

namespace warren::protocol {

std::string fitted(std::string text, TextBounds bounds) {
    if (!is_utf8(text))
        std::replace_if(
            text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; },
            '?');
    if (text.size() > bounds.most) {
        text.resize(bounds.most);
        while (!is_utf8(text))
            text.pop_back();
    }
    if (text.size() < bounds.least) text = "?";
    return text;
}

void put_text(Writer& to, const std::string& text, TextBounds bounds) {
    const std::string fit = fitted(text, bounds);
    to.u16(static_cast<std::uint16_t>(fit.size())).bytes(view_of(fit));
}

std::string_view read_text(Reader& in, TextBounds bounds) {
    const auto bytes = in.take(in.u16());
    const auto text = text_of(bytes);
    if (text.size() < bounds.least || text.size() > bounds.most || !is_utf8(text)) in.fail();
    return in.ok() ? text : std::string_view();
}

}  // namespace warren::protocol
