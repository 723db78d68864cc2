// The verify worker.
#include "workers/crypto/verify/verify_worker.h"

#include <boost/asio/post.hpp>

#include "protocol/record.h"
#include "runtime/process/log.h"
#include "workers/crypto/ed25519.h"
#include "workers/crypto/legacy_ec.h"

namespace warren::crypto {

namespace {

constexpr std::size_t checks_a_turn = 32;  // about a millisecond
constexpr std::size_t batch_bytes_max = 256 * 1024;

}  // namespace

Result<std::vector<ByteView>> cut(ByteView bytes, const std::vector<std::uint16_t>& sizes) {
    std::vector<ByteView> out;
    out.reserve(sizes.size());
    for (const auto size : sizes) {
        if (size > bytes.size()) return bad_input("verify: the sizes reach beyond the blob");
        out.push_back(bytes.first(size));
        bytes = bytes.subspan(size);
    }
    if (!bytes.empty()) return bad_input("verify: the blob is longer than its sizes");
    return out;
}

Verdict check_record(const CommunityId& community, ByteView record) {
    const auto view = protocol::decode_record(record);
    if (!view.ok() || view->community != community) return Verdict::Refused;
    const auto first = view->signature.first(protocol::signature_bytes);
    bool is_signed = is_signed_by(view->author, view->signed_bytes, first);
    if (view->second) {
        const auto other = view->signature.subspan(protocol::signature_bytes);
        is_signed = is_signed && is_signed_by(*view->second, view->signed_bytes, other);
    }
    return is_signed ? Verdict::Accepted : Verdict::BadSignature;
}

pipe::Task<Result<void>> VerifyWorker::start() {
    if (!start_sodium())
        co_return Error{ErrorKind::Environment, "verify: libsodium does not start"};
    if (!start_legacy_ec())
        process::log::unusual("OpenSSL has no binary curves: answers of old bootstrap servers are "
                              "not believed");
    co_return Result<void>{};
}

pipe::Task<void> VerifyWorker::let_others_run(std::size_t done) {
    if (done % checks_a_turn == 0) co_await pipe::asio::post(host_.io(), pipe::asio::use_awaitable);
}

pipe::Task<std::vector<std::uint8_t>>
VerifyWorker::check_signatures(const std::vector<ByteView>& packets) {
    std::vector<std::uint8_t> out;
    std::uint64_t bad = 0;
    for (const auto packet : packets) {
        const bool valid = is_validly_signed(packet);
        out.push_back(valid ? 1 : 0);
        if (!valid) ++bad;
        co_await let_others_run(out.size());
    }
    host_.metrics().counter("verify_checks_total") += packets.size();
    host_.metrics().counter("verify_bad_total") += bad;
    co_return out;
}

pipe::Task<std::vector<Verdict>> VerifyWorker::verify_records(CommunityId community,
                                                              const std::vector<ByteView>& records,
                                                              Onward onward) {
    std::vector<Verdict> verdicts;
    std::uint64_t bad = 0;
    for (const auto record : records) {
        verdicts.push_back(check_record(community, record));
        if (verdicts.back() == Verdict::BadSignature) ++bad;
        co_await let_others_run(verdicts.size());
    }
    host_.metrics().counter("verify_checks_total") += records.size();
    host_.metrics().counter("verify_bad_total") += bad;
    // The good ones go on, in order and in messages that fit a frame.
    for (std::size_t next = 0; next < records.size();) {
        Batch batch;
        batch.community = community;
        batch.durable = onward.durable;
        batch.pushed = onward.pushed;
        std::vector<std::size_t> places;
        for (; next < records.size(); ++next) {
            if (verdicts[next] != Verdict::Accepted) continue;
            if (batch.bytes.size() + records[next].size() > batch_bytes_max) break;
            append(batch.bytes, records[next]);
            batch.sizes.push_back(static_cast<std::uint16_t>(records[next].size()));
            if (!onward.sources.empty()) batch.sources.push_back(onward.sources[next]);
            places.push_back(next);
        }
        if (places.empty()) break;
        auto stored =
            co_await outbox_.store_records(std::move(batch), onward.deadline, onward.trace);
        for (std::size_t i = 0; i < places.size(); ++i)
            verdicts[places[i]] = stored.ok() ? (*stored)[i] : Verdict::NotStored;
    }
    co_return verdicts;
}

}  // namespace warren::crypto
