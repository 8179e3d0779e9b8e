/*
 * Between the parts of thread.h. What a thread's own core alone touches needs no lock; where other
 * cores meet (`guard` of a mutex, condition or thread, `inbox`) says so.
 */
#ifndef LIB_THREAD_PARTS_H
#define LIB_THREAD_PARTS_H

#include "runtime/lib/thread.h"
#include "runtime/platform/platform.h"

enum thread_state { THREAD_BLOCKED, THREAD_READY, THREAD_RUNNING };

struct thread {
    void *stack_pointer; /* while it does not run */
    void (*function)(void *argument);
    void *argument;
    struct scheduler *scheduler;

    /* Its own core's. */
    enum thread_state state;
    bool woken;     /* while it was not blocked: its next block returns at once */
    bool timed_out; /* its sleep ended by itself */
    bool sleeping;
    uint64_t wake_tsc;
    struct thread *ready_next, *sleep_next, *sleep_before;

    struct thread *inbox_next;             /* of its scheduler's inbox */
    struct thread *wait_next, *spare_next; /* with the guard of what it waits for; of the spare */
    char *stack;                           /* NULL: not from the pool */
    void (*on_end)(void *argument);        /* thread_create_on's; NULL: of the others */

    /* With the guard. */
    uint32_t guard;
    bool ended, detached;
    struct thread *joiner;

    void *fake_stack; /* the address sanitizer's, with the bounds of the stack */
    const void *stack_bottom;
    size_t stack_bytes;
};

struct scheduler {
    struct thread *current;
    struct thread *before;  /* ran before current */
    struct thread *retired; /* has run to its end; whoever runs next says so, off its stack */
    struct thread *ready_first, *ready_last;
    struct thread *sleepers; /* by wake_tsc */
    struct thread idle;
    unsigned core;        /* as the floor counts */
    uint32_t asleep;      /* atomic: wants to be told of what comes into the inbox */
    struct thread *inbox; /* atomic: woken by other cores, newest first */
};

extern struct scheduler thread_schedulers[PLAT_CORES_MAX];

static inline struct scheduler *thread_scheduler(void) {
    return &thread_schedulers[plat_core_index()];
}

/* Others run until somebody wakes it, once for each block. */
void thread_block(struct scheduler *s);
/* From any core: a thread that blocks, or is about to. */
void thread_wake(struct thread *t);
/* The caller's next block ends at that time, at the latest, with timed_out set. */
void thread_sleep_until(struct scheduler *s, uint64_t wake_tsc);

/* Memory of a thread: zeroed but for its stack. */
struct thread *thread_take(void);
void thread_give(struct thread *t);
/* The same at the end of a stack of the caller's; NULL if that is too small. */
struct thread *thread_place(void *stack_bottom, void *stack_top);

/* For a few instructions; nobody blocks with one held. */
static inline void thread_guard(uint32_t *guard) {
    while (__atomic_exchange_n(guard, 1, __ATOMIC_ACQUIRE))
        __builtin_ia32_pause();
}

static inline void thread_unguard(uint32_t *guard) {
    __atomic_store_n(guard, 0, __ATOMIC_RELEASE);
}

/* thread_switch.S: saves the running thread there and goes on where `to` was saved. */
void thread_switch(void **stack_pointer, void *to);
/* Where a new thread is saved: thread_begin(argument) is its first function. */
void *thread_switch_prepare(void *stack_top, void *argument);
_Noreturn void thread_begin(struct thread *t);

#endif
