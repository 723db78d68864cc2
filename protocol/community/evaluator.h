// The verdict on every record of a community: a pure function of their set. Takes records one by
// one, in any order, and says which verdicts changed. Keeps a few hundred bytes of each in memory:
// for simulated nodes and small communities, and what storage's SQL has to agree with.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "protocol/community/permissions.h"

namespace warren::protocol {

class Evaluator {
public:
    Evaluator(const CommunityType& type, const PublicKey& founder)
        : type_(type), founder_(founder), permissions_(type, founder) {}

    // In order of the records, control records first. A record that is known changes nothing.
    std::vector<VerdictChange> add(const RecordView& record);

    std::optional<Verdict> verdict(const RecordRef& ref) const;
    std::vector<std::pair<RecordRef, Verdict>> verdicts() const;  // in order of the records
    const Permissions& permissions() const { return permissions_; }

private:
    struct Held {
        std::optional<Claim> claim;       // none: wrong for ever
        std::optional<Verdict> standing;  // by permissions alone; undone is another matter
        std::optional<Verdict> verdict;
    };

    std::set<RecordRef> reached(const Permissions::Effects& effects) const;
    void settle(const std::set<RecordRef>& touched, std::vector<VerdictChange>& out);
    void judge_again(const RecordRef& ref, std::set<RecordRef>& touched);
    Verdict final_verdict(const RecordRef& ref, const Held& held) const;
    bool is_superseded(const Claim& claim) const;
    bool is_undone(const Claim& claim, ControlKind by) const;

    const CommunityType& type_;
    PublicKey founder_;
    Permissions permissions_;
    std::map<RecordRef, Held> held_;
    using Line = std::tuple<PublicKey, MessageId, Bytes>;  // of a subject, where there is one
    static Line line_of(const Claim& claim) { return {claim.author, claim.kind, claim.subject}; }
    std::map<Line, std::set<RecordRef>> by_author_;      // of all but control records
    std::map<RecordRef, std::vector<RecordRef>> undos_;  // of a target
};

// Carries a change out on what is shown: apply on acceptance, undo when it is taken back.
void carry_out(const CommunityType& type, const VerdictChange& change, const RecordView& record,
               Projection& projection);

}  // namespace warren::protocol
