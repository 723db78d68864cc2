// The api process. See README.md.
#include "workers/api/api_worker.h"

int main() {
    return warren::pipe::run_worker(warren::process::Role::Api, [](warren::pipe::Host& host) {
        return std::make_unique<warren::api::ApiWorker>(host);
    });
}
