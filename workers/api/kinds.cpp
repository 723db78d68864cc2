#include "workers/api/kinds.h"

#include <array>
#include <utility>

#include "protocol/community/types.h"

namespace warren::api {

namespace {

constexpr std::array rights{
    std::pair{std::string_view("permit"), protocol::right::permit},
    std::pair{std::string_view("authorize"), protocol::right::authorize},
    std::pair{std::string_view("revoke"), protocol::right::revoke},
    std::pair{std::string_view("undo"), protocol::right::undo},
};

}  // namespace

std::string name_of_kind(const CommunityId& community, std::uint8_t kind) {
    const auto* message = protocol::find_message(protocol::type_of(community), kind);
    return message ? std::string(message->name) : "message-" + std::to_string(kind);
}

std::optional<std::uint8_t> kind_of_name(const CommunityId& community, std::string_view name) {
    const auto& type = protocol::type_of(community);
    for (const auto& message : type.messages)
        if (message.name == name) return message.id;
    if (type.founding != 0)
        for (const auto& message : protocol::control_messages)
            if (message.name == name) return message.id;
    return std::nullopt;
}

std::optional<protocol::Rights> right_of_name(std::string_view name) {
    for (const auto& [text, right] : rights)
        if (text == name) return right;
    return std::nullopt;
}

std::vector<std::string> names_of_rights(protocol::Rights set) {
    std::vector<std::string> out;
    for (const auto& [text, right] : rights)
        if ((set & right) != 0) out.emplace_back(text);
    return out;
}

}  // namespace warren::api
