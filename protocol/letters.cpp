#include "protocol/letters.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds first_interval = second / 4, path_interval = second / 4;
constexpr Nanoseconds interval_max = 5 * second, patience = 30 * second;
constexpr std::size_t seen_max = 4096, budgets_max = 512;
constexpr Rate letters_of_one{0.5, 10};

}  // namespace

Letters::Letters(Hub& hub) : hub_(hub), signing_(sent_max, patience), checking_(256, patience) {}

// ---- sending

Result<void> Letters::send(Nanoseconds now, Wish wish) {
    if (hub_.community(wish.community) == nullptr)
        return refused("this node takes no part in the community");
    if (sent_.size() >= sent_max) return unavailable("too many letters are on their way");
    const auto cookie = std::max<Cookie>(hub_.random.next(), 1);
    auto& letter = sent_[cookie];
    letter.wish = std::move(wish);
    letter.interval = first_interval;
    ++hub_.counters.letters_sent;
    try_now(now, cookie, letter);
    return {};
}

Peer* Letters::path_to(const Wish& wish) {
    auto* peer = hub_.peers.by_member(wish.to);
    const auto* membership = peer ? peer->in(wish.community) : nullptr;
    const bool there = membership && membership->slot && membership->trusts_us && peer->proven;
    return there ? peer : nullptr;
}

void Letters::try_now(Nanoseconds now, Cookie cookie, Sent& letter) {
    letter.next_try = now + path_interval;
    auto* peer = path_to(letter.wish);
    if (!peer) return;
    if (letter.datagram.empty()) {
        if (letter.signing || signing_.full()) return;
        letter.signing = true;
        auto bytes =
            frame_signed(letter.wish.community, static_cast<std::uint8_t>(DirectMessage::Letter),
                         hub_.own_key, cookie, encode(Letter{peer->key, letter.wish.text}));
        const auto token = hub_.next_token();
        signing_.add(now, token, {cookie, bytes});
        return hub_.emit(SignAndSend{token, std::move(bytes), peer->address});
    }
    if (auto* state = hub_.community(letter.wish.community))
        state->bytes_out += letter.datagram.size();
    hub_.send(peer->address, letter.datagram);
    letter.next_try = now + letter.interval;
    letter.interval = std::min(2 * letter.interval, interval_max);
}

void Letters::signed_bytes(Nanoseconds now, Token token, const Signature& signature) {
    auto signing = signing_.take(token);
    const auto found = signing ? sent_.find(signing->cookie) : sent_.end();
    if (found == sent_.end()) return;
    append(signing->unsigned_bytes, signature.view());
    found->second.signing = false;
    found->second.datagram = std::move(signing->unsigned_bytes);
    try_now(now, found->first, found->second);
}

void Letters::end(std::map<Cookie, Sent>::iterator at, LetterFate fate) {
    hub_.emit(LetterDone{at->second.wish.ref, fate});
    sent_.erase(at);
}

void Letters::on_reply(Peer& peer, const LetterReply& message) {
    const auto found = sent_.find(message.cookie);
    if (found == sent_.end() || found->second.wish.to != peer.member)
        return void(++hub_.counters.dropped_unsolicited);
    const bool delivered = message.answer == LetterAnswer::Delivered;
    end(found, delivered ? LetterFate::Delivered : LetterFate::TooMany);
}

// ---- receiving

bool Letters::may_write(Nanoseconds now, const MemberId& member) {
    if (budgets_.size() >= budgets_max && !budgets_.contains(member)) return false;
    return budgets_.try_emplace(member, letters_of_one).first->second.take(now, 1);
}

void Letters::answer(const CommunityId& community, const Peer& peer, Cookie cookie,
                     LetterAnswer what) {
    hub_.send_bare(community, peer, DirectMessage::LetterReply, encode(LetterReply{cookie, what}));
}

void Letters::on_letter(Nanoseconds now, Peer& peer, const Header& header, ByteView datagram) {
    auto& counters = hub_.counters;
    const auto parts = decode_signed(datagram, WithGlobalTime::Yes);
    if (!parts || !std::ranges::equal(parts->public_key, peer.key.view()))
        return void(++counters.dropped_malformed);
    const auto letter = decode_letter(parts->payload);
    if (!letter || letter->to != hub_.own_key) return void(++counters.dropped_malformed);
    const auto cookie = parts->global_time;
    if (seen_.contains({peer.member, cookie}))
        return answer(header.community, peer, cookie, LetterAnswer::Delivered);
    if (!may_write(now, peer.member))
        return answer(header.community, peer, cookie, LetterAnswer::TooMany);
    if (checking_.full() || !peer.checks.take(now, 1)) return void(++counters.dropped_check_budget);
    const auto token = hub_.next_token();
    checking_.add(now, token, {header.community, peer.member, cookie, std::string(letter->text)});
    ++counters.signatures_checked;
    hub_.emit(CheckSignature{token, to_bytes(datagram)});
}

void Letters::signature_result(Token token, bool valid) {
    auto came = checking_.take(token);
    if (!came) return;
    if (!valid) return void(++hub_.counters.bad_signatures);
    const bool is_new = seen_.emplace(came->from, came->cookie).second;
    if (auto* peer = hub_.peers.by_member(came->from))
        answer(came->community, *peer, came->cookie, LetterAnswer::Delivered);
    if (!is_new) return;
    seen_order_.emplace_back(came->from, came->cookie);
    if (seen_order_.size() > seen_max) {
        seen_.erase(seen_order_.front());
        seen_order_.pop_front();
    }
    ++hub_.counters.letters_received;
    hub_.emit(LetterArrived{came->community, came->from, std::move(came->text)});
}

// ---- both

void Letters::failed(Token token) {
    const auto signing = signing_.take(token);
    const auto found = signing ? sent_.find(signing->cookie) : sent_.end();
    if (found != sent_.end()) found->second.signing = false;
    (void)checking_.take(token);
}

Nanoseconds Letters::tick(Nanoseconds now) {
    while (const auto signing = signing_.take_expired(now)) {
        const auto found = sent_.find(signing->cookie);
        if (found != sent_.end()) found->second.signing = false;
    }
    checking_.clear_expired(now);
    std::erase_if(budgets_,
                  [&](const auto& entry) { return hub_.peers.by_member(entry.first) == nullptr; });
    auto next = now + second;
    for (auto at = sent_.begin(); at != sent_.end();) {
        const auto here = at++;
        auto& letter = here->second;
        if (letter.wish.deadline <= now) {
            end(here, letter.datagram.empty() ? LetterFate::NoPath : LetterFate::NoAnswer);
            continue;
        }
        if (letter.next_try <= now) try_now(now, here->first, letter);
        next = std::min({next, letter.next_try, letter.wish.deadline});
    }
    return next;
}

}  // namespace warren::protocol
