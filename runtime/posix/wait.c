/*
 * Waiting. The thread that began to wait last is the poller: it polls the network in its own
 * context until what it waits for has come. So a server's thread that waits for its sockets is
 * called by lwIP's callbacks on its own stack, and serves request after request without a thread
 * switch. Threads that wait beside it are parked; whom the poller's callbacks wake runs next.
 *
 *   RUNNING --posix_block--> POLLS --another one blocks, this one's turn--> PARKED
 *      ^                       |                                              |
 *      '--woken, time, signal--'----------------------------------------------'
 *
 * With no thread waiting to poll (the poller has ended, say) the scheduler's idle thread does it.
 */
#include "runtime/posix/wait.h"
#include "runtime/app/loop.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/posix.h"
#include "runtime/posix/program.h"
#include <errno.h>
#include <signal.h>
#include <time.h>

#define STATUS_FAILED  1
#define DEADLINE_S_MAX (100u * 365 * 86400) /* beyond it is for ever */

void *posix_thread_pointer;

static struct thread *poller;
static struct posix_timer *timers; /* by due_tsc */
static bool asked_to_end;

/* ---- timers ---- */

void posix_timer_set(struct posix_timer *t, uint64_t due_tsc) {
    struct posix_timer *before = NULL, *after;
    posix_timer_clear(t);
    for (after = timers; after && after->due_tsc <= due_tsc; after = after->next)
        before = after;
    t->due_tsc = due_tsc;
    t->set = true;
    t->before = before;
    t->next = after;
    *(before ? &before->next : &timers) = t;
    if (after)
        after->before = t;
}

void posix_timer_clear(struct posix_timer *t) {
    if (!t->set)
        return;
    *(t->before ? &t->before->next : &timers) = t->next;
    if (t->next)
        t->next->before = t->before;
    t->set = false;
}

static void run_timers(void) {
    uint64_t now_tsc = timers ? plat_now_tsc() : 0;
    while (timers && timers->due_tsc <= now_tsc) {
        struct posix_timer *t = timers;
        posix_timer_clear(t);
        t->notify(t);
    }
}

/* ---- turns ---- */

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Sockets, network, chooser, timers; sleeps at most until then, where nothing happens. */
static void turn(uint64_t until_tsc) {
    posix_sockets_flush();
    if (!app_turn(until_tsc) && !asked_to_end) {
        asked_to_end = true;
        if (app_lost_nic())
            posix_exit(STATUS_FAILED);
        posix_signal(SIGTERM);
    }
    run_timers();
}

/* Whoever waits for anything else than the network is due by then. */
static uint64_t due_tsc(uint64_t deadline_tsc) {
    uint64_t due = sooner(deadline_tsc, thread_next_due_tsc());
    return timers ? sooner(due, timers->due_tsc) : due;
}

static void idle(uint64_t until_tsc) {
    turn(due_tsc(until_tsc));
}

void posix_wait_start(void) {
    thread_on_idle(idle);
}

void posix_yield(void) {
    void *pointer = posix_thread_pointer;
    thread_yield();
    posix_thread_pointer = pointer;
}

/* Whoever waits need not poll meanwhile: the poller of before is parked when its turn comes. */
bool posix_turn(void) {
    poller = NULL;
    if (thread_others())
        posix_yield();
    turn(0);
    if (thread_others())
        posix_yield();
    return posix_signals_deliver();
}

long posix_block(struct posix_waiter *w, uint64_t deadline_tsc) {
    void *pointer = posix_thread_pointer;
    long result = 0;
    w->thread = thread_self();
    poller = w->thread;
    while (!w->woken) {
        if (posix_signals_deliver())
            result = -EINTR;
        else if (plat_now_tsc() >= deadline_tsc)
            result = -ETIMEDOUT;
        if (result != 0)
            break;
        if (poller != w->thread)
            thread_park(deadline_tsc);
        else if (thread_others())
            thread_yield();
        else
            turn(due_tsc(deadline_tsc));
        posix_thread_pointer = pointer;
    }
    if (poller == w->thread)
        poller = NULL;
    return result;
}

void posix_wake(struct posix_waiter *w) {
    if (w->woken)
        return;
    w->woken = true;
    if (w->thread && w->thread != thread_self())
        thread_unpark(w->thread);
}

void posix_wake_waiting(struct thread *t) {
    if (t != thread_self())
        thread_unpark(t);
}

/* ---- deadlines ---- */

uint64_t posix_deadline_us(uint64_t us) {
    if (us / 1000000 > DEADLINE_S_MAX)
        return POSIX_FOREVER;
    return plat_now_tsc() + plat_us_to_tsc((double)us);
}

long posix_deadline(const struct timespec *interval, uint64_t *deadline_tsc) {
    *deadline_tsc = POSIX_FOREVER;
    if (!interval)
        return 0;
    if (interval->tv_sec < 0 || interval->tv_nsec < 0 || interval->tv_nsec >= 1000000000)
        return -EINVAL;
    if ((uint64_t)interval->tv_sec < DEADLINE_S_MAX) {
        double us = (double)interval->tv_sec * 1e6 + (double)interval->tv_nsec / 1e3;
        *deadline_tsc = plat_now_tsc() + plat_us_to_tsc(us);
    }
    return 0;
}
