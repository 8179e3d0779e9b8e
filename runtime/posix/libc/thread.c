/*
 * What musl has in assembly for a thread's start and end: takes the place of its clone, unmapself
 * and set_thread_area.
 */
#define _GNU_SOURCE
#include "pthread_impl.h"
#include "syscall.h"
#include <sched.h>
#include <stdarg.h>

/* ... : int *tid, struct pthread *block, int *clear_tid. musl makes threads with it, and with other
 * flags processes. */
int __clone(int (*function)(void *), void *stack, int flags, void *argument, ...) {
    if (!(flags & CLONE_THREAD))
        return (int)posix_sys_missing(SYS_clone);
    va_list more;
    va_start(more, argument);
    int *tid = va_arg(more, int *);
    struct pthread *block = va_arg(more, struct pthread *);
    int *clear_tid = va_arg(more, int *);
    va_end(more);
    return (int)posix_thread_start(function, argument, (char *)block->stack - block->stack_size,
                                   (void *)((uintptr_t)stack & -16UL), block, tid, clear_tid);
}

void __unmapself(void *base, size_t bytes) {
    posix_thread_end(base, bytes);
}

int __set_thread_area(void *block) {
    posix_thread_pointer = block;
    return 0;
}

/* Nothing that waits looks whether it is cancelled. */
int pthread_cancel(pthread_t t) {
    (void)t;
    return ENOSYS;
}
