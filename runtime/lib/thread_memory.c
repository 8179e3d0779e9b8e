/* Stacks, with their thread's struct at the end: taken from the floor, and kept for the next. */
#include "runtime/lib/thread_fiber.h"
#include "runtime/lib/thread_parts.h"
#include <string.h>

static uint32_t guard;
static struct thread *spare;

#define STRUCT_BYTES      ((sizeof(struct thread) + 63) & ~(size_t)63)
#define STACK_BYTES_LEAST (STRUCT_BYTES + 2048)

struct thread *thread_take(void) {
    thread_guard(&guard);
    struct thread *t = spare;
    if (t)
        spare = t->spare_next;
    thread_unguard(&guard);
    char *stack = t ? t->stack : plat_reserve(THREAD_STACK_BYTES);
    if (!stack)
        return NULL;
    t = thread_place(stack, stack + THREAD_STACK_BYTES);
    t->stack = stack;
    return t;
}

struct thread *thread_place(void *stack_bottom, void *stack_top) {
    char *bottom = stack_bottom;
    size_t bytes = (size_t)((char *)stack_top - bottom);
    if (bytes < STACK_BYTES_LEAST)
        return NULL;
    struct thread *t = (struct thread *)(void *)(bottom + bytes - STRUCT_BYTES);
    memset(t, 0, sizeof *t);
    t->stack_bottom = bottom;
    t->stack_bytes = bytes - STRUCT_BYTES;
    thread_fiber_born(t);
    return t;
}

void thread_give(struct thread *t) {
    if (!t->stack)
        return;
    thread_guard(&guard);
    t->spare_next = spare;
    spare = t;
    thread_unguard(&guard);
}
