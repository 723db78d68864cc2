// The form of exported records and of backups (docs/stream-file.md): a head, blocks of items with a
// digest each, a tail with count and digest. Written and read in one pass, a block at a time; no
// I/O here.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"

namespace warren {

enum class StreamKind : std::uint8_t {
    Records = 1,  // a community's records, as the exact bytes that were signed
    Node = 2,     // what a node keeps for itself: downloads and facts
};
struct StreamHead {
    StreamKind kind = StreamKind::Records;
    CommunityId community;  // zero: none
    Bytes details;          // what the kind says of the whole
};

inline constexpr std::uint16_t stream_version = 1;
inline constexpr std::size_t stream_details_bytes_max = 4096;
inline constexpr std::size_t stream_block_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t stream_head_bytes = 35;  // without details and digest

class StreamEncoder {
public:
    // Each returns the next bytes of the file.
    Bytes head(const StreamHead& head);
    Bytes block(std::span<const Bytes> items);
    Bytes tail();
    std::uint64_t items() const { return items_; }
    const Sha256& digest() const { return chain_; }  // of all that was written so far

private:
    Bytes sealed(Bytes body);

    Sha256 chain_{};
    std::uint64_t items_ = 0;
};

// Ask `needs()`, read exactly that many bytes, give them to `take()`; until `ended()`. What is
// wrong is said with its place in the file.
class StreamDecoder {
public:
    std::size_t needs() const { return needs_; }
    struct Step {
        std::optional<StreamHead> head;
        std::vector<ByteView> items;  // of a block; they look into what was given
    };
    Result<Step> take(ByteView bytes);
    // For the last read, which gave fewer bytes than were asked for.
    Error truncated(std::size_t got) const;
    bool ended() const { return state_ == State::Ended; }
    std::uint64_t items() const { return items_; }
    std::uint64_t offset() const { return offset_; }
    const Sha256& digest() const { return chain_; }

private:
    enum class State { Head, Details, Tag, BlockHead, Block, Tail, Ended };
    Result<Step> take_head(ByteView bytes);
    Result<Step> take_details(ByteView bytes);
    Result<Step> take_tag(ByteView bytes);
    Result<Step> take_block_head(ByteView bytes);
    Result<Step> take_block(ByteView bytes);
    Result<Step> take_tail(ByteView bytes);
    Error wrong(const std::string& what) const;
    bool is_sealed(ByteView body, ByteView digest);
    void expect(State state, std::size_t bytes);

    State state_ = State::Head;
    std::size_t needs_ = stream_head_bytes;
    std::uint64_t offset_ = 0;  // of what is asked for
    Bytes begun_;               // head of a part whose rest comes next
    StreamHead head_;
    std::uint32_t block_items_ = 0;
    std::uint64_t items_ = 0;
    Sha256 chain_{};
};

}  // namespace warren
