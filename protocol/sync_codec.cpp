// How sync elements and selections lie in bytes. An element is: head byte (mode, and what of its
// range can be left out), bounds, content. A bound is a time (the lower one whole, the upper one as
// distance from the lower), the length of an id prefix, and the prefix; the rest of the id is zero.
// Only the shortest form is accepted, so equal lists have equal bytes.
#include <algorithm>
#include <optional>

#include "base/check.h"
#include "protocol/sync.h"

namespace warren::protocol {

namespace {

constexpr std::uint8_t mode_low = 0x03, mode_high = 0x20;
constexpr std::uint8_t lower_is_previous_upper = 0x04;
constexpr std::uint8_t range_is_previous = 0x08;  // selections only
constexpr std::uint8_t of_lasting_records = 0x10;
constexpr std::uint8_t known_bits =
    mode_low | mode_high | lower_is_previous_upper | range_is_previous | of_lasting_records;

std::uint8_t mode_bits(SyncMode mode) {
    const auto number = static_cast<std::uint8_t>(mode);
    return static_cast<std::uint8_t>((number & mode_low) | ((number & 4) << 3));
}

// None: no such mode.
std::optional<SyncMode> mode_of(std::uint8_t head) {
    const auto number = static_cast<std::uint8_t>((head & mode_low) | ((head & mode_high) >> 3));
    if (number > static_cast<std::uint8_t>(SyncMode::All)) return std::nullopt;
    return static_cast<SyncMode>(number);
}

void put_bound(Writer& to, const RecordRef& bound, GlobalTime from) {
    std::size_t length = RecordId::size;
    while (length > 0 && bound.id.bytes[length - 1] == 0)
        --length;
    to.varint(bound.time - from).u8(static_cast<std::uint8_t>(length));
    to.bytes(bound.id.view().first(length));
}

RecordRef read_bound(Reader& in, GlobalTime from) {
    RecordRef out;
    const std::uint64_t distance = in.varint();
    if (distance > sync_end_time - from) in.fail();
    out.time = from + distance;
    const std::size_t length = in.u8();
    if (length > RecordId::size) in.fail();
    const auto prefix = in.take(in.ok() ? length : 0);
    if (!prefix.empty() && prefix.back() == 0) in.fail();
    std::copy(prefix.begin(), prefix.end(), out.id.bytes.begin());
    return out;
}

// `previous` starts as an empty range at the least bound, so that a list beginning there is short.
void put_head(Writer& to, const SyncRange& range, SyncMode mode, bool lasting,
              const SyncRange& previous) {
    const auto bits =
        static_cast<std::uint8_t>(mode_bits(mode) | (lasting ? of_lasting_records : 0));
    if (range == previous) {
        to.u8(static_cast<std::uint8_t>(bits | range_is_previous));
        return;
    }
    if (range.lower == previous.upper) {
        to.u8(static_cast<std::uint8_t>(bits | lower_is_previous_upper));
    } else {
        to.u8(bits);
        put_bound(to, range.lower, 0);
    }
    put_bound(to, range.upper, range.lower.time);
}

SyncRange read_range(Reader& in, std::uint8_t head, const SyncRange& previous) {
    if (head & range_is_previous) {
        if (head & lower_is_previous_upper || previous.upper == RecordRef{}) in.fail();
        return previous;
    }
    SyncRange out;
    const bool adjoins = head & lower_is_previous_upper;
    out.lower = adjoins ? previous.upper : read_bound(in, 0);
    if (!adjoins && out.lower == previous.upper) in.fail();
    out.upper = read_bound(in, out.lower.time);
    if (out.upper <= out.lower || out == previous) in.fail();
    return out;
}

void put_ids(Writer& to, const std::vector<std::uint64_t>& ids) {
    to.varint(ids.size());
    for (const auto id : ids)
        to.u64(id);
}

std::vector<std::uint64_t> read_ids(Reader& in) {
    const std::uint64_t count = in.varint();
    if (count > sync_ids_max || count * 8 > in.left()) in.fail();
    std::vector<std::uint64_t> out;
    if (!in.ok()) return out;
    out.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i)
        out.push_back(in.u64());
    return out;
}

// Counts of symbols lie near those of small ranges, or just below zero: the sign goes last.
void put_symbols(Writer& to, const std::vector<CodedSymbol>& symbols) {
    to.u8(static_cast<std::uint8_t>(symbols.size()));
    for (const auto& symbol : symbols) {
        const auto doubled = static_cast<std::uint64_t>(symbol.count) << 1;
        to.varint(symbol.count < 0 ? ~doubled : doubled).u64(symbol.ids).u32(symbol.check);
    }
}

std::vector<CodedSymbol> read_symbols(Reader& in) {
    const std::size_t count = in.u8();
    if (count == 0 || count > sync_symbols_max) in.fail();
    std::vector<CodedSymbol> out(in.ok() ? count : 0);
    for (auto& symbol : out) {
        const auto number = in.varint();
        if (number >> 32 != 0) in.fail();
        const auto half = static_cast<std::int64_t>(number >> 1);
        symbol.count = (number & 1) != 0 ? ~half : half;
        symbol.ids = in.u64();
        symbol.check = in.u32();
    }
    return out;
}

void put(Writer& to, const SyncElement& element, const SyncRange& previous) {
    put_head(to, element.range, element.mode, element.lasting, previous);
    switch (element.mode) {
    case SyncMode::Same: return;
    case SyncMode::Fingerprint:
        to.varint(element.sum.count).u64(element.sum.high).u64(element.sum.low);
        return;
    case SyncMode::Ids: put_ids(to, element.ids); return;
    case SyncMode::Symbols: put_symbols(to, element.symbols); return;
    case SyncMode::AskSymbols: to.u8(element.asked); return;
    case SyncMode::All: return;
    }
}

void put(Writer& to, const Selection& selection, const SyncRange& previous) {
    const bool all = selection.all > 0;
    put_head(to, selection.range, all ? SyncMode::All : SyncMode::Ids, selection.lasting, previous);
    if (all)
        to.varint(selection.all);
    else
        put_ids(to, selection.ids);
}

SyncElement read_element(Reader& in, const SyncRange& previous) {
    const std::uint8_t head = in.u8();
    const auto mode = mode_of(head);
    if ((head & ~known_bits) != 0 || !mode) in.fail();
    SyncElement out;
    out.mode = mode.value_or(SyncMode::Same);
    out.lasting = (head & of_lasting_records) != 0;
    out.range = read_range(in, head, previous);
    switch (out.mode) {
    case SyncMode::Same: break;
    case SyncMode::All:
    case SyncMode::Fingerprint:
        out.sum.count = in.varint();
        if (out.mode == SyncMode::All) break;
        out.sum.high = in.u64();
        out.sum.low = in.u64();
        break;
    case SyncMode::Ids: out.ids = read_ids(in); break;
    case SyncMode::Symbols: out.symbols = read_symbols(in); break;
    case SyncMode::AskSymbols:
        out.asked = in.u8();
        if (out.asked > sync_symbols_max) in.fail();
        break;
    }
    return out;
}

// What it costs to answer, in sums; bounds a datagram.
std::size_t weight(const SyncElement& element) {
    return element.mode == SyncMode::AskSymbols ? sync_ask_weight : 1;
}
std::size_t weight(const Selection&) {
    return 1;
}

template <typename Item>
Bytes encode_all(const std::vector<Item>& items) {
    Writer to;
    SyncRange previous;
    for (const auto& item : items) {
        put(to, item, previous);
        previous = item.range;
    }
    return to.take();
}

template <typename Item>
std::vector<Bytes> cut_all(const std::vector<Item>& items, std::size_t bytes_max) {
    std::vector<Bytes> out;
    Writer body;
    SyncRange previous;
    std::size_t weighs = 0;
    for (const auto& item : items) {
        Writer next;
        put(next, item, previous);
        if (weighs + weight(item) > sync_elements_max || body.size() + next.size() > bytes_max) {
            if (weighs > 0) out.push_back(body.take());
            body = Writer();
            next = Writer();
            weighs = 0;
            put(next, item, SyncRange{});
        }
        WARREN_CHECK(next.size() <= bytes_max);  // an element of ours fits sync_datagram_bytes
        body.bytes(next.peek());
        previous = item.range;
        weighs += weight(item);
    }
    if (weighs > 0) out.push_back(body.take());
    return out;
}

}  // namespace

Bytes encode_elements(const std::vector<SyncElement>& elements) {
    return encode_all(elements);
}

Bytes encode_selections(const std::vector<Selection>& selections) {
    return encode_all(selections);
}

Result<std::vector<SyncElement>> decode_elements(ByteView bytes, std::size_t count_max) {
    Reader in(bytes);
    std::vector<SyncElement> out;
    SyncRange previous;
    std::size_t weighs = 0;
    while (in.left() > 0) {
        auto element = read_element(in, previous);
        weighs += weight(element);
        if (weighs > count_max) return bad_input("too many sync elements");
        if (element.range.lower < previous.upper || element.mode == SyncMode::All) in.fail();
        previous = element.range;
        out.push_back(std::move(element));
    }
    if (!in.done()) return bad_input("malformed sync elements");
    return out;
}

Result<std::vector<Selection>> decode_selections(ByteView bytes, std::size_t count_max) {
    Reader in(bytes);
    std::vector<Selection> out;
    SyncRange previous;
    while (in.left() > 0) {
        if (out.size() == count_max) return bad_input("too many selections");
        auto element = read_element(in, previous);
        const bool all = element.mode == SyncMode::All;
        if (all ? element.sum.count == 0 : element.mode != SyncMode::Ids) in.fail();
        previous = element.range;
        out.push_back({element.range, std::move(element.ids), element.lasting, element.sum.count});
    }
    if (!in.done()) return bad_input("malformed selections");
    return out;
}

std::vector<Bytes> cut(const std::vector<SyncElement>& elements, std::size_t bytes_max) {
    return cut_all(elements, bytes_max);
}

Bytes encode(const SyncBody& body) {
    auto out = Writer().varint(body.epoch).take();
    append(out, encode_elements(body.elements));
    return out;
}

Result<SyncBody> decode_sync_body(ByteView bytes, std::size_t count_max) {
    Reader in(bytes);
    SyncBody out;
    out.epoch = in.varint();
    if (!in.ok()) return bad_input("malformed sync epoch");
    WARREN_TRY(out.elements, decode_elements(in.take(in.left()), count_max));
    return out;
}

std::vector<Bytes> cut(const SyncBody& body, std::size_t bytes_max) {
    const auto head = Writer().varint(body.epoch).take();
    auto out = cut_all(body.elements, bytes_max - head.size());
    for (auto& piece : out)
        piece.insert(piece.begin(), head.begin(), head.end());
    return out;
}

// Selections may name a range again, so a long one is cut by its ids.
std::vector<Bytes> cut(const std::vector<Selection>& selections, std::size_t bytes_max) {
    constexpr std::size_t head_bytes = 1 + 2 * (10 + 1 + RecordId::size) + 2;
    WARREN_CHECK(bytes_max >= head_bytes + 8);
    const std::size_t ids_max = std::min(sync_ids_max, (bytes_max - head_bytes) / 8);
    std::vector<Selection> pieces;
    for (const auto& selection : selections) {
        if (selection.all > 0) pieces.push_back(selection);
        for (std::size_t at = 0; at < selection.ids.size(); at += ids_max) {
            const auto from = selection.ids.begin() + static_cast<std::ptrdiff_t>(at);
            const auto count = std::min(ids_max, selection.ids.size() - at);
            pieces.push_back({selection.range,
                              {from, from + static_cast<std::ptrdiff_t>(count)},
                              selection.lasting});
        }
    }
    return cut_all(pieces, bytes_max);
}

}  // namespace warren::protocol
