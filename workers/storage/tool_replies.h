// Answers to operators as messages.
#pragma once

#include "workers/storage/tools.h"

namespace warren::storage::replies {

pipe::Answer shards(const ShardPage& page);
pipe::Answer retention(const RetentionInForce& found);
pipe::Answer tasks(const std::list<Tracked>& tasks);
pipe::Answer exported(const ExportPart& part);
pipe::Answer backups(const std::vector<BackupRow>& rows);

}  // namespace warren::storage::replies
