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
    SlotTable table({1, {}});
    EXPECT_EQ(std::count(table.map().workers.begin(), table.map().workers.end(), 0), 64);
    ASSERT_TRUE(table.begin({2, {}}, {0, 1}));
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
    SlotTable table({3, {}});
    ASSERT_TRUE(table.begin({1, {}}, {0, 2}));
    EXPECT_EQ(table.waiting_for(), std::set<std::uint16_t>{2});
    EXPECT_TRUE(table.died(2));
    EXPECT_EQ(std::count(table.map().workers.begin(), table.map().workers.end(), 0), 64);
    EXPECT_FALSE(table.died(2));
}

TEST(Slots, APinnedSlotIsServedWhereItIsPinned) {
    const process::SlotPins pins{{5, 2}, {6, 9}};
    SlotTable table({3, pins});
    EXPECT_EQ(table.map().workers[5], 2);
    EXPECT_EQ(table.map().workers[6], rendezvous(6, 3)) << "storage-9 is not there";
    EXPECT_EQ(table.map().pinned, std::vector<std::uint8_t>{5});
    for (std::uint8_t slot = 7; slot < slot_count; ++slot)
        EXPECT_EQ(table.map().workers[slot], rendezvous(slot, 3));
    // The worker goes and comes back, then the pin goes: each is a handover of that slot only.
    ASSERT_TRUE(table.begin({2, pins}, {0, 1}));
    EXPECT_EQ(table.map().workers[5], rendezvous(5, 2));
    EXPECT_TRUE(table.map().pinned.empty());
    ASSERT_TRUE(table.begin({3, pins}, {}));
    EXPECT_EQ(table.map().workers[5], 2);
    const auto other = static_cast<std::uint8_t>(rendezvous(5, 3) == 0 ? 1 : 0);
    ASSERT_TRUE(table.begin({3, {{5, other}}}, {0, 1, 2}));
    EXPECT_EQ(table.waiting_for(), std::set<std::uint16_t>{2});
    EXPECT_EQ(std::ranges::count(table.map().workers, slot_unassigned), 1);
    EXPECT_TRUE(table.released(2, table.map().version));
    EXPECT_EQ(table.map().workers[5], other);
}

TEST(Slots, PinsAreReadFromTheirLines) {
    const CommunityId community{{7}};
    auto pins = process::parse_slot_pins({"17=2", community.hex() + "=0", "17=2"});
    ASSERT_TRUE(pins) << pins.error().text;
    EXPECT_EQ(*pins, (process::SlotPins{{17, 2}, {process::slot_of(community), 0}}));
    const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
        {{"17"}, "write SLOT=WORKER"},
        {{"64=1"}, "write 0 to 63, or 40 hex digits"},
        {{"=1"}, "neither a slot nor a community"},
        {{"-1=1"}, "neither a slot nor a community"},
        {{"c0ffee=1"}, "neither a slot nor a community"},
        {{"17=16"}, "write 0 to 15"},
        {{"17="}, "is no storage worker"},
        {{"17=1 "}, "is no storage worker"},
        {{"17=1", "17=2"}, "pinned to storage-1 already"}};
    for (const auto& [lines, text] : wrong) {
        auto refused = process::parse_slot_pins(lines);
        ASSERT_FALSE(refused) << lines.back();
        EXPECT_NE(refused.error().text.find(text), std::string::npos) << refused.error().text;
    }
}

TEST(Slots, NoHistoryGivesASlotToTwoOwners) {
    SeededRandom random(7);
    SlotTable table({2, {}});
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
            // Pins come and go between handovers, also to workers that are not there.
            process::SlotPins pins;
            for (std::uint64_t pin = random.below(5); pin > 0; --pin)
                pins[static_cast<std::uint8_t>(random.below(slot_count))] =
                    static_cast<std::uint8_t>(random.below(10));
            table.begin({workers, pins}, alive);
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
