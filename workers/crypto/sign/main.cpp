// warren-sign: the node's identity, in a process that parses nothing from peers.
#include "workers/crypto/sign/sign_worker.h"

int main() {
    return warren::pipe::run_worker(
        warren::process::Role::Sign,
        [](warren::pipe::Host& host) -> std::unique_ptr<warren::pipe::Service> {
            return std::make_unique<warren::crypto::SignWorker>(host);
        });
}
