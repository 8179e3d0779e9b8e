/* What the parts of signals know of each other. */
#ifndef POSIX_ACTIONS_H
#define POSIX_ACTIONS_H

#include "runtime/posix/posix.h"

#define POSIX_SIGNALS_MAX 64

static inline uint64_t posix_signal_bit(int number) {
    return UINT64_C(1) << (number - 1);
}

/* As the C library hands it over: the structure of Linux's own call. */
struct posix_action {
    void (*handler)(int number); /* SIG_DFL, SIG_IGN */
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask; /* blocked beside while the handler runs */
};

/* The action of a signal, from 1 to POSIX_SIGNALS_MAX; setting one that ignores it forgets what is
 * pending of it. */
struct posix_action posix_action(int number);
void posix_action_set(int number, struct posix_action action);

/* To one thread: 0, or -ESRCH. */
long posix_signal_thread(long tid, int number);
/* Pending for the running thread, which blocks them. */
uint64_t posix_signals_pending(void);
/* Takes one of the set that is pending for the running thread: its number, or 0. */
int posix_signal_take(uint64_t set);

/* Somebody who waits for one of a set to become pending; woken once it is. */
struct posix_signal_waiter {
    struct posix_waiter waiter;
    uint64_t set;
    struct posix_signal_waiter *next;
};
void posix_signal_await(struct posix_signal_waiter *w);
void posix_signal_await_no_more(struct posix_signal_waiter *w);

#endif
