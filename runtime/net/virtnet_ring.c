/*
 * The split virtqueue of virtnet_ring.h. Each descriptor is free (on the list from free_first), the
 * head of a chain in flight (chain_count > 0) or a later part of one (reached by next from its
 * head): `next` here is the driver's own copy, so that a device that scribbles over the shared
 * table cannot lead the driver anywhere.
 */
#include "runtime/net/virtnet_ring.h"

#define DESCRIPTOR_NEXT        1u
#define DESCRIPTOR_WRITE       2u
#define AVAILABLE_NO_INTERRUPT 1u
#define USED_NO_NOTIFY         1u
/* used_event is kept this far ahead of the used index: the device never reaches it, so it never
 * interrupts. Renewed each QUIET_STEP answers. */
#define QUIET_AHEAD            0x8000u
#define QUIET_STEP             4096u

struct virtnet_ring_layout virtnet_ring_layout(uint16_t size) {
    struct virtnet_ring_layout layout;
    layout.available_offset = sizeof(struct virtnet_descriptor) * size;
    size_t available_bytes = sizeof(uint16_t) * (3u + size);
    layout.used_offset = (layout.available_offset + available_bytes + 63) & ~(size_t)63;
    layout.bytes = layout.used_offset + sizeof(struct virtnet_used) * size + sizeof(uint16_t) * 3;
    return layout;
}

static void set_used_event(struct virtnet_ring *r, uint16_t event) {
    __atomic_store_n(&r->available[2 + r->size], event, __ATOMIC_RELAXED);
}

static void stay_quiet(struct virtnet_ring *r) {
    set_used_event(r, (uint16_t)(r->got + QUIET_AHEAD));
}

void virtnet_ring_init(struct virtnet_ring *r, uint16_t size, uint16_t number, bool event_idx,
                       void *memory, volatile uint16_t *notify) {
    struct virtnet_ring_layout layout = virtnet_ring_layout(size);
    char *base = memory;
    *r = (struct virtnet_ring){
        .size = size,
        .number = number,
        .event_idx = event_idx,
        .descriptors = memory,
        .available = (uint16_t *)(void *)(base + layout.available_offset),
        .used = (uint16_t *)(void *)(base + layout.used_offset),
        .notify = notify,
        .free_count = size,
    };
    r->used_elements = (struct virtnet_used *)(void *)(r->used + 2);
    r->avail_event = (uint16_t *)(void *)(r->used_elements + size);
    for (uint16_t i = 0; i < size; i++) {
        r->next[i] = (uint16_t)(i + 1);
    }
    r->available[0] = AVAILABLE_NO_INTERRUPT;
    stay_quiet(r);
}

int virtnet_ring_put(struct virtnet_ring *r, const struct virtnet_span *spans, uint32_t n,
                     bool device_writes, uintptr_t token) {
    if (n == 0 || n > r->free_count || r->broken) {
        return -1;
    }
    uint16_t head = r->free_first;
    uint16_t at = head;
    for (uint32_t i = 0; i < n; i++) {
        bool last = i + 1 == n;
        unsigned flags = (device_writes ? DESCRIPTOR_WRITE : 0) | (last ? 0 : DESCRIPTOR_NEXT);
        r->descriptors[at] = (struct virtnet_descriptor){
            .address = spans[i].address,
            .bytes = spans[i].bytes,
            .flags = (uint16_t)flags,
            .next = last ? 0 : r->next[at],
        };
        r->free_first = r->next[at];
        at = r->free_first;
    }
    r->free_count = (uint16_t)(r->free_count - n);
    r->chain_count[head] = (uint16_t)n;
    r->token[head] = token;
    r->in_flight++;
    r->available[2 + (r->put & (r->size - 1))] = head;
    r->put++;
    return 0;
}

/* Tells the device of what was published after `before`, if it wants to know. */
static bool tell(struct virtnet_ring *r, uint16_t before) {
    bool wanted;
    if (r->event_idx) {
        uint16_t event = __atomic_load_n(r->avail_event, __ATOMIC_RELAXED);
        wanted = (uint16_t)(r->published - event - 1) < (uint16_t)(r->published - before);
    } else {
        wanted = (__atomic_load_n(&r->used[0], __ATOMIC_RELAXED) & USED_NO_NOTIFY) == 0;
    }
    if (wanted) {
        r->told = r->published;
        *r->notify = r->number;
        r->kicks++;
    }
    return wanted;
}

bool virtnet_ring_publish(struct virtnet_ring *r) {
    uint16_t before = r->published;
    if (r->put == before || r->broken) {
        return false;
    }
    __atomic_store_n(&r->available[1], r->put, __ATOMIC_RELEASE);
    r->published = r->put;
    /* The index must be visible before the device's wish is read, or both sides could miss. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return tell(r, before);
}

bool virtnet_ring_remind(struct virtnet_ring *r) {
    return r->published != r->told && !r->broken && tell(r, r->told);
}

static void break_ring(struct virtnet_ring *r) {
    r->errors++;
    r->broken = true;
}

uint32_t virtnet_ring_ready(struct virtnet_ring *r) {
    if (r->broken) {
        return 0;
    }
    uint16_t ready = (uint16_t)(__atomic_load_n(&r->used[1], __ATOMIC_ACQUIRE) - r->got);
    if (ready > r->in_flight) {
        break_ring(r);
        return 0;
    }
    return ready;
}

bool virtnet_ring_arm(struct virtnet_ring *r) {
    set_used_event(r, r->got);
    if (!r->event_idx) {
        __atomic_store_n(&r->available[0], 0, __ATOMIC_RELAXED);
    }
    /* The wish must be visible before the index is read, or both sides could miss. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (virtnet_ring_ready(r) == 0) {
        return true;
    }
    virtnet_ring_disarm(r);
    return false;
}

void virtnet_ring_disarm(struct virtnet_ring *r) {
    stay_quiet(r);
    __atomic_store_n(&r->available[0], AVAILABLE_NO_INTERRUPT, __ATOMIC_RELAXED);
}

static void free_chain(struct virtnet_ring *r, uint16_t head) {
    uint16_t last = head;
    for (uint16_t i = 1; i < r->chain_count[head]; i++) {
        last = r->next[last];
    }
    r->next[last] = r->free_first;
    r->free_first = head;
    r->free_count = (uint16_t)(r->free_count + r->chain_count[head]);
    r->chain_count[head] = 0;
    r->in_flight--;
}

void virtnet_ring_close(struct virtnet_ring *r) {
    r->broken = true;
}

bool virtnet_ring_abandoned(struct virtnet_ring *r, uintptr_t *token) {
    for (uint16_t head = 0; r->in_flight > 0 && head < r->size; head++) {
        if (r->chain_count[head] != 0) {
            *token = r->token[head];
            free_chain(r, head);
            return true;
        }
    }
    return false;
}

bool virtnet_ring_get(struct virtnet_ring *r, uintptr_t *token, uint32_t *bytes) {
    while (virtnet_ring_ready(r) > 0) {
        const struct virtnet_used *element = &r->used_elements[r->got & (r->size - 1)];
        uint32_t id = __atomic_load_n(&element->id, __ATOMIC_RELAXED);
        *bytes = __atomic_load_n(&element->bytes, __ATOMIC_RELAXED);
        r->got++;
        if (r->got % QUIET_STEP == 0) {
            stay_quiet(r);
        }
        if (id < r->size && r->chain_count[id] != 0) {
            *token = r->token[id];
            free_chain(r, (uint16_t)id);
            return true;
        }
        if (r->errors + 1 < VIRTNET_RING_ERRORS_MAX) {
            r->errors++;
        } else {
            break_ring(r);
        }
    }
    return false;
}
