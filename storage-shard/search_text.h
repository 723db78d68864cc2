// Text as the full-text index sees it. Runs of Chinese, Japanese and Korean characters, which have
// no spaces, become overlapping pairs; a query becomes quoted terms, so nothing a user writes is
// syntax.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace warren::shard {

std::string index_text(std::string_view text);

// Nothing when the text holds no word at all. The last word matches as a prefix.
std::optional<std::string> match_expression(std::string_view text);

}  // namespace warren::shard
