// Messages to one member, kept by nobody: the asking for a second signature under a record,
// letters, and their answers. The same in every community type that lists them. Pure codecs;
// decoded views point into the datagram.
#pragma once

#include "protocol/overlay_messages.h"

namespace warren::protocol {

enum class DirectMessage : std::uint8_t {
    PairRequest = 65,
    PairReply = 66,
    Letter = 67,  // signed (shape AG), its global time being its cookie; the others are bare
    LetterReply = 68,
};
constexpr bool is_direct_message(std::uint8_t id) {
    return id >= 65 && id <= 68;
}

inline constexpr std::size_t pair_piece_bytes = 1000;
inline constexpr std::size_t pair_reason_bytes_max = 200;
inline constexpr std::size_t letter_text_bytes_max = 800;

// A piece of a record of two members as the first one signed it. The record's id is the request's:
// asked again, it is the same request.
struct PairRequest {
    std::uint64_t cookie = 0;      // comes back in the reply
    std::uint32_t patience_s = 0;  // how much longer the asker waits
    Fragment piece;
};
enum class PairAnswer : std::uint8_t {
    Considered = 0,  // somebody is being asked
    Signed = 1,
    Refused = 2,
};
struct PairReply {
    std::uint64_t cookie = 0;
    RecordId id;
    PairAnswer answer = PairAnswer::Considered;
    Signature signature;      // when signed
    std::string_view reason;  // when refused
};
struct Letter {
    PublicKey to;           // so that nobody can pass it on as written to another
    std::string_view text;  // 1..800 bytes of UTF-8
};
enum class LetterAnswer : std::uint8_t { Delivered = 0, TooMany = 1 };
struct LetterReply {
    std::uint64_t cookie = 0;
    LetterAnswer answer = LetterAnswer::Delivered;
};

Bytes encode(const PairRequest& message);
Bytes encode(const PairReply& message);
Bytes encode(const Letter& message);
Bytes encode(const LetterReply& message);
Result<PairRequest> decode_pair_request(ByteView body);
Result<PairReply> decode_pair_reply(ByteView body);
Result<Letter> decode_letter(ByteView payload);
Result<LetterReply> decode_letter_reply(ByteView body);

}  // namespace warren::protocol
