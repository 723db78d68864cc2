// Backups of the node.
#include <nlohmann/json.hpp>

#include "workers/api/call.h"
#include "workers/api/resources/handlers.h"
#include "workers/api/views.h"

namespace warren::api {

Handled list_backups(Call& call) {
    auto list = co_await call.outbox().list_backups(call.errand);
    if (!list) co_return std::move(list.problem());
    co_return reply_json(items<json::Value>(*list));
}

Handled create_backup(Call& call) {
    const auto name = call.text("name");
    auto list = co_await call.outbox().list_backups(call.errand);
    if (!list) co_return std::move(list.problem());
    for (const auto& backup : *list)
        if (backup.name == name) co_return problem(409, "there is a backup of that name already");
    auto done = co_await call.outbox().start_backup_task(call.errand, "backup", name);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"detail", "the backup began; GET tasks says how far it is"}});
}

Handled restore_backup(Call& call) {
    const auto name = call.path.at("name");
    auto list = co_await call.outbox().list_backups(call.errand);
    if (!list) co_return std::move(list.problem());
    bool whole = false;
    for (const auto& backup : *list)
        whole = whole || (backup.name == name && backup.whole);
    if (!whole) co_return problem(404, "there is no backup of that name that was finished");
    auto done = co_await call.outbox().start_backup_task(call.errand, "restore", name);
    if (!done) co_return std::move(done.problem());
    co_return reply_json({{"detail", "restoring began; GET tasks says how far it is"}});
}

Handled delete_backup(Call& call) {
    auto done = co_await call.outbox().delete_backup(call.errand, call.path.at("name"));
    if (!done) co_return std::move(done.problem());
    co_return Reply{};
}

}  // namespace warren::api
