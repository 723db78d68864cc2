#include "runtime/pipe/envelope.h"

namespace warren::pipe {

Frame encode(const Envelope& envelope) {
    flatbuffers::FlatBufferBuilder builder(256);
    const auto detail = envelope.detail.empty() ? flatbuffers::Offset<flatbuffers::String>{}
                                                : builder.CreateString(envelope.detail);
    Reader id(envelope.id.view());
    const auto high = id.u64();
    const ipc::Correlation correlation(high, id.u64());
    ipc::EnvelopeBuilder out(builder);
    out.add_version(envelope_version);
    out.add_kind(envelope.kind);
    out.add_correlation(&correlation);
    out.add_deadline_ns(envelope.deadline);
    out.add_trace(envelope.trace);
    out.add_credit_messages(envelope.credit_messages);
    out.add_credit_bytes(envelope.credit_bytes);
    out.add_failure(envelope.failure);
    if (!detail.IsNull()) out.add_detail(detail);
    out.add_retry_after_ms(envelope.retry_after_ms);
    out.add_schema_hash(envelope.schema_hash);
    return finish(builder, out.Finish());
}

std::optional<Envelope> decode_envelope(const Frame& frame) {
    if (frame.size() > 4096) return std::nullopt;
    const auto* in = verified_root<ipc::Envelope>(frame);
    if (!in || in->version() != envelope_version || in->kind() > ipc::Kind::Failure)
        return std::nullopt;
    Envelope out;
    out.kind = in->kind();
    if (in->correlation()) {
        Writer id;
        id.u64(in->correlation()->high()).u64(in->correlation()->low());
        out.id = *RequestId::from(id.peek());
    }
    out.deadline = in->deadline_ns();
    out.trace = in->trace();
    out.credit_messages = in->credit_messages();
    out.credit_bytes = in->credit_bytes();
    out.failure = in->failure();
    if (in->detail()) out.detail = in->detail()->str();
    out.retry_after_ms = in->retry_after_ms();
    out.schema_hash = in->schema_hash();
    return out;
}

ipc::FailureCode code_of(const Failure& failure) {
    if (failure.moved) return ipc::FailureCode::Moved;
    switch (failure.kind) {
    case ErrorKind::BadInput: return ipc::FailureCode::BadInput;
    case ErrorKind::NotFound: return ipc::FailureCode::NotFound;
    case ErrorKind::Exists: return ipc::FailureCode::Exists;
    case ErrorKind::Refused: return ipc::FailureCode::Refused;
    case ErrorKind::Unavailable: return ipc::FailureCode::Unavailable;
    case ErrorKind::Expired: return ipc::FailureCode::Expired;
    case ErrorKind::NoSpace: return ipc::FailureCode::NoSpace;
    case ErrorKind::Io:
    case ErrorKind::Damaged:
    case ErrorKind::Environment: return ipc::FailureCode::Io;
    }
    return ipc::FailureCode::Io;
}

Failure failure_from(const Envelope& envelope) {
    Failure out{ErrorKind::Io, envelope.detail, false, envelope.retry_after_ms};
    switch (envelope.failure) {
    case ipc::FailureCode::BadInput: out.kind = ErrorKind::BadInput; break;
    case ipc::FailureCode::NotFound: out.kind = ErrorKind::NotFound; break;
    case ipc::FailureCode::Exists: out.kind = ErrorKind::Exists; break;
    case ipc::FailureCode::Forbidden:
    case ipc::FailureCode::Refused: out.kind = ErrorKind::Refused; break;
    case ipc::FailureCode::Unavailable: out.kind = ErrorKind::Unavailable; break;
    case ipc::FailureCode::Expired: out.kind = ErrorKind::Expired; break;
    case ipc::FailureCode::NoSpace: out.kind = ErrorKind::NoSpace; break;
    case ipc::FailureCode::Moved:
        out.kind = ErrorKind::Unavailable;
        out.moved = true;
        break;
    case ipc::FailureCode::Io:
    case ipc::FailureCode::None: break;
    }
    return out;
}

std::optional<std::uint8_t> union_tag(const Frame& body) {
    const auto bytes = body.view();
    if (bytes.size() < 8) return std::nullopt;
    flatbuffers::Verifier verifier(bytes.data(), bytes.size(), 8, 1024);
    // Root offset and vtable are checked here; what the table holds, by the inbox's own schema.
    const auto offset = verifier.VerifyOffset(0);
    if (offset == 0) return std::nullopt;
    const auto* table = reinterpret_cast<const flatbuffers::Table*>(bytes.data() + offset);
    if (!table->VerifyTableStart(verifier)) return std::nullopt;
    constexpr flatbuffers::voffset_t tag_field = 4, body_field = 6;
    if (!table->VerifyField<std::uint8_t>(verifier, tag_field, 1) || !table->CheckField(body_field))
        return std::nullopt;
    return table->GetField<std::uint8_t>(tag_field, 0);
}

}  // namespace warren::pipe
