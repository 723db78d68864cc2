// The main job, step by step, over REST: publish on one node, find, sync and download on another.
// Each step retries with one idempotency key until it is done or the deadline passes, as a client
// would.
#pragma once

#include <set>

#include "tests/support/node.h"

namespace warren::test {

struct Published {
    std::string channel, record, infohash;
};

// Empty strings: it did not work in time.
std::string create_channel(Node& node, const std::string& name, const std::string& key,
                           double seconds = 30);
Published publish_folder(Node& node, const std::string& channel, const std::string& folder,
                         const std::string& key, double seconds = 30);
// Infohash of the first torrent that the words find.
std::string find(Node& node, const std::string& words, double seconds = 30);
bool download(Node& node, const std::string& infohash, const std::string& name,
              double seconds = 60);
// The ids of all records that a channel lists, page by page; none may be listed twice.
std::set<std::string> records_of(Node& node, const std::string& channel);
// A torrent to publish that needs no files: a magnet link made from a number.
json magnet_entry(std::uint64_t number);
// A write repeated with its key until the node answers with a final status.
HttpAnswer persist(Node& node, const std::string& path, const json& body, const std::string& key,
                   double seconds);

}  // namespace warren::test
