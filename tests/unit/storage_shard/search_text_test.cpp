// Words and pairs.
#include "storage-shard/search_text.h"

#include <gtest/gtest.h>

using warren::shard::index_text;
using warren::shard::match_expression;

TEST(SearchText, PairsRunsWithoutSpaces) {
    EXPECT_EQ(index_text("plain text, 2 words"), "plain text, 2 words");
    EXPECT_EQ(index_text("東京"), " 東京 京 ");
    EXPECT_EQ(index_text("a東京都b"), "a 東京 京都 都 b");
    EXPECT_EQ(index_text("한국 영화"), " 한국 국   영화 화 ");
    EXPECT_EQ(index_text(std::string_view("a\0b", 3)), "a b");
}

TEST(SearchText, QueriesAreQuotedTerms) {
    EXPECT_EQ(*match_expression("free film"), "\"free\" \"film\"*");
    EXPECT_EQ(*match_expression("free film "), "\"free\" \"film\"");
    EXPECT_EQ(*match_expression("東京都"), "\"東京 京都\"");
    EXPECT_EQ(*match_expression("京"), "\"京\"*");
    EXPECT_EQ(*match_expression("a\" OR b*"), "\"a\" \"or\" \"b\"");
    EXPECT_FALSE(match_expression(""));
    EXPECT_FALSE(match_expression(" -*\"(): "));
    EXPECT_FALSE(match_expression("\xff\xfe"));
}
