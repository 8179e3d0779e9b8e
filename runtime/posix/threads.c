/*
 * Threads as the C library starts them, and the futex its locks stand on. Threads give way only
 * where they wait, so that a look at a futex's word and the decision to wait are one step.
 */
#include "runtime/posix/threads.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/program.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <time.h>

/* Linux's numbers (futex(2)): no header of a C library has them all. */
#define FUTEX_WAIT        0
#define FUTEX_WAKE        1
#define FUTEX_REQUEUE     3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_PRIVATE     128
#define FUTEX_REALTIME    256
#define QUEUES            64u
#define FIRST_TID         1

struct posix_thread {
    struct thread *thread;
    int (*function)(void *argument);
    void *argument, *pointer;
    int tid;
    int *clear_tid;
    struct posix_thread_signals signals;
    void *unmap;
    unsigned long unmap_bytes;
    struct posix_thread *next, *before; /* of all, and of those that are spare */
};

struct queued {
    struct posix_waiter waiter;
    const int *word;
    struct queued *next, *before;
};

static struct posix_thread first = {.tid = FIRST_TID};
static struct posix_thread *all = &first, *spare;
static struct queued *queues[QUEUES], *queue_ends[QUEUES];
static int last_tid = FIRST_TID;

/* ---- futex ---- */

static unsigned queue_of(const int *word) {
    return (unsigned)((uintptr_t)word >> 2) % QUEUES;
}

static void enqueue(struct queued *q, const int *word) {
    unsigned i = queue_of(word);
    q->word = word;
    q->next = NULL;
    q->before = queue_ends[i];
    *(q->before ? &q->before->next : &queues[i]) = q;
    queue_ends[i] = q;
}

static void dequeue(struct queued *q) {
    unsigned i = queue_of(q->word);
    *(q->before ? &q->before->next : &queues[i]) = q->next;
    *(q->next ? &q->next->before : &queue_ends[i]) = q->before;
    q->word = NULL;
}

static long futex_wait(const int *word, int value, uint64_t deadline_tsc) {
    struct queued q = {0};
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != value)
        return -EAGAIN;
    enqueue(&q, word);
    long result = posix_block(&q.waiter, deadline_tsc);
    if (q.word)
        dequeue(&q);
    return result;
}

static long futex_wake(const int *word, int count) {
    long woken = 0;
    struct queued *next;
    for (struct queued *q = queues[queue_of(word)]; q && woken < count; q = next) {
        next = q->next;
        if (q->word != word)
            continue;
        dequeue(q);
        posix_wake(&q->waiter);
        woken++;
    }
    return woken;
}

static long futex_requeue(const int *word, int wake, int move, const int *to) {
    long done = futex_wake(word, wake);
    struct queued *next;
    for (struct queued *q = queues[queue_of(word)]; q && move > 0; q = next) {
        next = q->next;
        if (q->word != word)
            continue;
        dequeue(q);
        enqueue(q, to);
        move--;
        done++;
    }
    return done;
}

/* An absolute time of that clock as one of the TSC. */
static long deadline_at(int clock, const struct timespec *at, uint64_t *deadline_tsc) {
    struct timespec now, left;
    if (!at)
        return posix_deadline(NULL, deadline_tsc);
    if (at->tv_nsec < 0 || at->tv_nsec >= 1000000000)
        return -EINVAL;
    posix_sys_clock_gettime(clock, (long)&now);
    left.tv_sec = at->tv_sec - now.tv_sec;
    left.tv_nsec = at->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
        left.tv_nsec += 1000000000;
        left.tv_sec--;
    }
    if (left.tv_sec < 0)
        left = (struct timespec){0};
    return posix_deadline(&left, deadline_tsc);
}

long posix_sys_futex(long address, long operation, long value, long timeout, long address2,
                     long value3) {
    const int *word = (const int *)address;
    uint64_t deadline_tsc;
    int clock = operation & FUTEX_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC;
    long error;
    switch (operation & ~(FUTEX_PRIVATE | FUTEX_REALTIME)) {
    case FUTEX_WAIT:
        error = posix_deadline((const struct timespec *)timeout, &deadline_tsc);
        return error ? error : futex_wait(word, (int)value, deadline_tsc);
    case FUTEX_WAIT_BITSET:
        error = deadline_at(clock, (const struct timespec *)timeout, &deadline_tsc);
        return error ? error : futex_wait(word, (int)value, deadline_tsc);
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
        return futex_wake(word, (int)value);
    case FUTEX_CMP_REQUEUE:
        if (*word != (int)value3)
            return -EAGAIN;
        return futex_requeue(word, (int)value, (int)timeout, (const int *)address2);
    case FUTEX_REQUEUE:
        return futex_requeue(word, (int)value, (int)timeout, (const int *)address2);
    default:
        return -ENOSYS;
    }
}

/* ---- threads ---- */

static struct posix_thread *self(void) {
    const struct thread *running = thread_self();
    struct posix_thread *t = all;
    while (t && t->thread != running)
        t = t->next;
    return t ? t : &first;
}

struct posix_thread_signals *posix_thread_signals(long tid) {
    struct posix_thread *t = tid == 0 ? self() : all;
    while (t && tid != 0 && t->tid != tid)
        t = t->next;
    return t ? &t->signals : NULL;
}

void posix_threads_each(void (*visit)(struct thread *t)) {
    for (struct posix_thread *t = all; t; t = t->next)
        visit(t->thread);
}

int posix_threads_start(void) {
    if (thread_start() != 0) {
        plat_log("%s: no memory for threads", posix_name);
        return -1;
    }
    first.thread = thread_self();
    return 0;
}

static struct posix_thread *take(void) {
    struct posix_thread *t = spare;
    if (t)
        spare = t->next;
    else
        t = plat_dma_alloc(sizeof *t);
    return t;
}

static void begin(void *argument) {
    struct posix_thread *t = argument;
    posix_thread_pointer = t->pointer;
    t->function(t->argument);
    posix_thread_end(NULL, 0);
}

/* Off its stack. */
static void ended(void *argument) {
    struct posix_thread *t = argument;
    *(t->before ? &t->before->next : &all) = t->next;
    if (t->next)
        t->next->before = t->before;
    if (t->unmap_bytes)
        posix_sys_munmap((long)t->unmap, (long)t->unmap_bytes);
    if (t->clear_tid) {
        __atomic_store_n(t->clear_tid, 0, __ATOMIC_SEQ_CST);
        futex_wake(t->clear_tid, 1);
    }
    t->next = spare;
    spare = t;
}

long posix_thread_start(int (*function)(void *argument), void *argument, void *stack_bottom,
                        void *stack_top, void *thread_pointer, int *tid, int *clear_tid) {
    struct posix_thread *t = take();
    if (!t)
        return -ENOMEM;
    *t = (struct posix_thread){.function = function,
                               .argument = argument,
                               .pointer = thread_pointer,
                               .tid = ++last_tid,
                               .signals = {.blocked = self()->signals.blocked},
                               .clear_tid = clear_tid};
    uintptr_t top = (uintptr_t)stack_top & ~(uintptr_t)15;
    t->thread = thread_create_on(begin, t, stack_bottom, (void *)top, ended);
    if (!t->thread) {
        t->next = spare;
        spare = t;
        return -ENOMEM;
    }
    t->next = all;
    all->before = t;
    all = t;
    if (tid)
        *tid = t->tid;
    return t->tid;
}

void posix_thread_end(void *stack_bottom, unsigned long stack_bytes) {
    struct posix_thread *t = self();
    t->unmap = stack_bottom;
    t->unmap_bytes = stack_bytes;
    thread_exit();
}

long posix_sys_gettid(void) {
    return self()->tid;
}

long posix_sys_set_tid_address(long address) {
    struct posix_thread *t = self();
    t->clear_tid = (int *)address;
    return t->tid;
}

long posix_sys_sched_yield(void) {
    posix_turn();
    return 0;
}
