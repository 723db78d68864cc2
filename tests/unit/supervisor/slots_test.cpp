// Slots: dealt evenly, moved little, and never served by two workers.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/random.h"
#include "supervisor/slots.h"

namespace warren::supervisor {
namespace {

using process::slot_count;
using process::slot_unassigned;

TEST(Slots, RendezvousMovesOnlyTheShareOfTheNewWorker) {
    for (std::uint16_t workers = 1; workers < 16; ++workers) {
        std::map<int, int> share;
        for (std::uint8_t slot = 0; slot < slot_count; ++slot) {
            auto before = rendezvous(slot, workers);
            auto after = rendezvous(slot, static_cast<std::uint16_t>(workers + 1));
            EXPECT_LT(before, workers);
            EXPECT_TRUE(after == before || after == workers);
            ++share[before];
        }
        if (workers <= 4) {
            EXPECT_EQ(share.size(), workers);
        }
    }
    EXPECT_EQ(rendezvous(0, 0), slot_unassigned);
}

TEST(Slots, HandsOverInTwoPhases) {
    SlotTable table(1);
    EXPECT_EQ(std::count(table.map().workers.begin(), table.map().workers.end(), 0), 64);
    ASSERT_TRUE(table.begin(2, {0, 1}));
    EXPECT_TRUE(table.moving());
    EXPECT_EQ(table.waiting_for(), std::set<std::uint16_t>{0});
    EXPECT_EQ(std::count(table.map().workers.begin(), table.map().workers.end(), 1), 0);
    EXPECT_GT(std::count(table.map().workers.begin(), table.map().workers.end(), slot_unassigned),
              0);
    auto version = table.map().version;
    EXPECT_FALSE(table.released(0, version - 1)) << "an answer to an older map";
    EXPECT_FALSE(table.released(1, version)) << "nobody waits for this one";
    EXPECT_TRUE(table.released(0, version));
    EXPECT_FALSE(table.moving());
    EXPECT_EQ(table.map().version, version + 1);
    for (std::uint8_t slot = 0; slot < slot_count; ++slot)
        EXPECT_EQ(table.map().workers[slot], rendezvous(slot, 2));
}

TEST(Slots, ADeadOwnerIsNotWaitedFor) {
    SlotTable table(3);
    ASSERT_TRUE(table.begin(1, {0, 2}));
    EXPECT_EQ(table.waiting_for(), std::set<std::uint16_t>{2});
    EXPECT_TRUE(table.died(2));
    EXPECT_EQ(std::count(table.map().workers.begin(), table.map().workers.end(), 0), 64);
    EXPECT_FALSE(table.died(2));
}

TEST(Slots, NoHistoryGivesASlotToTwoOwners) {
    SeededRandom random(7);
    SlotTable table(2);
    std::uint16_t workers = 2;
    std::map<std::uint8_t, std::uint8_t> held;  // what each worker still has open
    for (std::uint8_t slot = 0; slot < slot_count; ++slot)
        held[slot] = table.map().workers[slot];
    auto see_new_map = [&] {
        for (std::uint8_t slot = 0; slot < slot_count; ++slot) {
            auto owner = table.map().workers[slot];
            if (owner == slot_unassigned || held[slot] == owner) continue;
            ASSERT_EQ(held[slot], slot_unassigned) << "two owners of slot " << int{slot};
            held[slot] = owner;
        }
    };
    for (int i = 0; i < 500; ++i) {
        if (!table.moving()) {
            workers = static_cast<std::uint16_t>(1 + random.below(8));
            std::set<std::uint16_t> alive;
            for (std::uint16_t w = 0; w < 8; ++w)
                alive.insert(w);
            table.begin(workers, alive);
        } else {
            auto worker = *table.waiting_for().begin();
            for (auto& [slot, owner] : held)
                if (owner == worker && table.map().workers[slot] == slot_unassigned)
                    owner = slot_unassigned;
            random.below(2) == 0 ? table.died(worker) : table.released(worker, table.map().version);
        }
        see_new_map();
    }
}

}  // namespace
}  // namespace warren::supervisor
