// Text as the full-text index sees it: folded by ICU (NFKC_Casefold: full case folding,
// compatibility forms; then without diacritical marks). Runs of Chinese, Japanese and Korean
// characters, which have no spaces, become overlapping pairs; a query becomes quoted terms, so
// nothing a user writes is syntax.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace warren::shard {

// One form for what people take to be the same text; also what listings are sorted by.
std::string folded(std::string_view text);

std::string index_text(std::string_view text);

// Nothing when the text holds no word at all. The last word matches as a prefix, unless a space
// follows it or it is a single letter.
std::optional<std::string> match_expression(std::string_view text);

}  // namespace warren::shard
