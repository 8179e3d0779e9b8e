/*
 * Contexts (abi/context.h): an app's share of one core, and the events that reach it. All with the
 * lock held.
 *
 *   FREE --nk_context_start()--> READY --schedule--> RUNNING --schedule--> READY
 *                                  ^--nk_context_event(), time--WAITING <--NOM_SYS_WAIT--/
 *   any --nk_context_end()--> FREE
 */
#ifndef NK_CONTEXT_H
#define NK_CONTEXT_H

#include "core.h"
#include "runtime/abi/context.h"
#include "runtime/abi/syscall.h"

enum nk_context_state {
    NK_CONTEXT_FREE,
    NK_CONTEXT_READY,
    NK_CONTEXT_RUNNING, /* in ring 3 on its core, or being served there */
    NK_CONTEXT_WAITING,
};

struct nk_context {
    struct nk_frame frame; /* first: the processor itself saves into it */
    struct nk_app *app;
    struct nom_context *shared; /* the page, as the kernel sees it; NULL until first used */
    struct nk_core *core;
    enum nk_context_state state;
    uint32_t index; /* in its app */

    uint64_t wait_events, wait_tsc; /* WAITING: for these, or until then (0: for ever) */
    uint64_t slice_tsc;             /* RUNNING: it may be asked to leave from then on */
    uint64_t cut_tsc;               /* it has been asked, and must have left by then; 0: not */
    uint64_t cuts;
    uint64_t kept_page; /* physical: for the registers that the app saves itself, had it answered */
    bool kept;          /* they are in it */

    unsigned held; /* interrupts of its devices (bind.c) */

    bool in_upcall, fault_upcall; /* fault_upcall: of which FAULT is an event */
    uint64_t due;                 /* FAULT and PREEMPT not delivered yet */
    struct {
        uint64_t vector, error, address, rip;
    } fault; /* of NOM_EVENT_FAULT */
} __attribute__((aligned(64)));

/* Starts a context of the app on a core that has none of it: 0, or a negated enum nom_error.
 * argument goes to rdi, the address of the shared page to rsi. */
int nk_context_start(struct nk_app *app, struct nk_core *core, const struct nom_core_start *start,
                     struct nk_context **out);
/* The context leaves its core, whatever its state. */
void nk_context_end(struct nk_context *context);

/* Makes events pending; wakes the context or brings an upcall, if it wants that. Only bits of
 * NOM_EVENTS_PENDING. What belongs to the event (interrupts, channels in the shared page) is set
 * before. */
void nk_context_event(struct nk_context *context, uint64_t events);
/* To all contexts of an app; of all apps. */
void nk_app_event(struct nk_app *app, uint64_t events);
void nk_apps_event(uint64_t events);

/* Sets bits of a word of the shared page (pending, interrupts, channels). */
static inline void nk_context_set(uint64_t *word, uint64_t bits) {
    __asm__ volatile("lock orq %1, %0" : "+m"(*word) : "r"(bits) : "memory", "cc");
}

/* A WAITING context becomes READY; result is what NOM_SYS_WAIT gives it. */
void nk_context_wake(struct nk_context *context, uint64_t result);

/* NOM_SYS_WAIT and NOM_SYS_YIELD. */
int64_t nk_context_wait(struct nk_context *context, uint64_t events, uint64_t timeout_ns);
int64_t nk_context_yield(struct nk_context *context);

#endif
