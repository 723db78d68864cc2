// Any bytes as sync elements and selections; what decodes is answered from a small set, and every
// answer must itself be sendable.
#include <algorithm>

#include "base/check.h"
#include "base/random.h"
#include "protocol/sync.h"

using namespace warren;
using namespace warren::protocol;

namespace {

class SmallView final : public RangeView {
public:
    SmallView() {
        SeededRandom random(1);
        for (GlobalTime time = 1; time <= 300; ++time)
            refs_.push_back({time / 3, random.id<RecordId>()});
        std::sort(refs_.begin(), refs_.end());
    }
    RangeSum sum(const SyncRange& range) override {
        RangeSum out;
        for (const auto& ref : refs(range, refs_.size()))
            out.add(element_value({}, ref.id));
        return out;
    }
    std::vector<RecordRef> refs(const SyncRange& range, std::size_t limit) override {
        std::vector<RecordRef> out;
        for (const auto& ref : refs_)
            if (ref >= range.lower && ref < range.upper && out.size() < limit) out.push_back(ref);
        return out;
    }
    std::vector<RecordRef> split(const SyncRange& range, std::size_t parts) override {
        const auto all = refs(range, refs_.size());
        std::vector<RecordRef> out;
        for (std::size_t part = 1; part < parts && all.size() >= parts; ++part)
            out.push_back(all[all.size() * part / parts]);
        return out;
    }

private:
    std::vector<RecordRef> refs_;
};

void check_answers(const std::vector<SyncElement>& elements, SyncSide side) {
    static const SmallView shared;
    SmallView view = shared;
    const auto out = reconcile(view, {}, elements, side);
    for (const auto& piece : cut(out.answers, sync_datagram_bytes)) {
        WARREN_CHECK(piece.size() <= sync_datagram_bytes);
        WARREN_CHECK(decode_elements(piece).ok());
    }
    for (const auto* selections : {&out.wants, &out.offers})
        for (const auto& piece : cut(*selections, sync_datagram_bytes))
            WARREN_CHECK(decode_selections(piece).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    if (const auto elements = decode_elements(bytes); elements.ok()) {
        WARREN_CHECK(encode_elements(*elements) == to_bytes(bytes));
        check_answers(*elements, SyncSide::Initiator);
        check_answers(*elements, SyncSide::Responder);
    }
    if (const auto selections = decode_selections(bytes); selections.ok())
        WARREN_CHECK(encode_selections(*selections) == to_bytes(bytes));
    return 0;
}
