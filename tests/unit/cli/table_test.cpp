// Tables: alignment, cutting, hostile cells.
#include "cli/table.h"

#include <gtest/gtest.h>

namespace warren::cli {
namespace {

TEST(Table, AlignsByWhatIsSeen) {
    Table table({{"NAME"}, {"SIZE", Align::Right}});
    table.add({"兎", "5"});
    table.add({"abcdef", "1234"});
    EXPECT_EQ(table.text(), "NAME    SIZE\n"
                            "兎         5\n"
                            "abcdef  1234\n");
}

TEST(Table, FlexibleColumnsGiveWay) {
    Table table({{"ID"}, {"NAME", Align::Left, true}});
    table.add({"1", "a very long name indeed"});
    EXPECT_EQ(table.text(16), "ID  NAME\n"
                              "1   a very long…\n");
    EXPECT_EQ(table.text(), "ID  NAME\n"
                            "1   a very long name indeed\n");
}

TEST(Table, CellsCannotBreakTheLine) {
    Table table({{"NAME"}});
    table.add({"a\nb\x1b[H"});
    EXPECT_EQ(table.text(), "NAME\na\\x0ab\\x1b[H\n");
}

}  // namespace
}  // namespace warren::cli
