// The communities' files: listing, upkeep, retention, records in and out.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "base/clock.h"
#include "base/stream_file.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/node.h"
#include "cli/table.h"

namespace warren::cli {

namespace {

constexpr std::int64_t poll_ms = 100;
constexpr int tries_max = 50;  // of a block that the node could not store yet

void print(const Table& table) {
    std::fputs(table.text(terminal_width()).c_str(), stdout);
}

Exit bad_file(const std::string& path, const std::string& what) {
    print_error(path + ": " + what);
    return Exit::BadData;
}

// Follows a task until it ended; the exit code says how.
Exit follow(const Call& call, const std::string& task, const std::string& subject) {
    while (true) {
        auto asked = ask(call, {"GET", "tasks", "", ""});
        if (!asked.ok()) return asked.exit;
        bool found = false, running = false, failed = false;
        std::uint64_t done = 0, total = 0;
        std::string text;
        for (const auto& row : items_at(asked.json, "items")) {
            if (string_at(row, "task") != task || string_at(row, "subject") != subject) continue;
            found = true;
            running = running || string_at(row, "state") == "running";
            failed = failed || string_at(row, "state") == "failed";
            done += size_at(row, "done");
            total += size_at(row, "total");
            text = string_at(row, "found");
            if (string_at(row, "state") == "failed") break;
        }
        if (!found) {
            print_error("the task is gone without a result: its worker was started again");
            return Exit::TryAgain;
        }
        if (running && !failed) {
            if (stdout_is_terminal())
                std::printf("\r%s %s of %s", task.c_str(), human_count(done).c_str(),
                            human_count(std::max(done, total)).c_str());
            std::fflush(stdout);
            wait_ms(poll_ms);
            continue;
        }
        if (stdout_is_terminal()) std::puts("");
        if (failed) {
            print_error(printable(text));
            return Exit::Refused;
        }
        std::printf("%s: %s\n", task.c_str(), printable(text).c_str());
        return Exit::Ok;
    }
}

Exit run_task(const Call& call, const std::string& task, const std::string& id) {
    auto asked =
        ask(call, {"POST", "shards/" + percent_encoded(id) + "/tasks", dump({{"task", task}}), ""});
    if (!asked.ok()) return asked.exit;
    return follow(call, task, id);
}

// "90d", "12h", "30m", "45s", or seconds.
std::optional<std::int64_t> seconds_of(std::string_view text) {
    std::int64_t unit = 1;
    switch (text.empty() ? ' ' : text.back()) {
    case 'd': unit = 86'400; break;
    case 'h': unit = 3'600; break;
    case 'm': unit = 60; break;
    case 's': unit = 1; break;
    default: unit = 0; break;
    }
    if (unit > 0)
        text.remove_suffix(1);
    else
        unit = 1;
    std::int64_t out = 0;
    auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || out < 0 ||
        out > 315'360'000)
        return std::nullopt;
    return out * unit;
}

void print_retention(const Json& rule) {
    Table table({{"LIMIT"}, {"VALUE"}});
    auto shown = [&](const char* name, const char* member, auto text) {
        const auto limit = size_at(rule, member);
        table.add({name, limit == 0 ? "none" : text(limit)});
    };
    shown("age", "age_s", [](std::uint64_t seconds) {
        return human_duration(static_cast<std::int64_t>(seconds) * 1000);
    });
    shown("records", "records", human_count);
    shown("bytes", "bytes", human_size);
    print(table);
    std::puts(string_at(rule, "source") == "community" ? "a rule of this community's own"
                                                       : "the settings' rule");
}

// Written under another name, synced, then renamed: the name holds a whole file or the old one.
class OutputFile {
public:
    explicit OutputFile(std::string path) : path_(std::move(path)), part_(path_ + ".part") {
        fd_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    ~OutputFile() {
        if (fd_ >= 0) ::close(fd_);
        if (fd_ >= 0 && !named_) ::unlink(part_.c_str());
    }
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    bool write(ByteView bytes) {
        while (fd_ >= 0 && !bytes.empty()) {
            auto wrote = ::write(fd_, bytes.data(), bytes.size());
            if (wrote <= 0) return false;
            bytes = bytes.subspan(static_cast<std::size_t>(wrote));
        }
        return fd_ >= 0;
    }
    bool finish() {
        if (fd_ < 0 || ::fsync(fd_) != 0) return false;
        named_ = std::rename(part_.c_str(), path_.c_str()) == 0;
        auto slash = path_.rfind('/');
        auto folder = slash == std::string::npos ? std::string(".") : path_.substr(0, slash + 1);
        int at = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool synced = at >= 0 && ::fsync(at) == 0;
        if (at >= 0) ::close(at);
        return named_ && synced;
    }

private:
    std::string path_, part_;
    int fd_ = -1;
    bool named_ = false;
};

// The node's form of a part: each record with its size in front, in two bytes.
std::optional<std::vector<Bytes>> packets_of(const Json& part) {
    auto bytes = from_base64(string_at(part, "packets"));
    if (!bytes) return std::nullopt;
    std::vector<Bytes> out;
    Reader in(*bytes);
    while (in.left() > 0)
        out.push_back(to_bytes(in.take(in.u16())));
    if (!in.done()) return std::nullopt;
    return out;
}

// Gives each block to `visit` on the way; what is wrong is said with its place.
template <typename Visit>
Result<StreamHead> read_stream(const std::string& path, Visit&& visit) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return not_found("cannot be read");
    StreamHead head;
    StreamDecoder decoder;
    auto read = [&]() -> Result<void> {
        Bytes buffer;
        while (!decoder.ended()) {
            buffer.resize(decoder.needs());
            auto got = std::fread(buffer.data(), 1, buffer.size(), file);
            if (got < buffer.size()) return decoder.truncated(got);
            WARREN_TRY(auto step, decoder.take(buffer));
            if (step.head) head = *step.head;
            if (!step.items.empty()) WARREN_TRY_VOID(visit(head, step.items));
        }
        if (std::fgetc(file) != EOF)
            return bad_input("at byte " + std::to_string(decoder.offset()) +
                             ": there is more behind the file's tail");
        return {};
    };
    auto done = read();
    std::fclose(file);
    if (!done) return std::move(done.error());
    return head;
}

// When the node last proved all of a file.
std::string checked_text(const Json& row) {
    const auto at_ms = number_at(row, "checked_ms");
    if (at_ms == 0) return "-";
    return human_duration(std::max<std::int64_t>(wall_now_ms() - at_ms, 0)) + " ago";
}

struct Counts {
    std::uint64_t stored = 0, known = 0, waiting = 0, refused = 0, bad = 0;
};

// One block; what the node could not store yet goes again.
Result<void> import_block(const Call& call, const StreamHead& head,
                          const std::vector<ByteView>& items, Counts& counts) {
    Writer packets;
    for (auto item : items)
        packets.u16(static_cast<std::uint16_t>(item.size())).bytes(item);
    auto body =
        dump({{"packets", to_base64(packets.peek())}, {"details", to_base64(head.details)}});
    for (int tried = 0; tried < tries_max; ++tried) {
        auto asked =
            ask(call, {"POST", "communities/" + head.community.hex() + "/records", body, ""});
        if (!asked.ok()) return unavailable("the node did not take a block");
        if (size_at(asked.json, "not_stored") > 0) {
            wait_ms(poll_ms);
            continue;
        }
        counts.stored += size_at(asked.json, "stored");
        counts.known += size_at(asked.json, "known");
        counts.waiting += size_at(asked.json, "waiting");
        counts.refused += size_at(asked.json, "refused");
        counts.bad += size_at(asked.json, "bad_signature");
        return {};
    }
    return unavailable("the node could not store a block; run the import again");
}

}  // namespace

Exit run_shard_list(const Call& call) {
    auto asked = ask(call, {"GET", "shards", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.community")) return *printed;
    Table table({{"COMMUNITY"},
                 {"STATE"},
                 {"WORKER"},
                 {"SLOT", Align::Right},
                 {"RECORDS", Align::Right},
                 {"SIZE", Align::Right},
                 {"LOG", Align::Right},
                 {"FLOOR", Align::Right},
                 {"CHECKED", Align::Right}});
    for (const auto& row : items_at(asked.json, "items"))
        table.add({string_at(row, "community"), string_at(row, "state"), string_at(row, "worker"),
                   std::to_string(number_at(row, "slot")), human_count(size_at(row, "records")),
                   human_size(size_at(row, "bytes")), human_size(size_at(row, "log_bytes")),
                   std::to_string(size_at(row, "floor")), checked_text(row)});
    print(table);
    const auto& usage = member(asked.json, "usage");
    std::puts("");
    for (const char* what :
         {"shards", "left", "logs", "derived", "node", "backups", "set_aside", "other", "free"})
        std::printf("%-9s %s\n", what, human_size(size_at(usage, what)).c_str());
    return Exit::Ok;
}

Exit run_shard_check(const Call& call) {
    if (call.has("COMMUNITY")) return run_task(call, "check", call.text("COMMUNITY"));
    auto asked = ask(call, {"GET", "shards", "", ""});
    if (!asked.ok()) return asked.exit;
    auto worst = Exit::Ok;
    for (const auto& row : items_at(asked.json, "items")) {
        if (string_at(row, "state") == "left") continue;
        std::printf("%s ", string_at(row, "community").c_str());
        auto exit = run_task(call, "check", string_at(row, "community"));
        if (exit != Exit::Ok) worst = exit;
    }
    return worst;
}

Exit run_shard_compact(const Call& call) {
    return run_task(call, "compact", call.text("COMMUNITY"));
}

Exit run_shard_rebuild(const Call& call) {
    return run_task(call, "rebuild", call.text("COMMUNITY"));
}

Exit run_shard_export(const Call& call) {
    auto community = CommunityId::from_hex_text(call.text("COMMUNITY"));
    if (!community) {
        print_error("a community's id has 40 hexadecimal digits");
        return Exit::Usage;
    }
    const auto path = call.text("FILE");
    OutputFile file(path);
    StreamEncoder encoder;
    std::uint64_t damaged = 0;
    std::string after;
    for (bool first = true, more = true; more; first = false) {
        auto target = "communities/" + community->hex() + "/records";
        if (!after.empty()) target += "?after=" + percent_encoded(after);
        auto asked = ask(call, {"GET", target, "", ""});
        if (!asked.ok()) return asked.exit;
        auto packets = packets_of(asked.json);
        auto details = from_base64(string_at(asked.json, "details"));
        if (!packets || !details)
            return bad_file(path, "the node sent something else than records");
        bool wrote = true;
        if (first) wrote = file.write(encoder.head({StreamKind::Records, *community, *details}));
        if (wrote && !packets->empty()) wrote = file.write(encoder.block(*packets));
        if (!wrote) return bad_file(path, "cannot be written");
        damaged += size_at(asked.json, "damaged");
        after = string_at(asked.json, "next");
        more = !after.empty();
    }
    if (!file.write(encoder.tail()) || !file.finish()) return bad_file(path, "cannot be written");
    std::printf("%s records in %s\n", human_count(encoder.items()).c_str(), path.c_str());
    if (damaged == 0) return Exit::Ok;
    print_error(human_count(damaged) + " damaged records were left out");
    return Exit::BadData;
}

// All of the file is read and found right before anything is sent.
Exit run_shard_import(const Call& call) {
    const auto path = call.text("FILE");
    auto nothing = [](const StreamHead&, const std::vector<ByteView>&) -> Result<void> {
        return {};
    };
    auto head = read_stream(path, nothing);
    if (!head) return bad_file(path, head.error().text);
    if (head->kind != StreamKind::Records) return bad_file(path, "it holds no community's records");
    if (call.has("--community") && call.text("--community") != head->community.hex())
        return bad_file(path, "at byte 11: it holds community " + head->community.hex());
    Counts counts;
    auto send = [&](const StreamHead& of, const std::vector<ByteView>& items) {
        return import_block(call, of, items, counts);
    };
    auto sent = read_stream(path, send);
    std::printf("stored %llu, known %llu, waiting %llu, refused %llu, bad signatures %llu\n",
                static_cast<unsigned long long>(counts.stored),
                static_cast<unsigned long long>(counts.known),
                static_cast<unsigned long long>(counts.waiting),
                static_cast<unsigned long long>(counts.refused),
                static_cast<unsigned long long>(counts.bad));
    if (!sent) {
        print_error(sent.error().text);
        return Exit::TryAgain;
    }
    return counts.refused + counts.bad > 0 ? Exit::BadData : Exit::Ok;
}

// Without options it only tells; what was set is told, too.
Exit run_community_retention(const Call& call) {
    const auto path = "communities/" + percent_encoded(call.text("COMMUNITY")) + "/retention";
    const bool sets = call.has("--age") || call.has("--count") || call.has("--bytes");
    if (sets && call.has("--default")) {
        print_error("--default takes the settings' rule: no other option goes with it");
        return Exit::Usage;
    }
    auto age = seconds_of(call.text("--age", "0"));
    if (!age) {
        print_error("--age is a number of seconds, or such as 90d, 12h, 30m");
        return Exit::Usage;
    }
    if (call.has("--default")) {
        auto reset = ask(call, {"DELETE", path, "", ""});
        if (!reset.ok()) return reset.exit;
    }
    const auto rule = dump({{"age_s", *age},
                            {"records", call.number("--count", 0)},
                            {"bytes", call.number("--bytes", 0)}});
    auto asked = sets ? ask(call, {"PUT", path, rule, ""}) : ask(call, {"GET", path, "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "source")) return *printed;
    print_retention(asked.json);
    return Exit::Ok;
}

Exit run_backup_create(const Call& call) {
    auto name = call.text("NAME", "backup-" + std::to_string(wall_now_ms() / 1000));
    auto asked = ask(call, {"POST", "backups", dump({{"name", name}}), ""});
    if (!asked.ok()) return asked.exit;
    return follow(call, "backup", name);
}

Exit run_backup_list(const Call& call) {
    auto asked = ask(call, {"GET", "backups", "", ""});
    if (!asked.ok()) return asked.exit;
    if (auto printed = print_for_programs(call, asked, "items.name")) return *printed;
    Table table({{"NAME"},
                 {"STATE"},
                 {"COMMUNITIES", Align::Right},
                 {"RECORDS", Align::Right},
                 {"SIZE", Align::Right}});
    for (const auto& row : items_at(asked.json, "items"))
        table.add({string_at(row, "name"), flag_at(row, "whole") ? "whole" : "unfinished",
                   human_count(size_at(row, "communities")), human_count(size_at(row, "records")),
                   human_size(size_at(row, "bytes"))});
    print(table);
    return Exit::Ok;
}

Exit run_backup_restore(const Call& call) {
    const auto name = call.text("NAME");
    auto asked = ask(call, {"POST", "backups/" + percent_encoded(name) + "/restore", "", ""});
    if (!asked.ok()) return asked.exit;
    return follow(call, "restore", name);
}

Exit run_backup_delete(const Call& call) {
    return ask(call, {"DELETE", "backups/" + percent_encoded(call.text("NAME")), "", ""}).exit;
}

}  // namespace warren::cli
