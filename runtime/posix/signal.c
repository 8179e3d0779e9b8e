/*
 * Signals: what is pending, whose it is, and what is done about it. A handler is called as a plain
 * function, by a thread that waits, polls or has sent the signal itself; so the program is never
 * interrupted anywhere else. A signal to the program is its first thread's, as on Linux, unless
 * that blocks it.
 */
#include "runtime/platform/platform.h"
#include "runtime/posix/actions.h"
#include "runtime/posix/console.h"
#include "runtime/posix/threads.h"
#include "runtime/posix/wait.h"
#include <errno.h>
#include <signal.h>
#include <string.h>

#define FIRST_THREAD  1
#define STATUS_SIGNAL 128 /* and the signal's number */
#define UNBLOCKABLE   (posix_signal_bit(SIGKILL) | posix_signal_bit(SIGSTOP))
#define CONTEXT_BYTES 1024 /* no less than a ucontext_t */

static struct posix_action actions[POSIX_SIGNALS_MAX + 1];
static uint64_t pending;          /* for whichever thread */
static uint64_t pending_anywhere; /* for some thread; may hold what one that ended had */
static struct posix_signal_waiter *waiters;
static bool restart;

static bool ignored(int number) {
    void (*handler)(int) = actions[number].handler;
    if (handler != SIG_DFL)
        return handler == SIG_IGN;
    switch (number) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP: /* there is nobody who would let it go on */
    case SIGTTIN:
    case SIGTTOU:
        return true;
    default:
        return false;
    }
}

struct posix_action posix_action(int number) {
    return actions[number];
}

void posix_action_set(int number, struct posix_action action) {
    actions[number] = action;
    if (ignored(number)) {
        pending &= ~posix_signal_bit(number);
        posix_thread_signals(0)->pending &= ~posix_signal_bit(number);
    }
}

/* ---- sending ---- */

static void tell(uint64_t set) {
    pending_anywhere |= set;
    for (struct posix_signal_waiter *w = waiters; w; w = w->next)
        if (w->set & set)
            posix_wake(&w->waiter);
    posix_threads_each(posix_wake_waiting);
}

/* A signal that is ignored is kept for one who blocks it: he may wait for it. */
static bool drops(int number, const struct posix_thread_signals *s) {
    return ignored(number) && !(s && (s->blocked & posix_signal_bit(number)));
}

void posix_signal(int number) {
    if (drops(number, posix_thread_signals(FIRST_THREAD)))
        return;
    pending |= posix_signal_bit(number);
    tell(posix_signal_bit(number));
}

long posix_signal_thread(long tid, int number) {
    struct posix_thread_signals *s = posix_thread_signals(tid);
    if (!s)
        return -ESRCH;
    if (!drops(number, s)) {
        s->pending |= posix_signal_bit(number);
        tell(posix_signal_bit(number));
    }
    return 0;
}

long posix_broken_pipe(void) {
    posix_signal_thread(0, SIGPIPE);
    posix_signals_deliver();
    return -EPIPE;
}

void posix_signal_await(struct posix_signal_waiter *w) {
    w->next = waiters;
    waiters = w;
}

void posix_signal_await_no_more(struct posix_signal_waiter *w) {
    struct posix_signal_waiter **at = &waiters;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

/* ---- taking ---- */

uint64_t posix_signals_block(uint64_t blocked) {
    struct posix_thread_signals *s = posix_thread_signals(0);
    uint64_t before = s->blocked;
    s->blocked = blocked & ~UNBLOCKABLE;
    /* What is no longer this thread's may be another's. */
    if (pending & blocked & ~before)
        tell(0);
    return before;
}

uint64_t posix_signals_pending(void) {
    const struct posix_thread_signals *s = posix_thread_signals(0);
    return (pending | s->pending) & s->blocked;
}

int posix_signal_take(uint64_t set) {
    struct posix_thread_signals *s = posix_thread_signals(0);
    uint64_t found = (s->pending | pending) & set;
    if (!found)
        return 0;
    int number = __builtin_ctzll(found) + 1;
    uint64_t bit = posix_signal_bit(number);
    if (s->pending & bit)
        s->pending &= ~bit;
    else
        pending &= ~bit;
    return number;
}

/* What the running thread is to act on now. */
static int next_signal(void) {
    const struct posix_thread_signals *s = posix_thread_signals(0);
    const struct posix_thread_signals *first = posix_thread_signals(FIRST_THREAD);
    uint64_t mine = s == first || !first ? pending : pending & first->blocked;
    return posix_signal_take((mine | s->pending) & ~s->blocked);
}

/* strsignal wants a locale, which the floor has not everywhere. */
static const char *name_of(int number) {
    static const char *const names[] = {
        "",     "HUP",  "INT",  "QUIT", "ILL",    "TRAP",   "ABRT",  "BUS",  "FPE",  "KILL", "USR1",
        "SEGV", "USR2", "PIPE", "ALRM", "TERM",   "STKFLT", "CHLD",  "CONT", "STOP", "TSTP", "TTIN",
        "TTOU", "URG",  "XCPU", "XFSZ", "VTALRM", "PROF",   "WINCH", "IO",   "PWR",  "SYS"};
    return (size_t)number < sizeof names / sizeof *names ? names[number] : "RT";
}

static _Noreturn void end_by(int number) {
    posix_console_end();
    plat_log("%s: ended by signal %d (SIG%s)", posix_name, number, name_of(number));
    posix_exit(STATUS_SIGNAL + number);
}

static void call(int number, const struct posix_action *a) {
    _Alignas(16) char context[CONTEXT_BYTES] = {0};
    siginfo_t info = {.si_signo = number, .si_code = SI_USER};
    void (*with_info)(int, siginfo_t *, void *);
    if (a->flags & SA_SIGINFO) {
        memcpy(&with_info, &a->handler, sizeof with_info);
        with_info(number, &info, context);
    } else {
        a->handler(number);
    }
}

/* True if a handler has run. */
static bool act(int number) {
    struct posix_thread_signals *s = posix_thread_signals(0);
    struct posix_action a = actions[number];
    uint64_t before = s->blocked;
    if (ignored(number))
        return false;
    if (a.handler == SIG_DFL)
        end_by(number);
    if (a.flags & SA_RESETHAND)
        actions[number].handler = SIG_DFL;
    s->blocked |= (a.mask | (a.flags & SA_NODEFER ? 0 : posix_signal_bit(number))) & ~UNBLOCKABLE;
    call(number, &a);
    s->blocked = before;
    if (!(a.flags & SA_RESTART))
        restart = false;
    return true;
}

bool posix_signals_deliver(void) {
    bool ran = false;
    int number;
    if (!pending_anywhere)
        return false;
    bool all_restart = true;
    while ((number = next_signal()) != 0) {
        restart = true;
        ran |= act(number);
        all_restart &= restart;
    }
    restart = all_restart;
    return ran;
}

bool posix_signals_restart(void) {
    return restart;
}
