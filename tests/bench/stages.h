/*
 * What the three that stamp a message on its way agree on: the guest's app, the library that is
 * loaded into QEMU, and the bench, which is the client. All stamps are of the processor's TSC,
 * which an interpreting KVM shows its guests as it is; the bench refuses stamps that are out of
 * order.
 */
#ifndef BENCH_STAGES_H
#define BENCH_STAGES_H

#include <stdint.h>

#define STAGES_MESSAGE_BYTES 1024u

/* In a reply: of the message before. */
struct stages_guest {
    uint64_t seen_tsc, taken_tsc;  /* the turn that found it began; in the app's hands, whole */
    uint64_t kick_tsc, kicked_tsc; /* its reply's doorbell began; was over */
};

/* The file that STAGES_FILE names in QEMU's environment: calls of its thread that have returned,
 * oldest first; of a write to the tap also its beginning. */
#define STAGES_FILE       "NOM_STAGES_FILE"
#define STAGES_STAMPS_MAX (1u << 20)
enum stages_call {
    STAGES_WAKES = 1,  /* ppoll found something */
    STAGES_READS = 2,  /* a frame off the tap */
    STAGES_WRITES = 3, /* begins to write one */
    STAGES_WROTE = 4,
};
struct stages_log {
    volatile uint64_t count;
    struct {
        uint64_t tsc, call;
    } stamp[STAGES_STAMPS_MAX];
};

#endif
