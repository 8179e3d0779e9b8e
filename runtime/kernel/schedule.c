/*
 * Invariants: core->contexts holds the contexts that live on the core, in any state but FREE; at
 * most one of them is RUNNING, and it is core->current. The timer is set only while a READY context
 * waits for the RUNNING one to leave, or a WAITING one for a time; or, on the first core, a device
 * is to be unplugged (hotplug.c).
 *
 * How a context leaves that shares its core:
 *
 *   RUNNING --its slice is over: NOM_EVENT_PREEMPT--> asked --YIELD, WAIT--> left
 *       asked --not after NK_CUT_US--> cut
 *
 * One that cannot be asked is cut at once. Whoever is cut loses nothing but the core: a host that
 * stops a virtual core takes the app's time and not the clock's, so those that would have answered
 * are cut too.
 */
#include "schedule.h"
#include "app.h"
#include "board.h"
#include "hotplug.h"
#include "interrupt.h"
#include "lapic.h"
#include "ports.h"
#include "upcall.h"
#include "worker.h"

static uint64_t us(uint64_t time_us) {
    return nk_board_tsc_hz() / 1000000 * time_us;
}

static void owner(const struct nk_core *core) {
    nk_board_own(core->index + 1, core->context_count ? core->contexts[0]->app->number : 0);
}

void nk_schedule_add(struct nk_core *core, struct nk_context *context) {
    core->contexts[core->context_count++] = context;
    context->core = core;
    context->shared->core = core->index;
    owner(core);
    nk_core_look(core);
}

void nk_schedule_remove(struct nk_context *context) {
    struct nk_core *core = context->core;
    unsigned place = 0;
    while (core->contexts[place] != context)
        place++;
    core->context_count--;
    for (unsigned i = place; i < core->context_count; i++)
        core->contexts[i] = core->contexts[i + 1];
    if (core->turn >= place)
        core->turn = core->turn > 0 ? core->turn - 1 : 0;
    if (core->current == context)
        core->current = NULL;
    if (core->registers == context)
        core->registers = NULL;
    owner(core);
    nk_core_look(core);
}

/* Wakes those whose time is up; whether any is READY. *next: when that has to be done again. */
static bool refresh(struct nk_core *core, uint64_t now, uint64_t *next) {
    bool ready = false;
    *next = UINT64_MAX;
    for (unsigned i = 0; i < core->context_count; i++) {
        struct nk_context *context = core->contexts[i];
        if (context->state == NK_CONTEXT_WAITING && context->wait_tsc) {
            if (context->wait_tsc <= now)
                nk_context_wake(context, NOM_EVENT_TIME);
            else if (context->wait_tsc < *next)
                *next = context->wait_tsc;
        }
        ready |= context->state == NK_CONTEXT_READY;
    }
    return ready;
}

/* Others are ready: whether the context that runs has to leave at once. Asks it to, if its slice is
 * over. */
static bool leaves(struct nk_context *context, uint64_t now) {
    if (now < (context->cut_tsc ? context->cut_tsc : context->slice_tsc))
        return false;
    if (!context->cut_tsc)
        nk_board_count(NK_COUNT_PREEMPTIONS);
    if (!context->cut_tsc && nk_upcall_possible(context)) {
        context->due |= NOM_EVENT_PREEMPT;
        context->cut_tsc = now + us(NK_CUT_US);
        context->shared->preempt_deadline_tsc = context->cut_tsc;
        return false;
    }
    nk_board_count(NK_COUNT_CUTS);
    context->shared->cuts = ++context->cuts;
    nk_worker_keep(context->kept_page);
    context->kept = true;
    return true;
}

static struct nk_context *pick(struct nk_core *core) {
    for (unsigned i = 0; i < core->context_count; i++) {
        if (++core->turn >= core->context_count)
            core->turn = 0;
        if (core->contexts[core->turn]->state == NK_CONTEXT_READY)
            return core->contexts[core->turn];
    }
    return NULL;
}

/* A core without contexts takes one from the core that has most. */
static bool adopt(struct nk_core *core) {
    const struct nk_core *from = core;
    for (unsigned i = 0; i < nk_core_count; i++)
        if (nk_cores[i].context_count > from->context_count)
            from = &nk_cores[i];
    if (core->context_count > 0 || from->context_count < 2)
        return false;
    /* Any but the one that runs, of which there is one at most; rather one that could. */
    struct nk_context *best = from->contexts[from->contexts[0]->state == NK_CONTEXT_RUNNING];
    for (unsigned i = 0; i < from->context_count; i++)
        if (from->contexts[i]->state == NK_CONTEXT_READY)
            best = from->contexts[i];
    nk_schedule_remove(best);
    nk_schedule_add(core, best);
    return true;
}

static void enter(struct nk_core *core, struct nk_context *context, uint64_t now) {
    context->state = NK_CONTEXT_RUNNING;
    context->slice_tsc = now + us(NK_SLICE_US);
    context->cut_tsc = 0;
    context->due &= ~NOM_EVENT_PREEMPT;
    if (core->registers != context)
        nk_worker_load(context->kept ? context->kept_page : 0);
    context->kept = false;
    core->registers = context;
    core->current = context;
    core->tss.rsp[0] = (uint64_t)(&context->frame + 1);
    nk_ports_load(core, context->app);
}

static void timer(struct nk_core *core, uint64_t at, uint64_t now) {
    if (at == UINT64_MAX)
        at = 0;
    if (core->timer_tsc == at)
        return;
    core->timer_tsc = at;
    nk_lapic_timer(!at ? 0 : at > now ? at - now : 1);
}

static void idle(struct nk_core *core) {
    core->current = NULL;
    nk_core_tables(core, 0);
    nk_unlock();
    __asm__ volatile("sti; hlt; cli" : : : "memory");
    nk_lock();
}

/* Chooses; idles until it can. */
static void choose(struct nk_core *core) {
    for (;;) {
        nk_hotplug_due();
        uint64_t now = nk_tsc(), next, due = core->index == 0 ? nk_hotplug_next_tsc() : 0;
        struct nk_context *context = core->current;
        bool ready = refresh(core, now, &next);
        bool runs = context && context->state == NK_CONTEXT_RUNNING;
        if (runs && ready && leaves(context, now)) {
            context->state = NK_CONTEXT_READY;
            runs = false;
        }
        if (!runs && !ready && adopt(core))
            continue;
        if (!runs && ready) {
            context = pick(core);
            enter(core, context, now);
            ready = refresh(core, now, &next); /* others */
            runs = true;
        }
        if (runs && ready) {
            uint64_t leave = context->cut_tsc ? context->cut_tsc : context->slice_tsc;
            next = leave < next ? leave : next;
        } else if (runs) {
            context->cut_tsc = 0;
        }
        timer(core, due && due < next ? due : next, now);
        if (runs)
            return;
        idle(core);
    }
}

struct nk_frame *nk_schedule(struct nk_core *core) {
    for (;;) {
        if (core->deferred_count > 0)
            nk_interrupt_deferred();
        if (!core->current || core->current->state != NK_CONTEXT_RUNNING ||
            core->context_count > 1 || core->timer_tsc || nk_hotplug_next_tsc())
            choose(core);
        if (core->deferred_count > 0)
            continue;
        struct nk_context *context = core->current;
        uint64_t events = nk_upcall_events(context);
        if (events)
            nk_upcall_deliver(context, events);
        nk_core_tables(core, context->app->tables_physical);
        nk_unlock();
        return &context->frame;
    }
}
