/*
 * A NIC in memory: one side is nic.h, for the stack; the other is for the wire (link.h) or a test.
 *
 * Receive: 2 * rx_size buffers; a frame that comes while rx_size are ready, or no buffer is free,
 * is lost, as on a real card (rx_overruns). A released buffer is overwritten, and unreadable under
 * the address sanitizer, until the next frame lies in it.
 * Transmit: put --kick--> published --memory_nic_leave, at the wire's pace--> done --reap--> free.
 * Frames are read when they leave, not when they are put; a descriptor is free after reaping.
 *
 * The NIC holds the stack to nic.h: every fragment, and the headroom before the first, is reachable
 * by plat_dma_address; the headroom is written to; lengths and the place of the checksum fit; only
 * buffers that were lent come back. Anything else aborts (memory_broken).
 */
#ifndef PLATFORM_MEMORY_NIC_H
#define PLATFORM_MEMORY_NIC_H

#include "runtime/platform/nic.h"

#define MEMORY_NIC_RX_SIZE 256u /* where settings say 0 */
#define MEMORY_NIC_TX_SIZE 256u

struct memory_nic_settings {
    uint8_t mac[6];
    bool tx_checksum;          /* as nic.tx_checksum */
    bool rx_checksum;          /* vouches for frames that the wire has not damaged */
    uint32_t rx_size, tx_size; /* powers of two, rx_size at most 512; 0: as above */
};

struct memory_nic_counters {
    uint64_t rx_frames, rx_overruns, tx_frames, tx_kicks;
    uint64_t tx_refused;     /* frames that did not fit the ring */
    uint64_t rx_wait_max_ns; /* longest time from arrival to rx_take */
    uint64_t tx_wait_max_ns; /* longest time from tx_put to tx_kick */
};

struct memory_nic {
    struct nic nic; /* first */
    struct memory_nic_counters counters;
    bool rx_checksum;

    unsigned char *buffers;
    uint32_t buffer_count;
    uint32_t *free_buffers, free_count; /* a stack */
    struct memory_received {
        uint32_t buffer, bytes;
        bool checksum_good;
        uint64_t at_tsc;
    } * ready; /* a ring of rx_size */
    uint32_t ready_first, ready_count;
    bool *lent; /* a flag a buffer: with the stack */
    uint32_t lent_count;

    struct memory_sent {
        struct nic_tx_frame frame;
        uint64_t put_tsc;
    } * sent;                              /* a ring of tx_size */
    uint32_t put, published, left, reaped; /* frames so far, wrapping */
    uint32_t descriptors;                  /* in use */
};

/* Makes the floor's NIC, which plat_nic_open hands out. 0, or -1 if memory does not suffice. */
int memory_nic_start(const struct memory_nic_settings *settings);
struct memory_nic *memory_nic(void);

/* The wire's side. A frame arrives; false if it was lost for want of room. */
bool memory_nic_arrive(struct memory_nic *nic, const void *frame, uint32_t bytes, bool damaged);
/* Published frames that have not left. */
uint32_t memory_nic_leaving(const struct memory_nic *nic);
/* The oldest of them leaves: written to frame[NIC_FRAME_BYTES_MAX], with its checksum; its length,
 * 0 if there is none. */
uint32_t memory_nic_leave(struct memory_nic *nic, void *frame);
/* Frames that wait for the stack to take or kick them: while there are any, time matters to it. */
bool memory_nic_holds(const struct memory_nic *nic);

#endif
