// The `warren` command: parse, then run the row that was meant.
#include <cstdio>

#include "cli/parse.h"

int main(int argc, char** argv) {
    auto parsed = warren::cli::parse(argc, argv);
    if (auto* reply = std::get_if<warren::cli::Reply>(&parsed)) {
        std::fputs(reply->text.c_str(), reply->exit == warren::cli::Exit::Ok ? stdout : stderr);
        return static_cast<int>(reply->exit);
    }
    const auto& call = std::get<warren::cli::Call>(parsed);
    return static_cast<int>(call.row().run(call));
}
