/* Devices: acquired, looked at, released, lost when they are unplugged. */
#include "spare.h"
#include "runtime/platform/nom/upcall.h"
#include <string.h>

#define RINGS         6u
#define CLASS_BRIDGE  6u
#define GONE_OR_GOING (NOM_RESOURCE_GONE | NOM_RESOURCE_LEAVING)
#define ENOUGH_BYTES  (8 * LARGE)

struct spare spare_all[NOM_BOARD_RESOURCES_MAX];
struct spare_counts spare_counts;
volatile uint64_t spare_guests_id, spare_guests_entry, spare_guests_done;
static struct ring rings[RINGS];
static bool stubborn;

static uint32_t self(void) {
    return ((const struct nom_start *)MODEL_START_PAGE)->app;
}

static uint64_t generation(void) {
    return __atomic_load_n(&plat_board()->generation, __ATOMIC_SEQ_CST);
}

struct spare_view spare_view(uint64_t id) {
    struct spare_view view = {.generation = generation()};
    const struct nom_resource *r = hostile_resource(id);
    if (r)
        view.resource = *(const volatile struct nom_resource *)r;
    view.listed = r != NULL;
    return view;
}

void spare_check(const char *what, const struct spare_view *view, int64_t expected, int64_t result,
                 unsigned own) {
    if (result == expected)
        spare_counts.exact++;
    else if (generation() - view->generation == own)
        calls_wrong(what, (uint64_t)expected, (uint64_t)result);
    else
        spare_counts.passed++;
}

struct spare *spare_find(uint64_t id) {
    struct spare *s = &spare_all[(id - 1) % NOM_BOARD_RESOURCES_MAX];
    return id && s->id == id ? s : NULL;
}

struct spare *spare_any(void) {
    uint64_t start = calls_below(NOM_BOARD_RESOURCES_MAX);
    for (unsigned i = 0; i < NOM_BOARD_RESOURCES_MAX; i++)
        if (spare_all[(start + i) % NOM_BOARD_RESOURCES_MAX].id)
            return &spare_all[(start + i) % NOM_BOARD_RESOURCES_MAX];
    return NULL;
}

uint64_t spare_pick(void) {
    const struct nom_board *board = plat_board();
    uint64_t start = calls_below(board->resource_count);
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[(start + i) % board->resource_count];
        if (r->kind != NOM_RESOURCE_PCI)
            continue;
        switch (calls_below(32)) {
        case 0:
            return r->id + NOM_BOARD_RESOURCES_MAX;
        case 1:
            return r->id | 1ULL << (32 + calls_below(32));
        default:
            return r->id;
        }
    }
    return 0;
}

uint64_t spare_address(void) {
    const struct spare *s = spare_any();
    return (s ? s->device.bar[calls_below(NOM_DEVICE_BARS)].address : DEVICES_START) +
           calls_below(2 * PAGE);
}

static void forget(struct spare *s) {
    if (s->ring)
        s->ring->taken = false;
    *s = (struct spare){0};
}

static void dropped(struct spare *s) {
    spare_look_for_bars(&s->device);
    forget(s);
}

bool spare_mine(uint64_t id) {
    const struct nom_resource *r = hostile_resource(id);
    return r && r->owner == self() && !(r->flags & NOM_RESOURCE_GONE);
}

bool spare_sync(struct spare *s) {
    if (spare_mine(s->id))
        return true;
    const struct nom_resource *r = hostile_resource(s->id);
    if (r && !(r->flags & NOM_RESOURCE_GONE))
        calls_wrong("a device is taken", s->id, r->owner);
    spare_counts.lost++;
    dropped(s);
    return false;
}

void spare_sync_all(void) {
    for (unsigned i = 0; i < NOM_BOARD_RESOURCES_MAX; i++)
        if (spare_all[i].id)
            spare_sync(&spare_all[i]);
}

/* ---- acquired and released ---- */

static void start(struct spare *s) {
    for (unsigned i = 0; ring_fits(&s->device) && i < RINGS; i++) {
        if (rings[i].taken)
            continue;
        rings[i].taken = true;
        s->ring = &rings[i];
        s->ring_entry = s->device.interrupts > 1 ? (uint16_t)calls_below(s->device.interrupts - 1)
                                                 : SPARE_NO_ENTRY;
        if (!ring_start(s->ring, &s->device, s->ring_entry))
            calls_wrong("a device does not start", s->id, s->ring_entry);
        return;
    }
}

static void acquired(uint64_t id, const struct nom_device *device) {
    struct spare *s = &spare_all[(id - 1) % NOM_BOARD_RESOURCES_MAX];
    struct spare_view view = spare_view(id);
    if (s->id && s->id != id) { /* unplugged, and its place another's */
        spare_counts.lost++;
        forget(s);
    }
    if (s->id || device->resource_id != id || !view.listed || view.resource.owner != self() ||
        spare_config(device, 0) !=
            (uint32_t)(view.resource.pci_device << 16 | view.resource.pci_vendor) ||
        device->interrupts > SPARE_ENTRIES_MAX) {
        calls_wrong("a device that is not to be had", id, device->resource_id);
        return;
    }
    spare_counts.acquired++;
    *s = (struct spare){.id = (uint32_t)id,
                        .device = *device,
                        .stubborn = stubborn && view.resource.pci_bdf >> 8 && !spare_counts.lost};
    spare_look_at_bars(device);
    if (!(view.resource.flags & NOM_RESOURCE_LEAVING))
        start(s);
    if (device->interrupts > 1) {
        spare_guests_id = id;
        spare_guests_entry = device->interrupts - 1;
    }
}

static int64_t expected(const struct spare_view *view, bool bad) {
    const struct nom_resource *r = &view->resource;
    if (!view->listed)
        return -NOM_ENOENT;
    return bad                                             ? -NOM_EFAULT
           : r->flags & NOM_RESOURCE_GONE                  ? -NOM_ENOENT
           : r->pci_class == CLASS_BRIDGE                  ? -NOM_EINVAL
           : r->owner || (r->flags & NOM_RESOURCE_LEAVING) ? -NOM_EBUSY
                                                           : 0;
}

static void step_acquire(void) {
    static struct nom_device out;
    const uint64_t bad[] = {0,
                            KERNEL_IMAGE,
                            (uint64_t)plat_board(),
                            HALF_END - 8,
                            (uint64_t)hostile_calls,
                            spare_address()};
    bool wrong = calls_below(8) == 0;
    uint64_t to = wrong ? bad[calls_below(sizeof bad / sizeof bad[0])] : (uint64_t)&out;
    uint64_t id = spare_pick(), free_bytes = plat_board()->memory_free_bytes;
    struct spare_view view = spare_view(id);
    out.resource_id = 0;
    int64_t result = calls_make(NOM_SYS_ACQUIRE, id, to, 0, 0);
    if (result == -NOM_ENOMEM && free_bytes < ENOUGH_BYTES)
        return;
    spare_check("a device", &view, expected(&view, wrong), result, result == 0);
    if ((result != 0 && out.resource_id) || (result == 0 && wrong))
        calls_wrong("what a device is written to", id, to);
    else if (result == 0)
        acquired(id, &out);
}

static void released(struct spare *s) {
    uint64_t id = s->id;
    spare_counts.released++;
    dropped(s);
    struct spare_view view = spare_view(id);
    if (calls_below(4) == 0)
        spare_check("a second release", &view, view.listed ? -NOM_EPERM : -NOM_ENOENT,
                    calls_make(NOM_SYS_RELEASE, id, 0, 0, 0), 0);
}

static void release(uint64_t id) {
    struct spare_view view = spare_view(id);
    struct spare *s = spare_find(id);
    if (s && !spare_sync(s)) /* unplugged before the view, or after: then the board has changed */
        s = NULL;
    int64_t result = calls_make(NOM_SYS_RELEASE, id, 0, 0, 0);
    spare_check("a release", &view,
                !view.listed ? -NOM_ENOENT
                : s          ? 0
                             : -NOM_EPERM,
                result, result == 0);
    if (s && result == 0)
        released(s);
    else if (s)
        spare_sync(s);
}

bool spare_keeps(uint64_t id) {
    const struct spare *s = spare_find(id);
    return s && s->stubborn;
}

static void give_back(uint64_t id) {
    if (!spare_keeps(id))
        release(id);
}

/* ---- what calls.c and model.c ask ---- */

void spare_step(void) {
    spare_sync_all();
    struct spare *s = spare_any();
    if (s && (hostile_resource(s->id)->flags & GONE_OR_GOING)) {
        if (calls_below(8) == 0)
            give_back(s->id);
        return;
    }
    uint64_t what = calls_below(64);
    if (what < 5)
        step_acquire();
    else if (what < 6)
        give_back(s && calls_below(4) ? s->id : spare_pick());
    else if (what < 10 && s && s->id && s->ring)
        spare_ask(s);
    else if (what < 12 && s && s->id)
        spare_use_ports(&s->device);
    else
        spare_interrupt_step();
}

bool spare_after(uint64_t number, const uint64_t a[4], int64_t result) {
    const struct nom_resource *r = hostile_resource(a[0]);
    struct spare *s = spare_find(a[0]);
    if (number == NOM_SYS_ACQUIRE && r && r->kind == NOM_RESOURCE_PCI)
        acquired(a[0], (const struct nom_device *)a[1]);
    else if (number == NOM_SYS_RELEASE && s)
        released(s);
    else if (number == NOM_SYS_INTERRUPT)
        spare_interrupt_done(a[0], a[1], a[2], result);
    else
        return false;
    return true;
}

void spare_look(void) {
    spare_sync_all();
    for (unsigned i = 0; i < NOM_BOARD_RESOURCES_MAX; i++) {
        if (!spare_all[i].id)
            continue;
        spare_look_at_bars(&spare_all[i].device);
        if (spare_sync(&spare_all[i]))
            spare_interrupt_look(&spare_all[i]);
    }
}

void spare_start(bool keeps) {
    static struct nom_device out;
    const struct nom_board *board = plat_board();
    stubborn = keeps;
    for (unsigned i = 0; i < RINGS; i++)
        ring_prepare(&rings[i]);
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        if (r->kind == NOM_RESOURCE_PCI && r->owner == 0 &&
            plat_call(NOM_SYS_ACQUIRE, r->id, (uint64_t)&out, 0) == 0)
            plat_call(NOM_SYS_RELEASE, r->id, 0, 0);
    }
}

bool spare_done(bool lose) {
    const struct spare_counts *c = &spare_counts;
    return c->acquired && c->released && c->bound && c->masked && c->unmasked && c->unbound &&
           c->interrupts && (c->lost || !lose);
}

void spare_end(void) {
    struct spare *s;
    while ((s = spare_any()))
        release(s->id);
}

void spare_report(void) {
    const struct nom_board *board = plat_board();
    const struct spare_counts *c = &spare_counts;
    unsigned devices = 0, mine = 0;
    for (uint32_t i = 0; i < board->resource_count; i++) {
        const struct nom_resource *r = &board->resources[i];
        devices += r->kind == NOM_RESOURCE_PCI && !(r->flags & NOM_RESOURCE_GONE) &&
                   r->pci_class != CLASS_BRIDGE;
        mine += r->kind == NOM_RESOURCE_PCI && r->owner == self();
    }
    plat_log("hostile: devices: %llu acquired, %llu released, %llu lost, %llu bound, %llu masked, "
             "%llu unmasked, %llu unbound, %llu interrupts",
             (unsigned long long)c->acquired, (unsigned long long)c->released,
             (unsigned long long)c->lost, (unsigned long long)c->bound,
             (unsigned long long)c->masked, (unsigned long long)c->unmasked,
             (unsigned long long)c->unbound, (unsigned long long)c->interrupts);
    plat_log("hostile: devices: %llu answers known beforehand, %llu let pass, %llu calls of other "
             "cores done; of %u devices %u left",
             (unsigned long long)c->exact, (unsigned long long)c->passed,
             (unsigned long long)spare_guests_done, devices, mine);
}
