// Asking for the second signature, and being asked for it.
#include "protocol/pairs.h"

#include <algorithm>

namespace warren::protocol {

namespace {

constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds first_interval = second, interval_max = 30 * second;
constexpr Nanoseconds path_interval = second, considered_interval = 15 * second;
constexpr Nanoseconds deadline_max = 24 * 3600 * second, remembered = 3600 * second;
constexpr Nanoseconds patience = 30 * second;

Result<RecordView> decode_half(const Bytes& half, Bytes& whole) {
    whole = half;
    whole.resize(half.size() + signature_bytes);
    WARREN_TRY(auto record, decode_record(whole));
    if (!record.second) return bad_input("not a record of two members");
    return record;
}

// Settled ones make room for new ones, the oldest first.
template <typename Table>
bool make_room(Table& table, std::size_t max) {
    if (table.size() < max) return true;
    auto oldest = table.end();
    for (auto at = table.begin(); at != table.end(); ++at) {
        if (at->second.row.state == PairState::Open) continue;
        if (oldest == table.end() || at->second.deadline < oldest->second.deadline) oldest = at;
    }
    if (oldest == table.end()) return false;
    table.erase(oldest);
    return true;
}

PairRow row_of(const RecordView& record) {
    PairRow out;
    out.community = record.community;
    out.record = record.ref();
    out.kind = static_cast<std::uint8_t>(record.kind);
    out.first = record.author;
    out.second = *record.second;
    out.payload = to_bytes(record.payload);
    return out;
}

}  // namespace

Pairs::Pairs(Hub& hub, Gossip& gossip)
    : hub_(hub), gossip_(gossip), storing_(table_max, patience), checking_(table_max, patience),
      judging_(table_max, patience) {}

// ---- asking

Result<void> Pairs::propose(Nanoseconds now, ByteView half, Nanoseconds deadline) {
    Bytes whole;
    WARREN_TRY(const auto record, decode_half(to_bytes(half), whole));
    if (record.author != hub_.own_key) return bad_input("this node is not the first signer");
    if (hub_.community(record.community) == nullptr)
        return refused("this node takes no part in the community");
    if (asked_.contains(record.id)) return {};
    if (!make_room(asked_, table_max))
        return unavailable("too many records wait for a second signature");
    auto& row = asked_[record.id];
    row.row = row_of(record);
    row.half = to_bytes(half);
    row.cookie = hub_.random.next();
    row.deadline = std::min(deadline, now + deadline_max);
    row.interval = first_interval;
    ++hub_.counters.pairs_asked;
    ask(now, row);
    return {};
}

void Pairs::ask(Nanoseconds now, Asked& row) {
    auto* peer = hub_.peers.by_member(member_id(row.row.second.view()));
    const auto* membership = peer ? peer->in(row.row.community) : nullptr;
    if (!membership || !membership->slot || !membership->trusts_us || !peer->proven) {
        row.next_try = now + path_interval;
        return;
    }
    const auto left_s = (row.deadline - now) / second + 1;
    const auto total = (row.half.size() + pair_piece_bytes - 1) / pair_piece_bytes;
    for (std::size_t i = 0; i < total; ++i) {
        const auto rest = ByteView(row.half).subspan(i * pair_piece_bytes);
        const Fragment piece{row.row.record, static_cast<std::uint8_t>(i),
                             static_cast<std::uint8_t>(total),
                             rest.first(std::min(rest.size(), pair_piece_bytes))};
        const PairRequest message{row.cookie, static_cast<std::uint32_t>(left_s), piece};
        hub_.send_bare(row.row.community, *peer, DirectMessage::PairRequest, encode(message));
    }
    row.next_try = now + row.interval;
    row.interval = std::min(2 * row.interval, interval_max);
}

void Pairs::on_reply(Nanoseconds now, Peer& peer, const PairReply& message) {
    const auto found = asked_.find(message.id);
    if (found == asked_.end() || found->second.cookie != message.cookie ||
        peer.key != found->second.row.second)
        return void(++hub_.counters.dropped_unsolicited);
    auto& row = found->second;
    if (row.row.state != PairState::Open || row.busy) return;
    switch (message.answer) {
    case PairAnswer::Considered:
        row.row.considered = true;
        row.next_try = now + considered_interval;
        return;
    case PairAnswer::Refused: return settle(now, row, PairState::Refused, message.reason);
    case PairAnswer::Signed: break;
    }
    if (storing_.full()) return;
    row.whole = row.half;
    append(row.whole, message.signature.view());
    row.busy = true;
    const auto token = hub_.next_token();
    storing_.add(now, token, message.id);
    hub_.emit(StoreRecords{token, row.row.community, {row.whole}, true});
}

bool Pairs::stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts) {
    const auto id = storing_.take(token);
    if (!id) return false;
    const auto found = asked_.find(*id);
    if (found == asked_.end()) return true;
    auto& row = found->second;
    row.busy = false;
    if (row.row.state != PairState::Open) return true;
    switch (verdicts.empty() ? RecordVerdict::NotStored : verdicts.front()) {
    case RecordVerdict::Accepted:
        if (auto* state = hub_.community(row.row.community)) state->root_stale = true;
        gossip_.forward(now, row.row.community, row.whole, member_id(row.row.second.view()));
        [[fallthrough]];
    case RecordVerdict::Known: settle(now, row, PairState::Signed, {}); break;
    case RecordVerdict::BadSignature:
        settle(now, row, PairState::Refused, "the other node's signature is not right");
        break;
    case RecordVerdict::Waiting:
    case RecordVerdict::Refused:
        settle(now, row, PairState::Refused, "signed, but one of both may not write this");
        break;
    case RecordVerdict::NotStored: row.next_try = now + first_interval; break;
    }
    return true;
}

// ---- being asked

void Pairs::on_request(Nanoseconds now, Peer& peer, const CommunityId& community,
                       const PairRequest& message) {
    const auto found = asked_of_us_.find(message.piece.ref.id);
    if (found != asked_of_us_.end()) {
        auto& row = found->second;
        if (row.row.first != peer.key) return void(++hub_.counters.dropped_unsolicited);
        row.cookie = message.cookie;
        if (message.piece.index == 0) reply(row);
        return;
    }
    auto half = assembly_.add(now, peer.member, message.piece);
    if (!half) return;
    Bytes whole;
    const auto record = decode_half(*half, whole);
    const bool fits = record && record->ref() == message.piece.ref &&
                      record->community == community && record->author == peer.key &&
                      *record->second == hub_.own_key && message.patience_s > 0;
    if (!fits) return void(++hub_.counters.dropped_malformed);
    const auto of_this_member = std::ranges::count_if(asked_of_us_, [&](const auto& entry) {
        return entry.second.row.first == peer.key && entry.second.row.state == PairState::Open;
    });
    if (static_cast<std::size_t>(of_this_member) >= of_one_member_max ||
        !make_room(asked_of_us_, table_max))
        return refuse(community, peer, message, "too many requests wait for an answer there");
    if (checking_.full() || !peer.checks.take(now, 1))
        return void(++hub_.counters.dropped_check_budget);
    auto& row = asked_of_us_[record->id];
    row.row = row_of(*record);
    row.half = std::move(*half);
    row.cookie = message.cookie;
    row.deadline = now + std::min(Nanoseconds{message.patience_s} * second, deadline_max);
    row.busy = true;
    const auto token = hub_.next_token();
    checking_.add(now, token, record->id);
    ++hub_.counters.signatures_checked;
    hub_.emit(CheckSignature{token, row.half});
}

void Pairs::signature_result(Nanoseconds now, Token token, bool valid) {
    const auto id = checking_.take(token);
    const auto found = id ? asked_of_us_.find(*id) : asked_of_us_.end();
    if (found == asked_of_us_.end()) return;
    if (valid) return judge(now, found->second);
    ++hub_.counters.bad_signatures;
    asked_of_us_.erase(found);
}

void Pairs::judge(Nanoseconds now, AskedOfUs& row) {
    row.busy = !judging_.full();
    row.next_try = now + first_interval;
    if (!row.busy) return;
    const auto token = hub_.next_token();
    judging_.add(now, token, row.row.record.id);
    hub_.emit(JudgePair{token, row.row.community, row.half, row.approved});
}

void Pairs::judged(Nanoseconds now, Token token, const PairJudgement& judgement) {
    const auto id = judging_.take(token);
    const auto found = id ? asked_of_us_.find(*id) : asked_of_us_.end();
    if (found == asked_of_us_.end()) return;
    auto& row = found->second;
    row.busy = false;
    if (row.row.state != PairState::Open) return;
    if (!judgement.refusal.empty()) {
        settle(now, row, PairState::Refused, judgement.refusal);
    } else if (judgement.signature) {
        row.signature = *judgement.signature;
        ++hub_.counters.pairs_signed;
        settle(now, row, PairState::Signed, {});
    } else {
        row.row.considered = true;
        hub_.emit(PairOpened{row.row});
    }
    reply(row);
}

Result<void> Pairs::decide(Nanoseconds now, const RecordId& id, Decision decision,
                           std::string_view reason) {
    const auto found = asked_of_us_.find(id);
    if (found == asked_of_us_.end()) return not_found("nobody asks this node to sign that record");
    auto& row = found->second;
    const bool accepts = decision == Decision::Accept;
    if (row.row.state == (accepts ? PairState::Signed : PairState::Refused)) return {};
    if (row.row.state != PairState::Open || (!accepts && row.approved))
        return refused("this request was answered, or is over");
    if (!row.row.considered) return unavailable("this request is just being looked at");
    if (!accepts) {
        settle(now, row, PairState::Refused, reason);
        reply(row);
    } else if (!row.approved) {
        row.approved = true;
        judge(now, row);
    }
    return {};
}

void Pairs::refuse(const CommunityId& community, const Peer& peer, const PairRequest& message,
                   std::string_view reason) {
    const PairReply out{message.cookie, message.piece.ref.id, PairAnswer::Refused, {}, reason};
    hub_.send_bare(community, peer, DirectMessage::PairReply, encode(out));
}

void Pairs::reply(const AskedOfUs& row) {
    const auto* peer = hub_.peers.by_member(member_id(row.row.first.view()));
    if (!peer || !peer->proven || row.row.state == PairState::Expired) return;
    if (row.row.state == PairState::Open && !row.row.considered) return;
    PairReply out{row.cookie, row.row.record.id, PairAnswer::Considered, row.signature, {}};
    if (row.row.state == PairState::Signed) out.answer = PairAnswer::Signed;
    if (row.row.state == PairState::Refused) out.answer = PairAnswer::Refused;
    if (row.row.state == PairState::Refused) out.reason = row.row.reason;
    hub_.send_bare(row.row.community, *peer, DirectMessage::PairReply, encode(out));
}

// ---- both

// However it ends, the same facts are told.
void Pairs::settle(Nanoseconds now, Row& row, PairState state, std::string_view reason) {
    row.row.state = state;
    row.row.reason = reason.substr(0, pair_reason_bytes_max);
    while (!is_utf8(row.row.reason))
        row.row.reason.pop_back();
    row.deadline = std::max(row.deadline, now) + remembered;
    hub_.emit(PairSettled{row.row});
}

void Pairs::expire(Nanoseconds now, Row& row) {
    if (now < row.deadline || row.row.state != PairState::Open) return;
    settle(now, row, PairState::Expired,
           row.row.considered ? "not decided in time" : "no answer in time");
}

std::vector<PairRow> Pairs::rows(Nanoseconds now) const {
    std::vector<PairRow> out;
    const auto add = [&](const Row& row) {
        out.push_back(row.row);
        out.back().left = std::max<Nanoseconds>(row.deadline - now, 0);
    };
    for (const auto& [id, row] : asked_)
        add(row);
    for (const auto& [id, row] : asked_of_us_)
        if (row.row.considered || row.row.state != PairState::Open) add(row);
    return out;
}

void Pairs::not_stored(const RecordId& id) {
    const auto found = asked_.find(id);
    if (found != asked_.end()) found->second.busy = false;
}

void Pairs::not_judged(Nanoseconds now, const RecordId& id) {
    const auto found = asked_of_us_.find(id);
    if (found == asked_of_us_.end()) return;
    found->second.busy = false;
    found->second.next_try = now + first_interval;
}

void Pairs::failed(Nanoseconds now, Token token) {
    if (const auto id = storing_.take(token)) not_stored(*id);
    if (const auto id = checking_.take(token)) asked_of_us_.erase(*id);  // it is asked again
    if (const auto id = judging_.take(token)) not_judged(now, *id);
}

Nanoseconds Pairs::tick(Nanoseconds now) {
    while (const auto id = storing_.take_expired(now))
        not_stored(*id);
    while (const auto id = checking_.take_expired(now))
        asked_of_us_.erase(*id);
    while (const auto id = judging_.take_expired(now))
        not_judged(now, *id);
    for (auto& [id, row] : asked_)
        expire(now, row);
    for (auto& [id, row] : asked_of_us_)
        expire(now, row);
    const auto is_forgotten = [&](const auto& entry) { return entry.second.deadline <= now; };
    std::erase_if(asked_, is_forgotten);
    std::erase_if(asked_of_us_, is_forgotten);
    auto next = now + second;
    for (auto& [id, row] : asked_) {
        if (row.row.state != PairState::Open || row.busy) continue;
        if (row.next_try <= now) ask(now, row);
        next = std::min(next, row.next_try);
    }
    for (auto& [id, row] : asked_of_us_) {
        const bool waits_for_user = row.row.considered && !row.approved;
        if (row.row.state != PairState::Open || row.busy || waits_for_user) continue;
        if (row.next_try <= now) judge(now, row);
    }
    return next;
}

void Pairs::leave(const CommunityId& community) {
    const auto is_there = [&](const auto& entry) {
        return entry.second.row.community == community;
    };
    std::erase_if(asked_, is_there);
    std::erase_if(asked_of_us_, is_there);
}

}  // namespace warren::protocol
