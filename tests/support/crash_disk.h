// What a disk may hold after the power went: the operations that recording_vfs.h wrote down are
// played on a model, which then makes one of the states that they allow. A completed sync is kept.
// Of the writes since then each may be kept, dropped, torn at 512 bytes, reordered or garbage, and
// of the changes to a folder since its last sync any that need none of the lost ones.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/support/recording_vfs.h"

namespace warren::test {

class CrashDisk {
public:
    explicit CrashDisk(std::uint64_t seed) : random_(seed) {}

    void play(const FileOp& op);
    // One state, as files in a folder (names without their folders).
    void write_state(const std::string& folder);

private:
    struct Change {
        bool truncate = false;
        std::uint64_t at = 0;
        Bytes data;
    };
    struct Inode {
        Bytes durable;
        std::vector<Change> pending;
    };
    using Names = std::map<std::string, std::shared_ptr<Inode>>;
    enum class Loss { All, None, Tail, Some, Torn };

    static void apply(Bytes& content, const Change& change);
    static void apply(Names& names, const FileOp& op, const std::shared_ptr<Inode>& made);
    Bytes torn(const Bytes& before, const Change& change);
    Bytes survivor(const Inode& inode, Loss loss);
    Names surviving_names(Loss loss);

    SeededRandom random_;
    Names names_, durable_names_;
    struct FolderChange {
        FileOp op;
        std::shared_ptr<Inode> made;
    };
    std::vector<FolderChange> folder_changes_;
};

}  // namespace warren::test
