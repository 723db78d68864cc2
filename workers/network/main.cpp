// warren-network: the UDP overlay. Holds no keys and opens no files.
#include "workers/network/network_worker.h"

int main() {
    using namespace warren;
    return pipe::run_worker(process::Role::Network, [](pipe::Host& host) {
        return std::make_unique<network::NetworkWorker>(host);
    });
}
