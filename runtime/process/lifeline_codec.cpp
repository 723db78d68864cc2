// Encoding and decoding of lifeline messages. Generated types stop here.
#include "runtime/process/lifeline_codec.h"

#include <algorithm>

#include "base/check.h"
#include "ipc-schema/lifeline_generated.h"

namespace warren::process {

namespace {

using Builder = flatbuffers::FlatBufferBuilder;
using ipc::LifelineBody;

constexpr flatbuffers::uoffset_t depth_max = 8;
constexpr flatbuffers::uoffset_t tables_max = 1024;
constexpr std::size_t expansion_max = 4;  // copied bytes for each byte of the frame

struct Body {
    LifelineBody type;
    flatbuffers::Offset<void> offset;
};

// ---- encoding

ipc::Role to_wire(Role role) {
    return static_cast<ipc::Role>(role);
}

auto to_wire(Builder& b, const Settings& settings) {
    std::vector<flatbuffers::Offset<ipc::Setting>> rows;
    for (const auto& [key, value] : settings.all())
        rows.push_back(ipc::CreateSetting(b, b.CreateString(key), b.CreateString(value)));
    return b.CreateVector(rows);
}

auto to_wire(Builder& b, const Roster& roster) {
    std::vector<flatbuffers::Offset<ipc::RosterEntry>> rows;
    for (const auto& r : roster) {
        rows.push_back(ipc::CreateRosterEntry(b, to_wire(r.role), r.index, r.epoch,
                                              static_cast<ipc::WorkerState>(r.state),
                                              b.CreateString(r.inbox), b.CreateString(r.tap), r.pid,
                                              r.restarts, b.CreateString(r.reason)));
    }
    return b.CreateVector(rows);
}

auto to_wire(Builder& b, const SlotMap& slots) {
    auto workers = b.CreateVector(slots.workers);
    auto pinned = b.CreateVector(slots.pinned);
    return ipc::CreateSlotMap(b, slots.version, workers, pinned);
}

struct Encode {
    Builder& b;

    Body operator()(const LifelineClosed&) const {
        WARREN_CHECK(!"a closed lifeline is no message");
    }
    Body operator()(const Welcome& m) const {
        std::vector<flatbuffers::Offset<ipc::RoleKey>> keys;
        for (const auto& k : m.public_keys)
            keys.push_back(
                ipc::CreateRoleKey(b, to_wire(k.role), b.CreateVector(k.public_key.data(), 32)));
        std::vector<std::string> addresses;
        for (const auto& listener : m.listeners)
            addresses.push_back(listener.address);
        auto settings = to_wire(b, m.settings);
        auto secret = b.CreateVector(m.secret_key.data(), m.secret_key.size());
        auto seed = b.CreateVector(m.routing_seed.data(), m.routing_seed.size());
        auto key_rows = b.CreateVector(keys);
        auto inbox = b.CreateString(m.inbox);
        auto tap = b.CreateString(m.tap);
        auto roster = to_wire(b, m.roster);
        auto slots = to_wire(b, m.slots);
        auto listeners = b.CreateVectorOfStrings(addresses);
        auto fds = static_cast<std::uint16_t>(!m.inbox.empty() + !m.tap.empty() +
                                              static_cast<int>(m.listeners.size()));
        return {LifelineBody::Welcome,
                ipc::CreateWelcome(b, to_wire(m.role), m.index, m.count, m.epoch, m.node_epoch,
                                   settings, secret, key_rows, seed, inbox, tap, roster, slots, fds,
                                   listeners)
                    .Union()};
    }
    Body operator()(const RosterChanged& m) const {
        auto roster = to_wire(b, m.roster);
        return {LifelineBody::RosterChanged, ipc::CreateRosterChanged(b, roster, m.count).Union()};
    }
    Body operator()(const SlotsChanged& m) const {
        auto slots = to_wire(b, m.slots);
        return {LifelineBody::SlotsChanged, ipc::CreateSlotsChanged(b, slots).Union()};
    }
    Body operator()(const SettingsChanged& m) const {
        auto settings = to_wire(b, m.settings);
        return {LifelineBody::SettingsChanged, ipc::CreateSettingsChanged(b, settings).Union()};
    }
    Body operator()(const Drain&) const {
        return {LifelineBody::Drain, ipc::CreateDrain(b).Union()};
    }
    Body operator()(const Stop&) const { return {LifelineBody::Stop, ipc::CreateStop(b).Union()}; }
    Body operator()(const ControlReply& m) const {
        auto text = b.CreateString(m.text);
        return {LifelineBody::ControlReply, ipc::CreateControlReply(b, m.id, m.ok, text).Union()};
    }
    Body operator()(const Hello& m) const {
        return {LifelineBody::Hello, ipc::CreateHello(b, m.version, m.schema_hash, m.pid).Union()};
    }
    Body operator()(const WorkerReady& m) const {
        auto note = b.CreateString(m.note);
        return {LifelineBody::WorkerReady, ipc::CreateWorkerReady(b, note).Union()};
    }
    Body operator()(const Heartbeat& m) const {
        return {LifelineBody::Heartbeat,
                ipc::CreateHeartbeat(b, m.gap_max_us, m.resident_kib).Union()};
    }
    Body operator()(const Drained&) const {
        return {LifelineBody::Drained, ipc::CreateDrained(b).Union()};
    }
    Body operator()(const SlotsReleased& m) const {
        return {LifelineBody::SlotsReleased, ipc::CreateSlotsReleased(b, m.version).Union()};
    }
    Body operator()(const ProtocolViolation& m) const {
        auto what = b.CreateString(m.what);
        return {LifelineBody::ProtocolViolation,
                ipc::CreateProtocolViolation(b, to_wire(m.role), m.index, what).Union()};
    }
    Body operator()(const InFlightAtDeath& m) const {
        auto ids = b.CreateVector(m.ids);
        return {LifelineBody::InFlightAtDeath,
                ipc::CreateInFlightAtDeath(b, to_wire(m.role), m.index, ids).Union()};
    }
    Body operator()(const Scale& m) const {
        return {LifelineBody::Scale, ipc::CreateScale(b, m.id, to_wire(m.role), m.count).Union()};
    }
    Body operator()(const Reload& m) const {
        return {LifelineBody::Reload, ipc::CreateReload(b, m.id).Union()};
    }
    Body operator()(const StopNode& m) const {
        return {LifelineBody::StopNode, ipc::CreateStopNode(b, m.id).Union()};
    }
    Body operator()(const ListSettings& m) const {
        return {LifelineBody::ListSettings, ipc::CreateListSettings(b, m.id).Union()};
    }
};

// ---- decoding: copies are counted, because a small frame may point at one text many times

class Decode {
public:
    explicit Decode(std::size_t frame_bytes) : budget_(frame_bytes * expansion_max) {}
    bool ok() const { return ok_; }

    std::string text(const flatbuffers::String* from) {
        if (from == nullptr || !spend(from->size())) return {};
        return from->str();
    }
    template <std::size_t N>
    std::array<std::uint8_t, N> array(const flatbuffers::Vector<std::uint8_t>* from) {
        std::array<std::uint8_t, N> out{};
        if (from == nullptr || from->size() != N || !spend(N)) {
            ok_ = false;
            return out;
        }
        std::copy(from->begin(), from->end(), out.begin());
        return out;
    }
    Role role(ipc::Role from) {
        auto value = static_cast<std::size_t>(from);
        if (value >= role_count) ok_ = false;
        return value < role_count ? static_cast<Role>(value) : Role::Supervisor;
    }
    Settings settings(const flatbuffers::Vector<flatbuffers::Offset<ipc::Setting>>* from) {
        Settings out;
        for (std::size_t i = 0; from != nullptr && ok_ && i < from->size(); ++i) {
            const auto* row = from->Get(static_cast<flatbuffers::uoffset_t>(i));
            out.set(text(row->name()), text(row->value()));
        }
        return out;
    }
    Roster roster(const flatbuffers::Vector<flatbuffers::Offset<ipc::RosterEntry>>* from) {
        Roster out;
        for (std::size_t i = 0; from != nullptr && ok_ && i < from->size(); ++i) {
            const auto* row = from->Get(static_cast<flatbuffers::uoffset_t>(i));
            if (row->state() > ipc::WorkerState::Down || !spend(32)) ok_ = false;
            out.push_back(
                {.role = role(row->role()),
                 .index = row->index(),
                 .epoch = row->epoch(),
                 .state = ok_ ? static_cast<WorkerState>(row->state()) : WorkerState::Down,
                 .inbox = text(row->inbox()),
                 .tap = text(row->tap()),
                 .pid = row->pid(),
                 .restarts = row->restarts(),
                 .reason = text(row->reason())});
        }
        return out;
    }
    SlotMap slots(const ipc::SlotMap* from) {
        SlotMap out;
        if (from == nullptr) {
            ok_ = false;
            return out;
        }
        auto workers = array<slot_count>(from->workers());
        out.version = from->version();
        out.workers.assign(workers.begin(), workers.end());
        if (const auto* pinned = from->pinned()) out.pinned.assign(pinned->begin(), pinned->end());
        return out;
    }
    std::vector<RoleKey> keys(const flatbuffers::Vector<flatbuffers::Offset<ipc::RoleKey>>* from) {
        std::vector<RoleKey> out;
        for (std::size_t i = 0; from != nullptr && ok_ && i < from->size(); ++i) {
            const auto* row = from->Get(static_cast<flatbuffers::uoffset_t>(i));
            out.push_back({role(row->role()), array<32>(row->public_key())});
        }
        return out;
    }
    std::vector<RoleListener>
    listeners(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* from) {
        std::vector<RoleListener> out;
        if (from != nullptr && from->size() > lifeline_fds_max) ok_ = false;
        for (std::size_t i = 0; from != nullptr && ok_ && i < from->size(); ++i)
            out.push_back({Fd(), text(from->Get(static_cast<flatbuffers::uoffset_t>(i)))});
        return out;
    }
    std::vector<std::uint64_t> numbers(const flatbuffers::Vector<std::uint64_t>* from) {
        if (from == nullptr || !spend(from->size() * sizeof(std::uint64_t))) return {};
        return {from->begin(), from->end()};
    }

private:
    bool spend(std::size_t bytes) {
        ok_ = ok_ && bytes <= budget_;
        if (ok_) budget_ -= bytes;
        return ok_;
    }

    std::size_t budget_;
    bool ok_ = true;
};

Welcome welcome_of(const ipc::Welcome& m, Decode& d) {
    Welcome out;
    out.role = d.role(m.role());
    out.index = m.index();
    out.count = m.count();
    out.epoch = m.epoch();
    out.node_epoch = m.node_epoch();
    out.settings = d.settings(m.settings());
    out.secret_key = d.array<32>(m.secret_key());
    out.public_keys = d.keys(m.public_keys());
    out.routing_seed = d.array<16>(m.routing_seed());
    out.inbox = d.text(m.inbox());
    out.tap = d.text(m.tap());
    out.roster = d.roster(m.roster());
    out.slots = d.slots(m.slots());
    out.listeners = d.listeners(m.role_listeners());
    return out;
}

// LifelineClosed stands for a tag that this build does not know.
Message message_of(const ipc::Lifeline& f, Decode& d) {
    switch (f.body_type()) {
    case LifelineBody::NONE: return LifelineClosed{};
    case LifelineBody::Welcome: return welcome_of(*f.body_as_Welcome(), d);
    case LifelineBody::RosterChanged:
        return RosterChanged{d.roster(f.body_as_RosterChanged()->roster()),
                             f.body_as_RosterChanged()->count()};
    case LifelineBody::SlotsChanged:
        return SlotsChanged{d.slots(f.body_as_SlotsChanged()->slots())};
    case LifelineBody::SettingsChanged:
        return SettingsChanged{d.settings(f.body_as_SettingsChanged()->settings())};
    case LifelineBody::Drain: return Drain{};
    case LifelineBody::Stop: return Stop{};
    case LifelineBody::ControlReply: {
        const auto& m = *f.body_as_ControlReply();
        return ControlReply{m.id(), m.ok(), d.text(m.text())};
    }
    case LifelineBody::Hello: {
        const auto& m = *f.body_as_Hello();
        return Hello{m.version(), m.schema_hash(), m.pid()};
    }
    case LifelineBody::WorkerReady: return WorkerReady{d.text(f.body_as_WorkerReady()->note())};
    case LifelineBody::Heartbeat:
        return Heartbeat{f.body_as_Heartbeat()->gap_max_us(),
                         f.body_as_Heartbeat()->resident_kib()};
    case LifelineBody::Drained: return Drained{};
    case LifelineBody::SlotsReleased: return SlotsReleased{f.body_as_SlotsReleased()->version()};
    case LifelineBody::ProtocolViolation: {
        const auto& m = *f.body_as_ProtocolViolation();
        return ProtocolViolation{d.role(m.role()), m.index(), d.text(m.what())};
    }
    case LifelineBody::InFlightAtDeath: {
        const auto& m = *f.body_as_InFlightAtDeath();
        return InFlightAtDeath{d.role(m.role()), m.index(), d.numbers(m.ids())};
    }
    case LifelineBody::Scale: {
        const auto& m = *f.body_as_Scale();
        return Scale{m.id(), d.role(m.role()), m.count()};
    }
    case LifelineBody::Reload: return Reload{f.body_as_Reload()->id()};
    case LifelineBody::StopNode: return StopNode{f.body_as_StopNode()->id()};
    case LifelineBody::ListSettings: return ListSettings{f.body_as_ListSettings()->id()};
    }
    return LifelineClosed{};
}

}  // namespace

Bytes encode(const Message& message) {
    Builder builder(1024);
    auto body = std::visit(Encode{builder}, message);
    ipc::FinishLifelineBuffer(builder, ipc::CreateLifeline(builder, body.type, body.offset));
    auto frame = builder.GetBufferSpan();
    return {frame.begin(), frame.end()};
}

Result<Message> decode(ByteView frame) {
    flatbuffers::Verifier verifier(frame.data(), frame.size(), depth_max, tables_max);
    if (!ipc::VerifyLifelineBuffer(verifier)) return bad_input("malformed lifeline message");
    Decode copies(frame.size());
    auto message = message_of(*ipc::GetLifeline(frame.data()), copies);
    if (std::holds_alternative<LifelineClosed>(message))
        return bad_input("unknown lifeline message");
    if (!copies.ok()) return bad_input("lifeline message is out of bounds");
    return message;
}

}  // namespace warren::process
