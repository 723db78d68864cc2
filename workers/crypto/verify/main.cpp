// warren-verify: signature checks; any number of these run side by side.
#include "workers/crypto/verify/verify_worker.h"

int main() {
    return warren::pipe::run_worker(
        warren::process::Role::Verify,
        [](warren::pipe::Host& host) -> std::unique_ptr<warren::pipe::Service> {
            return std::make_unique<warren::crypto::VerifyWorker>(host);
        });
}
