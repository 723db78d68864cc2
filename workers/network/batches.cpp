// Batches to verify.
#include "workers/network/batches.h"

#include <algorithm>
#include <iterator>

namespace warren::network {

namespace {

constexpr std::size_t records_max = 512, blob_bytes_max = 192 * 1024;
constexpr std::size_t checks_max = 256, checks_waiting_max = 4096;
constexpr std::size_t waiting_bytes_max = 2 * 1024 * 1024;  // of one community
constexpr unsigned records_on_their_way_max = 6, checks_on_their_way_max = 4;

}  // namespace

Batches::Batches(pipe::Host& host, Outbox& outbox, protocol::Overlay& overlay,
                 std::function<void()> answered)
    : host_(host), outbox_(outbox), overlay_(overlay), answered_(std::move(answered)) {}

void Batches::add(protocol::CheckSignature check) {
    if (checks_.size() < checks_waiting_max) return checks_.push_back(std::move(check));
    ++host_.metrics().counter("overlay_checks_dropped_total");
    overlay_.failed(monotonic_now(), check.token);
}

void Batches::add(protocol::StoreRecords records) {
    auto& line = lines_[{records.community, records.solicited}];
    std::size_t bytes = 0;
    for (const auto& packet : records.packets)
        bytes += packet.size();
    if (line.bytes + bytes > waiting_bytes_max) {
        host_.metrics().counter("overlay_records_dropped_total") += records.packets.size();
        return overlay_.failed(monotonic_now(), records.token);
    }
    line.bytes += bytes;
    line.waiting.push_back(std::move(records));
}

// The oldest that fit one message.
std::vector<protocol::StoreRecords> Batches::take_records(Line& line) {
    std::size_t count = 0, bytes = 0, taken = 0;
    for (const auto& records : line.waiting) {
        std::size_t more = 0;
        for (const auto& packet : records.packets)
            more += packet.size();
        bool full = count + records.packets.size() > records_max || bytes + more > blob_bytes_max;
        if (taken > 0 && full) break;
        count += records.packets.size();
        bytes += more;
        ++taken;
    }
    line.bytes -= bytes;
    auto end = line.waiting.begin() + static_cast<std::ptrdiff_t>(taken);
    std::vector<protocol::StoreRecords> out(std::make_move_iterator(line.waiting.begin()),
                                            std::make_move_iterator(end));
    line.waiting.erase(line.waiting.begin(), end);
    return out;
}

void Batches::send() {
    while (!checks_.empty() && checks_on_their_way_ < checks_on_their_way_max) {
        auto count = std::min(checks_.size(), checks_max);
        auto end = checks_.begin() + static_cast<std::ptrdiff_t>(count);
        std::vector<protocol::CheckSignature> batch(std::make_move_iterator(checks_.begin()),
                                                    std::make_move_iterator(end));
        checks_.erase(checks_.begin(), end);
        ++checks_on_their_way_;
        pipe::spawn(host_.io(), check(std::move(batch)));
    }
    for (auto at = lines_.begin(); at != lines_.end();) {
        auto& [source, line] = *at;
        while (!line.waiting.empty() && line.on_their_way < records_on_their_way_max) {
            ++line.on_their_way;
            pipe::spawn(host_.io(), verify(source, take_records(line)));
        }
        bool idle = line.waiting.empty() && line.on_their_way == 0;
        at = idle ? lines_.erase(at) : std::next(at);
    }
}

pipe::Task<void> Batches::check(std::vector<protocol::CheckSignature> batch) {
    std::vector<Bytes> packets;
    for (auto& one : batch)
        packets.push_back(std::move(one.packet));
    auto valid = co_await outbox_.check_signatures(std::move(packets));
    --checks_on_their_way_;
    auto now = monotonic_now();
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (valid.ok())
            overlay_.signature_result(now, batch[i].token, (*valid)[i]);
        else
            overlay_.failed(now, batch[i].token);
    }
    answered_();
}

pipe::Task<void> Batches::verify(Source source, std::vector<protocol::StoreRecords> batch) {
    Received received;
    std::vector<std::size_t> counts;
    for (auto& records : batch) {
        counts.push_back(records.packets.size());
        received.sources.insert(received.sources.end(), counts.back(), records.source);
        std::ranges::move(records.packets, std::back_inserter(received.packets));
    }
    auto policy = source.solicited ? pipe::NoCredit::Wait : pipe::NoCredit::Drop;
    auto started = monotonic_now();
    auto verdicts =
        co_await outbox_.verify_records(source.community, std::move(received), policy, Durable::No);
    auto now = monotonic_now();
    host_.metrics().observe_us("overlay_store_seconds",
                               static_cast<std::uint64_t>((now - started) / 1000));
    if (auto line = lines_.find(source); line != lines_.end()) --line->second.on_their_way;
    auto at = verdicts.ok() ? verdicts->begin() : std::vector<protocol::RecordVerdict>::iterator{};
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (!verdicts.ok()) {
            overlay_.failed(now, batch[i].token);
            continue;
        }
        auto end = at + static_cast<std::ptrdiff_t>(counts[i]);
        overlay_.stored(now, batch[i].token, {at, end});
        at = end;
    }
    if (!verdicts.ok()) ++host_.metrics().counter("overlay_batches_failed_total");
    answered_();
}

}  // namespace warren::network
