// See search_text.h. Input is UTF-8, checked before; broken bytes are taken as spaces all the same.
#include "storage-shard/search_text.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"

namespace warren::shard {

namespace {

constexpr std::size_t terms_max = 16;
constexpr std::size_t prefix_letters_min = 2;

struct Character {
    std::uint32_t code = 0;
    std::string_view bytes;
};

Character take(std::string_view& text) {
    auto head = static_cast<unsigned char>(text.front());
    std::size_t size = head < 0x80 ? 1 : head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
    Character out;
    if (size > text.size() || (head >= 0x80 && head < 0xc2)) {
        out = {' ', text.substr(0, 1)};
        text.remove_prefix(1);
        return out;
    }
    out.bytes = text.substr(0, size);
    out.code = size == 1 ? head : head & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i)
        out.code = (out.code << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
    text.remove_prefix(size);
    return out;
}

bool is_paired(std::uint32_t c) {
    struct Block {
        std::uint32_t first, last;
    };
    constexpr Block blocks[] = {{0x3005, 0x3007}, {0x3041, 0x309f},  {0x30a1, 0x30fa},
                                {0x30fc, 0x30ff}, {0x31f0, 0x31ff},  {0x3400, 0x4dbf},
                                {0x4e00, 0x9fff}, {0xac00, 0xd7a3},  {0xf900, 0xfaff},
                                {0xff66, 0xff9f}, {0x20000, 0x323af}};
    for (const auto& block : blocks)
        if (c >= block.first && c <= block.last) return true;
    return false;
}

// Punctuation and spaces that part words. Others outside ASCII are left to the tokenizer.
bool is_word(std::uint32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (c <= 0xbf) return c == 0xaa || c == 0xb5 || c == 0xba;
    return c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x206f) &&
           !(c >= 0x3000 && c <= 0x3004) && !(c >= 0x3008 && c <= 0x3020) &&
           !(c >= 0x2190 && c <= 0x2bff) && c != 0x30fb && !(c >= 0xff00 && c <= 0xff0f) &&
           !(c >= 0xe000 && c <= 0xf8ff) && !(c >= 0x1f000 && c <= 0x1faff) && c != 0xfeff &&
           !(c >= 0xfe00 && c <= 0xfe0f) && !(c >= 0xfff0 && c <= 0xffff);
}

// Pairs, then the last character by itself, so that every single character begins some token.
std::string pairs(const std::vector<std::string_view>& run) {
    std::string out;
    for (std::size_t i = 0; i < run.size(); ++i) {
        if (i > 0) out += ' ';
        out += run[i];
        if (i + 1 < run.size()) out += run[i + 1];
    }
    return out;
}

struct Term {
    std::string phrase;
    bool prefix = false;
};

// A run in a query: its pairs in a row, without the last character, which may stand inside a word.
Term term_of(const std::vector<std::string_view>& run) {
    if (run.size() == 1) return {std::string(run[0]), true};
    std::string phrase;
    for (std::size_t i = 0; i + 1 < run.size(); ++i) {
        if (i > 0) phrase += ' ';
        phrase += run[i];
        phrase += run[i + 1];
    }
    return {std::move(phrase), false};
}

std::vector<Term> terms_of(std::string_view text) {
    std::vector<Term> out;
    std::string word;
    std::size_t letters = 0;  // of the word
    std::vector<std::string_view> run;
    auto end_word = [&] {
        if (!word.empty()) out.push_back(Term{std::exchange(word, std::string()), false});
        letters = 0;
    };
    auto end_run = [&] {
        if (!run.empty()) out.push_back(term_of(run));
        run.clear();
    };
    while (!text.empty()) {
        auto c = take(text);
        if (is_paired(c.code)) {
            end_word();
            run.push_back(c.bytes);
            continue;
        }
        end_run();
        if (is_word(c.code)) {
            word += c.bytes;
            ++letters;
        } else {
            end_word();
        }
    }
    bool is_prefix = letters >= prefix_letters_min;
    end_word();
    end_run();
    if (is_prefix) out.back().prefix = true;
    return out;
}

std::string in_form(const icu::Normalizer2& form, std::string_view text) {
    std::string out;
    icu::StringByteSink<std::string> sink(&out);
    UErrorCode error = U_ZERO_ERROR;
    auto size = static_cast<std::int32_t>(text.size());
    form.normalizeUTF8(0, icu::StringPiece(text.data(), size), sink, nullptr, error);
    return U_SUCCESS(error) ? out : std::string(text);
}

// Combining diacritical marks. Those of other blocks make other letters (kana, Indic scripts).
std::string without_marks(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto c = take(text);
        if (c.code < 0x300 || c.code > 0x36f) out += c.bytes;
    }
    return out;
}

}  // namespace

std::string folded(std::string_view text) {
    std::string out;
    if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
        for (char c : text)
            out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        return out;
    }
    UErrorCode error = U_ZERO_ERROR;
    const auto* fold = icu::Normalizer2::getNFKCCasefoldInstance(error);
    const auto* apart = icu::Normalizer2::getNFDInstance(error);
    const auto* together = icu::Normalizer2::getNFCInstance(error);
    WARREN_CHECK(U_SUCCESS(error));  // built into the library
    auto bare = without_marks(in_form(*apart, in_form(*fold, text)));
    return in_form(*together, bare);
}

std::string index_text(std::string_view original) {
    auto whole = folded(original);
    std::string_view text = whole;
    std::string out;
    std::vector<std::string_view> run;
    auto end_run = [&] {
        if (run.empty()) return;
        out += ' ';
        out += pairs(run);
        out += ' ';
        run.clear();
    };
    while (!text.empty()) {
        auto c = take(text);
        if (is_paired(c.code)) {
            run.push_back(c.bytes);
            continue;
        }
        end_run();
        if (c.code < 0x20)
            out += ' ';
        else
            out += c.bytes;
    }
    end_run();
    return out;
}

std::optional<std::string> match_expression(std::string_view text) {
    auto terms = terms_of(folded(text));
    if (terms.empty()) return std::nullopt;
    if (terms.size() > terms_max) terms.resize(terms_max);
    std::string out;
    for (const auto& term : terms) {
        if (!out.empty()) out += ' ';
        out += '"';
        out += term.phrase;  // holds word characters and spaces only: nothing to escape
        out += term.prefix ? "\"*" : "\"";
    }
    return out;
}

}  // namespace warren::shard
