// Command lines, right and wrong.
#include "cli/parse.h"

#include <gmock/gmock.h>

#include <vector>

namespace warren::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::variant<Call, Reply> parse_words(std::vector<const char*> words) {
    words.insert(words.begin(), "warren");
    return parse(static_cast<int>(words.size()), words.data());
}

Call right(std::vector<const char*> words) {
    auto out = parse_words(std::move(words));
    if (auto* reply = std::get_if<Reply>(&out)) ADD_FAILURE() << reply->text;
    return std::holds_alternative<Call>(out) ? std::get<Call>(out) : Call(command_rows().front());
}

std::string wrong(std::vector<const char*> words) {
    auto out = parse_words(std::move(words));
    auto* reply = std::get_if<Reply>(&out);
    if (reply == nullptr) return "accepted";
    EXPECT_EQ(reply->exit, Exit::Usage);
    return reply->text;
}

TEST(Parse, FindsTheRowOfOneAndTwoWords) {
    EXPECT_EQ(right({"status"}).row().path, "status");
    EXPECT_EQ(right({"channel", "create", "Books"}).row().path, "channel create");
    EXPECT_EQ(right({"peers"}).row().path, "peers");
    EXPECT_EQ(right({"peers", "add", "1.2.3.4:5"}).row().path, "peers add");
}

TEST(Parse, GlobalOptionsStandBeforeOrBehind) {
    EXPECT_EQ(right({"--state", "/x", "status"}).text("--state"), "/x");
    EXPECT_EQ(right({"status", "--state=/x"}).text("--state"), "/x");
    EXPECT_EQ(right({"channel", "list", "--timeout", "3"}).number("--timeout", 0), 3);
}

TEST(Parse, WordsMayLookLikeCommandsOrLists) {
    EXPECT_THAT(right({"search", "status", "[a,b]", "channel"}).texts("WORDS"),
                ElementsAre("status", "[a,b]", "channel"));
    EXPECT_EQ(right({"channel", "create", "list"}).text("NAME"), "list");
    EXPECT_EQ(right({"channel", "create", "--", "--odd"}).text("NAME"), "--odd");
}

TEST(Parse, RepeatedOptionsTakeOneValueEach) {
    auto call = right({"up", "--set", "a.b=1", "--set", "c.d=2"});
    EXPECT_THAT(call.texts("--set"), ElementsAre("a.b=1", "c.d=2"));
    EXPECT_THAT(wrong({"up", "--set", "a.b=1", "c.d=2"}), HasSubstr("\"c.d=2\" is not expected"));
}

TEST(Parse, SaysWhatIsWrongAndWhatToWrite) {
    EXPECT_THAT(wrong({"chanel"}), HasSubstr("did you mean \"channel\"?"));
    EXPECT_THAT(wrong({"channel"}), HasSubstr("create|list|show|add|join|leave"));
    EXPECT_THAT(wrong({"channel", "create"}), HasSubstr("NAME is required"));
    EXPECT_THAT(wrong({"channel", "create", ""}), HasSubstr("NAME is empty"));
    EXPECT_THAT(wrong({"channel", "create", "a", "b"}), HasSubstr("\"b\" is not expected"));
    EXPECT_THAT(wrong({"status", "--jsn"}), HasSubstr("no option --jsn in \"warren status\""));
    EXPECT_THAT(wrong({"search", "x", "--limit", "0"}), HasSubstr("from 1 to 1000"));
    EXPECT_THAT(wrong({"search", "x", "--limit", "1001"}), HasSubstr("from 1 to 1000"));
    EXPECT_THAT(wrong({"search", "x", "--limit", "5x"}), HasSubstr("--limit is \"5x\""));
    EXPECT_THAT(wrong({"status", "--timeout", "99999999999999999999"}),
                HasSubstr("write a number"));
    EXPECT_THAT(wrong({"api", "GTE", "status"}), HasSubstr("GET|POST|PUT|PATCH|DELETE"));
    EXPECT_THAT(wrong({"api", "GET|POST", "status"}), HasSubstr("write one of"));
    EXPECT_THAT(wrong({}), HasSubstr("Usage: warren COMMAND"));
}

TEST(Parse, HelpWinsOverMissingWords) {
    auto out = parse_words({"channel", "create", "--help"});
    ASSERT_TRUE(std::holds_alternative<Reply>(out));
    EXPECT_EQ(std::get<Reply>(out).exit, Exit::Ok);
    EXPECT_THAT(std::get<Reply>(out).text, HasSubstr("Usage: warren channel create NAME"));
}

}  // namespace
}  // namespace warren::cli
