/* The calls of signals: what they check, and what they wait for. */
#include "runtime/posix/actions.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/threads.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

#define SET_BYTES 8

static bool is_signal(long number) {
    return number >= 1 && number <= POSIX_SIGNALS_MAX;
}

long posix_sys_rt_sigaction(long number, long action, long before, long set_bytes) {
    const struct posix_action *new = (const struct posix_action *)action;
    if (set_bytes != SET_BYTES || !is_signal(number) ||
        (new && (number == SIGKILL || number == SIGSTOP)))
        return -EINVAL;
    struct posix_action old = posix_action((int)number);
    if (new)
        posix_action_set((int)number, *new);
    if (before)
        *(struct posix_action *)before = old;
    return 0;
}

long posix_sys_rt_sigprocmask(long how, long set, long before, long set_bytes) {
    if (set_bytes != SET_BYTES)
        return -EINVAL;
    if (set && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK)
        return -EINVAL;
    uint64_t old = posix_thread_signals(0)->blocked;
    if (set) {
        uint64_t given = *(const uint64_t *)set;
        posix_signals_block(how == SIG_BLOCK     ? old | given
                            : how == SIG_UNBLOCK ? old & ~given
                                                 : given);
    }
    if (before)
        *(uint64_t *)before = old;
    posix_signals_deliver();
    return 0;
}

long posix_sys_rt_sigpending(long set, long set_bytes) {
    if (set_bytes < 0 || set_bytes > SET_BYTES)
        return -EINVAL;
    uint64_t pending = posix_signals_pending();
    memcpy((void *)set, &pending, (size_t)set_bytes);
    return 0;
}

long posix_sys_rt_sigsuspend(long set, long set_bytes) {
    struct posix_waiter nobody = {0};
    if (set_bytes != SET_BYTES)
        return -EINVAL;
    uint64_t before = posix_signals_block(*(const uint64_t *)set);
    posix_block(&nobody, POSIX_FOREVER);
    posix_signals_block(before);
    return -EINTR;
}

long posix_sys_rt_sigtimedwait(long set, long info, long interval, long set_bytes) {
    struct posix_signal_waiter w = {.set = set ? *(const uint64_t *)set : 0};
    uint64_t deadline_tsc;
    if (set_bytes != SET_BYTES)
        return -EINVAL;
    long error = posix_deadline((const struct timespec *)interval, &deadline_tsc);
    int number = 0;
    while (!error && (number = posix_signal_take(w.set)) == 0) {
        w.waiter.woken = false;
        posix_signal_await(&w);
        error = posix_block(&w.waiter, deadline_tsc);
        posix_signal_await_no_more(&w);
    }
    if (error)
        return error == -ETIMEDOUT ? -EAGAIN : error;
    if (info)
        *(siginfo_t *)info = (siginfo_t){.si_signo = number, .si_code = SI_USER};
    return number;
}

/* Handlers run on the stack of whoever waits; there is never another. */
long posix_sys_sigaltstack(long stack, long before) {
    static stack_t kept = {.ss_flags = SS_DISABLE};
    if (before)
        *(stack_t *)before = kept;
    if (stack)
        kept = *(const stack_t *)stack;
    return 0;
}

/* There is one process: it, its group, and everybody are the same. */
long posix_sys_kill(long process, long number) {
    if (number < 0 || number > POSIX_SIGNALS_MAX)
        return -EINVAL;
    long self = posix_sys_getpid();
    if (process != 0 && process != -1 && process != self && process != -self)
        return -ESRCH;
    if (number != 0)
        posix_signal((int)number);
    posix_signals_deliver();
    return 0;
}

long posix_sys_tkill(long tid, long number) {
    if (number < 0 || number > POSIX_SIGNALS_MAX || tid <= 0)
        return -EINVAL;
    if (number == 0)
        return posix_thread_signals(tid) ? 0 : -ESRCH;
    long error = posix_signal_thread(tid, (int)number);
    posix_signals_deliver();
    return error;
}
