/*
 * Invariants: in_upcall from a delivery to its RESUME; nothing is delivered meanwhile. What the app
 * wrote into the shared page (its other cores may write it at this moment) is read once, and an
 * address from it goes nowhere but into the frame, if it is one of ring 3's.
 */
#include "upcall.h"
#include "app.h"
#include "bind.h"
#include "board.h"
#include "console.h"
#include "fault.h"

/* What an app may choose: carry, parity, adjust, zero, sign, direction, overflow. */
#define FLAGS_KEPT 0xcd5ULL

_Static_assert(offsetof(struct nom_registers, rip) == offsetof(struct nk_frame, vector),
               "struct nom_registers begins as struct nk_frame does");
#define REGISTERS (offsetof(struct nom_registers, rip) / 8)

static uint64_t once(const uint64_t *word) {
    return *(const volatile uint64_t *)word;
}

bool nk_upcall_possible(const struct nk_context *context) {
    uint64_t entry = once(&context->shared->upcall_entry);
    return entry && entry < NK_APP_END;
}

void nk_upcall_deliver(struct nk_context *context, uint64_t events) {
    struct nom_context *shared = context->shared;
    struct nk_frame *frame = &context->frame;
    uint64_t entry = once(&shared->upcall_entry);
    context->due = 0;
    if (!entry || entry >= NK_APP_END)
        return;
    nk_board_count(NK_COUNT_UPCALLS);
    nk_copy_words(&shared->saved, frame, REGISTERS);
    shared->saved.rip = frame->rip;
    shared->saved.rflags = frame->rflags;
    shared->saved.rsp = frame->rsp;
    frame->rdi = NK_APP_CONTEXTS + context->index * NK_PAGE_BYTES;
    frame->rsi = events;
    frame->rip = entry;
    frame->rsp = once(&shared->upcall_stack);
    frame->rflags = NK_FLAGS_APP;
    context->in_upcall = true;
    context->fault_upcall = events & NOM_EVENT_FAULT;
}

bool nk_upcall_resume(struct nk_context *context, uint64_t how) {
    const struct nom_registers *saved = &context->shared->saved;
    struct nk_frame *frame = &context->frame;
    if (!context->in_upcall || how > NOM_RESUME_FAULT ||
        (how == NOM_RESUME_FAULT && !context->fault_upcall))
        return false;
    if (how == NOM_RESUME_FAULT) {
        nk_fault_end(context);
        return true;
    }
    uint64_t rip = once(&saved->rip);
    if (rip >= NK_APP_END) {
        nk_line("app %s ended: it resumes at address %x", context->app->name, rip);
        nk_app_kill(context->app, NOM_EXIT_APP_FAULT);
        return true;
    }
    nk_copy_words(frame, saved, REGISTERS);
    frame->rip = rip;
    frame->rflags = (once(&saved->rflags) & FLAGS_KEPT) | NK_FLAGS_APP;
    frame->rsp = once(&saved->rsp);
    context->in_upcall = false;
    context->fault_upcall = false;
    nk_bind_settle(context);
    return true;
}
