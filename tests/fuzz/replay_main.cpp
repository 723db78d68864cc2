// Drives a fuzz target without libFuzzer: every corpus file as it is, then seeded mutations of
// them. The same seed gives the same inputs; a crash is repeated by running it again with the
// printed seed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using warren::Bytes;

constexpr std::size_t input_bytes_max = 16 * 1024;

struct Options {
    std::uint64_t mutations = 0;
    std::uint64_t seed = 1;
    std::vector<std::string> paths;
};

Options parse(int count, char** texts) {
    Options out;
    for (int i = 1; i < count; ++i) {
        const std::string_view text = texts[i];
        if (text == "--mutations" && i + 1 < count)
            out.mutations = std::strtoull(texts[++i], nullptr, 10);
        else if (text == "--seed" && i + 1 < count)
            out.seed = std::strtoull(texts[++i], nullptr, 10);
        else
            out.paths.emplace_back(text);
    }
    return out;
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<Bytes> load(const std::vector<std::string>& paths) {
    std::vector<std::filesystem::path> files;
    for (const auto& path : paths) {
        if (!std::filesystem::is_directory(path)) {
            files.emplace_back(path);
            continue;
        }
        for (const auto& entry : std::filesystem::directory_iterator(path))
            files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<Bytes> out;
    for (const auto& file : files)
        out.push_back(read(file));
    return out;
}

Bytes::iterator somewhere(Bytes& bytes, warren::Random& random) {
    return bytes.begin() + static_cast<std::ptrdiff_t>(random.below(bytes.size() + 1));
}

std::uint8_t interesting_byte(warren::Random& random) {
    constexpr std::array<std::uint8_t, 6> values{0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    const auto word = random.next();
    return word % 2 == 0 ? values[(word >> 8) % values.size()]
                         : static_cast<std::uint8_t>(word >> 8);
}

void mutate(Bytes& bytes, const Bytes& other, warren::Random& random) {
    const auto at = somewhere(bytes, random);
    const auto left = static_cast<std::uint64_t>(bytes.end() - at);
    const auto length =
        static_cast<std::ptrdiff_t>(random.below(std::min<std::uint64_t>(left, 40) + 1));
    switch (random.below(6)) {
    case 0:
        if (at != bytes.end()) *at = interesting_byte(random);
        return;
    case 1:
        if (at != bytes.end()) *at = static_cast<std::uint8_t>(*at ^ (1u << random.below(8)));
        return;
    case 2: bytes.insert(at, interesting_byte(random)); return;
    case 3: bytes.erase(at, at + length); return;
    case 4: {
        const Bytes block(at, at + length);
        bytes.insert(somewhere(bytes, random), block.begin(), block.end());
        return;
    }
    default:  // our head, the other's tail
        bytes.erase(at, bytes.end());
        bytes.insert(bytes.end(),
                     other.begin() + static_cast<std::ptrdiff_t>(random.below(other.size() + 1)),
                     other.end());
    }
}

void run(const Bytes& input) {
    // An exact heap copy, so that a sanitizer sees the first byte read beyond it.
    const Bytes exact(input.begin(), input.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int count, char** texts) {
    const auto options = parse(count, texts);
    const auto corpus = load(options.paths);
    std::printf("files=%zu mutations=%llu seed=%llu\n", corpus.size(),
                static_cast<unsigned long long>(options.mutations),
                static_cast<unsigned long long>(options.seed));
    std::fflush(stdout);
    if (corpus.empty()) {
        std::fprintf(stderr, "no corpus: name its folder\n");
        return 1;
    }
    for (const auto& input : corpus)
        run(input);
    warren::SeededRandom random(options.seed);
    for (std::uint64_t i = 0; i < options.mutations; ++i) {
        auto input = corpus[random.below(corpus.size())];
        for (auto changes = 1 + random.below(6); changes > 0; --changes)
            mutate(input, corpus[random.below(corpus.size())], random);
        input.resize(std::min(input.size(), input_bytes_max));
        run(input);
    }
    return 0;
}
