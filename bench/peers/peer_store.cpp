#include "bench/peers/peer_store.h"

namespace warren::bench {

using namespace protocol;

std::optional<PeerStore::Answer> PeerStore::answer(RangeView& view, SyncEpoch epoch,
                                                   const Reconcile& wish,
                                                   const std::vector<SyncElement>& elements) {
    if (wish.opening)
        return Answer{encode(SyncBody{epoch, open_sync(view, wish.their_floor)}), {}, {}};
    const auto side = wish.responder ? SyncSide::Responder : SyncSide::Initiator;
    const auto key = session_key(wish.community, wish.session);
    auto out = protocol::reconcile(view, key, elements, side);
    return Answer{encode(SyncBody{epoch, std::move(out.answers)}), encode_selections(out.wants),
                  encode_selections(out.offers)};
}

}  // namespace warren::bench
