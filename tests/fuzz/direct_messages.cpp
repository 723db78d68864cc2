// Any bytes as each direct message and as an invitation: what is accepted has one form and keeps to
// its bounds.
#include "protocol/direct_messages.h"
#include "base/check.h"
#include "protocol/invitation.h"

using namespace warren;
using namespace warren::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    const auto whole = to_bytes(bytes);
    if (const auto m = decode_pair_request(bytes)) WARREN_CHECK(encode(*m) == whole);
    if (const auto m = decode_pair_reply(bytes)) WARREN_CHECK(encode(*m) == whole);
    if (const auto m = decode_letter(bytes)) WARREN_CHECK(encode(*m) == whole);
    if (const auto m = decode_letter_reply(bytes)) WARREN_CHECK(encode(*m) == whole);
    if (const auto m = decode_invitation(bytes)) {
        auto again = encode_unsigned(*m);
        append(again, bytes.last(signature_bytes));
        const auto back = decode_invitation(again);
        WARREN_CHECK(back && back->community == m->community && back->peers == m->peers);
        WARREN_CHECK(m->peers.size() <= invitation_peers_max);
        WARREN_CHECK(*invitation_from_text(invitation_text(bytes)) == whole);
    }
    (void)is_invitation_payload(bytes);
    if (const auto text = invitation_from_text(text_of(bytes)))
        WARREN_CHECK(text->size() <= invitation_bytes_max + 3);
    return 0;
}
