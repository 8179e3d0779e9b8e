/*
 * NOM_SYS_INTERRUPT. The last entry of each table is the guest's on another core (model.c), which
 * may bind and unbind it at any time: of that one no answer is expected.
 */
#include "runtime/platform/nom/upcall.h"
#include "spare.h"

#define COMES_MAX_US 20000000u /* of what must come: a slow machine is no mistake */
#define WAIT_NS      1000000u
#define TRIES        4u /* to find a device that has interrupts */

static bool is_last(const struct spare *s, uint64_t entry) {
    return s->device.interrupts > 1 && entry == s->device.interrupts - 1;
}

/* How many entries are bound, but for the guest's. */
static unsigned bound(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < NOM_BOARD_RESOURCES_MAX; i++)
        for (unsigned e = 0; spare_all[i].id && e < SPARE_ENTRIES_MAX; e++)
            count += spare_all[i].entries[e].bound && !is_last(&spare_all[i], e);
    return count;
}
static unsigned guests(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < NOM_BOARD_RESOURCES_MAX; i++)
        count += spare_all[i].id && spare_all[i].device.interrupts > 1;
    return count;
}

static bool take(unsigned bit) {
    uint64_t was =
        __atomic_fetch_and(&hostile_context()->interrupts, ~(1ULL << bit), __ATOMIC_SEQ_CST);
    return was >> bit & 1;
}

static void bound_now(struct spare *s, uint64_t entry, int64_t bit) {
    spare_counts.bound++;
    for (unsigned i = 0; i < NOM_BOARD_RESOURCES_MAX; i++)
        for (unsigned e = 0; spare_all[i].id && e < SPARE_ENTRIES_MAX; e++)
            if (spare_all[i].entries[e].bound && !is_last(&spare_all[i], e) &&
                spare_all[i].entries[e].bit == bit)
                calls_wrong("a bit of two interrupts", s->id, (uint64_t)bit);
    if (bit >= 64)
        calls_wrong("a bit", s->id, (uint64_t)bit);
    s->entries[entry] = (struct spare_entry){.bound = true, .bit = (uint8_t)bit & 63};
}

void spare_interrupt_done(uint64_t id, uint64_t entry, uint64_t op, int64_t result) {
    struct spare *s = spare_find(id);
    spare_sync_all(); /* bits of what is gone are others' now */
    if (s && !s->id)
        return;
    if (!s || entry >= s->device.interrupts ||
        (!is_last(s, entry) && s->entries[entry].bound == (op == NOM_INTERRUPT_BIND))) {
        calls_wrong("an interrupt that is not to be had", id, entry << 8 | op);
        return;
    }
    struct spare_entry *e = &s->entries[entry];
    e->silent = false;
    switch (op) {
    case NOM_INTERRUPT_BIND:
        bound_now(s, entry, result);
        break;
    case NOM_INTERRUPT_MASK:
        spare_counts.masked++;
        e->masked = true;
        hostile_behind((uint64_t)s); /* what has been raised arrives at the latest here */
        if (e->bound)
            take(e->bit);
        e->silent = e->bound && !is_last(s, entry);
        break;
    case NOM_INTERRUPT_UNMASK:
        spare_counts.unmasked++;
        e->masked = false;
        break;
    default:
        spare_counts.unbound++;
        e->bound = false;
    }
}

static int64_t expected(const struct spare_view *view, const struct spare *s, uint64_t entry,
                        uint64_t op) {
    if (!view->listed)
        return -NOM_ENOENT;
    if (!s)
        return -NOM_EPERM;
    if (op < NOM_INTERRUPT_BIND || op > NOM_INTERRUPT_UNBIND || entry >= s->device.interrupts)
        return -NOM_EINVAL;
    const struct spare_entry *e = &s->entries[entry];
    if (op == NOM_INTERRUPT_BIND)
        return e->bound ? -NOM_EBUSY : bound() >= SPARE_BOUND_MAX ? -NOM_ENOMEM : 0;
    return e->bound ? 0 : -NOM_ENOENT;
}

void spare_interrupt_step(void) {
    struct spare *s = calls_below(8) ? spare_any() : NULL;
    for (unsigned i = 0; i < TRIES && s && !s->device.interrupts; i++)
        s = spare_any();
    uint64_t id = s ? s->id : spare_pick();
    uint64_t entry = s && s->ring && calls_below(2) ? s->ring_entry : calls_below(20);
    uint64_t op = calls_below(3) ? calls_below(4) + 1 : NOM_INTERRUPT_BIND;
    if (calls_below(16) == 0)
        op = calls_below(2) ? 0 : NOM_INTERRUPT_UNBIND + 1 + calls_below(99);
    if (calls_below(32) == 0)
        entry = entry << 32 | (1ULL << calls_below(64));
    struct spare_view view = spare_view(id);
    spare_sync_all(); /* from here on the board has changed if one is lost */
    s = spare_find(id);
    int64_t answer = expected(&view, s, entry, op);
    unsigned most = bound() + guests();
    bool anybodys = s && is_last(s, entry) && answer != -NOM_EINVAL;
    int64_t result = calls_make(NOM_SYS_INTERRUPT, id, entry, op, 0);
    /* The guest's may be those that fill the app's share. */
    if (result == -NOM_ENOMEM && answer == 0 && op == NOM_INTERRUPT_BIND && most >= SPARE_BOUND_MAX)
        return;
    if (s && !spare_sync(s))
        return;
    if (!anybodys)
        spare_check("an interrupt", &view, answer, result < 0 ? result : 0, 0);
    if (result >= 0)
        spare_interrupt_done(id, entry, op, result);
}

static void comes(const struct spare_entry *e) {
    for (uint64_t end = plat_now_us() + COMES_MAX_US; plat_now_us() < end;) {
        if (take(e->bit)) {
            spare_counts.interrupts++;
            return;
        }
        calls_make(NOM_SYS_WAIT, NOM_EVENT_INTERRUPT, WAIT_NS, 0, 0);
    }
    calls_wrong("an interrupt does not come", e->bit, hostile_context()->interrupts);
}

void spare_ask(struct spare *s) {
    uint8_t *buffer = ring_buffer(s->ring), sum = 0;
    uint16_t before = ring_answers(s->ring);
    for (unsigned i = 0; i < 2 * RING_BYTES; i++)
        buffer[i] = 0;
    ring_ask(s->ring, ring_buffer_address(s->ring));
    uint64_t end = plat_now_us() + COMES_MAX_US;
    while (ring_answers(s->ring) == before && plat_now_us() < end)
        calls_make(NOM_SYS_WAIT, NOM_EVENT_CORE, WAIT_NS / 10, 0, 0);
    for (unsigned i = 0; i < RING_BYTES; i++) {
        sum |= buffer[i];
        if (buffer[RING_BYTES + i])
            calls_wrong("a device writes too much", s->id, i);
    }
    if (ring_answers(s->ring) == before || !sum)
        calls_wrong("a device does not answer", s->id, before);
    else if (s->ring_entry < s->device.interrupts && s->entries[s->ring_entry].bound &&
             !s->entries[s->ring_entry].masked)
        comes(&s->entries[s->ring_entry]);
    spare_interrupt_look(s);
}

void spare_interrupt_look(const struct spare *s) {
    uint64_t set = __atomic_load_n(&hostile_context()->interrupts, __ATOMIC_SEQ_CST);
    if (set >> SPARE_BOUND_MAX)
        calls_wrong("a bit that was never bound", s->id, set);
    for (unsigned e = 0; e < SPARE_ENTRIES_MAX; e++)
        if (s->entries[e].silent && set >> s->entries[e].bit & 1)
            calls_wrong("an interrupt that is masked", s->id, e);
}
