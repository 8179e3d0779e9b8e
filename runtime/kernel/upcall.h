/*
 * Upcalls (abi/context.h): how what happens reaches the app's own code.
 */
#ifndef NK_UPCALL_H
#define NK_UPCALL_H

#include "context.h"

/* Whether the app has an entry for upcalls in this context. */
bool nk_upcall_possible(const struct nk_context *context);
/* The events of which one is to be delivered: those due, and those pending and wanted; 0 while it
 * is in an upcall. */
static inline uint64_t nk_upcall_events(const struct nk_context *context) {
    const volatile struct nom_context *shared = context->shared;
    if (context->in_upcall)
        return 0;
    return context->due | (shared->pending & shared->upcall_events & NOM_EVENTS_PENDING);
}

/* On the way to ring 3, with these events: makes the frame that of an upcall, if the app has an
 * entry. */
void nk_upcall_deliver(struct nk_context *context, uint64_t events);

/* NOM_SYS_RESUME. True: the frame is that of what goes on (or the app has been ended), and there is
 * no result to give. */
bool nk_upcall_resume(struct nk_context *context, uint64_t how);

#endif
