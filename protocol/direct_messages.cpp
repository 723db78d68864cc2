#include "protocol/direct_messages.h"

#include "protocol/overlay_form.h"
#include "protocol/record.h"

namespace warren::protocol {

namespace {

constexpr std::size_t pieces_max = (record_bytes_max + pair_piece_bytes - 1) / pair_piece_bytes;

Error malformed(const char* what) {
    return bad_input(std::string(what) + ": cut short, too long, or a field out of bounds");
}

}  // namespace

Bytes encode(const PairRequest& m) {
    auto to = overlay_head();
    to.u64(m.cookie).u32(m.patience_s).u64(m.piece.ref.time).bytes(m.piece.ref.id.view());
    return to.u8(m.piece.index).u8(m.piece.total).bytes(m.piece.bytes).take();
}

Result<PairRequest> decode_pair_request(ByteView body) {
    auto in = overlay_body(body);
    PairRequest out;
    out.cookie = in.u64();
    out.patience_s = in.u32();
    out.piece.ref.time = in.u64();
    out.piece.ref.id.bytes = in.array<RecordId::size>();
    out.piece.index = in.u8();
    out.piece.total = in.u8();
    out.piece.bytes = in.rest();
    const auto size = out.piece.bytes.size();
    const bool fits = out.piece.index < out.piece.total && out.piece.total <= pieces_max &&
                      size > 0 && size <= pair_piece_bytes;
    if (!in.ok() || !fits) return malformed("pair request");
    return out;
}

Bytes encode(const PairReply& m) {
    auto to = overlay_head();
    to.u64(m.cookie).bytes(m.id.view()).u8(static_cast<std::uint8_t>(m.answer));
    if (m.answer == PairAnswer::Signed) to.bytes(m.signature.view());
    if (m.answer == PairAnswer::Refused) to.bytes(view_of(m.reason));
    return to.take();
}

Result<PairReply> decode_pair_reply(ByteView body) {
    auto in = overlay_body(body);
    PairReply out;
    out.cookie = in.u64();
    out.id.bytes = in.array<RecordId::size>();
    const auto answer = in.u8();
    if (!in.ok() || answer > static_cast<std::uint8_t>(PairAnswer::Refused))
        return malformed("pair reply");
    out.answer = static_cast<PairAnswer>(answer);
    if (out.answer == PairAnswer::Signed) out.signature.bytes = in.array<Signature::size>();
    if (out.answer == PairAnswer::Refused) out.reason = text_of(in.rest());
    if (!in.done() || out.reason.size() > pair_reason_bytes_max || !is_utf8(out.reason))
        return malformed("pair reply");
    return out;
}

Bytes encode(const Letter& m) {
    return Writer().bytes(m.to.view()).bytes(view_of(m.text)).take();
}

Result<Letter> decode_letter(ByteView payload) {
    Reader in(payload);
    Letter out;
    out.to.bytes = in.array<PublicKey::size>();
    out.text = text_of(in.rest());
    const bool fits = !out.text.empty() && out.text.size() <= letter_text_bytes_max;
    if (!in.ok() || !fits || !is_utf8(out.text)) return malformed("letter");
    return out;
}

Bytes encode(const LetterReply& m) {
    return overlay_head().u64(m.cookie).u8(static_cast<std::uint8_t>(m.answer)).take();
}

Result<LetterReply> decode_letter_reply(ByteView body) {
    auto in = overlay_body(body);
    LetterReply out;
    out.cookie = in.u64();
    const auto answer = in.u8();
    if (!in.done() || answer > static_cast<std::uint8_t>(LetterAnswer::TooMany))
        return malformed("letter reply");
    out.answer = static_cast<LetterAnswer>(answer);
    return out;
}

}  // namespace warren::protocol
