// See crash_disk.h.
#include "tests/support/crash_disk.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "base/check.h"

namespace warren::test {

namespace {

constexpr std::size_t sector = 512;

}  // namespace

void CrashDisk::apply(Bytes& content, const Change& change) {
    if (change.truncate) {
        content.resize(change.at);
        return;
    }
    content.resize(std::max<std::size_t>(content.size(), change.at + change.data.size()));
    std::ranges::copy(change.data, content.begin() + static_cast<std::ptrdiff_t>(change.at));
}

void CrashDisk::apply(Names& names, const FileOp& op, const std::shared_ptr<Inode>& made) {
    using Kind = FileOp::Kind;
    if (op.kind == Kind::Make) names[op.path] = made;
    if (op.kind == Kind::Delete) names.erase(op.path);
    if (op.kind != Kind::Rename && op.kind != Kind::Link) return;
    names[op.to] = names.at(op.path);
    if (op.kind == Kind::Rename) names.erase(op.path);
}

void CrashDisk::play(const FileOp& op) {
    using Kind = FileOp::Kind;
    switch (op.kind) {
    case Kind::Make:
    case Kind::Delete:
    case Kind::Rename:
    case Kind::Link: {
        auto made = op.kind == Kind::Make ? std::make_shared<Inode>() : nullptr;
        apply(names_, op, made);
        folder_changes_.push_back({op, made});
        return;
    }
    case Kind::Write: names_.at(op.path)->pending.push_back({false, op.at, op.data}); return;
    case Kind::Truncate: names_.at(op.path)->pending.push_back({true, op.at, {}}); return;
    case Kind::Sync: {
        auto& inode = *names_.at(op.path);
        for (const auto& change : inode.pending)
            apply(inode.durable, change);
        inode.pending.clear();
        return;
    }
    case Kind::SyncFailed:
        // The kernel forgets what it could not write, and the next sync will not miss it.
        std::erase_if(names_.at(op.path)->pending,
                      [this](const Change&) { return random_.below(2) == 0; });
        return;
    case Kind::SyncFolder:
        durable_names_ = names_;
        folder_changes_.clear();
        return;
    case Kind::Mark: return;
    }
}

// Bytes that were not written stay: SQLite relies on that (powersafe overwrite).
Bytes CrashDisk::torn(const Bytes& before, const Change& change) {
    Bytes out = before;
    apply(out, change);
    for (std::size_t at = change.at; at < change.at + change.data.size();) {
        auto end = std::min((at / sector + 1) * sector, change.at + change.data.size());
        auto fate = random_.below(4);
        for (auto i = at; i < end && fate != 0; ++i) {
            if (fate == 1) out[i] = i < before.size() ? before[i] : std::uint8_t{0};
            if (fate == 2) out[i] = static_cast<std::uint8_t>(random_.next());
        }
        at = end;
    }
    return out;
}

Bytes CrashDisk::survivor(const Inode& inode, Loss loss) {
    auto out = inode.durable;
    if (loss == Loss::All) return out;
    auto pending = inode.pending;
    if (loss == Loss::Tail && !pending.empty()) pending.resize(random_.below(pending.size() + 1));
    bool picks = loss == Loss::Some || loss == Loss::Torn;
    if (picks && random_.below(2) == 0)
        for (std::size_t i = pending.size(); i > 1; --i)
            std::swap(pending[i - 1], pending[random_.below(i)]);
    for (const auto& change : pending) {
        if (picks && random_.below(2) == 0) continue;
        if (loss == Loss::Torn && !change.truncate && random_.below(2) == 0)
            out = torn(out, change);
        else
            apply(out, change);
    }
    return out;
}

CrashDisk::Names CrashDisk::surviving_names(Loss loss) {
    auto out = durable_names_;
    std::set<std::string> lost;  // names whose later changes cannot be there either
    for (const auto& [op, made] : folder_changes_) {
        bool gone = loss == Loss::All || (loss != Loss::None && random_.below(3) == 0);
        if (gone || lost.contains(op.path) || lost.contains(op.to)) {
            lost.insert(op.path);
            if (!op.to.empty()) lost.insert(op.to);
            continue;
        }
        apply(out, op, made);
    }
    return out;
}

void CrashDisk::write_state(const std::string& folder) {
    auto loss = static_cast<Loss>(random_.below(5));
    auto names_lost = static_cast<Loss>(random_.below(5));
    for (const auto& [path, inode] : surviving_names(names_lost)) {
        auto content = survivor(*inode, loss);
        std::ofstream out(folder + path.substr(path.rfind('/')), std::ios::binary);
        out.write(reinterpret_cast<const char*>(content.data()),
                  static_cast<std::streamsize>(content.size()));
        WARREN_CHECK(out.good());
    }
}

}  // namespace warren::test
