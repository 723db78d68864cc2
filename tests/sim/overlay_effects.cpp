// What the shell of a real node does for its overlay, in virtual time: a signature takes a
// millisecond, a commit eight.
#include "tests/sim/overlay_world.h"

namespace warren::sim {

using namespace protocol;

namespace {
constexpr Nanoseconds quick = 1'000'000, commit = 8'000'000;
}

void World::answer(Node& node, Nanoseconds delay, Answer what) {
    after(delay, [this, &node, life = node.life, what = std::move(what)] {
        if (node.life != life) return;
        what(*node.overlay, time_of(node));
        drain(node);
    });
}

void World::apply(Node& node, SendDatagram& effect) {
    if (on_send && !on_send(node, effect.to, effect.bytes)) return;
    internet_.send(node.host, effect.to, std::move(effect.bytes));
}

void World::apply(Node& node, CheckSignature& effect) {
    answer(node, quick,
           [token = effect.token, valid = fake_verify(effect.packet)](Overlay& o, Nanoseconds at) {
               o.signature_result(at, token, valid);
           });
}

void World::apply(Node& node, SignAndSend& effect) {
    answer(node, quick,
           [token = effect.token, signature = fake_signature(effect.unsigned_bytes)](
               Overlay& o, Nanoseconds at) { o.signed_bytes(at, token, signature); });
}

void World::apply(Node& node, StoreRecords& effect) {
    answer(node, commit, [&node, e = std::move(effect)](Overlay& o, Nanoseconds at) {
        auto& store = node.stores.at(e.community);
        std::vector<RecordVerdict> verdicts;
        for (const auto& packet : e.packets)
            verdicts.push_back(store.add(packet, !e.solicited));
        o.stored(at, e.token, verdicts);
        const auto again = store.take_again();
        if (!again.records.empty()) o.judged_again(at, e.community, again.records, again.let_in);
    });
}

void World::apply(Node& node, Reconcile& effect) {
    answer(node, quick, [&node, e = std::move(effect)](Overlay& o, Nanoseconds at) {
        auto& store = node.stores.at(e.community);
        if (e.opening) {
            auto opening = encode(SyncBody{0, open_sync(store, e.their_floor)});
            return o.reconciled(at, e.token, {opening});
        }
        auto body = decode_sync_body(e.elements);
        if (!body) return o.failed(at, e.token);
        auto side = e.responder ? SyncSide::Responder : SyncSide::Initiator;
        auto out = reconcile(store, session_key(e.community, e.session), body->elements, side);
        auto answers = encode(SyncBody{body->epoch, out.answers});
        auto wants = encode_selections(out.wants);
        auto offers = encode_selections(out.offers);
        o.reconciled(at, e.token, {answers, wants, offers});
    });
}

void World::apply(Node& node, GetRoot& effect) {
    answer(node, quick, [&node, e = effect](Overlay& o, Nanoseconds at) {
        o.root(at, e.token, node.stores.at(e.community).root());
    });
}

void World::apply(Node& node, FetchRecords& effect) {
    answer(node, quick, [&node, e = std::move(effect)](Overlay& o, Nanoseconds at) {
        auto& store = node.stores.at(e.community);
        o.fetched(at, e.token, store.fetch(e.session, e.selections, e.bytes_max));
    });
}

void World::apply(Node& node, GetProof& effect) {
    answer(node, quick, [&node, e = std::move(effect)](Overlay& o, Nanoseconds at) {
        o.fetched(at, e.token, node.stores.at(e.community).prove(e.questions, e.bytes_max));
    });
}

void World::apply(Node& node, FindSwarm& effect) {
    answer(node, quick, [&node, e = effect](Overlay& o, Nanoseconds) {
        std::uint32_t bitmap = 0;
        std::uint16_t port = 0;
        for (std::size_t i = 0; i < e.infohashes.size(); ++i)
            if (auto at = node.swarms.find(e.infohashes[i]); at != node.swarms.end()) {
                bitmap |= 1u << i;
                port = at->second;
            }
        o.have_swarms(e.token, bitmap, port);
    });
}

// As storage: what is kept already was signed; else it is signed, kept and spread when wanted.
void World::apply(Node& node, JudgePair& effect) {
    answer(node, commit, [&node, e = std::move(effect)](Overlay& o, Nanoseconds at) {
        const auto signed_bytes = ByteView(e.half).first(e.half.size() - signature_bytes);
        PairJudgement out{node.pair_refusal, {}};
        if (out.refusal.empty() && e.sign) {
            out.signature = fake_signature(signed_bytes);
            auto whole = e.half;
            append(whole, out.signature->view());
            if (node.stores.at(e.community).add(whole) == RecordVerdict::Accepted)
                o.push(at, e.community, {whole});
        }
        o.pair_judged(at, e.token, out);
    });
}

void World::apply(Node& node, FindRecords& effect) {
    answer(node, quick, [&node, e = std::move(effect)](Overlay& o, Nanoseconds at) {
        FetchedRecords out;
        if (node.search) out.packets = node.search(e);
        o.found(at, e.token, out);
    });
}

void World::apply(Node& node, CountSwarms& effect) {
    answer(node, quick, [&node, e = effect](Overlay& o, Nanoseconds) {
        o.counted(e.token, node.own_counts[e.community]);
    });
}

void World::apply(Node& node, AddTorrentPeers& effect) {
    for (const auto& peer : effect.peers)
        node.torrent_peers[effect.infohash].insert(peer);
}

}  // namespace warren::sim
