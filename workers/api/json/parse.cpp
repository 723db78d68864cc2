#include "workers/api/json/parse.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

namespace warren::api::json {

namespace {

// Counts what the lexer has taken, so that a refusal by us has a place too.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, std::size_t* taken) : at_(at), taken_(taken) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        ++at_;
        ++*taken_;
        return *this;
    }
    CountingIterator operator++(int) {
        auto old = *this;
        ++*this;
        return old;
    }
    bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
    bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

private:
    const char* at_;
    std::size_t* taken_;
};

class Checker final : public nlohmann::json_sax<Value> {
public:
    explicit Checker(const std::size_t* taken) : taken_(taken) {}

    bool null() override { return count(); }
    bool boolean(bool) override { return count(); }
    bool number_integer(number_integer_t) override { return count(); }
    bool number_unsigned(number_unsigned_t) override { return count(); }
    bool number_float(number_float_t, const string_t&) override { return count(); }
    bool string(string_t&) override { return count(); }
    bool binary(binary_t&) override { return refuse("binary values have no place here"); }
    bool start_object(std::size_t) override { return enter(); }
    bool start_array(std::size_t) override { return enter(); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }
    bool key(string_t& name) override {
        if (!keys_.back().insert(name).second) return refuse("a member stands twice");
        return true;
    }
    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::json::exception& error) override {
        at = position == 0 ? 0 : position - 1;
        const std::string_view text = error.what();
        // The library's sentence without its own code and place, and without echoing the input.
        const auto cut = text.find("syntax error");
        problem = cut == std::string_view::npos ? "number out of range" : "syntax error";
        if (const auto why = text.find(" - ");
            cut != std::string_view::npos && why != std::string_view::npos) {
            auto rest = text.substr(why + 3);
            problem += ": " + std::string(rest.substr(0, rest.find("; last read")));
        }
        return false;
    }

    std::string problem;
    std::size_t at = 0;

private:
    bool refuse(std::string why) {
        problem = std::move(why);
        at = *taken_ == 0 ? 0 : *taken_ - 1;
        return false;
    }
    bool count() { return ++values_ <= values_max || refuse("more than 10000 values"); }
    bool enter() {
        keys_.emplace_back();
        return keys_.size() <= depth_max ? count() : refuse("nested deeper than 32");
    }
    bool leave() {
        keys_.pop_back();
        return true;
    }

    const std::size_t* taken_;
    std::size_t values_ = 0;
    std::vector<std::set<std::string, std::less<>>> keys_;
};

std::string place(std::string_view text, std::size_t at) {
    const auto before = text.substr(0, std::min(at, text.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto line_start = before.rfind('\n');
    const auto column = before.size() - (line_start == before.npos ? 0 : line_start + 1) + 1;
    return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

}  // namespace

Result<Value> parse(std::string_view text) {
    std::size_t taken = 0;
    Checker checker(&taken);
    const auto end = text.data() + text.size();
    // Each iterator counts into its own number: the end one is never moved.
    std::size_t unused = 0;
    const bool right = Value::sax_parse(CountingIterator(text.data(), &taken),
                                        CountingIterator(end, &unused), &checker);
    if (!right) return bad_input(place(text, checker.at) + checker.problem);
    auto value = Value::parse(text, nullptr, false);
    if (value.is_discarded()) return bad_input("line 1, column 1: not JSON");
    return value;
}

std::string dump(const Value& value) {
    return value.dump(-1, ' ', false, Value::error_handler_t::replace);
}

}  // namespace warren::api::json
