/*
 * User threads (spec K10): threads of an app, on the cores that it has, without a call to the floor
 * on any path but waiting with nothing to run. Portable: the same on a guest and in a process.
 *
 * Each core has a scheduler, first come, first served, without preemption: a thread runs until it
 * blocks, yields or ends. A thread stays on the core that it was created for, so nothing of a
 * scheduler is shared but its inbox, where other cores put threads that they wake.
 *
 *   thread_create() --> READY --its turn--> RUNNING --yield--> READY
 *                         ^                   |---block------> BLOCKED (join, mutex, condition,
 * sleep)
 *                         '----wake-----------|----------------'
 *                                             '--returns--> ENDED --thread_join()--> gone
 *
 * When a core has nothing to run its scheduler calls plat_wait, until a thread's sleep is over, or
 * another core wakes one, or whatever else ends a wait. Threads keep errno, mxcsr and the x87
 * control word; all other vector and floating-point registers are the caller's to save at any call
 * of C, and so at these. Stacks fill as they are touched, a page below each is never there.
 *
 * Not for handlers of events (platform/event.h).
 */
#ifndef LIB_THREAD_H
#define LIB_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_STACK_BYTES 262144u /* of each; memory is taken for what is touched of it */
#define THREAD_ANY_CORE    0xffffffffu

struct thread;

/* Makes the caller the first thread of core 0. 0, or -ENOMEM. Once, before all else here, on
 * core 0. */
int thread_start(void);
/* Takes up to n more cores for threads (0: gives none back). How many the app now runs threads on,
 * this one included. From core 0. */
unsigned thread_add_cores(unsigned n);
/* The cores that threads run on: numbers of cores are 0 to this less 1. */
unsigned thread_cores(void);

/* A thread that runs function(argument), on that core or on the one whose turn it is. NULL without
 * memory. It is joined once, or detached. */
struct thread *thread_create(void (*function)(void *argument), void *argument, unsigned core);
/* Waits for its end; it is gone afterwards. */
void thread_join(struct thread *t);
/* Nobody will join it: it is gone when it ends. */
void thread_detach(struct thread *t);
struct thread *thread_self(void);
unsigned thread_core(const struct thread *t);
_Noreturn void thread_exit(void);

/* The same on core 0 and a stack of the caller's, at whose end it keeps what it knows of the thread
 * (stack_top on a 16-byte boundary; NULL if the stack is too small). Nobody joins or detaches it:
 * when it has ended and is off its stack, ended(argument) is called once, by whoever runs next. */
struct thread *thread_create_on(void (*function)(void *argument), void *argument,
                                void *stack_bottom, void *stack_top, void (*ended)(void *argument));

/* Others of this core that are ready run first. */
void thread_yield(void);
/* Another thread of this core is ready to run. */
bool thread_others(void);
/* At least so long; others run meanwhile. */
void thread_sleep_us(uint64_t us);

/* Blocks until thread_unpark (true), at the latest until that time of the TSC (UINT64_MAX: without
 * end). One unpark before it counts. */
bool thread_park(uint64_t until_tsc);
void thread_unpark(struct thread *t);
/* When the next sleeper of this core is due; UINT64_MAX: nobody sleeps. */
uint64_t thread_next_due_tsc(void);
/* What core 0 does in plat_wait's place when it has nothing to run: one look at whatever may wake a
 * thread, which may last until then. It must not block in the ways above. */
void thread_on_idle(void (*idle)(uint64_t until_tsc));

struct thread_queue {
    struct thread *first, *last;
};

/* Zeroed is unlocked. Whoever waits longest gets it; not recursive. */
struct thread_mutex {
    uint32_t guard;
    struct thread *owner;
    struct thread_queue waiting;
};
void thread_mutex_lock(struct thread_mutex *m);
bool thread_mutex_try(struct thread_mutex *m);
/* By its owner. */
void thread_mutex_unlock(struct thread_mutex *m);

/* Zeroed is ready for use. wait: with the mutex locked, which is so again when it returns; it
 * returns for a signal or broadcast only, whoever else may have been first to what was signalled.
 */
struct thread_condition {
    uint32_t guard;
    struct thread_queue waiting;
};
void thread_condition_wait(struct thread_condition *c, struct thread_mutex *m);
/* The same, for at most so long: false if time was up. */
bool thread_condition_wait_us(struct thread_condition *c, struct thread_mutex *m, uint64_t us);
void thread_condition_signal(struct thread_condition *c);
void thread_condition_broadcast(struct thread_condition *c);

#endif
