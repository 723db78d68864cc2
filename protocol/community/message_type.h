// A community type is a table of its messages: for each one who may write it, how it spreads, and
// what it does. Combinations that cannot work are refused when the table is compiled (types.h), or
// by flaw() for a table that comes later.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/record.h"

namespace warren::protocol {

using MessageId = std::uint8_t;  // a kind; what stands in a packet behind the community's id

enum class Authentication { None, Member, TwoMembers };
enum class Resolution {
    Public,   // anybody may write it
    Linear,   // whom an unbroken line of grants from the founder reaches
    Dynamic,  // one of both; settings records switch (control_records.h)
};
enum class Policy : std::uint8_t { Public = 0, Linear = 1 };
enum class Distribution {
    Direct,  // sent once, not stored
    Full,    // stored and synchronised
    Last,    // the same, but only the newest few of each author
};
enum class Destination { Community, Peer };

// What an accepted record shows to people.
struct ProjectionRow {
    // What it is about: channel, infohash, another record (key_of). Of an edit: its target.
    Bytes key = {};
    std::string title = {};
    std::string words = {};  // further ones to search, or to read
    bool is_edit = false;    // a newer version of what `key` names
};
inline Bytes key_of(const RecordRef& ref) {
    return Writer().u64(ref.time).bytes(ref.id.view()).take();
}
// Where apply and undo put it: storage's index, or a map in a test. What is shown depends on which
// records are, not on the order of the calls: an edit may come before its target.
class Projection {
public:
    virtual ~Projection() = default;
    virtual void show(const RecordView& record, const ProjectionRow& row) = 0;
    virtual void hide(const RecordRef& record) = 0;
};
inline void hide_record(const RecordView& record, Projection& projection) {
    projection.hide(record.ref());
}

// Callbacks are optional rather than null: under our flags the compiler does not know at its time
// whether an address is null.
struct MessageType {
    MessageId id = 0;
    std::string_view name;
    Authentication authentication = Authentication::Member;
    Resolution resolution = Resolution::Linear;
    Policy initial = Policy::Linear;  // of a dynamic one, until settings say otherwise
    Distribution distribution = Distribution::Full;
    std::uint8_t last = 0;  // how many of an author, for Distribution::Last
    // Of an author and of what this finds in a payload that is in form: one vote for each channel.
    // None: of an author.
    std::optional<ByteView (*)(ByteView)> subject = std::nullopt;
    Destination destination = Destination::Community;
    // Whether the payload has its one form, with all fields within their bounds.
    std::optional<bool (*)(ByteView)> payload = std::nullopt;
    // What else must hold, whatever other records say. None: nothing.
    std::optional<bool (*)(const RecordView&)> check = std::nullopt;
    std::optional<void (*)(const RecordView&, Projection&)> apply = std::nullopt;
    // Takes `apply` back. Only what has it can be undone by records.
    std::optional<void (*)(const RecordView&, Projection&)> undo = std::nullopt;

    constexpr bool is_stored() const { return distribution != Distribution::Direct; }
    ByteView subject_of(ByteView well_formed) const {
        return subject ? (*subject)(well_formed) : ByteView();
    }
    // By its own bytes alone.
    bool fits(const RecordView& record) const {
        return (*payload)(record.payload) && (!check || (*check)(record));
    }
};

template <auto decode>
bool decodes(ByteView payload) {
    return decode(payload).ok();
}

struct CommunityType {
    std::string_view name;
    std::span<const MessageType> messages;
    // The message that names the founder; its check binds him to the community's id. None: nobody
    // founded it, nobody has rights, and all messages are public.
    MessageId founding = 0;

    constexpr const MessageType* find(MessageId id) const {
        for (const auto& message : messages)
            if (message.id == id) return &message;
        return nullptr;
    }
};

// Records of communities; 16 to 31 are overlay messages, from 200 on come control records and IPv8.
constexpr bool is_content_id(MessageId id) {
    return (id >= 1 && id <= 15) || (id >= 32 && id <= 199);
}

// Why a message cannot work; empty: it can.
constexpr std::string_view flaw(const MessageType& message) {
    const bool without_author = message.authentication == Authentication::None;
    if (message.name.empty()) return "a message has a name";
    if (!message.payload) return "a message has a payload codec";
    if (without_author && (message.resolution != Resolution::Public || message.is_stored()))
        return "a message without an author is public and direct";
    if (message.is_stored() && message.destination == Destination::Peer)
        return "what is stored goes to the community";
    if ((message.distribution == Distribution::Last) != (message.last > 0))
        return "a number of records goes with the distribution Last, and is not zero";
    if (message.subject && message.distribution != Distribution::Last)
        return "a subject says of what the last ones are kept";
    if (message.resolution == Resolution::Dynamic && !message.undo)
        return "a switch of policy takes back what was accepted, so dynamic resolution needs undo";
    if (message.undo && !message.apply) return "undo takes back what apply did";
    if (message.undo && !message.is_stored()) return "what is not stored cannot be undone";
    if (message.resolution != Resolution::Dynamic && message.initial != Policy::Linear)
        return "only a dynamic message has a policy to begin with";
    return {};
}

constexpr std::string_view flaw(const CommunityType& type) {
    if (type.name.empty() || type.messages.empty()) return "a type has a name and messages";
    for (const auto& message : type.messages) {
        if (const auto found = flaw(message); !found.empty()) return found;
        if (!is_content_id(message.id)) return "the message's id is reserved";
        if (std::ranges::count(type.messages, message.id, &MessageType::id) != 1)
            return "two messages have one id";
        const bool is_founding = message.id == type.founding;
        if (type.founding == 0 && message.resolution != Resolution::Public)
            return "without a founder nobody has rights: all messages are public";
        if (is_founding && (!message.check || message.resolution != Resolution::Public ||
                            message.distribution != Distribution::Full || message.undo))
            return "the founding message is public, kept for ever, and checks who founded";
        if (!is_founding && message.is_stored() && message.apply && !message.undo)
            return "what later records may take back needs undo";
    }
    if (type.founding != 0 &&
        std::ranges::count(type.messages, type.founding, &MessageType::id) == 0)
        return "the founding message is missing";
    return {};
}

constexpr std::string_view flaw(std::span<const CommunityType* const> types) {
    const auto have_one_form = [](const MessageType& a, const MessageType& b) {
        const bool both_pairs = (a.authentication == Authentication::TwoMembers) ==
                                (b.authentication == Authentication::TwoMembers);
        return a.is_stored() == b.is_stored() && both_pairs;
    };
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (const auto found = flaw(*types[i]); !found.empty()) return found;
        for (const auto& message : types[i]->messages)
            for (const auto* type : types)
                for (const auto& other : type->messages)
                    if (other.id == message.id && !have_one_form(message, other))
                        return "one id has two forms: a packet's form follows from its id alone";
        for (std::size_t j = 0; j < i; ++j)
            if (types[i]->name == types[j]->name) return "two types have one name";
    }
    return {};
}

}  // namespace warren::protocol
