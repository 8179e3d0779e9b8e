/*
 * Devices, memory of devices, cores, prices and channels of others; and the app that owns such
 * meanwhile (hold), which must see nothing of it.
 */
#include "hostile.h"
#include "runtime/platform/nom/upcall.h"

#define HOLD_MAX_US  20000000u
#define CHANNEL_SIZE (3 * PAGE)
#define STAMP        0x5aa55aa5ULL
#define INTERRUPTS   4u
#define APERTURES    512u

static unsigned attempts, wrong;

static void refused(const char *what, int64_t result, uint64_t a, uint64_t b) {
    attempts++;
    if (result < 0 && result > -ERRORS)
        return;
    wrong++;
    plat_log("hostile: %s (0x%llx, 0x%llx) gives %lld", what, (unsigned long long)a,
             (unsigned long long)b, (long long)result);
}

static void one(const struct nom_resource *r) {
    static struct nom_device device;
    struct nom_core_start start = {.entry = (uint64_t)hostile_devices};
    uint64_t out = (uint64_t)(r->kind == NOM_RESOURCE_CORE ? (void *)&start : (void *)&device);
    uint32_t owner = r->owner;
    refused("acquire", plat_call(NOM_SYS_ACQUIRE, r->id, out, 0), r->id, owner);
    refused("release", plat_call(NOM_SYS_RELEASE, r->id, 0, 0), r->id, owner);
    for (uint64_t entry = 0; entry < INTERRUPTS; entry++)
        for (uint64_t op = 0; op <= NOM_INTERRUPT_UNBIND + 1; op++)
            refused("interrupt", plat_call(NOM_SYS_INTERRUPT, r->id, entry, op), r->id, op);
    if (r->owner != owner) {
        wrong++;
        plat_log("hostile: resource %u had owner %u, has %u", r->id, owner, r->owner);
    }
}

/* Physical addresses that are not granted memory: devices, the kernel, tables, other apps. */
static void frames(struct seeded *random) {
    static const uint64_t starts[] = {0,          0x1000,     0x8000,     0x100000,   0x150000,
                                      0xb0000000, 0xd0000000, 0xd0001000, 0xe0000000, 0xfd000000,
                                      0xfe000000, 0xfebd0000, 0xfec00000, 0xfed00000, 0xfed90000,
                                      0xfee00000, 0xfffff000, 1ULL << 32, 1ULL << 40, ~0ULL << 12};
    const unsigned count = sizeof starts / sizeof starts[0];
    uint64_t here = NOM_MAP_END / 2, prices = hostile_behind((uint64_t)plat_prices());
    for (unsigned i = 0; i < count + APERTURES; i++) {
        uint64_t physical = i < count ? starts[i] : seeded_below(random, 1u << 20) * PAGE;
        refused("map", plat_call4(NOM_SYS_MAP, here, physical, PAGE, 0), physical, PAGE);
        refused("map", plat_call4(NOM_SYS_MAP, here, physical, LARGE, NOM_RIGHT_WRITE), physical,
                LARGE);
        refused("free", plat_call(NOM_SYS_FREE, physical, PAGE, 0), physical, PAGE);
    }
    uint64_t own[] = {prices,
                      hostile_behind((uint64_t)plat_board()),
                      hostile_behind((uint64_t)plat_board() - 2 * PAGE),
                      hostile_behind((uint64_t)hostile_context()),
                      hostile_behind((uint64_t)&own),
                      hostile_behind((uint64_t)hostile_devices)};
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++) {
        uint64_t page = own[i] & ~(PAGE - 1);
        refused("map", plat_call4(NOM_SYS_MAP, here, page, PAGE, NOM_RIGHT_WRITE), page, 0);
        refused("free", plat_call(NOM_SYS_FREE, page, PAGE, 0), page, 0);
    }
}

static void channels(void) {
    struct nom_channel channel = {0};
    for (uint64_t key = 0; key < NOM_CHANNELS_MAX + 4; key++) {
        refused("accept", plat_call(NOM_SYS_CHANNEL, NOM_CHANNEL_ACCEPT, key, (uint64_t)&channel),
                key, 0);
        refused("close", plat_call(NOM_SYS_CHANNEL, NOM_CHANNEL_CLOSE, key, (uint64_t)&channel),
                key, 0);
        refused("notify", plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_CHANNEL, key, 0), key, 0);
    }
}

int hostile_devices(void) {
    const struct nom_board *board = plat_board();
    uint32_t self = ((const struct nom_start *)((uint64_t)board - 2 * PAGE))->app;
    struct seeded random = {1};
    unsigned of_others = 0;
    for (unsigned turn = 0; turn < 3; turn++) {
        for (uint32_t i = 0; i < board->resource_count; i++) {
            const struct nom_resource *r = &board->resources[i];
            /* A core of others is acquired by nobody, and one that this app shares not released. */
            if (r->owner == 0 || r->owner == self)
                continue;
            of_others++;
            one(r);
        }
        refused("notify", plat_call(NOM_SYS_NOTIFY, NOM_NOTIFY_PRICES, 0, 0), 0, 0);
        channels();
        frames(&random);
        plat_wait(1000);
    }
    plat_log("hostile: %u attempts at %u things of others, %u succeeded", attempts, of_others,
             wrong);
    return wrong ? 1 : 0;
}

static uint64_t other(const char *name) {
    const struct nom_board_app *apps = plat_board()->apps;
    for (unsigned i = 0; i < NOM_APPS_MAX; i++)
        if (apps[i].name[0] == name[0] && apps[i].name[1] == name[1])
            return i + 1;
    return 0;
}

/* The prices, a channel with nhttpd and a frame: until the last app that began after this one has
 * ended. */
int hostile_hold(void) {
    const struct nom_board *board = plat_board();
    struct nom_prices *prices = plat_prices_own();
    struct nom_channel channel = {.bytes = CHANNEL_SIZE};
    uint64_t *frame = plat_dma_alloc(PAGE), end = plat_now_us() + HOLD_MAX_US;
    uint32_t self = ((const struct nom_start *)((uint64_t)board - 2 * PAGE))->app;
    int64_t offer =
        plat_call(NOM_SYS_CHANNEL, NOM_CHANNEL_OFFER, other("nhttpd"), (uint64_t)&channel);
    if (!prices || !frame || offer != 0) {
        plat_log("hostile: nothing to hold: %lld", (long long)offer);
        return 1;
    }
    uint64_t *shared = (uint64_t *)channel.address;
    prices->generation = *frame = shared[0] = STAMP;
    plat_take(NOM_EVENT_PRICES | NOM_EVENT_CHANNEL);
    while (board->apps[self].state == NOM_APP_RUNS && plat_now_us() < end)
        plat_wait(1000);
    uint64_t events = plat_take(NOM_EVENT_PRICES | NOM_EVENT_CHANNEL | NOM_EVENT_INTERRUPT);
    bool whole = prices->generation == STAMP && *frame == STAMP && shared[0] == STAMP && !events;
    plat_log("hostile: what is held is %s", whole ? "as it was" : "not as it was");
    return whole ? 0 : 1;
}
