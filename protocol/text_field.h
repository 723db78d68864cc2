// Texts in our payloads: u16 length, then UTF-8 within bounds in bytes.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace warren::protocol {

struct TextBounds {
    std::size_t least, most;
};

// A text that read_text takes: cut at a character, foreign bytes and emptiness written as '?'.
std::string fitted(std::string text, TextBounds bounds);
void put_text(Writer& to, const std::string& text, TextBounds bounds);
std::string_view read_text(Reader& in, TextBounds bounds);

}  // namespace warren::protocol
