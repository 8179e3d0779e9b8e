/*
 * IOMMU mode: a device told to write where its owner may not, in one of many ways. The kernel ends
 * this app, at the first attempt that the unit records: QEMU's has room for one record, so that of
 * two devices at once one is stopped and not named.
 */
#include "ring.h"
#include <string.h>

#define ANSWER_MAX_US 20000000u
#define NO_ENTRY      0xffffu
#define MESSAGES      0xfee00000ULL /* what is written there is an interrupt, not memory */
#define MESSAGES_END  0xfef00000ULL

/* To find there is what the app may read and not write, or nothing. */
static uint64_t somewhere(struct seeded *dice, const char **what, bool *readable) {
    const struct nom_board *board = plat_board();
    uint8_t *own = plat_dma_alloc(PAGE);
    uint64_t within = seeded_below(dice, PAGE), page = seeded_below(dice, 1u << 20) * PAGE;
    uint64_t kind = seeded_below(dice, 8);
    *readable = kind >= 1 && kind <= 3;
    switch (kind) {
    case 0:
        *what = "the physical address of a page of its own";
        return hostile_behind((uint64_t)own) + within % (PAGE / 2);
    case 1:
        *what = "the board";
        return (uint64_t)board + within % (PAGE / 2);
    case 2:
        *what = "code";
        return (uint64_t)hostile_dma;
    case 3:
        *what = "a file of the initrd";
        return ((const struct nom_start *)((uint64_t)board - 2 * PAGE))->initrd + within;
    case 4:
        *what = "the kernel";
        return KERNEL_IMAGE + page % LARGE + within;
    case 5:
        *what = "all of memory as the kernel has it";
        return KERNEL_DIRECT + page + within;
    case 6:
        *what = "what another app may have there";
        return NOM_MAP_START + 512 * LARGE + page + within;
    default:
        *what = "some physical address";
        return page + within;
    }
}

static bool answers(struct ring *ring, uint64_t address) {
    uint16_t before = ring_answers(ring);
    ring_ask(ring, address);
    uint64_t end = plat_now_us() + ANSWER_MAX_US;
    while (ring_answers(ring) == before && plat_now_us() < end)
        plat_wait(1000);
    return ring_answers(ring) != before;
}

/* A device that does as it should, before it is told otherwise. */
static bool begins(struct ring *ring, struct nom_device *device) {
    uint64_t end = plat_now_us() + ANSWER_MAX_US;
    while (!ring_take(device)) {
        if (plat_now_us() > end) {
            plat_log("hostile: no device is free");
            return false;
        }
        plat_wait(1000);
    }
    const struct nom_resource *r = hostile_resource(device->resource_id);
    if (!r || !(r->flags & NOM_RESOURCE_IOMMU)) {
        plat_log("hostile: nothing stops this device");
        return false;
    }
    if (!ring_prepare(ring) || !ring_start(ring, device, NO_ENTRY)) {
        plat_log("hostile: its device does not start");
        return false;
    }
    if (!answers(ring, ring_buffer_address(ring))) {
        plat_log("hostile: its device gives no answer");
        return false;
    }
    return true;
}

int hostile_dma(uint64_t seed) {
    struct nom_device device;
    struct seeded dice = {seed};
    static struct ring ring;
    const char *what;
    if (!begins(&ring, &device))
        return 2;
    uint64_t address, end;
    bool readable;
    do
        address = somewhere(&dice, &what, &readable);
    while ((address >= MESSAGES - RING_BYTES && address < MESSAGES_END) ||
           readable != (hostile_behind(address) != 0));
    plat_log("hostile: a device is to write to %s", what);
    for (end = plat_now_us() + ANSWER_MAX_US; plat_now_us() < end;) {
        answers(&ring, address);
        plat_wait(1000);
    }
    plat_log("hostile: not stopped at 0x%llx", (unsigned long long)address);
    return 1;
}
