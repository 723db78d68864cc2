// Settings of the sign worker, as values.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/process/settings.h"

namespace warren::crypto {

struct SignSettings {
    std::string key_file;
    std::int64_t rate_per_s = 2000;

    static SignSettings from(const process::Settings& all) {
        return {all.text("sign.key_file"), all.integer("sign.rate_per_s")};
    }
};

}  // namespace warren::crypto
