// `warren-sign import|export`: an identity carried over to another node, or from Tribler. This
// program alone reads the secret; it never stands in an argument, the environment or a log.
#pragma once

#include <string>
#include <vector>

namespace warren::crypto {

// {"import", KEY_FILE, FROM} or {"export", KEY_FILE, TO}; "-" is stdin or stdout. The exit code.
int run_identity_tool(const std::vector<std::string>& words);

}  // namespace warren::crypto
