// warren-sign: the node's identity, in a process that parses nothing from peers.
#include "workers/crypto/sign/identity_tool.h"
#include "workers/crypto/sign/sign_worker.h"

int main(int count, char** words) {
    // The supervisor gives a worker its name.
    const std::string verb = count > 1 ? words[1] : "";
    if (verb == "import" || verb == "export")
        return warren::crypto::run_identity_tool({words + 1, words + count});
    return warren::pipe::run_worker(
        warren::process::Role::Sign,
        [](warren::pipe::Host& host) -> std::unique_ptr<warren::pipe::Service> {
            return std::make_unique<warren::crypto::SignWorker>(host);
        });
}
