// Records of this node: time and predecessor are allotted here, sign signs, the commit is synced,
// then the asker is told, then neighbours. A retry with the same id ends in the same record.
#include "base/hash.h"
#include "runtime/process/log.h"
#include "workers/storage/replies.h"
#include "workers/storage/storage_worker.h"

namespace warren::storage {

namespace {

constexpr std::size_t channel_name_max = 128;
constexpr std::size_t channel_description_max = 2048;

template <typename Id>
Id derived_id(std::string_view what, const RequestId& request, std::uint32_t number) {
    auto bytes = Writer().bytes(view_of(what)).bytes(request.view()).u32(number).take();
    auto digest = sha256(bytes);
    return *Id::from(ByteView(digest).first(Id::size));
}

}  // namespace

Task<pipe::Answer> StorageWorker::on_publish_record(Call call, Publication publication) {
    auto record = co_await publish(std::move(publication), call.deadline);
    if (!record) co_return record.error();
    co_return replies::published(*record);
}

Task<Result<RecordRef>> StorageWorker::publish(Publication publication, Nanoseconds deadline) {
    auto use = shards_.use(publication.community);
    PublishTurn turn(use);
    if (!co_await turn.take(host_.io(), deadline))
        co_return Error{ErrorKind::Expired, "other records of this community came first"};
    co_return co_await publish_in_turn(use, std::move(publication), deadline);
}

Task<Result<RecordRef>> StorageWorker::publish_in_turn(ShardUse use, Publication publication,
                                                       Nanoseconds deadline) {
    auto author = co_await outbox_.identity(deadline);
    if (!author) co_return std::move(author.error());
    std::function<Result<shard::PreparedPublish>(shard::Shard&)> prepare = [publication,
                                                                            key = *author](
                                                                               shard::Shard&
                                                                                   shard) {
        return shard.prepare_publish({publication.id, publication.kind, key, publication.payload});
    };
    auto prepared =
        co_await shards_.write<shard::PreparedPublish>(use, std::move(prepare), deadline);
    if (!prepared) co_return std::move(prepared.error());
    if (prepared->done) {
        index_soon(use);  // the first asker may have left before the commit was over
        // And before it was known to be kept.
        auto kept = co_await shards_.make_durable(use, deadline, Priority::Interactive);
        if (!kept) co_return std::move(kept.error());
        co_return *prepared->done;
    }

    auto packet = std::move(prepared->to_sign);
    auto signature = co_await outbox_.sign(packet, deadline, publication.trace);
    if (!signature) co_return std::move(signature.error());
    append(packet, signature->view());

    struct Committed {
        RecordRef record;
        shard::ShardRoot root;
    };
    const shard::IntakePublication promise{publication.id, wall_now_ms()};
    std::function<Result<Committed>(shard::Shard&)> commit =
        [promise, packet](shard::Shard& shard) -> Result<Committed> {
        WARREN_TRY(auto record, shard.commit_publish(promise.request, packet, promise.at_ms,
                                                     shard::Durability::Logged));
        return Committed{record, shard.root()};
    };
    auto done = co_await shards_.write<Committed>(use, std::move(commit), deadline);
    if (!done) co_return std::move(done.error());
    const shard::IntakeEntry entry{publication.community, promise, {packet}};
    auto kept = co_await intake_.keep(use, shard::encode(entry), deadline);
    if (!kept) co_return std::move(kept.error());
    use->root = done->root;
    committed(use, 1, done->root);
    std::vector<Bytes> pushed(1, std::move(packet));
    pipe::spawn(host_.io(),
                outbox_.push_records(publication.community, std::move(pushed), publication.trace));
    co_await index_now(use);
    co_return done->record;
}

// The channel's id follows from the request, so that a retry founds the same one: the first of
// those that follow which lies in the request's slot.
Result<std::pair<CommunityId, protocol::Nonce>>
StorageWorker::place_channel(const protocol::PublicKey& founder, const RequestId& request) {
    constexpr std::uint32_t tries_max = 65'536;
    for (std::uint32_t number = 0; number < tries_max; ++number) {
        auto nonce = derived_id<protocol::Nonce>("warren channel nonce", request, number);
        auto community = protocol::channel_community(founder, nonce);
        if (process::slot_of(community) == process::founding_slot(request))
            return std::pair{community, nonce};
    }
    return unavailable("no channel id was found for this request");
}

Task<pipe::Answer> StorageWorker::on_found_channel(Call call, NewChannel channel) {
    if (channel.name.empty() || channel.name.size() > channel_name_max || !is_utf8(channel.name))
        co_return bad_input("a channel's name is 1 to 128 bytes of UTF-8");
    if (channel.description.size() > channel_description_max || !is_utf8(channel.description))
        co_return bad_input("a channel's description is at most 2048 bytes of UTF-8");
    auto founder = co_await outbox_.identity(call.deadline);
    if (!founder) co_return founder.error();
    auto place = place_channel(*founder, call.id);
    if (!place) co_return place.error();
    auto [community, nonce] = *place;
    auto joined = co_await join(community, shard::Founder{*founder, nonce}, call.deadline);
    if (!joined) co_return joined.error();

    Publication genesis{
        call.id, community, protocol::RecordKind::ChannelGenesis,
        protocol::encode(protocol::ChannelGenesis{nonce, channel.name, channel.description})};
    auto record = co_await publish(std::move(genesis), call.deadline);
    if (!record) co_return record.error();
    process::log::info("event=channel.founded community={}", community.hex());
    co_return replies::founded(
        {community, *record,
         protocol::encode(protocol::ChannelAnnounced{community, nonce, channel.name})});
}

}  // namespace warren::storage
