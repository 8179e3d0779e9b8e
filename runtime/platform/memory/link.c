/*
 * link.h. Every frame draws the same count of numbers, whatever happens to it, so that one more
 * kind of fault does not reshuffle the others. Frames on their way are a list in order of arrival;
 * nearly all go to its end.
 */
#include "runtime/platform/memory/link.h"
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include <stdlib.h>
#include <string.h>

#define ETHERNET_BYTES 14u
#define HASH_PRIME     UINT64_C(0x9e3779b97f4a7c15)

struct memory_flight {
    struct memory_flight *next, *previous;
    uint64_t arrival_tsc;
    unsigned to;
    bool damaged;
    uint32_t bytes;
    _Alignas(8) unsigned char data[NIC_FRAME_BYTES_MAX + 6]; /* to whole words for the hash */
};

/* Sequence: splitmix64. */
static uint64_t draw(struct memory_link *l) {
    uint64_t z = l->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool chance(struct memory_link *l, double probability) {
    return (double)(draw(l) >> 11) * 0x1p-53 < probability;
}

static void trace(struct memory_link *l, uint64_t word) {
    l->trace = (l->trace ^ word) * HASH_PRIME;
    l->trace ^= l->trace >> 29;
}

static struct memory_flight *flight_new(struct memory_link *l) {
    struct memory_flight *f = l->spare;
    if (f)
        l->spare = f->next;
    else if (!(f = malloc(sizeof *f)))
        memory_broken("no memory for a frame on the wire");
    return f;
}

static void insert(struct memory_link *l, struct memory_flight *f) {
    struct memory_flight *before = l->last;
    while (before && before->arrival_tsc > f->arrival_tsc)
        before = before->previous;
    f->previous = before;
    f->next = before ? before->next : l->first;
    *(f->next ? &f->next->previous : &l->last) = f;
    *(before ? &before->next : &l->first) = f;
}

static bool is_ipv4(const struct memory_flight *f) {
    return f->bytes > ETHERNET_BYTES && f->data[12] == 8 && f->data[13] == 0;
}

/* A frame has left `end`, and is all on the wire at sent_tsc: its fate. */
static void launch(struct memory_link *l, struct memory_flight *f, unsigned end,
                   uint64_t sent_tsc) {
    const struct memory_link_settings *s = &l->settings;
    bool lost = chance(l, s->loss), doubled = chance(l, s->duplicate), late = chance(l, s->reorder),
         damaged = chance(l, s->corrupt);
    uint64_t late_by = draw(l), double_by = draw(l), bit = draw(l);
    l->counters.frames++;
    f->to = !end;
    f->damaged = false;
    f->arrival_tsc = sent_tsc + s->delay_ns;
    memset(f->data + f->bytes, 0, sizeof f->data - f->bytes);
    if (lost) {
        l->counters.lost++;
        f->next = l->spare;
        l->spare = f;
        return;
    }
    if (late) {
        l->counters.reordered++;
        f->arrival_tsc += late_by % (s->reorder_ns + 1);
    }
    if (damaged && is_ipv4(f)) {
        l->counters.corrupted++;
        bit %= (uint64_t)(f->bytes - ETHERNET_BYTES) * 8;
        f->data[ETHERNET_BYTES + bit / 8] ^= (unsigned char)(1u << bit % 8);
        f->damaged = true;
    }
    insert(l, f);
    if (doubled) {
        struct memory_flight *copy = flight_new(l);
        l->counters.duplicated++;
        *copy = *f;
        copy->arrival_tsc += double_by % (s->reorder_ns + 1);
        insert(l, copy);
    }
}

static uint64_t occupy(struct memory_link *l, unsigned end, uint32_t bytes) {
    struct memory_link_end *e = &l->end[end];
    if (e->free_tsc < plat_now_tsc())
        e->free_tsc = plat_now_tsc();
    return e->free_tsc += bytes * l->settings.ps_per_byte / 1000;
}

void memory_link_send(struct memory_link *l, unsigned end, const void *frame, uint32_t bytes) {
    struct memory_flight *f = flight_new(l);
    f->bytes = bytes < NIC_FRAME_BYTES_MAX ? bytes : NIC_FRAME_BYTES_MAX;
    memcpy(f->data, frame, f->bytes);
    launch(l, f, end, occupy(l, end, f->bytes));
}

static void leave(struct memory_link *l, unsigned end) {
    struct memory_link_end *e = &l->end[end];
    while (e->nic && e->free_tsc <= plat_now_tsc() && memory_nic_leaving(e->nic) > 0) {
        struct memory_flight *f = flight_new(l);
        f->bytes = memory_nic_leave(e->nic, f->data);
        launch(l, f, end, occupy(l, end, f->bytes));
    }
}

static void arrive(struct memory_link *l, struct memory_flight *f) {
    const struct memory_link_end *e = &l->end[f->to];
    const uint64_t *word = (const uint64_t *)(const void *)f->data;
    trace(l, f->arrival_tsc);
    trace(l, (uint64_t)f->bytes << 1 | f->to);
    for (uint32_t i = 0; i < (f->bytes + 7) / 8; i++)
        trace(l, word[i]);
    l->counters.arrived++;
    if (e->nic)
        l->counters.overrun += !memory_nic_arrive(e->nic, f->data, f->bytes, f->damaged);
    else if (e->taker)
        e->taker(e->context, f->data, f->bytes, f->damaged);
}

void memory_link_run(struct memory_link *l) {
    leave(l, 0);
    leave(l, 1);
    while (l->first && l->first->arrival_tsc <= plat_now_tsc()) {
        struct memory_flight *f = l->first;
        l->first = f->next;
        *(f->next ? &f->next->previous : &l->last) = NULL;
        arrive(l, f);
        f->next = l->spare;
        l->spare = f;
    }
}

uint64_t memory_link_next_tsc(const struct memory_link *l) {
    uint64_t next = l->first ? l->first->arrival_tsc : MEMORY_LINK_NEVER;
    for (unsigned i = 0; i < 2; i++)
        if (l->end[i].nic && memory_nic_leaving(l->end[i].nic) > 0 && l->end[i].free_tsc < next)
            next = l->end[i].free_tsc;
    return next;
}

void memory_link_open(struct memory_link *l, const struct memory_link_settings *settings) {
    *l = (struct memory_link){.settings = *settings, .random = settings->seed};
}

void memory_link_change(struct memory_link *l, const struct memory_link_settings *settings) {
    l->settings = *settings;
}

void memory_link_nic(struct memory_link *l, unsigned end, struct memory_nic *nic) {
    l->end[end].nic = nic;
}

void memory_link_test(struct memory_link *l, unsigned end, memory_link_taker *taker,
                      void *context) {
    l->end[end].nic = NULL;
    l->end[end].taker = taker;
    l->end[end].context = context;
}

static void free_list(struct memory_flight *f) {
    while (f) {
        struct memory_flight *next = f->next;
        free(f);
        f = next;
    }
}

void memory_link_close(struct memory_link *l) {
    free_list(l->first);
    free_list(l->spare);
    l->first = l->last = l->spare = NULL;
}
