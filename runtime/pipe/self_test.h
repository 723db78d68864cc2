// Start-up self-test (R-I3): a stranger with a fresh key must not get in. Refuses to run otherwise.
#pragma once

#include "runtime/pipe/socket.h"

namespace warren::pipe {

Task<Result<void>> stranger_is_refused(asio::io_context& io, Context& context, std::string endpoint,
                                       CurveKey server_public);

}  // namespace warren::pipe
