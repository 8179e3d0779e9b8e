/* Stacks, with their thread's struct at the end: taken from the floor, and kept for the next. */
#include "runtime/lib/thread_fiber.h"
#include "runtime/lib/thread_parts.h"
#include <string.h>

static uint32_t guard;
static struct thread *spare;

#define STRUCT_BYTES ((sizeof(struct thread) + 63) & ~(size_t)63)

struct thread *thread_take(void) {
    thread_guard(&guard);
    struct thread *t = spare;
    if (t)
        spare = t->spare_next;
    thread_unguard(&guard);
    char *stack = t ? t->stack : plat_reserve(THREAD_STACK_BYTES);
    if (!stack)
        return NULL;
    thread_fiber_clean(stack, THREAD_STACK_BYTES);
    t = (struct thread *)(void *)(stack + THREAD_STACK_BYTES - STRUCT_BYTES);
    memset(t, 0, sizeof *t);
    t->stack = stack;
    t->stack_bottom = stack;
    t->stack_bytes = THREAD_STACK_BYTES - STRUCT_BYTES;
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
