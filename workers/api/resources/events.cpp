// What happens in the node, as server-sent events.
#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"

namespace warren::api {

namespace {

constexpr Nanoseconds heartbeat = 15_s;

Outcome<std::vector<std::string>> topics_of(std::string_view text) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        const auto topic = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!topic.starts_with("event."))
            return invalid("the query is not right",
                           {{"?topics", "each topic must begin with event."}});
        out.emplace_back(topic);
    }
    return out;
}

// Counts one stream for as long as it lives.
struct StreamSlot {
    explicit StreamSlot(std::shared_ptr<std::size_t> c) : count(std::move(c)) { ++*count; }
    ~StreamSlot() { --*count; }
    StreamSlot(const StreamSlot&) = delete;
    StreamSlot& operator=(const StreamSlot&) = delete;
    std::shared_ptr<std::size_t> count;
};

pipe::Task<void> run_stream(TapHub& taps, std::vector<std::string> topics,
                            http::ChunkWriter& writer) {
    TapHub::Listener listener(taps, std::move(topics));
    writer.on_gone = [&listener] { listener.wake(); };
    // Something at once, so that the client knows that it is connected.
    bool open = co_await writer.write(": warren events\n\n");
    while (open && !listener.ended()) {
        co_await listener.wait(monotonic_now() + heartbeat);
        auto text = listener.take();
        if (text.empty()) text = ": still here\n\n";
        open = co_await writer.write(text);
    }
    writer.on_gone = nullptr;
}

}  // namespace

Handled stream_events(Call& call) {
    auto topics = topics_of(call.query_text("topics"));
    if (!topics) co_return std::move(topics.problem());
    auto& parts = call.parts;
    if (*parts.event_streams >= parts.settings.event_streams_max)
        co_return role_unavailable("api", "too many event streams are open");
    Reply reply;
    auto slot = std::make_shared<StreamSlot>(parts.event_streams);
    // The slot lives as long as the response does.
    reply.stream = [slot = std::move(slot), taps = &parts.taps, list = std::move(*topics)](
                       http::ChunkWriter& writer) { return run_stream(*taps, list, writer); };
    co_return std::move(reply);
}

}  // namespace warren::api
