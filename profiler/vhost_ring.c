/*
 * vhost.h, the rings. Each word that the guest can write is read once, checked, and then used: it
 * may change it meanwhile.
 */
#include "profiler/vhost.h"
#include <stddef.h>
#include <unistd.h>

#define DESCRIPTOR_NEXT        1u
#define DESCRIPTOR_WRITE       2u
#define DESCRIPTOR_INDIRECT    4u
#define AVAILABLE_NO_INTERRUPT 1u
#define USED_NO_NOTIFY         1u

static bool serves(const struct profiler_vhost_ring *r) {
    return r->started && r->enabled && !r->broken && r->size != 0 && r->descriptors && r->used &&
           r->available;
}

/* How many spans, 0 if the chain makes no sense. */
static uint32_t follow(const struct profiler_vhost *v, const struct profiler_vhost_ring *r,
                       enum profiler_vhost_direction which,
                       struct iovec spans[PROFILER_VHOST_SPANS_MAX]) {
    uint16_t at = r->head;
    for (uint32_t n = 0; n < PROFILER_VHOST_SPANS_MAX && at < r->size; n++) {
        const volatile struct profiler_vhost_descriptor *d = &r->descriptors[at];
        unsigned flags = d->flags;
        uint32_t bytes = d->bytes;
        bool writable = (flags & DESCRIPTOR_WRITE) != 0;
        void *memory = profiler_vhost_memory(v, d->guest_address, bytes);
        if (!memory || (flags & DESCRIPTOR_INDIRECT) ||
            writable != (which == PROFILER_VHOST_TO_GUEST))
            return 0;
        spans[n] = (struct iovec){memory, bytes};
        if (!(flags & DESCRIPTOR_NEXT))
            return n + 1;
        at = d->next;
    }
    return 0;
}

uint32_t profiler_vhost_take(struct profiler_vhost *v, enum profiler_vhost_direction which,
                             struct iovec spans[PROFILER_VHOST_SPANS_MAX]) {
    struct profiler_vhost_ring *r = &v->rings[which];
    if (!serves(r))
        return 0;
    for (;;) {
        uint16_t ready = (uint16_t)(__atomic_load_n(&r->available[1], __ATOMIC_ACQUIRE) - r->next);
        if (ready == 0)
            return 0;
        r->head = __atomic_load_n(&r->available[2 + (r->next & (r->size - 1))], __ATOMIC_RELAXED);
        if (ready > r->size || r->head >= r->size) {
            v->errors++;
            r->broken = true;
            return 0;
        }
        uint32_t n = follow(v, r, which, spans);
        if (n > 0)
            return n;
        v->errors++;
        profiler_vhost_give(v, which, 0);
    }
}

void profiler_vhost_give(struct profiler_vhost *v, enum profiler_vhost_direction which,
                         uint32_t bytes) {
    struct profiler_vhost_ring *r = &v->rings[which];
    struct profiler_vhost_used *elements = (struct profiler_vhost_used *)(void *)(r->used + 2);
    elements[r->given & (r->size - 1)] = (struct profiler_vhost_used){r->head, bytes};
    r->next++;
    r->given++;
    __atomic_store_n(&r->used[0], USED_NO_NOTIFY, __ATOMIC_RELAXED);
    __atomic_store_n(&r->used[1], r->given, __ATOMIC_RELEASE);
}

void profiler_vhost_tell(struct profiler_vhost *v, enum profiler_vhost_direction which) {
    const struct profiler_vhost_ring *r = &v->rings[which];
    const uint64_t one = 1;
    /* What was given must be visible before the guest's wish is read, or both could miss. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(__atomic_load_n(&r->available[0], __ATOMIC_RELAXED) & AVAILABLE_NO_INTERRUPT) &&
        r->call_fd >= 0 && write(r->call_fd, &one, sizeof one) < 0)
        v->errors++;
}
