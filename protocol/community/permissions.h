// Who may do what, and since when: a pure function of the set of control records (authorize,
// revoke, settings, destroy), in whatever order they come. Adding one judges again only the later
// ones of those members whose rights changed. Other records are not kept here: judge() answers for
// them, and what add() returns says which of them to ask for again.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "protocol/community/claim.h"

namespace warren::protocol {

enum class Verdict : std::uint8_t {
    Accepted,
    Waiting,     // nobody ever said anything about a right that it needs: a grant may be missing
    Refused,     // such a right was taken, or the record is wrong
    Undone,      // accepted, but its author or a moderator undid it
    Superseded,  // accepted, but its author wrote enough newer ones (Distribution::Last)
};

struct VerdictChange {
    RecordRef record;
    std::optional<Verdict> before;  // none: it is new
    Verdict after = Verdict::Accepted;
};

// Needs on this kind of this member (or of everyone), at this time or later, have to be judged
// again.
struct Reach {
    PublicKey member;
    MessageId kind = 0;
    GlobalTime from = 0;
    bool takes_away = false;  // else it may only have become more
};

// What a member may do with a kind now, and the record that decides it.
struct Standing {
    PublicKey member;
    MessageId kind = 0;
    Rights right = 0;  // one
    bool held = false;
    GlobalTime since = 0;
    RecordRef by;
};

class Permissions {
public:
    struct Effects {
        std::vector<VerdictChange> changes;  // of control records
        std::vector<Reach> reaches;
        bool end_changed = false;  // the community was destroyed, or is so no longer

        bool reach(const Claim& claim) const;  // whether it has to be judged again
        void join(const Effects& later);
    };

    Permissions(const CommunityType& type, const PublicKey& founder)
        : type_(type), founder_(founder) {}

    // A control claim. All that are added are kept. Those that judge() does not accept bring
    // nothing about, so a caller may hold them back, in bounds, until they are reached.
    Effects add(const Claim& claim);
    // One that was added and is not accepted: it brings nothing about, and need not be kept.
    void forget(const Claim& claim);
    // Accepted, Waiting or Refused, by what was added up to now.
    Verdict judge(const Claim& claim) const;
    Verdict judge(const PublicKey& member, const Need& need) const {
        return decide(member, need, nullptr);
    }
    // All that was ever given or taken, by member (`everyone` first), kind and right; the founder,
    // who has every right, is not in it.
    std::vector<Standing> standings() const;
    // The control records that decide it. They alone bring every node to the same verdict.
    std::vector<RecordRef> proof(const Claim& claim) const;
    // The first accepted record that ended the community.
    std::optional<RecordRef> end() const;

    std::size_t size() const { return controls_.size(); }

private:
    // The order in which verdicts depend on each other.
    struct Position {
        GlobalTime time = 0;
        bool gives = false;
        RecordId id;
        auto operator<=>(const Position&) const = default;
        RecordRef ref() const { return {time, id}; }
    };
    struct Control {
        Claim claim;
        std::optional<Verdict> verdict;
    };
    // What an accepted control record says about one member and kind; a take after the gives of
    // its time.
    struct Said {
        GlobalTime time = 0;
        bool takes = false;
        RecordId id;
        Rights rights = 0;
        auto operator<=>(const Said&) const = default;
    };
    using Subject = std::pair<PublicKey, MessageId>;
    struct SubjectHash {
        std::size_t operator()(const Subject& subject) const;
    };

    static Position position_of(const Claim& claim) {
        return {claim.ref.time, !claim.takes, claim.ref.id};
    }
    void judge_again(const Position& at, std::set<Position>& due, Effects& out);
    void change(const Position& at, const Control& control, std::set<Position>& due, Effects& out);
    void add_later_ones(const PublicKey& member, const Position& than,
                        std::set<Position>& due) const;
    bool is_ended_for(const Claim& claim) const;
    const Said* newest(const PublicKey& member, const Need& need) const;
    // Collects what decides, if asked to.
    Verdict decide(const PublicKey& member, const Need& need, std::vector<Position>* because) const;

    const CommunityType& type_;
    PublicKey founder_;
    std::map<Position, Control> controls_;
    std::map<PublicKey, std::set<Position>> by_author_;
    std::unordered_map<Subject, std::vector<Said>, SubjectHash> said_;  // each sorted
    std::set<RecordRef> ends_;
};

}  // namespace warren::protocol
