/*
 * The schedulers of thread.h. Each runs on its own core and nowhere else; a thread that blocks
 * picks the next itself and switches to it, or to the idle one, whose loop waits.
 *
 * No wake is lost: a waker of another core puts the thread into the inbox and then looks whether
 * the core sleeps; the core says that it sleeps and then looks into the inbox. A wake that comes
 * before its thread has blocked is kept in `woken`.
 */
#include "runtime/lib/thread.h"
#include "runtime/lib/thread_fiber.h"
#include "runtime/lib/thread_parts.h"
#include <errno.h>

#define WAIT_US_MAX UINT32_MAX

struct scheduler thread_schedulers[PLAT_CORES_MAX];

static struct thread first;
static struct scheduler *cores[PLAT_CORES_MAX]; /* by number */
static unsigned core_count;
static void (*idle_hook)(uint64_t until_tsc); /* of core 0 */

/* ---- lists of the core's own ---- */

static void make_ready(struct scheduler *s, struct thread *t) {
    t->state = THREAD_READY;
    t->ready_next = NULL;
    *(s->ready_first ? &s->ready_last->ready_next : &s->ready_first) = t;
    s->ready_last = t;
}

static void stop_sleeping(struct scheduler *s, struct thread *t) {
    if (!t->sleeping)
        return;
    *(t->sleep_before ? &t->sleep_before->sleep_next : &s->sleepers) = t->sleep_next;
    if (t->sleep_next)
        t->sleep_next->sleep_before = t->sleep_before;
    t->sleeping = false;
}

void thread_sleep_until(struct scheduler *s, uint64_t wake_tsc) {
    struct thread *t = s->current, *before = NULL, *after = s->sleepers;
    while (after && (int64_t)(after->wake_tsc - wake_tsc) <= 0) {
        before = after;
        after = after->sleep_next;
    }
    t->wake_tsc = wake_tsc;
    t->timed_out = false;
    t->sleeping = true;
    t->sleep_before = before;
    t->sleep_next = after;
    *(before ? &before->sleep_next : &s->sleepers) = t;
    if (after)
        after->sleep_before = t;
}

static void wake_here(struct scheduler *s, struct thread *t) {
    stop_sleeping(s, t);
    if (t->state == THREAD_BLOCKED)
        make_ready(s, t);
    else
        t->woken = true;
}

static void wake_sleepers(struct scheduler *s) {
    uint64_t now_tsc = plat_now_tsc();
    while (s->sleepers && (int64_t)(now_tsc - s->sleepers->wake_tsc) >= 0) {
        struct thread *t = s->sleepers;
        t->timed_out = true;
        stop_sleeping(s, t);
        make_ready(s, t);
    }
}

static void take_inbox(struct scheduler *s) {
    struct thread *list = __atomic_exchange_n(&s->inbox, NULL, __ATOMIC_SEQ_CST), *oldest = NULL;
    while (list) {
        struct thread *t = list;
        list = t->inbox_next;
        t->inbox_next = oldest;
        oldest = t;
    }
    while (oldest) {
        struct thread *t = oldest;
        oldest = t->inbox_next;
        wake_here(s, t);
    }
}

/* Taken from those that are ready; NULL if none is. */
static struct thread *next(struct scheduler *s) {
    if (__atomic_load_n(&s->inbox, __ATOMIC_RELAXED))
        take_inbox(s);
    if (s->sleepers)
        wake_sleepers(s);
    struct thread *t = s->ready_first;
    if (t)
        s->ready_first = t->ready_next;
    return t;
}

/* ---- switching ---- */

/* The thread that ran before has ended: only now, off its stack, may others know. */
static void retire(struct thread *t) {
    thread_fiber_ended(t);
    if (t->on_end) {
        t->on_end(t->argument);
        return;
    }
    thread_guard(&t->guard);
    struct thread *joiner = t->joiner;
    bool detached = t->detached;
    t->ended = true;
    thread_unguard(&t->guard);
    if (joiner)
        thread_wake(joiner);
    else if (detached)
        thread_give(t);
}

static void arrive(struct scheduler *s) {
    struct thread *t = s->retired;
    s->retired = NULL;
    if (t)
        retire(t);
}

static void switch_to(struct scheduler *s, struct thread *to) {
    struct thread *from = s->current;
    int saved = errno;
    to->state = THREAD_RUNNING;
    s->current = to;
    s->before = from;
    thread_fiber_leave(from, to, s->retired == from);
    thread_switch(&from->stack_pointer, to->stack_pointer);
    thread_fiber_enter(from, s->before);
    arrive(s);
    errno = saved;
}

void thread_begin(struct thread *t) {
    struct scheduler *s = t->scheduler;
    thread_fiber_enter(t, s->before);
    arrive(s);
    errno = 0;
    t->function(t->argument);
    thread_exit();
}

void thread_block(struct scheduler *s) {
    struct thread *self = s->current;
    if (self->woken) {
        self->woken = false;
        stop_sleeping(s, self);
        return;
    }
    self->state = THREAD_BLOCKED;
    struct thread *to = next(s);
    if (to == self)
        self->state = THREAD_RUNNING;
    else
        switch_to(s, to ? to : &s->idle);
}

void thread_wake(struct thread *t) {
    struct scheduler *s = t->scheduler;
    if (s == thread_scheduler()) {
        wake_here(s, t);
        return;
    }
    struct thread *top = __atomic_load_n(&s->inbox, __ATOMIC_RELAXED);
    do
        t->inbox_next = top;
    while (
        !__atomic_compare_exchange_n(&s->inbox, &top, t, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    if (__atomic_load_n(&s->asleep, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&s->asleep, 0, __ATOMIC_SEQ_CST))
        plat_core_notify(s->core);
}

void thread_yield(void) {
    struct scheduler *s = thread_scheduler();
    struct thread *to = next(s);
    if (!to)
        return;
    make_ready(s, s->current);
    switch_to(s, to);
}

bool thread_others(void) {
    struct scheduler *s = thread_scheduler();
    if (__atomic_load_n(&s->inbox, __ATOMIC_RELAXED))
        take_inbox(s);
    if (s->sleepers)
        wake_sleepers(s);
    return s->ready_first != NULL;
}

void thread_exit(void) {
    struct scheduler *s = thread_scheduler();
    s->retired = s->current;
    struct thread *to = next(s);
    switch_to(s, to ? to : &s->idle);
    __builtin_unreachable();
}

/* ---- with nothing to run ---- */

static uint32_t wait_us(const struct scheduler *s) {
    if (!s->sleepers)
        return WAIT_US_MAX;
    int64_t left_tsc = (int64_t)(s->sleepers->wake_tsc - plat_now_tsc());
    uint64_t us = left_tsc > 0 ? (plat_tsc_to_ns((uint64_t)left_tsc) + 999) / 1000 : 0;
    return us < WAIT_US_MAX ? (uint32_t)us : WAIT_US_MAX;
}

static void idle(void *argument) {
    struct scheduler *s = argument;
    for (;;) {
        struct thread *to = next(s);
        if (to) {
            switch_to(s, to);
            continue;
        }
        if (idle_hook && s->core == 0) {
            idle_hook(s->sleepers ? s->sleepers->wake_tsc : UINT64_MAX);
            continue;
        }
        __atomic_store_n(&s->asleep, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&s->inbox, __ATOMIC_SEQ_CST))
            plat_wait(wait_us(s));
        __atomic_store_n(&s->asleep, 0, __ATOMIC_SEQ_CST);
    }
}

/* A core of which the idle thread is all that runs at first: its stack is the core's own. */
static void run_core(void *argument) {
    (void)argument;
    struct scheduler *s = thread_scheduler();
    s->idle.scheduler = s;
    s->idle.state = THREAD_RUNNING;
    s->current = &s->idle;
    idle(s);
}

/* ---- threads and cores ---- */

static void prepare(struct thread *t, void (*function)(void *), void *argument,
                    struct scheduler *s) {
    t->function = function;
    t->argument = argument;
    t->scheduler = s;
    /* Its struct lies at the stack's end. */
    t->stack_pointer = thread_switch_prepare(t, t);
}

int thread_start(void) {
    struct scheduler *s = thread_scheduler();
    struct thread *loop = thread_take();
    if (!loop)
        return -ENOMEM;
    prepare(loop, idle, s, s);
    /* The scheduler's own thread is this one; only its stack is from the pool. */
    s->idle = *loop;
    s->idle.stack_pointer = thread_switch_prepare(loop, &s->idle);
    s->core = plat_core_index();
    first.scheduler = s;
    first.state = THREAD_RUNNING;
    s->current = &first;
    cores[core_count++] = s;
    return 0;
}

unsigned thread_add_cores(unsigned n) {
    while (n-- > 0 && core_count < PLAT_CORES_MAX) {
        int core = plat_core_start(run_core, NULL);
        if (core < 0)
            break;
        thread_schedulers[core].core = (unsigned)core;
        cores[core_count++] = &thread_schedulers[core];
    }
    return core_count;
}

unsigned thread_cores(void) {
    return core_count;
}

struct thread *thread_create(void (*function)(void *argument), void *argument, unsigned core) {
    static uint32_t turn;
    struct thread *t = thread_take();
    if (!t)
        return NULL;
    if (core == THREAD_ANY_CORE)
        core = __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED);
    prepare(t, function, argument, cores[core % core_count]);
    thread_wake(t);
    return t;
}

struct thread *thread_create_on(void (*function)(void *argument), void *argument,
                                void *stack_bottom, void *stack_top,
                                void (*ended)(void *argument)) {
    struct thread *t = thread_place(stack_bottom, stack_top);
    if (!t)
        return NULL;
    t->on_end = ended;
    prepare(t, function, argument, cores[0]);
    thread_wake(t);
    return t;
}

void thread_join(struct thread *t) {
    struct scheduler *s = thread_scheduler();
    thread_guard(&t->guard);
    bool ended = t->ended;
    t->joiner = s->current;
    thread_unguard(&t->guard);
    if (!ended)
        thread_block(s);
    thread_give(t);
}

void thread_detach(struct thread *t) {
    thread_guard(&t->guard);
    bool ended = t->ended;
    t->detached = true;
    thread_unguard(&t->guard);
    if (ended)
        thread_give(t);
}

struct thread *thread_self(void) {
    return thread_scheduler()->current;
}

unsigned thread_core(const struct thread *t) {
    unsigned core = 0;
    while (cores[core] != t->scheduler)
        core++;
    return core;
}

bool thread_park(uint64_t until_tsc) {
    struct scheduler *s = thread_scheduler();
    s->current->timed_out = false;
    if (until_tsc != UINT64_MAX)
        thread_sleep_until(s, until_tsc);
    thread_block(s);
    return !s->current->timed_out;
}

void thread_unpark(struct thread *t) {
    thread_wake(t);
}

uint64_t thread_next_due_tsc(void) {
    const struct thread *first_due = thread_scheduler()->sleepers;
    return first_due ? first_due->wake_tsc : UINT64_MAX;
}

void thread_on_idle(void (*hook)(uint64_t until_tsc)) {
    idle_hook = hook;
}

void thread_sleep_us(uint64_t us) {
    struct scheduler *s = thread_scheduler();
    thread_sleep_until(s, plat_now_tsc() + plat_us_to_tsc((double)us));
    thread_block(s);
}
