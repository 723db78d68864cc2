// JSON from outside: what is refused, and that the place is named (R-A6).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "workers/api/json/parse.h"
#include "workers/api/json/schema.h"

namespace warren::api::json {
namespace {

std::string error_of(std::string_view text) {
    const auto value = parse(text);
    return value ? "(none)" : value.error().text;
}

TEST(JsonParse, TakesWhatIsRight) {
    for (const auto text : {"{}", "[]", "null", "-1.5e3", "\"\\u00e4\\ud83d\\ude00\"",
                            "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}", " [1 , 2]\n"})
        EXPECT_EQ(error_of(text), "(none)") << text;
}

TEST(JsonParse, DepthAtItsBoundAndBeyond) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_EQ(error_of(nested(depth_max)), "(none)");
    EXPECT_EQ(error_of(nested(depth_max + 1)), "line 1, column 33: nested deeper than 32");
    EXPECT_EQ(error_of(nested(200'000)), "line 1, column 33: nested deeper than 32");
    EXPECT_EQ(error_of(std::string(200'000, '[')), "line 1, column 33: nested deeper than 32");
    std::string objects;
    for (int i = 0; i < 200'000; ++i)
        objects += "{\"a\":";
    EXPECT_NE(error_of(objects).find("nested deeper than 32"), std::string::npos);
}

TEST(JsonParse, CountAtItsBoundAndBeyond) {
    const auto list = [](std::size_t count) {
        std::string out = "[0";
        for (std::size_t i = 1; i < count; ++i)
            out += ",0";
        return out + "]";
    };
    EXPECT_EQ(error_of(list(values_max - 1)), "(none)");
    EXPECT_NE(error_of(list(values_max)).find("more than 10000 values"), std::string::npos);
}

TEST(JsonParse, NoMemberTwice) {
    EXPECT_EQ(error_of("{\"name\":1,\n \"name\":2}"), "line 2, column 7: a member stands twice");
    EXPECT_EQ(error_of("{\"a\":1,\"\\u0061\":2}"), "line 1, column 15: a member stands twice");
    EXPECT_EQ(error_of("{\"a\":{\"b\":1},\"b\":2}"), "(none)");
}

TEST(JsonParse, OnlyUtf8) {
    for (const std::string bytes :
         {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
        EXPECT_TRUE(error_of("\"" + bytes + "\"").starts_with("line 1, column ")) << bytes.size();
    EXPECT_NE(error_of("\"\\ud800\""), "(none)");
    EXPECT_NE(error_of(std::string("\"a\0b\"", 5)), "(none)");
}

TEST(JsonParse, ErrorsNameThePlaceAndKeepTheInputToThemselves) {
    EXPECT_TRUE(error_of("{\n  \"a\": tru\n}").starts_with("line 2, column "));
    EXPECT_TRUE(error_of("").starts_with("line 1, column 1: "));
    EXPECT_TRUE(error_of("{} {}").starts_with("line 1, column 4: "));
    EXPECT_TRUE(error_of("1e999").starts_with("line 1, column "));
    EXPECT_EQ(error_of("{\"secret-text").find("secret-text"), std::string::npos);
    EXPECT_NE(error_of("{'a':1}"), "(none)");
    EXPECT_NE(error_of("[1,]"), "(none)");
    EXPECT_NE(error_of("// x\n1"), "(none)");
    EXPECT_NE(error_of("NaN"), "(none)");
}

std::string first_error(std::string_view schema, std::string_view text) {
    const auto errors = check(*parse(text), *find_schema(schema));
    return errors.empty() ? "(none)" : errors[0].pointer + " " + errors[0].detail;
}

TEST(JsonSchema, UnknownMissingAndWrong) {
    EXPECT_EQ(first_error("NewChannel", "{\"name\":\"x\"}"), "(none)");
    EXPECT_EQ(first_error("NewChannel", "{\"name\":\"x\",\"colour\":1}"),
              "/colour is unknown; known are: name, description");
    EXPECT_EQ(first_error("NewChannel", "{}"), "/name is missing");
    EXPECT_EQ(first_error("NewChannel", "{\"name\":7}"), "/name must be a text");
    EXPECT_EQ(first_error("NewChannel", "{\"name\":\"\"}"), "/name must have 1 to 128 bytes");
    EXPECT_EQ(first_error("NewChannel", "{\"name\":\"" + std::string(129, 'x') + "\"}"),
              "/name must have 1 to 128 bytes");
    EXPECT_EQ(first_error("NewChannel", "[]"), " must be an object");
    EXPECT_EQ(first_error("NewChannel", "{\"name\":\"x\",\"a/b~c\":1}"),
              "/a~1b~0c is unknown; known are: name, description");
    EXPECT_EQ(first_error("Scale", "{\"count\":0}"), "/count must be from 1 to 64");
    EXPECT_EQ(first_error("Scale", "{\"count\":64}"), "(none)");
    EXPECT_EQ(first_error("Scale", "{\"count\":18446744073709551615}"),
              "/count must be from 1 to 64");
    EXPECT_EQ(first_error("Scale", "{\"count\":1.5}"), "/count must be a whole number");
    EXPECT_EQ(first_error("DownloadChange", "{\"state\":\"stopped\"}"),
              "/state must be one of paused|running");
}

TEST(JsonSchema, ExactlyOneSource) {
    const std::string hash(40, 'a');
    EXPECT_EQ(first_error("NewDownload", "{\"infohash\":\"" + hash + "\"}"), "(none)");
    EXPECT_EQ(first_error("NewDownload", "{}"), " needs exactly one of torrent, magnet, infohash");
    EXPECT_EQ(first_error("NewDownload", "{\"infohash\":\"" + hash + "\",\"magnet\":\"m\"}"),
              " needs exactly one of torrent, magnet, infohash");
    EXPECT_EQ(first_error("NewDownload", "{\"infohash\":\"abc\"}"),
              "/infohash must be 40 hexadecimal digits");
    EXPECT_EQ(first_error("NewTorrent", "{\"torrent\":\"!!\"}"),
              "/torrent must be base64, not empty");
}

TEST(JsonSchema, ErrorsDoNotGrowWithTheBody) {
    std::string text = "{";
    for (int i = 0; i < 5000; ++i)
        text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
    const auto errors = check(*parse(text + "}"), *find_schema("NewChannel"));
    EXPECT_LE(errors.size(), 20u);
}

}  // namespace
}  // namespace warren::api::json
