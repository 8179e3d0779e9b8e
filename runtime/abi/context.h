/*
 * A context: an app's share of one core. The kernel and the app meet in a page of it, which only
 * that app can reach. What happens outside reaches a context as events, each a bit.
 *
 *   kernel: sets a bit of `pending`; then, if the context waits for it (NOM_SYS_WAIT), the wait
 *           ends; else if it runs, is not in an upcall, and wants it (`upcall_events`), it gets an
 *           upcall.
 *   app:    takes bits from `pending` with an atomic and: those that poll read it, without a call.
 *
 * An upcall: the registers of what was interrupted stand in `saved`; execution goes on at
 * upcall_entry with rdi = address of this page, rsi = the events (not taken from pending, but FAULT
 * and PREEMPT, which are never there), rsp = upcall_stack, interrupts on, every other register
 * unspecified. Vector and floating-point registers, FS and GS base are as they were: the entry
 * saves what it will use. NOM_SYS_RESUME ends it:
 *   NOM_RESUME_SAVED  goes on as `saved` says (rip, rsp, general registers, arithmetic flags)
 *   NOM_RESUME_FAULT  declines a fault: the app is ended, and its last line says why
 * A fault within an upcall ends the app. Events that come meanwhile are delivered at RESUME.
 *
 *   NOM_EVENT_FAULT    always an upcall where upcall_entry is not 0; else the app ends.
 *   NOM_EVENT_PREEMPT  others want the core, and this context has had its time: it saves what it
 *                      needs (vector registers, FS, GS) and calls NOM_SYS_YIELD before
 *                      preempt_deadline_tsc. If it does not, or has no upcall_entry, it loses the
 *                      core all the same, wherever it is; `cuts` counts that. The kernel then keeps
 *                      those registers for it, but data segments and protection keys.
 */
#ifndef NOM_ABI_CONTEXT_H
#define NOM_ABI_CONTEXT_H

#include <stdint.h>

#define NOM_EVENT_FAULT     (1ULL << 0)
#define NOM_EVENT_PREEMPT   (1ULL << 1)
#define NOM_EVENT_INTERRUPT (1ULL << 2) /* of a device; which: `interrupts` */
#define NOM_EVENT_PRICES    (1ULL << 3) /* the price page has changed */
#define NOM_EVENT_RESOURCES (1ULL << 4) /* resources have come, are leaving, went, or are free */
#define NOM_EVENT_CHANNEL                                                                          \
    (1ULL << 5)                    /* the other side notifies, or has offered, accepted, closed,   \
                                      ended; which: `channels` */
#define NOM_EVENT_CORE (1ULL << 6) /* NOM_NOTIFY_CORE */
#define NOM_EVENT_TIME (1ULL << 7) /* result of NOM_SYS_WAIT only: time is up */
#define NOM_EVENTS_ALL 0xffULL
/* Those that can be pending. */
#define NOM_EVENTS_PENDING                                                                         \
    (NOM_EVENT_INTERRUPT | NOM_EVENT_PRICES | NOM_EVENT_RESOURCES | NOM_EVENT_CHANNEL |            \
     NOM_EVENT_CORE)

enum nom_resume {
    NOM_RESUME_SAVED = 0,
    NOM_RESUME_FAULT = 1,
};

struct nom_registers {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t rip, rflags, rsp;
};

struct nom_context {
    /* The kernel writes, the app reads. */
    uint32_t index; /* of this context in its app, from 0 */
    uint32_t core;  /* which it is on now */
    uint64_t preempt_deadline_tsc;
    uint64_t cuts;
    uint64_t fault_vector, fault_error, fault_address; /* of NOM_EVENT_FAULT: the processor's;
                                                          address for a page fault */
    uint64_t reserved[2];
    /* Both, atomically. */
    uint64_t pending;
    uint64_t interrupts, channels; /* which, for their events; a bit each */
    uint64_t reserved2;
    /* The app writes, the kernel reads. 0 in upcall_entry: no upcalls. */
    uint64_t upcall_entry, upcall_stack, upcall_events;
    uint64_t reserved3;
    /* The kernel fills it for an upcall, the app may change it. */
    struct nom_registers saved;
};
_Static_assert(sizeof(struct nom_context) == 16 * 8 + 18 * 8, "layout of struct nom_context");

#endif
