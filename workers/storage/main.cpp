// The storage worker: every durable byte of every community. See README.md.
#include "workers/storage/storage_worker.h"

int main() {
    return warren::pipe::run_worker(warren::process::Role::Storage, [](warren::pipe::Host& host) {
        return std::make_unique<warren::storage::StorageWorker>(host);
    });
}
