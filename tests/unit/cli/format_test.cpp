// Sizes, times and foreign text.
#include "cli/format.h"

#include <gtest/gtest.h>

#include <limits>

namespace warren::cli {
namespace {

TEST(Format, SizesChangeTheirUnitWhereTheNumberWouldGetLong) {
    EXPECT_EQ(human_size(0), "0 B");
    EXPECT_EQ(human_size(1023), "1023 B");
    EXPECT_EQ(human_size(1024), "1.0 KiB");
    EXPECT_EQ(human_size(1536), "1.5 KiB");
    EXPECT_EQ(human_size(150 * 1024), "150 KiB");
    EXPECT_EQ(human_size(1024 * 1024 - 1), "1.0 MiB");
    EXPECT_EQ(human_size(std::numeric_limits<std::uint64_t>::max()), "16.0 EiB");
}

TEST(Format, DurationsHaveAtMostTwoUnits) {
    EXPECT_EQ(human_duration(-1), "-");
    EXPECT_EQ(human_duration(999), "999 ms");
    EXPECT_EQ(human_duration(1000), "1 s");
    EXPECT_EQ(human_duration(60'000), "1 m");
    EXPECT_EQ(human_duration(192'000), "3 m 12 s");
    EXPECT_EQ(human_duration(3'600'000), "1 h");
    EXPECT_EQ(human_duration(187'200'000), "2 d 4 h");
}

TEST(Format, CountsAreGroupedByThree) {
    EXPECT_EQ(human_count(0), "0");
    EXPECT_EQ(human_count(999), "999");
    EXPECT_EQ(human_count(1000), "1,000");
    EXPECT_EQ(human_count(1234567), "1,234,567");
}

TEST(Format, BarsStayInTheirBounds) {
    EXPECT_EQ(progress_bar(0.5, 4), "[##..]");
    EXPECT_EQ(progress_bar(-3, 4), "[....]");
    EXPECT_EQ(progress_bar(7, 4), "[####]");
    EXPECT_EQ(progress_bar(std::numeric_limits<double>::quiet_NaN(), 4), "[....]");
}

TEST(Format, NoNameCanWriteOnTheTerminal) {
    EXPECT_EQ(printable("plain 兎 ü"), "plain 兎 ü");
    EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J");
    EXPECT_EQ(printable("a\nb\tc"), "a\\x0ab\\x09c");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "\\u{9b}31m");                                    // the one-character CSI
    EXPECT_EQ(printable("\u202egpj.exe"), "\\u{202e}gpj.exe");  // right-to-left override
    EXPECT_EQ(printable("\xff\xc0\xaf"), "\\xff\\xc0\\xaf");    // broken and overlong UTF-8
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");    // a surrogate
    EXPECT_EQ(printable("end \xe5\x85"), "end \\xe5\\x85");     // cut off
}

TEST(Format, WideCharactersTakeTwoColumns) {
    EXPECT_EQ(display_width("abc"), 3u);
    EXPECT_EQ(display_width("兎の巣"), 6u);
    EXPECT_EQ(display_width("u\u0308"), 1u);
}

TEST(Format, CuttingKeepsWholeCharacters) {
    EXPECT_EQ(fitted("abcdef", 6), "abcdef");
    EXPECT_EQ(fitted("abcdef", 4), "abc…");
    EXPECT_EQ(fitted("兎の巣", 4), "兎…");
    EXPECT_EQ(fitted("abc", 0), "");
}

}  // namespace
}  // namespace warren::cli
