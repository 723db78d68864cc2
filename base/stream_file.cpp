// See stream_file.h. All numbers are big-endian.
//   head   "warren\r\n" u16 version, u8 kind, 20 community, u32 n, n details, 32 digest
//   block  'B' u32 items, u32 n, n bytes of (u32 size, item)…, 32 digest
//   tail   'E' u64 items in all, 32 chain
// A digest is SHA-256 over its part; the chain is SHA-256 over (chain before, digest), from zeros.
#include "base/stream_file.h"

#include <algorithm>

#include "base/check.h"

namespace warren {

namespace {

// As in PNG: transfers that change line ends change this, too.
constexpr std::string_view magic = "warren\r\n";
constexpr std::uint8_t block_tag = 'B';
constexpr std::uint8_t tail_tag = 'E';
constexpr std::size_t block_head_bytes = 8;
constexpr std::size_t digest_bytes = std::tuple_size_v<Sha256>;
constexpr std::size_t tail_bytes = 8 + digest_bytes;

Sha256 next_of(const Sha256& chain, const Sha256& digest) {
    return sha256(Writer().bytes(chain).bytes(digest).take());
}

}  // namespace

Bytes StreamEncoder::sealed(Bytes body) {
    auto digest = sha256(body);
    chain_ = next_of(chain_, digest);
    append(body, digest);
    return body;
}

Bytes StreamEncoder::head(const StreamHead& head) {
    WARREN_CHECK(head.details.size() <= stream_details_bytes_max);
    return sealed(Writer()
                      .bytes(view_of(magic))
                      .u16(stream_version)
                      .u8(static_cast<std::uint8_t>(head.kind))
                      .bytes(head.community.view())
                      .u32(static_cast<std::uint32_t>(head.details.size()))
                      .bytes(head.details)
                      .take());
}

Bytes StreamEncoder::block(std::span<const Bytes> items) {
    Writer body;
    for (const auto& item : items)
        body.u32(static_cast<std::uint32_t>(item.size())).bytes(item);
    WARREN_CHECK(body.size() <= stream_block_bytes_max);
    items_ += items.size();
    return sealed(Writer()
                      .u8(block_tag)
                      .u32(static_cast<std::uint32_t>(items.size()))
                      .u32(static_cast<std::uint32_t>(body.size()))
                      .bytes(body.peek())
                      .take());
}

Bytes StreamEncoder::tail() {
    return Writer().u8(tail_tag).u64(items_).bytes(chain_).take();
}

Error StreamDecoder::wrong(const std::string& what) const {
    return bad_input("at byte " + std::to_string(offset_) + ": " + what);
}

Error StreamDecoder::truncated(std::size_t got) const {
    return bad_input("at byte " + std::to_string(offset_ + got) + ": the file ends within " +
                     (state_ == State::Head || state_ == State::Details ? "its head"
                      : state_ == State::Tail                           ? "its tail"
                                                                        : "its blocks") +
                     "; it is not whole");
}

void StreamDecoder::expect(State state, std::size_t bytes) {
    state_ = state;
    needs_ = bytes;
}

bool StreamDecoder::is_sealed(ByteView body, ByteView digest) {
    auto right = sha256(body);
    if (!std::ranges::equal(right, digest)) return false;
    chain_ = next_of(chain_, right);
    return true;
}

Result<StreamDecoder::Step> StreamDecoder::take(ByteView bytes) {
    WARREN_CHECK(bytes.size() == needs_ && !ended());
    auto taken = [&]() -> Result<Step> {
        switch (state_) {
        case State::Head: return take_head(bytes);
        case State::Details: return take_details(bytes);
        case State::Tag: return take_tag(bytes);
        case State::BlockHead: return take_block_head(bytes);
        case State::Block: return take_block(bytes);
        case State::Tail: return take_tail(bytes);
        case State::Ended: break;
        }
        return Step{};
    }();
    if (taken) offset_ += bytes.size();
    return taken;
}

Result<StreamDecoder::Step> StreamDecoder::take_head(ByteView bytes) {
    Reader in(bytes);
    if (text_of(in.take(magic.size())) != magic) return wrong("this is not a Warren stream file");
    if (auto version = in.u16(); version != stream_version)
        return wrong("version " + std::to_string(version) + "; this program reads version " +
                     std::to_string(stream_version));
    auto kind = in.u8();
    if (kind < 1 || kind > 2) return wrong("unknown kind " + std::to_string(kind));
    head_.kind = static_cast<StreamKind>(kind);
    head_.community = CommunityId{in.array<CommunityId::size>()};
    auto details = in.u32();
    if (details > stream_details_bytes_max) return wrong("its details are too long");
    begun_ = to_bytes(bytes);
    expect(State::Details, details + digest_bytes);
    return Step{};
}

Result<StreamDecoder::Step> StreamDecoder::take_details(ByteView bytes) {
    head_.details = to_bytes(bytes.first(bytes.size() - digest_bytes));
    append(begun_, head_.details);
    if (!is_sealed(begun_, bytes.last(digest_bytes))) return wrong("the head's digest is wrong");
    expect(State::Tag, 1);
    return Step{head_, {}};
}

Result<StreamDecoder::Step> StreamDecoder::take_tag(ByteView bytes) {
    begun_ = to_bytes(bytes);
    if (bytes[0] == block_tag)
        expect(State::BlockHead, block_head_bytes);
    else if (bytes[0] == tail_tag)
        expect(State::Tail, tail_bytes);
    else
        return wrong("neither a block nor the tail begins here");
    return Step{};
}

Result<StreamDecoder::Step> StreamDecoder::take_block_head(ByteView bytes) {
    Reader in(bytes);
    block_items_ = in.u32();
    auto size = in.u32();
    if (size > stream_block_bytes_max || block_items_ > size / 4)
        return wrong("the block's head makes no sense");
    append(begun_, bytes);
    expect(State::Block, size + digest_bytes);
    return Step{};
}

Result<StreamDecoder::Step> StreamDecoder::take_block(ByteView bytes) {
    auto body = bytes.first(bytes.size() - digest_bytes);
    append(begun_, body);
    if (!is_sealed(begun_, bytes.last(digest_bytes))) return wrong("the block's digest is wrong");
    Step out;
    Reader in(body);
    for (std::uint32_t i = 0; i < block_items_; ++i)
        out.items.push_back(in.take(in.u32()));
    if (!in.done()) return wrong("the block's items do not fill it");
    items_ += block_items_;
    expect(State::Tag, 1);
    return out;
}

Result<StreamDecoder::Step> StreamDecoder::take_tail(ByteView bytes) {
    Reader in(bytes);
    if (auto count = in.u64(); count != items_)
        return wrong("the tail counts " + std::to_string(count) + " items, the file holds " +
                     std::to_string(items_));
    if (!std::ranges::equal(in.rest(), chain_)) return wrong("the file's digest is wrong");
    expect(State::Ended, 0);
    return Step{};
}

}  // namespace warren
