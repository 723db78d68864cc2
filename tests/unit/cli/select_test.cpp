// --field: values at a dotted path.
#include <gmock/gmock.h>

#include "cli/answer.h"

namespace warren::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Selection at(const char* json, const char* path) {
    return select(*parse_json(json), path);
}

TEST(Select, GoesThroughObjectsAndLists) {
    EXPECT_THAT(at(R"({"a":{"b":"x"}})", "a.b").values, ElementsAre("x"));
    EXPECT_THAT(at(R"({"items":[{"n":1},{"n":2}]})", "items.n").values, ElementsAre("1", "2"));
    EXPECT_THAT(at(R"({"a":[1,true]})", "a").values, ElementsAre("[1,true]"));
}

TEST(Select, AnItemWithoutTheFieldKeepsItsLine) {
    auto got = at(R"({"items":[{"n":"x"},{}]})", "items.n");
    EXPECT_TRUE(got.found);
    EXPECT_THAT(got.values, ElementsAre("x", ""));
}

TEST(Select, TellsAnEmptyListFromAFieldThatDoesNotExist) {
    auto none = at(R"({"items":[]})", "items.n");
    EXPECT_TRUE(none.found);
    EXPECT_THAT(none.values, IsEmpty());
    EXPECT_FALSE(at(R"({"items":[{"m":1}]})", "items.n").found);
    EXPECT_FALSE(at(R"({"a":1})", "a.b").found);
}

TEST(ExitCodes, FollowTheStatus) {
    EXPECT_EQ(exit_of(201), Exit::Ok);
    EXPECT_EQ(exit_of(404), Exit::Refused);
    EXPECT_EQ(exit_of(401), Exit::Refused);
    EXPECT_EQ(exit_of(400), Exit::BadData);
    EXPECT_EQ(exit_of(422), Exit::BadData);
    EXPECT_EQ(exit_of(503), Exit::Unavailable);
    EXPECT_EQ(exit_of(429), Exit::TryAgain);
}

TEST(PercentEncoding, LeavesOnlyUnreservedCharacters) {
    EXPECT_EQ(percent_encoded("aZ0-_.~"), "aZ0-_.~");
    EXPECT_EQ(percent_encoded("a b&c=ü/%"), "a%20b%26c%3D%C3%BC%2F%25");
}

}  // namespace
}  // namespace warren::cli
