// What may be in the file: by the type's table and the control records, all of which are in memory
// (protocol/community/permissions.h). Those of the file are read at opening by an index of their
// own. When memory got ahead of a commit that failed it is read again.
#include <algorithm>
#include <iterator>
#include <tuple>

#include "protocol/community/types.h"
#include "storage-shard/retention.h"
#include "storage-shard/shard.h"

namespace warren::shard {

namespace {

using protocol::MessageId;

constexpr std::size_t rows_between_looks = 16;  // at the clock
constexpr std::size_t released_at_once = 256;   // records

constexpr std::string_view claims_sql =
    "SELECT key.time, key.id, body.packed FROM key INDEXED BY lasting "
    "JOIN body ON body.id = key.body WHERE (kind = 1 OR kind = 34 OR kind >= 208) "
    "AND kind NOT IN (1, 34, 210, 211) ORDER BY key.time, key.id";

MessageId id_of(const protocol::RecordView& record) {
    return static_cast<MessageId>(record.kind);
}

bool is_undo(MessageId id) {
    return id == protocol::id_of(protocol::ControlKind::UndoOwn) ||
           id == protocol::id_of(protocol::ControlKind::UndoOther);
}

// Settings may give or take: by their payload, but of one time they need not see each other.
bool takes(const protocol::RecordView& record) {
    return id_of(record) == protocol::id_of(protocol::ControlKind::Revoke);
}

RecordRef next_after(RecordRef ref) {
    for (std::size_t at = ref.id.bytes.size(); at-- > 0;)
        if (++ref.id.bytes[at] != 0) return ref;
    ++ref.time;
    return ref;
}

std::string_view words_of(protocol::Rights right) {
    switch (right) {
    case protocol::right::permit: return "write";
    case protocol::right::authorize: return "authorize others for";
    case protocol::right::revoke: return "revoke rights on";
    default: return "undo others'";
    }
}

}  // namespace

Result<void> Shard::load_rules() {
    permissions_.reset();
    sweep_.reset();
    ahead_ = false;
    WARREN_TRY(founder_, read_founder(connection_));
    if (type_.founding == 0 || !founder_) return {};
    permissions_ = std::make_unique<protocol::Permissions>(type_, founder_->key);
    WARREN_TRY(auto claims, connection_.prepare(claims_sql));
    Rows rows = claims.rows();
    while (true) {
        WARREN_TRY(bool more, rows.next());
        if (!more) break;
        const RecordRef ref{time_of(rows.integer(0)), rows.id<RecordId>(1)};
        const auto record = unpack_body(rows.blob(2), community_, founder_);
        if (!record || record->view.ref() != ref)
            return damaged("a stored control record does not match its id");
        const auto claim = protocol::claim_of(type_, founder_->key, record->view);
        if (claim) permissions_->add(*claim);
        // The rules of today do not know it: it is looked at, and leaves.
        if (!claim && !sweep_) sweep_ = Sweep{ref, {}};
    }
    WARREN_TRY(auto left, read_meta(connection_, "sweep"));
    if (!left || left->empty()) return {};
    Reader in(*left);
    Sweep sweep;
    sweep.next.time = in.u64();
    sweep.next.id.bytes = in.array<RecordId::size>();
    for (const auto kind : in.rest())
        sweep.kinds.set(kind);
    if (sweep_) sweep.next = std::min(sweep.next, sweep_->next);
    sweep_ = sweep;
    return {};
}

Result<void> Shard::catch_up_with_file() {
    return ahead_ ? load_rules() : Result<void>{};
}

// Content is most of what comes, and most of it the founder's or public: it costs a comparison.
Shard::Judged Shard::permission(const protocol::RecordView& record) const {
    const auto id = id_of(record);
    const auto* message = protocol::find_message(type_, id);
    if (!message || !message->is_stored()) return {};
    const bool is_public = message->resolution == protocol::Resolution::Public;
    if (protocol::is_content_id(id) && (!permissions_ || !permissions_->end())) {
        const bool by_founder = !record.second && founder_ && record.author == founder_->key;
        if (is_public || by_founder)
            return {message->fits(record) ? Verdict::Accepted : Verdict::Refused, {}};
    }
    if (!permissions_) return {message->fits(record) ? Verdict::Waiting : Verdict::Refused, {}};
    Judged out{Verdict::Refused, protocol::claim_of(type_, founder_->key, record)};
    if (!out.claim) return out;
    switch (permissions_->judge(*out.claim)) {
    case protocol::Verdict::Accepted: out.verdict = Verdict::Accepted; break;
    case protocol::Verdict::Waiting: out.verdict = Verdict::Waiting; break;
    default: break;
    }
    return out;
}

Shard::Judged Shard::judge(const protocol::RecordView& record) const {
    if (record.community != community_ || record.time >= time_max) return {};
    // Pruned, or would be: to whoever asks it is as if it were here, so it is not fetched again.
    if (record.time < floor_ && may_be_pruned(record.kind)) return {Verdict::Known, {}};
    return permission(record);
}

// Who founded; the community's id binds him, so nothing can contradict it later.
bool Shard::found(const protocol::RecordView& record) {
    const auto genesis = protocol::decode_channel_genesis(record.payload);
    if (!genesis) return false;
    founder_ = Founder{record.author, genesis->nonce};
    permissions_ = std::make_unique<protocol::Permissions>(type_, founder_->key);
    ahead_ = true;
    std::ranges::move(room_.take_all(), std::back_inserter(released_));
    return true;
}

void Shard::take_effect(const Judged& judged, Batch& batch) {
    if (!judged.claim || !judged.claim->is_control()) return;
    const auto effects = permissions_->add(*judged.claim);
    if (effects.changes.empty()) return;
    ahead_ = true;
    batch.effects.join(effects);
}

void Shard::wait(const Judged& judged, const protocol::RecordView& record, const Incoming& from) {
    const bool may_come = judged.claim || judged.verdict == Verdict::Waiting;
    if (!may_come) return;
    WaitingRoom::Guest guest{judged.claim, record.ref(), to_bytes(from.packet)};
    guest.source = from.source;
    guest.pushed = from.pushed;
    guest.since = from.since;
    room_.put(std::move(guest), monotonic_now());
}

// In the order in which verdicts rest on each other: who founded, control records by their time
// (of one time what takes comes first), and the rest.
void Shard::judge_all(std::span<const Decoded> records, std::span<const Incoming> incoming,
                      Batch& batch, std::vector<Verdict>& verdicts) {
    const auto rank = [&](const Decoded& one) {
        const auto id = id_of(one.record);
        if (id == type_.founding) return 0;
        return protocol::is_content_id(id) || is_undo(id) ? 2 : 1;
    };
    std::vector<const Decoded*> control;
    const auto take = [&](const Decoded& one) {
        const auto& from = incoming[one.place];
        const auto judged = judge(one.record);
        auto& verdict = verdicts[one.place] = judged.verdict;
        if (verdict == Verdict::Waiting || verdict == Verdict::Refused)
            return wait(judged, one.record, from);
        if (verdict != Verdict::Accepted) return;
        const bool rated = from.pushed && from.since == 0;
        if (rated && !rates_.take(one.record.author, from.packet.size(), monotonic_now())) {
            verdict = Verdict::NotStored;
            return;
        }
        if (id_of(one.record) == type_.founding && !founder_) batch.founds = found(one.record);
        take_effect(judged, batch);
        batch.rows.push_back({&one.record, from.packet, one.place, 0});
    };
    for (const auto& one : records) {
        const auto order = rank(one);
        if (order == 0) take(one);
        if (order == 1) control.push_back(&one);
    }
    std::ranges::sort(control, {}, [](const Decoded* one) {
        return std::tuple(one->record.time, !takes(one->record), one->record.id);
    });
    for (const auto* one : control)
        take(*one);
    for (const auto& one : records)
        if (rank(one) == 2) take(one);
}

// What was taken may reach records that were stored before: these are looked at again, from where
// the right ended. Nothing: no record loses anything.
std::optional<Shard::Sweep>
Shard::swept_after(const protocol::Permissions::Effects& effects) const {
    auto out = sweep_;
    const auto reach = [&out](const RecordRef& from) -> Sweep& {
        if (!out) out = Sweep{from, {}};
        out->next = std::min(out->next, from);
        return *out;
    };
    for (const auto& one : effects.reaches)
        if (one.takes_away) reach({one.from, {}}).kinds.set(one.kind);
    if (effects.end_changed && permissions_->end()) reach({}).kinds.set();
    return out;
}

Result<void> Shard::write_sweep(const std::optional<Sweep>& sweep) {
    Writer out;
    if (sweep) {
        out.u64(sweep->next.time).bytes(sweep->next.id.view());
        for (std::size_t kind = 0; kind < sweep->kinds.size(); ++kind)
            if (sweep->kinds.test(kind)) out.u8(static_cast<std::uint8_t>(kind));
    }
    return write_meta(connection_, "sweep", out.take());
}

Result<bool> Shard::work(const PruneBudget& budget) {
    WARREN_TRY_VOID(catch_up_with_file());
    if (!released_.empty()) {
        const auto count = std::min(released_.size(), released_at_once);
        std::vector<WaitingRoom::Guest> guests(
            std::make_move_iterator(released_.begin()),
            std::make_move_iterator(released_.begin() + static_cast<std::ptrdiff_t>(count)));
        released_.erase(released_.begin(), released_.begin() + static_cast<std::ptrdiff_t>(count));
        std::vector<Incoming> incoming;
        for (const auto& guest : guests)
            incoming.push_back({guest.packet, guest.pushed, guest.source, guest.since});
        WARREN_TRY(const auto verdicts, store(incoming, Durability::Replicated));
        for (std::size_t i = 0; i < guests.size(); ++i) {
            const bool news = guests[i].pushed && verdicts[i] == Verdict::Accepted;
            judged_again_.push_back(
                {guests[i].ref, verdicts[i], news ? std::move(guests[i].packet) : Bytes{}});
        }
        return has_work();
    }
    return watched(sweep_step(budget));
}

bool Shard::may_stay(const protocol::RecordView& record) const {
    return permission(record).verdict == Verdict::Accepted;
}

Result<std::vector<Shard::Stored>> Shard::find_doomed(Sweep& sweep, const PruneBudget& budget,
                                                      bool& more) {
    const auto until = monotonic_now() + PruneBudget::goal;
    std::vector<Stored> out;
    WARREN_TRY(auto walk, connection_.prepare("SELECT time, id, body, kind FROM key WHERE "
                                              "(time, id) >= (?1, ?2) ORDER BY time, id LIMIT ?3"));
    Rows rows =
        walk.rows(sql_time(sweep.next.time), sweep.next.id, static_cast<std::int64_t>(budget.rows));
    std::size_t seen = 0;
    for (more = true; seen < budget.rows; ++seen) {
        if (seen % rows_between_looks == rows_between_looks - 1 && monotonic_now() >= until) break;
        WARREN_TRY(more, rows.next());
        if (!more) break;
        const RecordRef ref{time_of(rows.integer(0)), rows.id<RecordId>(1)};
        sweep.next = next_after(ref);
        const auto kind = static_cast<std::uint8_t>(rows.integer(3));
        if (protocol::is_content_id(kind) && !sweep.kinds.test(kind)) continue;
        Rows body = find_packed_.rows(rows.integer(2));
        WARREN_TRY(bool there, body.next());
        auto record = there ? unpack_body(body.blob(0), community_, founder_) : std::nullopt;
        if (!record || record->view.ref() != ref)
            return damaged("a stored record does not match its id");
        if (!may_stay(record->view)) out.push_back({ref, rows.integer(2), std::move(*record)});
    }
    return out;
}

// Looks at so many rows as its time allows; where it stands is written with what it took out.
Result<bool> Shard::sweep_step(const PruneBudget& budget) {
    if (!sweep_) return false;
    auto sweep = sweep_;
    bool more = false;
    WARREN_TRY(auto transaction, begin(Durability::Replicated));
    WARREN_TRY(auto doomed, find_doomed(*sweep, budget, more));
    if (!more) sweep.reset();
    if (!doomed.empty()) WARREN_TRY_VOID(remove(doomed));
    if (!doomed.empty() || !sweep) {
        WARREN_TRY_VOID(write_sweep(sweep));
        WARREN_TRY_VOID(transaction.commit());
    }
    sweep_ = sweep;
    for (auto& one : doomed) {
        const auto judged = permission(one.record.view);
        wait(judged, one.record.view, {one.record.packet});
    }
    forget(doomed);
    return has_work();
}

Error Shard::not_allowed(const Judged& judged) const {
    if (!permissions_) return refused("this community's founding record has not arrived here yet");
    if (!judged.claim)
        return refused("the payload is not one of this kind, or can never have an effect");
    for (const auto& need : judged.claim->needs) {
        const auto verdict = permissions_->judge(judged.claim->who(need), need);
        if (verdict == protocol::Verdict::Accepted) continue;
        const auto* message = protocol::find_message(type_, need.kind);
        auto text = std::string(need.of_second ? "the second signer" : "this node");
        text += verdict == protocol::Verdict::Waiting ? " was never given the right to "
                                                      : " lost the right to ";
        text.append(words_of(need.right)).append(" '");
        text.append(message ? message->name : std::string_view("?"));
        return refused(text + "' records (kind " + std::to_string(need.kind) + ") at time " +
                       std::to_string(need.time));
    }
    if (permissions_->end()) return refused("this community was ended");
    return refused("this record is not allowed here");
}

}  // namespace warren::shard
