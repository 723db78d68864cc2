// Between the files that hold the rows.
#pragma once

#include "workers/api/routes.h"

namespace warren::api {

inline constexpr unsigned network = process::bit(process::Role::Network);
inline constexpr unsigned torrent = process::bit(process::Role::Torrent);
inline constexpr unsigned sign = process::bit(process::Role::Sign);
inline constexpr unsigned storage = process::bit(process::Role::Storage);
using Rows = std::vector<Route>;
using enum ParameterType;

inline const Parameter limit{.name = "limit",
                             .type = Integer,
                             .min = 1,
                             .max = 1000,
                             .note = "How many at most; 50 when absent."};
inline const Parameter after{
    .name = "after", .type = Text, .max = 512, .note = "The `next` of the page before."};

// routes_channels.cpp
void add_channels(Rows& rows);
void add_channel_changes(Rows& rows);
void add_channel_items(Rows& rows);
void add_playlists(Rows& rows);
void add_search(Rows& rows);
// routes_people.cpp
void add_rights(Rows& rows);
void add_people(Rows& rows);

}  // namespace warren::api
