// The last line of a process that cannot run here.
#include "runtime/process/exit.h"

#include <unistd.h>

#include "runtime/process/log.h"

namespace warren::process {

void fail(ExitReason reason, std::string_view line) {
    log::write(log::Level::Fatal, line);
    log::close();
    ::_exit(static_cast<int>(reason));
}

}  // namespace warren::process
