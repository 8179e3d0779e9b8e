/*
 * The fuzzer's devices: PCI functions that nobody else wants. spare.c takes and gives them back,
 * bars.c looks at them, interrupts.c binds their interrupts. They know each answer beforehand, but
 * where another app or the machine's owner has changed the board between: then only that the answer
 * is one of those that may be.
 */
#ifndef TESTS_GUEST_HOSTILE_SPARE_H
#define TESTS_GUEST_HOSTILE_SPARE_H

#include "calls.h"
#include "ring.h"

#define SPARE_ENTRIES_MAX 32u /* of an MSI-X table */
#define SPARE_BOUND_MAX   16u /* of one app (docs/isolation.md) */
#define SPARE_NO_ENTRY    0xffffu

struct spare {
    uint32_t id; /* 0: not the fuzzer's */
    struct nom_device device;
    bool stubborn;     /* is not given back before it is lost, or all are */
    struct ring *ring; /* NULL: no such device, or one that is not started */
    uint16_t ring_entry;
    struct spare_entry {
        bool bound, masked;
        bool silent; /* masked, and what came before has been taken */
        uint8_t bit;
    } entries[SPARE_ENTRIES_MAX];
};

/* What was done, for the last lines. */
extern struct spare_counts {
    uint64_t acquired, released, lost, bound, masked, unmasked, unbound, interrupts, exact, passed;
} spare_counts;

/* By place on the board. */
extern struct spare spare_all[NOM_BOARD_RESOURCES_MAX];

/* A resource at some moment. */
struct spare_view {
    struct nom_resource resource;
    bool listed;
    uint64_t generation;
};
struct spare_view spare_view(uint64_t id);
/* One of the fuzzer's, or NULL. */
struct spare *spare_find(uint64_t id);
struct spare *spare_any(void);
/* The id of a function of PCI, or one that looks like it. */
uint64_t spare_pick(void);
/* Whether the board says that it is the fuzzer's. */
bool spare_mine(uint64_t id);
/* Notices that the device has been unplugged: true if it is still the fuzzer's. */
bool spare_sync(struct spare *s);
void spare_sync_all(void);
/* An answer, `own` changes of the board and what was to be expected at the view. */
void spare_check(const char *what, const struct spare_view *view, int64_t expected, int64_t result,
                 unsigned own);

/* bars.c: the 4 bytes of the configuration space; all of an owned device is there, or none of one
 * that is not; its ports can be used. */
uint32_t spare_config(const struct nom_device *device, unsigned at);
void spare_look_at_bars(const struct nom_device *device);
void spare_look_for_bars(const struct nom_device *device);
void spare_use_ports(const struct nom_device *device);

/* interrupts.c */
void spare_interrupt_step(void);
/* Asks the device for bytes: they come, and so does the interrupt, if it is to. */
void spare_ask(struct spare *s);
void spare_interrupt_done(uint64_t id, uint64_t entry, uint64_t op, int64_t result);
/* What is masked is silent, and no bit is set that was never bound. */
void spare_interrupt_look(const struct spare *s);

#endif
