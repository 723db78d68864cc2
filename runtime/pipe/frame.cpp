#include "runtime/pipe/frame.h"

#include <flatbuffers/minireflect.h>

#include <algorithm>

namespace warren::pipe {

namespace {

// Walks a verified buffer by its generated type table and spends `left` on everything copyable.
class ExpansionWalk {
public:
    explicit ExpansionWalk(std::size_t budget) : left_(budget) {}

    bool table(const std::uint8_t* object, const flatbuffers::TypeTable& type) {
        const auto* here = reinterpret_cast<const flatbuffers::Table*>(object);
        const std::uint8_t* previous = nullptr;
        for (std::size_t i = 0; i < type.num_elems; ++i) {
            const auto offset =
                flatbuffers::FieldIndexToOffset(static_cast<flatbuffers::voffset_t>(i));
            const std::uint8_t* field = here->GetAddressOf(offset);
            if (field && !this->field(field, type, i, previous)) return false;
            previous = field;
        }
        return spend(16);
    }

private:
    bool spend(std::size_t bytes) {
        if (bytes > left_) return false;
        left_ -= bytes;
        return true;
    }

    static const std::uint8_t* follow(const std::uint8_t* offset) {
        return offset + flatbuffers::ReadScalar<flatbuffers::uoffset_t>(offset);
    }

    bool field(const std::uint8_t* at, const flatbuffers::TypeTable& type, std::size_t i,
               const std::uint8_t* previous) {
        const auto code = type.type_codes[i];
        const auto element = static_cast<flatbuffers::ElementaryType>(code.base_type);
        const auto* inner = code.sequence_ref >= 0 ? type.type_refs[code.sequence_ref]() : nullptr;
        if (code.is_repeating && type.st != flatbuffers::ST_STRUCT)
            return vector(follow(at), element, inner);
        if (element == flatbuffers::ET_STRING) return spend(string_bytes(follow(at)));
        if (element != flatbuffers::ET_SEQUENCE || !inner) return true;
        if (inner->st == flatbuffers::ST_TABLE) return table(follow(at), *inner);
        if (inner->st == flatbuffers::ST_UNION && previous)
            return union_member(follow(at), *inner, *previous);
        return true;
    }

    bool union_member(const std::uint8_t* object, const flatbuffers::TypeTable& type,
                      std::uint8_t tag) {
        const auto index = flatbuffers::LookupEnum(tag, type.values, type.num_elems);
        if (index < 0 || static_cast<std::size_t>(index) >= type.num_elems) return true;
        const auto code = type.type_codes[index];
        if (code.sequence_ref < 0) return true;
        const auto* inner = type.type_refs[code.sequence_ref]();
        return inner->st != flatbuffers::ST_TABLE || table(object, *inner);
    }

    bool vector(const std::uint8_t* at, flatbuffers::ElementaryType element,
                const flatbuffers::TypeTable* inner) {
        const auto count = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(at);
        const std::uint8_t* items = at + sizeof count;
        const bool tables =
            element == flatbuffers::ET_SEQUENCE && inner && inner->st == flatbuffers::ST_TABLE;
        if (!tables && element != flatbuffers::ET_STRING)
            return spend(count * flatbuffers::InlineSize(element, inner));
        for (flatbuffers::uoffset_t i = 0; i < count; ++i) {
            const std::uint8_t* item = follow(items + i * sizeof(flatbuffers::uoffset_t));
            if (tables ? !table(item, *inner) : !spend(string_bytes(item) + 16)) return false;
        }
        return true;
    }

    static std::size_t string_bytes(const std::uint8_t* at) {
        return flatbuffers::ReadScalar<flatbuffers::uoffset_t>(at);
    }

    std::size_t left_;
};

}  // namespace

bool expansion_is_bounded(ByteView buffer, const flatbuffers::TypeTable& type) {
    const std::size_t budget =
        std::min<std::size_t>(std::max<std::size_t>(4 * buffer.size(), 1024), 1u << 20);
    const auto root = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(buffer.data());
    return ExpansionWalk(budget).table(buffer.data() + root, type);
}

Frame::Frame(Bytes bytes) {
    auto owner = std::make_shared<const Bytes>(std::move(bytes));
    data_ = owner->data();
    size_ = owner->size();
    owner_ = std::move(owner);
}

Frame::Frame(flatbuffers::DetachedBuffer&& buffer) {
    auto owner = std::make_shared<const flatbuffers::DetachedBuffer>(std::move(buffer));
    data_ = owner->data();
    size_ = owner->size();
    owner_ = std::move(owner);
}

Frame Frame::copy_of(ByteView bytes) {
    return Frame(to_bytes(bytes));
}

void add_blobs(Message& message, ByteView bytes) {
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), piece_bytes_max));
        message.blobs.push_back(Frame::copy_of(piece));
        bytes = bytes.subspan(piece.size());
    }
}

Bytes join_blobs(const std::vector<Frame>& blobs) {
    Bytes out;
    for (const auto& blob : blobs)
        append(out, blob.view());
    return out;
}

}  // namespace warren::pipe
