// Letters: short texts from one member to another, told to the receiver's user when they come and
// kept nowhere. Asked for again and again until the receiver's node says that it has it, or the
// sender's deadline. Signed, so that what the user reads is the sender's, and addressed, so that
// nobody can pass it on. Sans I/O.
#pragma once

#include <deque>
#include <map>
#include <set>

#include "protocol/direct_messages.h"
#include "protocol/overlay_hub.h"

namespace warren::protocol {

class Letters {
public:
    explicit Letters(Hub& hub);

    // `ref` comes back in LetterDone, which comes by the deadline in any case.
    struct Wish {
        std::uint64_t ref = 0;
        CommunityId community;
        MemberId to;
        std::string text;
        Nanoseconds deadline = 0;
    };
    Result<void> send(Nanoseconds now, Wish wish);

    void on_letter(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram);
    void on_reply(Peer& peer, const LetterReply& message);
    void signature_result(Token token, bool valid);
    void signed_bytes(Nanoseconds now, Token token, const Signature& signature);
    void failed(Token token);
    Nanoseconds tick(Nanoseconds now);

    static constexpr std::size_t sent_max = 64;

private:
    using Cookie = std::uint64_t;
    struct Sent {
        Wish wish;
        Bytes datagram;  // empty: not signed yet
        bool signing = false;
        Nanoseconds next_try = 0, interval = 0;
    };
    struct Signing {
        Cookie cookie = 0;
        Bytes unsigned_bytes;
    };
    struct Came {
        CommunityId community;
        MemberId from;
        Cookie cookie = 0;
        std::string text;
    };

    Peer* path_to(const Wish& wish);
    void try_now(Nanoseconds now, Cookie cookie, Sent& letter);
    void end(std::map<Cookie, Sent>::iterator at, LetterFate fate);
    void answer(const CommunityId& community, const Peer& peer, Cookie cookie, LetterAnswer what);
    bool may_write(Nanoseconds now, const MemberId& member);

    Hub& hub_;
    std::map<Cookie, Sent> sent_;
    Pending<Signing> signing_;
    Pending<Came> checking_;
    using Seen = std::pair<MemberId, Cookie>;
    std::set<Seen> seen_;  // told to the user; a copy is answered, and not told again
    std::deque<Seen> seen_order_;
    std::map<MemberId, TokenBucket> budgets_;  // of who wrote lately
};

}  // namespace warren::protocol
