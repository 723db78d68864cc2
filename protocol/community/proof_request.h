// Asking for the records that decide a verdict. Whoever holds a record that waits, or was refused
// to him, asks with what it needs; that is read from the record's own bytes, so nobody has to have
// it.
#pragma once

#include <span>
#include <vector>

#include "protocol/community/permissions.h"

namespace warren::protocol {

// May this member do that? Encoded as key 74, right 1, kind 1, time u64, by-take 1.
struct Question {
    PublicKey member;
    Need need;
};
inline constexpr std::size_t questions_max = 8;
inline constexpr std::size_t question_bytes = PublicKey::size + 1 + 1 + 8 + 1;

// What a record asks for, `questions_max` at most, without repetition; empty: no packet of the
// type. A grant hands out the same few rights to each of its members, so its needs are few.
std::vector<Question> questions_of(const CommunityType& type, ByteView packet);
Bytes encode(std::span<const Question> questions);
Result<std::vector<Question>> decode_questions(ByteView bytes);

// The control records that decide the answers, in an order in which each can be judged when it
// comes.
std::vector<RecordRef> proof_of(const Permissions& permissions,
                                std::span<const Question> questions);

}  // namespace warren::protocol
