/*
 * Invariant: a context that is not FREE stands in the list of its core (schedule.c), and its shared
 * page is mapped in its app. That page, and the one behind it for registers, stay the context's as
 * long as the app lives, and are used again.
 */
#include "context.h"
#include "app.h"
#include "bind.h"
#include "board.h"
#include "memory.h"
#include "paging.h"
#include "schedule.h"
#include "upcall.h"

#define NS_PER_S 1000000000ULL

static uint64_t page_address(uint32_t index) {
    return NK_APP_CONTEXTS + index * NK_PAGE_BYTES;
}

static bool share(struct nk_context *context, uint32_t index) {
    struct nk_app *app = context->app;
    uint64_t page = nk_memory_pages(app->number, 2);
    if (!page)
        return false;
    if (!nk_paging_map(app, page_address(index), page, NK_PAGE_BYTES,
                       NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE)) {
        nk_memory_free(page, 2 * NK_PAGE_BYTES);
        return false;
    }
    context->shared = nk_direct(page);
    context->kept_page = page + NK_PAGE_BYTES;
    return true;
}

int nk_context_start(struct nk_app *app, struct nk_core *core, const struct nom_core_start *start,
                     struct nk_context **out) {
    uint32_t index = 0;
    while (app->contexts[index].state != NK_CONTEXT_FREE)
        index++;
    struct nk_context *context = &app->contexts[index];
    struct nom_context *shared = context->shared;
    uint64_t kept_page = context->kept_page;
    nk_zero(context, sizeof *context);
    context->app = app;
    context->shared = shared;
    context->kept_page = kept_page;
    context->index = index;
    if (!shared && !share(context, index))
        return -NOM_ENOMEM;
    shared = context->shared;
    nk_zero(shared, sizeof *shared);
    shared->index = index;
    context->frame.rdi = start->argument;
    context->frame.rsi = page_address(index);
    context->frame.rip = start->entry;
    context->frame.cs = NK_CS_USER;
    context->frame.rflags = NK_FLAGS_APP;
    context->frame.rsp = start->stack_top;
    context->frame.ss = NK_SS_USER;
    context->state = NK_CONTEXT_READY;
    nk_schedule_add(core, context);
    *out = context;
    return 0;
}

void nk_context_end(struct nk_context *context) {
    nk_bind_context_end(context);
    context->state = NK_CONTEXT_FREE;
    nk_schedule_remove(context);
}

/* Takes those of the events that are pending. */
static uint64_t take(struct nk_context *context, uint64_t events) {
    uint64_t *pending = &context->shared->pending;
    uint64_t found = *(volatile uint64_t *)pending & events;
    if (found)
        __asm__ volatile("lock andq %1, %0" : "+m"(*pending) : "r"(~found) : "memory", "cc");
    return found;
}

void nk_context_wake(struct nk_context *context, uint64_t result) {
    context->frame.rax = result;
    context->state = NK_CONTEXT_READY;
    nk_core_look(context->core);
}

void nk_context_event(struct nk_context *context, uint64_t events) {
    nk_context_set(&context->shared->pending, events);
    if (context->state == NK_CONTEXT_WAITING && (context->wait_events & events))
        nk_context_wake(context, take(context, context->wait_events));
    else if (context->state == NK_CONTEXT_RUNNING && nk_upcall_events(context))
        nk_core_look(context->core);
}

void nk_app_event(struct nk_app *app, uint64_t events) {
    for (unsigned i = 0; i < NK_CORES_MAX; i++)
        if (app->contexts[i].state != NK_CONTEXT_FREE)
            nk_context_event(&app->contexts[i], events);
}

void nk_apps_event(uint64_t events) {
    struct nk_app *app;
    for (unsigned n = 1; n <= NOM_APPS_MAX; n++)
        if ((app = nk_app_by_number(n)))
            nk_app_event(app, events);
}

static uint64_t tsc_from_now(uint64_t ns) {
    uint64_t hz = nk_board_tsc_hz();
    return nk_tsc() + ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

int64_t nk_context_wait(struct nk_context *context, uint64_t events, uint64_t timeout_ns) {
    if ((events & ~(NOM_EVENTS_PENDING | NOM_EVENT_TIME)) ||
        (!(events & NOM_EVENTS_PENDING) && !timeout_ns))
        return -NOM_EINVAL;
    nk_bind_settle(context);
    context->wait_events = events & NOM_EVENTS_PENDING;
    uint64_t found = take(context, context->wait_events);
    if (found)
        return (int64_t)found;
    bool ends = timeout_ns > 0 && timeout_ns < NK_WAIT_NS_MAX;
    context->wait_tsc = ends ? tsc_from_now(timeout_ns) : 0;
    context->state = NK_CONTEXT_WAITING;
    return 0;
}

int64_t nk_context_yield(struct nk_context *context) {
    context->state = NK_CONTEXT_READY;
    return 0;
}
