// See layout.h.
#include "workers/storage/layout.h"

#include <algorithm>
#include <filesystem>

#include "storage-shard/sqlite.h"

namespace warren::storage {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view joined_end = ".shard";
constexpr std::string_view left_end = ".left";

std::optional<CommunityId> community_of(const std::string& name, std::string_view end) {
    if (!name.ends_with(end)) return std::nullopt;
    return CommunityId::from_hex_text(std::string_view(name).substr(0, name.size() - end.size()));
}

bool exists(const std::string& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

}  // namespace

std::string Layout::folder(std::uint8_t slot) const {
    auto number = std::to_string(slot);
    return root_ + "/" + (number.size() == 1 ? "0" : "") + number;
}

std::string Layout::shard_file(const CommunityId& community) const {
    return folder(process::slot_of(community)) + "/" + community.hex() + std::string(joined_end);
}

std::string Layout::left_file(const CommunityId& community) const {
    return folder(process::slot_of(community)) + "/" + community.hex() + std::string(left_end);
}

Result<void> Layout::prepare() const {
    std::error_code error;
    std::vector<std::string> folders{intake_folder()};
    for (std::size_t slot = 0; slot < process::slot_count; ++slot)
        folders.push_back(folder(static_cast<std::uint8_t>(slot)));
    for (const auto& path : folders) {
        fs::create_directories(path, error);
        if (error)
            return Error{ErrorKind::Environment, "cannot make " + path + ": " + error.message()};
    }
    fs::permissions(root_, fs::perms::owner_all, error);
    if (error) return Error{ErrorKind::Environment, "cannot protect " + root_};
    return {};
}

Presence Layout::presence(const CommunityId& community) const {
    if (exists(shard_file(community))) return Presence::Joined;
    return exists(left_file(community)) ? Presence::Left : Presence::Unknown;
}

std::vector<FileOnDisk> Layout::list() const {
    std::vector<FileOnDisk> out;
    std::error_code error;
    for (std::size_t slot = 0; slot < process::slot_count; ++slot) {
        for (fs::directory_iterator at(folder(static_cast<std::uint8_t>(slot)), error), end;
             !error && at != end; at.increment(error)) {
            auto name = at->path().filename().string();
            auto joined = community_of(name, joined_end);
            auto left = community_of(name, left_end);
            if (!joined && !left) continue;
            std::error_code gone;
            auto bytes = fs::file_size(at->path(), gone);
            out.push_back({joined ? *joined : *left, joined ? Presence::Joined : Presence::Left,
                           gone ? 0 : bytes, exists(at->path().string() + "-wal")});
        }
    }
    return out;
}

std::vector<CommunityId> Layout::joined_in(std::uint8_t slot) const {
    std::vector<CommunityId> out;
    std::error_code error;
    for (fs::directory_iterator at(folder(slot), error), end; !error && at != end;
         at.increment(error))
        if (auto joined = community_of(at->path().filename().string(), joined_end))
            out.push_back(*joined);
    std::ranges::sort(out);
    return out;
}

Result<bool> Layout::join(const CommunityId& community,
                          const std::optional<shard::Founder>& founder) const {
    switch (presence(community)) {
    case Presence::Joined: return false;
    case Presence::Left: {
        WARREN_TRY_VOID(shard::rename_durably(left_file(community), shard_file(community)));
        return true;
    }
    case Presence::Unknown: break;
    }
    auto created = shard::Shard::create(shard_file(community), community, founder);
    if (!created && created.error().kind == ErrorKind::Exists) return false;
    if (!created) return std::move(created.error());
    return true;
}

Result<bool> Layout::leave(const CommunityId& community) const {
    if (presence(community) != Presence::Joined) return false;
    WARREN_TRY_VOID(shard::rename_durably(shard_file(community), left_file(community)));
    return true;
}

}  // namespace warren::storage
