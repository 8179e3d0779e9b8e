/* What the address sanitizer is told of stacks that change; nothing where it is not there. */
#ifndef LIB_THREAD_FIBER_H
#define LIB_THREAD_FIBER_H

#include "runtime/lib/thread_parts.h"

#ifdef __SANITIZE_ADDRESS__
#define THREAD_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define THREAD_FIBERS 1
#endif
#endif

#ifdef THREAD_FIBERS
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t bytes);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *bytes);
void __asan_unpoison_memory_region(void const volatile *memory, size_t bytes);
void __lsan_register_root_region(const void *memory, size_t bytes);
void __lsan_unregister_root_region(const void *memory, size_t bytes);

/* ends: `from` will not run again. */
static inline void thread_fiber_leave(struct thread *from, const struct thread *to, bool ends) {
    __sanitizer_start_switch_fiber(ends ? NULL : &from->fake_stack, to->stack_bottom,
                                   to->stack_bytes);
}

/* `from` ran before: its stack's bounds are learnt where they are not known. */
static inline void thread_fiber_enter(const struct thread *self, struct thread *from) {
    const void *bottom;
    size_t bytes;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &bytes);
    if (from && !from->stack_bottom) {
        from->stack_bottom = bottom;
        from->stack_bytes = bytes;
    }
}

/* What is allocated and only a thread's stack knows of is not lost, as long as the thread is. */
static inline void thread_fiber_born(const struct thread *t) {
    __lsan_register_root_region(t->stack_bottom, t->stack_bytes);
}

/* Its functions did not return, so that their frames are still marked: whose the memory is next
 * must not stumble over them. */
static inline void thread_fiber_ended(const struct thread *t) {
    __lsan_unregister_root_region(t->stack_bottom, t->stack_bytes);
    __asan_unpoison_memory_region(t->stack_bottom, t->stack_bytes);
}
#else
static inline void thread_fiber_leave(struct thread *from, const struct thread *to, bool ends) {
    (void)from;
    (void)to;
    (void)ends;
}

static inline void thread_fiber_enter(const struct thread *self, struct thread *from) {
    (void)self;
    (void)from;
}

static inline void thread_fiber_born(const struct thread *t) {
    (void)t;
}

static inline void thread_fiber_ended(const struct thread *t) {
    (void)t;
}
#endif

#endif
