// A community for tests, with a message for each resolution and distribution, its records, and what
// they show.
#pragma once

#include <map>
#include <vector>

#include "base/random.h"
#include "protocol/community/evaluator.h"

namespace warren::protocol {

enum class ForumKind : MessageId {
    Genesis = 1,
    Post = 2,  // linear
    Note = 3,  // dynamic, public at first
    Page = 4,  // dynamic, linear at first
    Vote = 5,  // public, one of an author
    Draw = 6,  // linear, two of an author
    Pact = 7,  // linear, by two members
    Mark = 8,  // public, one of an author for each first letter
};
extern const CommunityType forum_type;

PublicKey member(unsigned number);
inline const PublicKey founder = member(0);

// A record without its packet: the rules look at nothing else.
struct TestRecord {
    RecordRef ref, prev;
    PublicKey author;
    MessageId kind = 0;
    Bytes payload;
    std::optional<PublicKey> second = std::nullopt;

    RecordView view() const;
};

// Makes records with distinct ids.
class Scribe {
public:
    explicit Scribe(std::uint64_t seed = 1) : random_(seed) {}

    TestRecord record(GlobalTime time, const PublicKey& author, MessageId kind, Bytes payload = {});
    TestRecord content(GlobalTime time, const PublicKey& author, ForumKind kind,
                       std::string_view text = "text");
    TestRecord pact(GlobalTime time, const PublicKey& author, const PublicKey& second);
    TestRecord authorize(GlobalTime time, const PublicKey& author, std::vector<Grant> grants);
    TestRecord revoke(GlobalTime time, const PublicKey& author, std::vector<Grant> grants);
    TestRecord settings(GlobalTime time, const PublicKey& author, ForumKind kind, Policy policy);
    TestRecord undo(GlobalTime time, const PublicKey& author, ControlKind by,
                    const TestRecord& target, Undo::Action action = Undo::Action::Undo);
    TestRecord destroy(GlobalTime time, const PublicKey& author);

private:
    SeededRandom random_;
};

Grant grant(const PublicKey& whom, ForumKind kind, int rights);

class ShownRecords final : public Projection {
public:
    void show(const RecordView& record, const ProjectionRow& row) override {
        rows[record.ref()] = row.title;
    }
    void hide(const RecordRef& record) override {
        ++hidden;
        rows.erase(record);
    }
    std::map<RecordRef, std::string> rows;
    int hidden = 0;
};

// An evaluator, and what it shows.
class Node {
public:
    std::vector<VerdictChange> add(const TestRecord& record);
    void add_all(const std::vector<TestRecord>& records);
    Verdict verdict(const TestRecord& record) const { return *evaluator.verdict(record.ref); }
    std::string state_hash() const;

    Evaluator evaluator{forum_type, founder};
    ShownRecords shown;

private:
    std::map<RecordRef, TestRecord> records_;
};

void shuffle(std::vector<TestRecord>& records, Random& random);

// So that a failing comparison names the verdict.
void PrintTo(Verdict verdict, std::ostream* out);

}  // namespace warren::protocol
