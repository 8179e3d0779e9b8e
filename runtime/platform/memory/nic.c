/*
 * memory_nic.h. Counts of frames put, published, left and reaped only grow, and wrap; the ring's
 * places follow from them.
 */
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_BYTES 2048u
#define RELEASED     0xdd
#define HEADER       0xa5 /* what the headroom is filled with, as a driver writes its header there */

static struct memory_nic the_nic;
static bool open;

static struct memory_nic *of(struct nic *nic) {
    return (struct memory_nic *)(void *)nic;
}

static void raise_to(uint64_t *maximum, uint64_t value) {
    if (value > *maximum)
        *maximum = value;
}

static unsigned char *buffer_of(const struct memory_nic *n, uint32_t buffer) {
    return n->buffers + (size_t)buffer * BUFFER_BYTES;
}

/* ---- receive ---- */

static void put_away(struct memory_nic *n, uint32_t buffer) {
    ASAN_UNPOISON_MEMORY_REGION(buffer_of(n, buffer), BUFFER_BYTES);
    memset(buffer_of(n, buffer), RELEASED, BUFFER_BYTES);
    ASAN_POISON_MEMORY_REGION(buffer_of(n, buffer), BUFFER_BYTES);
    n->free_buffers[n->free_count++] = buffer;
}

bool memory_nic_arrive(struct memory_nic *n, const void *frame, uint32_t bytes, bool damaged) {
    if (bytes > NIC_FRAME_BYTES_MAX)
        memory_broken("a frame on the wire is too long");
    if (n->ready_count == n->nic.rx_size || n->free_count == 0) {
        n->counters.rx_overruns++;
        return false;
    }
    uint32_t buffer = n->free_buffers[--n->free_count];
    ASAN_UNPOISON_MEMORY_REGION(buffer_of(n, buffer), bytes + 1); /* nic.h */
    memcpy(buffer_of(n, buffer), frame, bytes);
    n->ready[(n->ready_first + n->ready_count++) & (n->nic.rx_size - 1)] =
        (struct memory_received){buffer, bytes, n->rx_checksum && !damaged, plat_now_tsc()};
    n->counters.rx_frames++;
    return true;
}

static uint32_t rx_ready(struct nic *nic) {
    return of(nic)->ready_count;
}

static uint32_t rx_take(struct nic *nic, struct nic_rx_frame *frames, uint32_t want) {
    struct memory_nic *n = of(nic);
    uint32_t taken = want < n->ready_count ? want : n->ready_count;
    for (uint32_t i = 0; i < taken; i++) {
        const struct memory_received *r = &n->ready[n->ready_first++ & (nic->rx_size - 1)];
        frames[i] = (struct nic_rx_frame){.data = buffer_of(n, r->buffer),
                                          .bytes = r->bytes,
                                          .buffer = r->buffer,
                                          .checksum_good = r->checksum_good};
        raise_to(&n->counters.rx_wait_max_ns, plat_tsc_to_ns(plat_now_tsc() - r->at_tsc));
        n->lent[r->buffer] = true;
    }
    n->ready_count -= taken;
    n->lent_count += taken;
    return taken;
}

static void rx_release(struct nic *nic, uint32_t buffer) {
    struct memory_nic *n = of(nic);
    if (buffer >= n->buffer_count || !n->lent[buffer])
        memory_broken("a receive buffer came back that was not lent");
    n->lent[buffer] = false;
    n->lent_count--;
    put_away(n, buffer);
}

/* ---- transmit ---- */

static uint32_t tx_free(struct nic *nic) {
    return nic->tx_size - of(nic)->descriptors;
}

static void check_reachable(const void *data, size_t bytes) {
    const char *first = data;
    uint64_t address = plat_dma_address(first), end = plat_dma_address(first + bytes - 1);
    if (address == 0 || end != address + bytes - 1)
        memory_broken("a fragment to send lies where no device reaches");
}

static void check(const struct nic_tx_frame *frame) {
    uint32_t bytes = 0;
    if (frame->fragments == 0 || frame->fragments > NIC_TX_FRAGMENTS_MAX)
        memory_broken("a frame to send has no or too many fragments");
    for (uint32_t i = 0; i < frame->fragments; i++) {
        if (frame->fragment[i].bytes == 0 || frame->fragment[i].bytes > NIC_FRAME_BYTES_MAX)
            memory_broken("a fragment to send is empty or too long");
        check_reachable(frame->fragment[i].data, frame->fragment[i].bytes);
        bytes += frame->fragment[i].bytes;
    }
    if (bytes > NIC_FRAME_BYTES_MAX)
        memory_broken("a frame to send is too long");
    if (frame->checksum_start && frame->checksum_start + frame->checksum_offset + 2u > bytes)
        memory_broken("the checksum of a frame to send lies beyond its end");
    unsigned char *headroom = (unsigned char *)frame->fragment[0].data - NIC_TX_HEADROOM;
    check_reachable(headroom, NIC_TX_HEADROOM);
    memset(headroom, HEADER, NIC_TX_HEADROOM);
}

static int tx_put(struct nic *nic, const struct nic_tx_frame *frame) {
    struct memory_nic *n = of(nic);
    check(frame);
    if (!nic->tx_checksum && frame->checksum_start)
        memory_broken("a checksum is asked of a NIC that makes none");
    if (frame->fragments > tx_free(nic)) {
        n->counters.tx_refused++;
        return -1;
    }
    n->sent[n->put++ & (nic->tx_size - 1)] = (struct memory_sent){*frame, plat_now_tsc()};
    n->descriptors += frame->fragments;
    return 0;
}

static bool tx_kick(struct nic *nic) {
    struct memory_nic *n = of(nic);
    bool asleep = n->published == n->left;
    if (n->published == n->put)
        return false;
    for (; n->published != n->put; n->published++)
        raise_to(
            &n->counters.tx_wait_max_ns,
            plat_tsc_to_ns(plat_now_tsc() - n->sent[n->published & (nic->tx_size - 1)].put_tsc));
    if (asleep)
        n->counters.tx_kicks++;
    return asleep;
}

uint32_t memory_nic_leaving(const struct memory_nic *n) {
    return n->published - n->left;
}

/* Adds the sum from `start` on to what stands in its place, as a device does. */
static void sum(unsigned char *frame, uint32_t bytes, uint32_t start, uint32_t offset) {
    uint32_t total = 0;
    for (uint32_t i = start; i < bytes; i += 2)
        total += (uint32_t)frame[i] << 8 | (i + 1 < bytes ? frame[i + 1] : 0u);
    total = (total & 0xffff) + (total >> 16);
    total = ~((total & 0xffff) + (total >> 16)) & 0xffff;
    frame[start + offset] = (unsigned char)(total >> 8);
    frame[start + offset + 1] = (unsigned char)total;
}

uint32_t memory_nic_leave(struct memory_nic *n, void *frame) {
    uint32_t bytes = 0;
    if (n->published == n->left)
        return 0;
    const struct nic_tx_frame *f = &n->sent[n->left++ & (n->nic.tx_size - 1)].frame;
    for (uint32_t i = 0; i < f->fragments; i++) {
        memcpy((char *)frame + bytes, f->fragment[i].data, f->fragment[i].bytes);
        bytes += f->fragment[i].bytes;
    }
    if (f->checksum_start)
        sum(frame, bytes, f->checksum_start, f->checksum_offset);
    n->counters.tx_frames++;
    return bytes;
}

static uint32_t tx_reap(struct nic *nic, void **cookies, uint32_t want) {
    struct memory_nic *n = of(nic);
    uint32_t done = 0;
    for (; done < want && n->reaped != n->left; done++) {
        const struct nic_tx_frame *f = &n->sent[n->reaped++ & (nic->tx_size - 1)].frame;
        cookies[done] = f->cookie;
        n->descriptors -= f->fragments;
    }
    return done;
}

bool memory_nic_holds(const struct memory_nic *n) {
    return n->ready_count > 0 || n->published != n->put;
}

/* ---- the rest ---- */

static uint64_t rx_kicks(struct nic *nic) {
    (void)nic;
    return 0; /* it looks for fresh buffers by itself */
}

static bool remind(struct nic *nic) {
    (void)nic;
    return false; /* it misses nothing */
}

/* A wait needs no arming: on this floor a wait returns at once. */
static bool sleep_now(struct nic *nic) {
    (void)nic;
    return true;
}

static void wake(struct nic *nic) {
    (void)nic;
}

/* Nothing is plugged on this floor. */
static bool leaves(struct nic *nic) {
    (void)nic;
    return false;
}

static void close_it(struct nic *nic) {
    (void)nic;
}

static uint64_t errors(struct nic *nic) {
    (void)nic;
    return 0; /* what could be wrong aborts */
}

static const struct nic_ops ops = {
    .rx_ready = rx_ready,
    .rx_take = rx_take,
    .rx_release = rx_release,
    .tx_free = tx_free,
    .tx_put = tx_put,
    .tx_kick = tx_kick,
    .tx_reap = tx_reap,
    .rx_kicks = rx_kicks,
    .remind = remind,
    .errors = errors,
    .sleep = sleep_now,
    .wake = wake,
    .leaves = leaves,
    .close = close_it,
};

int memory_nic_start(const struct memory_nic_settings *s) {
    struct memory_nic *n = &the_nic;
    n->nic.rx_size = s->rx_size ? s->rx_size : MEMORY_NIC_RX_SIZE;
    n->nic.tx_size = s->tx_size ? s->tx_size : MEMORY_NIC_TX_SIZE;
    n->nic.tx_checksum = s->tx_checksum;
    n->nic.ops = &ops;
    n->rx_checksum = s->rx_checksum;
    memcpy(n->nic.mac, s->mac, sizeof n->nic.mac);
    n->buffer_count = 2 * n->nic.rx_size;
    n->buffers = plat_dma_alloc((size_t)n->buffer_count * BUFFER_BYTES);
    n->free_buffers = plat_dma_alloc(n->buffer_count * sizeof *n->free_buffers);
    n->ready = plat_dma_alloc(n->nic.rx_size * sizeof *n->ready);
    n->lent = plat_dma_alloc(n->buffer_count * sizeof *n->lent);
    n->sent = plat_dma_alloc(n->nic.tx_size * sizeof *n->sent);
    if (!n->buffers || !n->free_buffers || !n->ready || !n->lent || !n->sent)
        return -1;
    for (uint32_t i = n->buffer_count; i-- > 0;)
        put_away(n, i);
    return 0;
}

struct memory_nic *memory_nic(void) {
    return &the_nic;
}

struct nic *plat_nic_open(char *why, uint32_t why_bytes) {
    if (open || !the_nic.nic.ops) {
        snprintf(why, why_bytes, open ? "the NIC is open already" : "there is no NIC");
        return NULL;
    }
    open = true;
    return &the_nic.nic;
}
