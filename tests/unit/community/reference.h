// The rules of docs/communities.md a second time, as plainly as they can be said: for each question
// all records are looked through. Shares no code with the evaluator but the decoders.
#pragma once

#include <optional>
#include <vector>

#include "tests/unit/community/support.h"

namespace warren::protocol {

class Reference {
public:
    explicit Reference(const std::vector<TestRecord>& records);
    std::map<RecordRef, Verdict> verdicts();

private:
    struct Read {
        const TestRecord* record = nullptr;
        const MessageType* message = nullptr;
        bool is_wrong = false;
        std::vector<Grant> grants;
        std::optional<Undo> undo;
        std::optional<Settings> settings;
        std::optional<Verdict> standing;

        bool is(ControlKind kind) const { return record->kind == id_of(kind); }
        GlobalTime time() const { return record->ref.time; }
        bool takes() const {
            return is(ControlKind::Revoke) || (settings && settings->policy == Policy::Linear);
        }
    };
    struct Question {
        PublicKey who;
        Rights right;
        const MessageType* message;
        GlobalTime time;
        bool by_take;
    };

    static void read(Read& one);
    static bool is_wrong(const Read& one);
    Verdict standing(Read& one);
    Verdict standing_of_grants(const Read& one);
    Verdict standing_of_signers(const Read& one);
    Verdict holds(const Question& question);
    // The newest of those that count: whether it gives. Nothing: there is none.
    template <typename Mentions>
    std::optional<bool> newest(const Question& question, Mentions mentions);
    bool is_destroyed();
    bool is_superseded(const Read& one);
    bool is_undone(const Read& one, ControlKind by);

    std::vector<Read> all_;
};

}  // namespace warren::protocol
