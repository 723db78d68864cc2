// Between the handlers of channels.
#pragma once

#include "protocol/record.h"
#include "workers/api/call.h"

namespace warren::api {

pipe::Task<Outcome<Channel>> find_channel(Call& call);  // that the path names

// `trackers` and `thumbnail` of the body; what it does not name stays as it was.
Outcome<protocol::TorrentExtras> extras_of(const Call& call, protocol::TorrentExtras before);

// The `ref` that a member of the body holds; `what` is its pointer.
Outcome<RecordRef> ref_of(const std::string& text, const std::string& what);

// Where a page of items goes on.
Outcome<std::optional<RecordRef>> after_of(const Call& call);

// Reply with what was published.
Reply published(const RecordRef& record);

}  // namespace warren::api
