// The real warrend over workers that do nothing: what happens when one dies, stalls, loops or is
// scaled, and when warrend itself goes.
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "supervisor/steering.h"
#include "tests/process/node_process.h"

namespace warren::test {
namespace {

class Supervisor : public ::testing::Test {
protected:
    void start_ready(std::vector<std::string> more = {}) {
        node_.start(std::move(more));
        ASSERT_TRUE(node_.wait_for([&] { return node_.ready(); }));
    }
    std::vector<pid_t> all_pids() const {
        std::vector<pid_t> out;
        auto all = node_.roster();
        for (const auto& row : all["workers"])
            out.push_back(row["pid"].get<pid_t>());
        return out;
    }
    bool noted(const std::string& what) const {
        return node_.events().find(what) != std::string::npos;
    }

    NodeProcess node_;
};

TEST_F(Supervisor, StartsEveryRoleAndStopsInDrainOrder) {
    start_ready();
    EXPECT_EQ(node_.roster()["workers"].size(), 7u);
    EXPECT_TRUE(noted("api-1 listener " + node_.roster()["api"].get<std::string>()));
    EXPECT_TRUE(noted("network-0 listener " + node_.roster()["overlay"].get<std::string>()));
    auto pids = all_pids();
    ::kill(node_.pid(), SIGTERM);
    EXPECT_EQ(node_.wait_exit(4_s), 0);
    std::vector<std::string> drained;
    std::stringstream lines(node_.events());
    for (std::string line; std::getline(lines, line);)
        if (line.ends_with(" drained")) drained.push_back(line.substr(0, line.find('-')));
    ASSERT_EQ(drained.size(), 7u) << node_.events();
    std::sort(drained.begin() + 4, drained.begin() + 6);
    EXPECT_EQ(drained, (std::vector<std::string>{"api", "api", "network", "torrent", "sign",
                                                 "verify", "storage"}));
    for (auto pid : pids)
        EXPECT_FALSE(is_running(pid));
    EXPECT_FALSE(fs::exists(node_.state() + "/run/roster.json"));
}

TEST_F(Supervisor, WorkersAreHardenedAndSocketsArePrivate) {  // R-S1, R-I1, R-I2
    start_ready();
    auto status = read_text("/proc/" + std::to_string(node_.pid_of("storage")) + "/status");
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
    EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos);
    EXPECT_NE(status.find("Umask:\t0077"), std::string::npos);
    auto mode = [](const std::string& path) {
        struct stat info {};
        return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0u;
    };
    EXPECT_EQ(mode(node_.state()), 0700u);
    EXPECT_EQ(mode(node_.state() + "/run"), 0700u);
    EXPECT_EQ(mode(node_.state() + "/run/pipe"), 0700u);
    EXPECT_EQ(mode(node_.state() + "/run/pipe/storage-0"), 0600u);
    EXPECT_EQ(mode(node_.state() + "/run/tap"), 0750u);
    EXPECT_EQ(mode(node_.state() + "/api_token"), 0600u);
    EXPECT_FALSE(fs::exists(node_.state() + "/run/pipe/api-0"));
}

TEST_F(Supervisor, ReplacesAKilledWorkerWithANewEpoch) {  // F-01
    start_ready();
    auto before = node_.worker("verify");
    ::kill(before["pid"].get<pid_t>(), SIGKILL);
    EXPECT_TRUE(node_.wait_for(
        [&] {
            return node_.state_of("verify") == "ready" && node_.pid_of("verify") != before["pid"];
        },
        2_s));
    auto after = node_.worker("verify");
    EXPECT_GT(after["epoch"], before["epoch"]);
    EXPECT_EQ(after["restarts"], 1);
    EXPECT_EQ(after["inbox"], before["inbox"]);
}

TEST_F(Supervisor, MarksACrashLoopAndLeavesTheRestAlone) {  // F-06
    node_.tell("torrent.crash");
    node_.start();
    ASSERT_TRUE(node_.wait_for([&] { return node_.state_of("torrent") == "degraded"; }, 3_s));
    EXPECT_NE(node_.worker("torrent")["reason"].get<std::string>().find("crash loop"),
              std::string::npos);
    EXPECT_TRUE(node_.wait_for([&] { return node_.state_of("storage") == "ready"; }));
    EXPECT_EQ(node_.worker("storage")["restarts"], 0);
    EXPECT_NE(node_.log().find("warren-torrent(main+"), std::string::npos)
        << "no backtrace in the log";
}

TEST_F(Supervisor, DoesNotRetryWrongSettingsUntilAReload) {
    node_.tell("sign.unfit");
    node_.start();
    ASSERT_TRUE(node_.wait_for([&] { return node_.state_of("sign") == "down"; }));
    ASSERT_TRUE(node_.wait_for([&] { return node_.roster()["state"] == "degraded"; }));
    EXPECT_EQ(node_.worker("sign")["restarts"], 0);
    fs::remove(node_.workers() + "/sign.unfit");
    ::kill(node_.pid(), SIGHUP);
    EXPECT_TRUE(node_.wait_for([&] { return node_.ready(); }));
}

TEST_F(Supervisor, DegradesAndReplacesAStalledWorker) {  // F-02, R-V1
    start_ready();
    auto pid = node_.pid_of("storage");
    auto began = monotonic_now();
    ::kill(pid, SIGSTOP);
    EXPECT_TRUE(node_.wait_for([&] { return node_.state_of("storage") == "degraded"; }, 2500_ms));
    auto is_new = [&] {
        return node_.pid_of("storage") != pid && node_.state_of("storage") == "ready";
    };
    EXPECT_TRUE(node_.wait_for(is_new, began + 6500_ms - monotonic_now()));
    EXPECT_FALSE(is_running(pid));
    EXPECT_EQ(node_.worker("verify")["restarts"], 0);
}

TEST_F(Supervisor, TakesAllWorkersWithIt) {
    start_ready();
    auto pids = all_pids();
    auto began = monotonic_now();
    ::kill(node_.pid(), SIGKILL);
    node_.wait_exit();
    EXPECT_TRUE(
        node_.wait_for([&] { return std::none_of(pids.begin(), pids.end(), is_running); }, 1_s));
    std::printf("all workers gone after %lld us\n",
                static_cast<long long>((monotonic_now() - began) / 1000));
    EXPECT_EQ(node_.run_another({"--set", "node.log_level=nonsense"}), 78);
    node_.start();  // what the dead one left is no hindrance
    EXPECT_TRUE(node_.wait_for([&] { return node_.ready(); }));
    EXPECT_EQ(node_.roster()["epoch"], 2);
}

TEST_F(Supervisor, RefusesASecondNodeOnOneState) {  // R-V5
    start_ready();
    auto before = read_text(node_.state() + "/run/roster.json");
    auto began = monotonic_now();
    EXPECT_EQ(node_.run_another(), 75);
    EXPECT_LT(monotonic_now() - began, 1_s);
    EXPECT_NE(node_.other_log().find("another node runs on " + node_.state()), std::string::npos);
    EXPECT_EQ(read_text(node_.state() + "/run/roster.json"), before);
    EXPECT_EQ(read_text(node_.state() + "/epoch"), "1\n");
    EXPECT_TRUE(fs::exists(node_.state() + "/run/pipe/storage-0"));
}

TEST_F(Supervisor, NamesTheSettingOfATakenPort) {
    auto holder = supervisor::listen_tcp(*Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(holder);
    auto address = supervisor::local_address(holder->get())->text();
    EXPECT_EQ(node_.run_another({"--set", "api.listen=" + address}), 69);
    EXPECT_NE(node_.other_log().find("api.listen = \"" + address + "\""), std::string::npos)
        << node_.other_log();
    auto udp = supervisor::bind_udp_member(*Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(udp);
    address = supervisor::local_address(udp->get())->text();
    EXPECT_EQ(node_.run_another({"--set", "overlay.listen=" + address}), 69);
    EXPECT_NE(node_.other_log().find("overlay.listen = \"" + address + "\""), std::string::npos);
}

TEST_F(Supervisor, RefusesARunDirectoryThatIsNotItsOwn) {  // R-I1
    fs::create_directories(node_.state());
    ::chmod(node_.state().c_str(), 0700);
    fs::create_directory(node_.workers() + "/elsewhere");
    fs::create_directory_symlink(node_.workers() + "/elsewhere", node_.state() + "/run");
    EXPECT_EQ(node_.run_another(), 78);
    EXPECT_NE(node_.other_log().find("is a symbolic link"), std::string::npos) << node_.other_log();
    fs::remove(node_.state() + "/run");
    fs::create_directory(node_.state() + "/run");
    ::chmod((node_.state() + "/run").c_str(), 0777);
    EXPECT_EQ(node_.run_another(), 78);
    EXPECT_NE(node_.other_log().find("has mode 0777"), std::string::npos) << node_.other_log();
}

TEST_F(Supervisor, ScalesStorageUpAndDownByMovingSlots) {
    start_ready();
    auto owners = [&] {
        std::set<int> out;
        auto all = node_.roster();
        for (int worker : all["slots"]["workers"])
            out.insert(worker);
        return out;
    };
    node_.tell("api.ask", "scale storage 3\n");
    ASSERT_TRUE(node_.wait_for([&] { return noted("reply ok storage from 1 to 3"); }));
    EXPECT_TRUE(node_.wait_for([&] { return owners() == std::set<int>{0, 1, 2}; }));
    EXPECT_TRUE(noted("storage-0 released"));
    node_.tell("api.ask", "scale storage 1\n");
    EXPECT_TRUE(node_.wait_for([&] {
        return owners() == std::set<int>{0} && node_.state_of("storage", 2) == "absent" &&
               node_.state_of("storage", 1) == "absent";
    }));
    EXPECT_TRUE(noted("storage-2 drained"));
    EXPECT_EQ(node_.worker("storage")["restarts"], 0);
    node_.tell("api.ask", "scale sign 2\n");
    EXPECT_TRUE(
        node_.wait_for([&] { return noted("reply no workers.sign.count = 2 is out of bounds"); }));
}

TEST_F(Supervisor, ScalesTheNetworkWithItsSockets) {
    start_ready();
    node_.tell("api.ask", "scale network 3\n");
    EXPECT_TRUE(node_.wait_for([&] { return node_.state_of("network", 2) == "ready"; }));
    EXPECT_TRUE(noted("network-2 listener " + node_.roster()["overlay"].get<std::string>()));
    node_.tell("api.ask", "scale network 1\n");
    EXPECT_TRUE(node_.wait_for([&] { return node_.state_of("network", 1) == "absent"; }));
}

TEST_F(Supervisor, ReloadsAllOrNothing) {
    start_ready();
    node_.write("warren.toml", "[node]\nlog_levl = \"debug\"\n");
    node_.tell("api.ask", "reload\n");
    EXPECT_TRUE(node_.wait_for([&] { return noted("reply no"); }));
    EXPECT_TRUE(noted("warren.toml:2:1: unknown setting node.log_levl: did you mean log_level?"));
    node_.write("warren.toml", "[node]\nlog_level = \"debug\"\n[workers.verify]\ncount = 2\n"
                               "[torrent]\ndht = true\n");
    node_.tell("api.ask", "reload\n");
    EXPECT_TRUE(node_.wait_for([&] { return noted("needs_restart=\"torrent.dht\""); }));
    EXPECT_TRUE(node_.wait_for([&] { return noted("storage-0 settings log_level=debug"); }));
    EXPECT_TRUE(node_.wait_for([&] { return node_.state_of("verify", 1) == "ready"; }));
}

TEST_F(Supervisor, StopsOnRequestAndAtOnceOnASecondSignal) {
    node_.tell("storage.slow");
    start_ready({"--set", "node.drain_ms=60000"});
    auto storage = node_.pid_of("storage");
    node_.tell("api.ask", "stop\n");
    EXPECT_TRUE(node_.wait_for([&] { return node_.state_of("storage") == "draining"; }));
    EXPECT_TRUE(noted("reply ok stopping"));
    ::kill(node_.pid(), SIGINT);
    EXPECT_EQ(node_.wait_exit(2_s), 0);
    EXPECT_FALSE(is_running(storage));
}

// What a service manager hears, in order, each kind once.
class NotifySocket {
public:
    explicit NotifySocket(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        fd_ = process::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
    }
    const std::string& heard() {
        std::string message(4096, '\0');
        for (ssize_t got = 0; (got = ::recv(fd_.get(), message.data(), message.size(), 0)) > 0;)
            heard_ += message.substr(0, static_cast<std::size_t>(got)) + "\n";
        return heard_;
    }
    bool hears(const std::string& what) { return heard().find(what) != std::string::npos; }

private:
    process::Fd fd_;
    std::string heard_;
};

TEST_F(Supervisor, TellsTheServiceManager) {
    NotifySocket manager(node_.folder() + "/n");
    node_.tell("sign.unfit");
    node_.set_environment({"NOTIFY_SOCKET=" + node_.folder() + "/n", "WATCHDOG_USEC=300000"});
    node_.start();
    ASSERT_TRUE(node_.wait_for([&] { return manager.hears("READY=1"); }));
    EXPECT_TRUE(manager.hears("STATUS=degraded: sign-0 down"));
    EXPECT_TRUE(node_.wait_for([&] {
        auto first = manager.heard().find("WATCHDOG=1");
        return first != std::string::npos &&
               manager.heard().find("WATCHDOG=1", first + 1) != std::string::npos;
    }));
    fs::remove(node_.workers() + "/sign.unfit");
    ::kill(node_.pid(), SIGHUP);
    EXPECT_TRUE(node_.wait_for([&] { return manager.hears("RELOADING=1\nMONOTONIC_USEC="); }));
    EXPECT_TRUE(node_.wait_for([&] { return manager.hears("STATUS=ready, api at 127.0.0.1:"); }));
    ::kill(node_.pid(), SIGTERM);
    EXPECT_EQ(node_.wait_exit(), 0);
    EXPECT_TRUE(manager.hears("STOPPING=1"));
}

TEST_F(Supervisor, BearsAStormOfReloads) {  // F-38
    start_ready();
    for (int i = 0; i < 1000; ++i)
        ::kill(node_.pid(), SIGHUP);
    ::kill(node_.pid(), SIGTERM);
    EXPECT_EQ(node_.wait_exit(4_s), 0);
}

TEST_F(Supervisor, StopsDuringItsStart) {  // F-38
    node_.start();
    ASSERT_TRUE(node_.wait_for([&] { return node_.roster().is_object(); }));
    ::kill(node_.pid(), SIGTERM);
    EXPECT_EQ(node_.wait_exit(4_s), 0);
}

}  // namespace
}  // namespace warren::test
