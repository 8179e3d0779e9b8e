/*
 * Mutexes and conditions of thread.h. Each hands over: who is taken from a queue owns the mutex
 * already, or has been signalled, when it wakes. So every thread that is taken from a queue is
 * woken exactly once, and one that timed out finds out by its queue whether that wake is on its
 * way.
 */
#include "runtime/lib/thread.h"
#include "runtime/lib/thread_parts.h"

static void join_queue(struct thread_queue *q, struct thread *t) {
    t->wait_next = NULL;
    *(q->first ? &q->last->wait_next : &q->first) = t;
    q->last = t;
}

static struct thread *take_first(struct thread_queue *q) {
    struct thread *t = q->first;
    if (t)
        q->first = t->wait_next;
    return t;
}

/* False if it was not there. */
static bool leave_queue(struct thread_queue *q, struct thread *t) {
    struct thread *before = NULL;
    for (struct thread *at = q->first; at; before = at, at = at->wait_next) {
        if (at != t)
            continue;
        *(before ? &before->wait_next : &q->first) = t->wait_next;
        if (q->last == t)
            q->last = before;
        return true;
    }
    return false;
}

bool thread_mutex_try(struct thread_mutex *m) {
    thread_guard(&m->guard);
    bool got = m->owner == NULL;
    if (got)
        m->owner = thread_self();
    thread_unguard(&m->guard);
    return got;
}

void thread_mutex_lock(struct thread_mutex *m) {
    struct scheduler *s = thread_scheduler();
    thread_guard(&m->guard);
    bool got = m->owner == NULL;
    if (got)
        m->owner = s->current;
    else
        join_queue(&m->waiting, s->current);
    thread_unguard(&m->guard);
    if (!got)
        thread_block(s);
}

void thread_mutex_unlock(struct thread_mutex *m) {
    thread_guard(&m->guard);
    struct thread *t = m->owner = take_first(&m->waiting);
    thread_unguard(&m->guard);
    if (t)
        thread_wake(t);
}

static struct thread *start_wait(struct thread_condition *c, struct thread_mutex *m) {
    struct thread *self = thread_self();
    thread_guard(&c->guard);
    join_queue(&c->waiting, self);
    thread_unguard(&c->guard);
    thread_mutex_unlock(m);
    return self;
}

void thread_condition_wait(struct thread_condition *c, struct thread_mutex *m) {
    start_wait(c, m);
    thread_block(thread_scheduler());
    thread_mutex_lock(m);
}

bool thread_condition_wait_us(struct thread_condition *c, struct thread_mutex *m, uint64_t us) {
    struct scheduler *s = thread_scheduler();
    struct thread *self = start_wait(c, m);
    bool signalled = true;
    thread_sleep_until(s, plat_now_tsc() + plat_us_to_tsc((double)us));
    thread_block(s);
    if (self->timed_out) {
        thread_guard(&c->guard);
        signalled = !leave_queue(&c->waiting, self);
        thread_unguard(&c->guard);
        if (signalled)
            thread_block(s); /* for the wake that is on its way */
    }
    thread_mutex_lock(m);
    return signalled;
}

void thread_condition_signal(struct thread_condition *c) {
    thread_guard(&c->guard);
    struct thread *t = take_first(&c->waiting);
    thread_unguard(&c->guard);
    if (t)
        thread_wake(t);
}

void thread_condition_broadcast(struct thread_condition *c) {
    thread_guard(&c->guard);
    struct thread *t = c->waiting.first;
    c->waiting.first = NULL;
    thread_unguard(&c->guard);
    while (t) {
        struct thread *after = t->wait_next; /* woken, it may wait again */
        thread_wake(t);
        t = after;
    }
}
