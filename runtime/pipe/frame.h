// One frame of a pipe message, owned. Moves without copying; a received frame stays where ZeroMQ
// put it.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <memory>
#include <vector>

#include "base/bytes.h"

namespace warren::pipe {

class Frame {
public:
    Frame() = default;
    explicit Frame(Bytes bytes);                           // takes the vector
    explicit Frame(flatbuffers::DetachedBuffer&& buffer);  // takes the buffer
    static Frame copy_of(ByteView bytes);

    ByteView view() const { return {data_, size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

private:
    friend struct FrameAccess;

    std::shared_ptr<const void> owner_;
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

// A body and its blobs: what both requests and replies carry.
struct Message {
    Frame body;
    std::vector<Frame> blobs;

    std::size_t bytes() const {
        std::size_t sum = body.size();
        for (const auto& blob : blobs)
            sum += blob.size();
        return sum;
    }
};

// Bytes of any length as blobs that a pipe takes, and back.
inline constexpr std::size_t piece_bytes_max = 256 * 1024;
void add_blobs(Message& message, ByteView bytes);
Bytes join_blobs(const std::vector<Frame>& blobs);

// Finishes a builder whose root has just been created: the last line of every message function.
template <typename Root>
Frame finish(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Root> root) {
    builder.Finish(root);
    return Frame(builder.Release());
}

// FlatBuffers lets offsets alias, so a small verified buffer can expand to gigabytes when it is
// copied out. This walk sums what a reader would copy and stops at the bound: 4 x wire, at most 1
// MiB (R-I8).
bool expansion_is_bounded(ByteView buffer, const flatbuffers::TypeTable& type);

// Verified root of a body, or null. Frames from our own processes are verified like foreign ones.
template <typename Root>
const Root* verified_root(const Frame& frame) {
    const auto bytes = frame.view();
    if (bytes.size() < 8 || bytes.size() > (1u << 20)) return nullptr;
    flatbuffers::Verifier verifier(bytes.data(), bytes.size(), 8, 1024);
    if (!verifier.VerifyBuffer<Root>(nullptr)) return nullptr;
    if (!expansion_is_bounded(bytes, *Root::MiniReflectTypeTable())) return nullptr;
    return flatbuffers::GetRoot<Root>(bytes.data());
}

}  // namespace warren::pipe
