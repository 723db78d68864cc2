// See overlay_proofs.h.
#include "protocol/overlay_proofs.h"

#include <algorithm>

#include "protocol/community/proof_request.h"
#include "protocol/community/types.h"

namespace warren::protocol {

namespace {

constexpr std::size_t questions_of_all = 1024, questions_of_source = 64;  // open at a time
constexpr std::size_t waiting_max = 64;                                   // known, of a question
constexpr std::size_t asks_max = 4;                                       // of a question
constexpr std::size_t requests_each = 4, requests_max = 32;               // on their way
constexpr std::uint32_t answer_bytes = 32 * 1024;
constexpr Nanoseconds first_wait = 1'000'000'000, answer_patience = 2'000'000'000;
constexpr Nanoseconds question_life = 20'000'000'000;  // a record waits no longer than 30 s
constexpr Nanoseconds look_again = 200'000'000, store_patience = 30'000'000'000;
constexpr Rate source_rate{4, 64}, asks_rate{16, 32};

// All that a proof consists of.
bool may_prove(const RecordView& record) {
    const auto id = static_cast<MessageId>(record.kind);
    return id == type_of(record.community).founding || !is_content_id(id);
}

}  // namespace

Proofs::Proofs(Hub& hub)
    : hub_(hub), asks_(asks_rate), storing_(requests_max * 64, store_patience) {}

bool Proofs::may_ask(Nanoseconds now, const MemberId& source) {
    const auto open = std::ranges::count_if(
        wanted_, [&](const auto& entry) { return entry.second.source == source; });
    if (wanted_.size() >= questions_of_all || static_cast<std::size_t>(open) >= questions_of_source)
        return false;
    return sources_.try_emplace(source, source_rate).first->second.take(now, 1);
}

void Proofs::waits(Nanoseconds now, const CommunityId& community, ByteView packet,
                   const MemberId& from) {
    const auto record = decode_record(packet);
    if (!record) return;
    for (const auto& question : questions_of(type_of(community), packet)) {
        const Key key{community, encode({&question, 1})};
        auto at = wanted_.find(key);
        if (at == wanted_.end()) {
            if (!may_ask(now, from)) return void(++hub_.counters.dropped_busy);
            at = wanted_.emplace(key, Wanted{from, {}, {}, now, now + question_life}).first;
        }
        if (at->second.waiting.size() < waiting_max) at->second.waiting.insert(record->ref());
    }
}

// ---- asking

// The sender accepted the record, so it has the proof if it is honest. Then anybody else.
Peer* Proofs::next_partner(const Key& key, const Wanted& wanted) {
    auto partners = hub_.peers.partners_of(key.community);
    const auto was_asked = [&](const Peer* peer) {
        return std::ranges::find(wanted.asked, peer->member) != wanted.asked.end();
    };
    const auto sender = std::ranges::find(partners, wanted.source, &Peer::member);
    if (sender != partners.end() && !was_asked(*sender)) return *sender;
    auto others = partners;
    std::erase_if(others, was_asked);
    if (others.empty()) others = std::move(partners);
    return others.empty() ? nullptr : others[hub_.random.below(others.size())];
}

Proofs::Asks Proofs::due(Nanoseconds now) {
    Asks out;
    for (auto at = wanted_.begin(); at != wanted_.end();) {
        const auto here = at++;
        auto& [key, wanted] = *here;
        if (wanted.due > now && wanted.until > now) continue;
        if (wanted.until <= now || wanted.asked.size() >= asks_max) {
            ++hub_.counters.proofs_given_up;
            wanted_.erase(here);
            continue;
        }
        wanted.due = now + look_again;
        if (const auto* peer = next_partner(key, wanted))
            out[{key.community, peer->member}].push_back(key);
    }
    return out;
}

bool Proofs::ask(Nanoseconds now, const CommunityId& community, Peer& peer,
                 std::vector<Key> questions) {
    const auto of_peer = std::ranges::count_if(
        requests_, [&](const auto& entry) { return entry.second.member == peer.member; });
    if (requests_.size() >= requests_max || static_cast<std::size_t>(of_peer) >= requests_each ||
        !asks_.take(now, 1))
        return false;
    Bytes body;
    for (const auto& key : questions) {
        append(body, key.question);
        auto& wanted = wanted_.at(key);
        wanted.due = now + (first_wait << wanted.asked.size());
        wanted.asked.push_back(peer.member);
    }
    const auto session = hub_.random.next();
    const auto number = ++last_request_;
    Request request{community, peer.member, session, std::move(questions), answer_bytes};
    request.deadline = now + answer_patience;
    requests_.emplace(number, std::move(request));
    ++hub_.counters.proofs_asked;
    hub_.send_bare(community, peer, OverlayMessage::ProofRequest,
                   encode(ProofRequest{session, number, answer_bytes, body}));
    return true;
}

// ---- answers

std::vector<Bytes> Proofs::take(Nanoseconds now, const Peer& peer, Request& request,
                                const SyncRecords& message) {
    std::vector<Bytes> out;
    const auto accept = [&](ByteView packet) {
        const auto record = decode_record(packet);
        if (!record || record->community != request.community || !may_prove(*record))
            return void(++hub_.counters.dropped_unsolicited);
        out.push_back(to_bytes(packet));
    };
    const auto bytes = message.fragment ? message.fragment->bytes.size() : [&] {
        std::size_t sum = 0;
        for (const auto packet : message.packets)
            sum += packet.size();
        return sum;
    }();
    if (bytes > request.bytes_left) return ++hub_.counters.dropped_unsolicited, out;
    request.bytes_left -= bytes;
    for (const auto packet : message.packets)
        accept(packet);
    if (message.fragment)
        if (const auto whole = assembly_.add(now, peer.member, *message.fragment)) accept(*whole);
    return out;
}

bool Proofs::on_records(Nanoseconds now, Peer& peer, const CommunityId& community,
                        const SyncRecords& message) {
    const auto at = requests_.find(message.request);
    if (at == requests_.end() || at->second.session != message.session) return false;
    auto& request = at->second;
    const auto part = std::uint64_t{1} << message.part;
    if (request.member != peer.member || request.community != community || request.complete ||
        (request.parts_seen & part) != 0)
        return ++hub_.counters.dropped_unsolicited, true;
    request.parts_seen |= part;
    request.complete = request.parts_seen == full_mask(message.parts);
    auto packets = take(now, peer, request, message);
    if (!packets.empty() && !storing_.full()) {
        hub_.counters.proofs_received += packets.size();
        const auto token = hub_.next_token();
        storing_.add(now, token, at->first);
        ++request.storing;
        hub_.emit(
            StoreRecords{token, community, std::move(packets), true, source_number(peer.address)});
    }
    settle(now, at);
    return true;
}

bool Proofs::stored(Nanoseconds now, Token token, const std::vector<RecordVerdict>& verdicts) {
    const auto number = storing_.take(token);
    if (!number) return false;
    const auto at = requests_.find(*number);
    if (at == requests_.end()) return true;
    auto& request = at->second;
    const auto accepted = std::ranges::count(verdicts, RecordVerdict::Accepted);
    hub_.counters.records_accepted += static_cast<std::uint64_t>(accepted);
    if (accepted > 0) {
        request.news = true;
        if (auto* state = hub_.community(request.community)) state->root_stale = true;
    }
    const bool forged = std::ranges::find(verdicts, RecordVerdict::BadSignature) != verdicts.end();
    if (forged && hub_.peers.blame(now, request.member)) ++hub_.counters.peers_banned;
    --request.storing;
    settle(now, at);
    return true;
}

void Proofs::failed(Nanoseconds now, Token token) {
    stored(now, token, {});
}

// Who had nothing for us is not waited for.
void Proofs::settle(Nanoseconds now, Requests::iterator at) {
    const auto& request = at->second;
    if (!request.complete || request.storing > 0) return;
    if (!request.news)
        for (const auto& key : request.questions)
            if (const auto wanted = wanted_.find(key); wanted != wanted_.end())
                wanted->second.due = std::min(wanted->second.due, now);
    requests_.erase(at);
}

// Accepted or refused: either way it is known what it is.
void Proofs::judged_again(const CommunityId& community, const JudgedAgain& record) {
    if (record.verdict == RecordVerdict::Waiting) return;
    for (auto at = wanted_.begin(); at != wanted_.end();) {
        const auto here = at++;
        auto& waiting = here->second.waiting;
        if (here->first.community == community && waiting.erase(record.ref) > 0 && waiting.empty())
            wanted_.erase(here);
    }
}

void Proofs::leave(const CommunityId& community) {
    std::erase_if(wanted_, [&](const auto& entry) { return entry.first.community == community; });
    std::erase_if(requests_,
                  [&](const auto& entry) { return entry.second.community == community; });
}

Nanoseconds Proofs::tick(Nanoseconds now) {
    while (const auto number = storing_.take_expired(now))
        if (const auto at = requests_.find(*number); at != requests_.end()) {
            --at->second.storing;
            settle(now, at);
        }
    for (auto at = requests_.begin(); at != requests_.end();) {
        const auto here = at++;
        if (here->second.deadline > now) continue;
        here->second.complete = true;
        settle(now, here);
    }
    std::erase_if(sources_,
                  [&](const auto& entry) { return hub_.peers.by_member(entry.first) == nullptr; });
    for (auto& [to, keys] : due(now)) {
        auto* peer = hub_.peers.by_member(to.second);
        for (std::size_t at = 0; peer != nullptr && at < keys.size(); at += questions_max) {
            const auto end = std::min(keys.size(), at + questions_max);
            const std::vector<Key> some(keys.begin() + static_cast<std::ptrdiff_t>(at),
                                        keys.begin() + static_cast<std::ptrdiff_t>(end));
            if (!ask(now, to.first, *peer, some)) break;
        }
    }
    auto next = now + 1'000'000'000;
    for (const auto& [key, wanted] : wanted_)
        next = std::min(next, wanted.due);
    return next;
}

}  // namespace warren::protocol
