/*
 * epoll. A set has two lists: `round`, of entries of which something was heard and which are being
 * reported, and `next`, of those heard of meanwhile, and of level-triggered ones that were reported
 * and may still be ready. An entry is looked at when it is its turn, so that an event costs the
 * same however many entries there are.
 *
 *   heard of --> next --the round is over--> round --ready--> reported --level-triggered--> next
 *                                              '--not ready (any more): until heard of again
 *
 * A turn (what was written is sent, the network polled) is made when a round is over, not between
 * two calls that share one for want of room: so the answers to what came together leave together.
 * What is ready still, after it was reported, has a few rounds more before it: a server's thread
 * that accepts one connection a call would else accept one for each round of the thread that serves
 * them.
 */
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/fd.h"
#include "runtime/posix/list.h"
#include "runtime/posix/masked.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>

#define MODES     (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)
#define AGAIN_MAX 16 /* rounds of what is ready still, before a turn */
/* With EPOLLEXCLUSIVE nothing else may be asked for. */
#define WITH_EXCLUSIVE                                                                             \
    (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct set {
    struct posix_file file; /* first */
    struct posix_link entries, round, next, waiters;
    unsigned again; /* rounds since the last turn */
};

struct entry {
    struct posix_watch watch;
    struct posix_link member; /* of the set's entries */
    struct posix_link heard;  /* of round or next */
    struct set *set;
    int descriptor;
    bool armed; /* false: EPOLLONESHOT, and reported */
    uint32_t events;
    epoll_data_t data;
};

struct waiting {
    struct posix_link link;
    struct posix_waiter waiter;
};

static struct net_pool sets = {.block_bytes = sizeof(struct set), .blocks_max = POSIX_FILES_MAX};
static struct net_pool entries = {.block_bytes = (sizeof(struct entry) + 63) / 64 * 64,
                                  .blocks_max = 2 * POSIX_FILES_MAX};

/* ---- entries ---- */

static void heard(struct posix_watch *w, uint32_t events) {
    struct entry *e = POSIX_OF(w, struct entry, watch);
    struct set *set = e->set;
    (void)events;
    if (!e->armed || posix_linked(&e->heard))
        return;
    posix_list_append(&set->next, &e->heard);
    if (!posix_list_empty(&set->waiters))
        posix_wake(&POSIX_OF(set->waiters.next, struct waiting, link)->waiter);
    posix_ready(&set->file, EPOLLIN);
}

static uint32_t entry_ready(const struct entry *e) {
    return posix_poll_bits(posix_readiness(e->watch.file)) & (e->events | EPOLLERR | EPOLLHUP);
}

static void arm(struct entry *e, const struct epoll_event *event) {
    e->events = event->events;
    e->data = event->data;
    e->armed = true;
    e->watch.events = posix_watch_bits(event->events);
    if (entry_ready(e))
        heard(&e->watch, 0);
}

static void forget(struct entry *e) {
    posix_watch_remove(&e->watch);
    posix_list_remove(&e->heard);
    posix_list_remove(&e->member);
    net_pool_give(e);
}

static struct entry *find(const struct set *set, int descriptor, const struct posix_file *f) {
    for (struct posix_watch *w = f->watches; w; w = w->next) {
        struct entry *e = POSIX_OF(w, struct entry, watch);
        if (w->notify == heard && e->descriptor == descriptor && (!set || e->set == set))
            return e;
    }
    return NULL;
}

void posix_epoll_forget(int descriptor, struct posix_file *f) {
    struct entry *e;
    while ((e = find(NULL, descriptor, f)) != NULL)
        forget(e);
}

/* ---- a set ---- */

static uint32_t set_ready(struct posix_file *f) {
    const struct set *set = (struct set *)(void *)f;
    const struct posix_link *lists[] = {&set->round, &set->next};
    for (unsigned i = 0; i < 2; i++) {
        for (struct posix_link *l = lists[i]->next; l != lists[i]; l = l->next) {
            if (entry_ready(POSIX_OF(l, struct entry, heard)))
                return EPOLLIN;
        }
    }
    return 0;
}

static void set_close(struct posix_file *f) {
    struct set *set = (struct set *)(void *)f;
    while (!posix_list_empty(&set->entries))
        forget(POSIX_OF(set->entries.next, struct entry, member));
    net_pool_give(set);
}

static const struct posix_kind set_kind = {.name = "epoll", .ready = set_ready, .close = set_close};

static struct set *set_of(long descriptor, long *error) {
    return (struct set *)(void *)posix_file_of_kind(descriptor, &set_kind, -EINVAL, error);
}

long posix_sys_epoll_create1(long flags) {
    if (flags & ~(long)EPOLL_CLOEXEC)
        return -EINVAL;
    struct set *set = net_pool_take(&sets, sizeof *set);
    if (!set)
        return -ENOMEM;
    posix_file_init(&set->file, &set_kind, O_RDWR);
    set->again = 0;
    posix_list_init(&set->entries);
    posix_list_init(&set->round);
    posix_list_init(&set->next);
    posix_list_init(&set->waiters);
    return posix_descriptor(&set->file, 0, flags & EPOLL_CLOEXEC ? O_CLOEXEC : 0);
}

static long add(struct set *set, int descriptor, struct posix_file *f,
                const struct epoll_event *event) {
    if ((event->events & EPOLLEXCLUSIVE) && (event->events & ~(uint32_t)WITH_EXCLUSIVE))
        return -EINVAL;
    struct entry *e = net_pool_take(&entries, sizeof *e);
    if (!e)
        return -ENOMEM;
    *e = (struct entry){.watch = {.notify = heard}, .set = set, .descriptor = descriptor};
    posix_list_append(&set->entries, &e->member);
    posix_watch_add(&e->watch, f);
    arm(e, event);
    return 0;
}

/* Sets of sets are refused, as Linux refuses those that go round or are too deep. */
long posix_sys_epoll_ctl(long epoll, long operation, long descriptor, long event_address) {
    const struct epoll_event *event = (const struct epoll_event *)event_address;
    struct posix_file *f = posix_file_of(descriptor);
    long error = -EBADF;
    struct set *set = f ? set_of(epoll, &error) : NULL;
    if (!set)
        return error;
    if (!f->kind->ready)
        return -EPERM;
    if (f == &set->file)
        return -EINVAL;
    if (operation != EPOLL_CTL_DEL && !event)
        return -EFAULT;
    struct entry *e = find(set, (int)descriptor, f);
    switch (operation) {
    case EPOLL_CTL_ADD:
        if (f->kind == &set_kind)
            return -ELOOP;
        return e ? -EEXIST : add(set, (int)descriptor, f, event);
    case EPOLL_CTL_MOD:
        if (!e)
            return -ENOENT;
        if ((e->events | event->events) & EPOLLEXCLUSIVE)
            return -EINVAL;
        arm(e, event);
        return 0;
    case EPOLL_CTL_DEL:
        if (!e)
            return -ENOENT;
        forget(e);
        return 0;
    default:
        return -EINVAL;
    }
}

/* ---- waiting ---- */

static long collect(struct set *set, struct epoll_event *out, long most) {
    long n = 0;
    while (n < most && !posix_list_empty(&set->round)) {
        struct entry *e = POSIX_OF(set->round.next, struct entry, heard);
        posix_list_remove(&e->heard);
        uint32_t events = entry_ready(e);
        if (!events)
            continue;
        out[n++] = (struct epoll_event){.events = events, .data = e->data};
        if (e->events & EPOLLONESHOT)
            e->armed = false;
        else if (!(e->events & EPOLLET))
            posix_list_append(&set->next, &e->heard);
    }
    return n;
}

static long wait_for(struct set *set, struct epoll_event *out, long most, uint64_t deadline_tsc) {
    long waited = 0;
    if (posix_list_empty(&set->round)) {
        if (set->again++ < AGAIN_MAX) {
            posix_list_move(&set->round, &set->next);
            long n = collect(set, out, most);
            if (n > 0)
                return n;
        }
        set->again = 0;
        if (posix_turn())
            waited = -EINTR;
        posix_list_move(&set->round, &set->next);
    }
    for (;;) {
        long n = collect(set, out, most);
        if (n > 0)
            return n;
        if (posix_list_empty(&set->next)) {
            struct waiting w = {0};
            if (waited == 0 && plat_now_tsc() >= deadline_tsc)
                waited = -ETIMEDOUT;
            if (waited)
                return waited == -ETIMEDOUT ? 0 : waited;
            posix_list_append(&set->waiters, &w.link);
            waited = posix_block(&w.waiter, deadline_tsc);
            posix_list_remove(&w.link);
        }
        posix_list_move(&set->round, &set->next);
    }
}

long posix_sys_epoll_pwait(long epoll, long events, long most, long timeout_ms, long mask,
                           long mask_bytes) {
    long error;
    struct set *set = set_of(epoll, &error);
    struct posix_masked masked;
    if (!set)
        return error;
    if (most <= 0 || most > (long)(INT_MAX / sizeof(struct epoll_event)))
        return -EINVAL;
    if (!events)
        return -EFAULT;
    uint64_t deadline_tsc = (int)timeout_ms < 0 ? POSIX_FOREVER
                            : timeout_ms == 0   ? 0
                                                : posix_deadline_us((uint64_t)timeout_ms * 1000);
    error = posix_mask(&masked, mask, mask_bytes);
    if (error)
        return error;
    posix_file_keep(&set->file);
    long result = wait_for(set, (struct epoll_event *)events, most, deadline_tsc);
    posix_file_drop(&set->file);
    posix_unmask(&masked);
    return result;
}
