// Grants as a request's body names them.
#pragma once

#include <vector>

#include "protocol/community/control_records.h"
#include "workers/api/call.h"

namespace warren::api {

// Of the member `grants`; what is wrong with it, by place.
Outcome<std::vector<protocol::Grant>> grants_of(const Call& call);

}  // namespace warren::api
