/*
 * Descriptors and open files. The lowest free descriptor is found from a mark below which none is
 * free. The limit that the program sets itself holds for new ones only.
 */
#include "runtime/posix/fd.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

struct slot {
    struct posix_file *file; /* NULL: free */
    bool close_on_exec;
};

static struct slot slots[POSIX_FILES_MAX];
static int lowest_free; /* none is free below it */
static int files_limit = POSIX_FILES_MAX;

void posix_files_limit(uint64_t files) {
    files_limit = files < POSIX_FILES_MAX ? (int)files : POSIX_FILES_MAX;
}

/* ---- open files ---- */

void posix_file_init(struct posix_file *f, const struct posix_kind *kind, int flags) {
    *f = (struct posix_file){.kind = kind, .references = 1, .flags = flags};
}

void posix_file_keep(struct posix_file *f) {
    f->references++;
}

void posix_file_drop(struct posix_file *f) {
    if (--f->references == 0) {
        while (f->watches)
            posix_watch_remove(f->watches);
        f->kind->close(f);
    }
}

/* ---- descriptors ---- */

struct posix_file *posix_file_of(long descriptor) {
    return descriptor >= 0 && descriptor < POSIX_FILES_MAX ? slots[descriptor].file : NULL;
}

struct posix_file *posix_file_of_kind(long descriptor, const struct posix_kind *kind,
                                      int wrong_kind, long *error) {
    struct posix_file *f = posix_file_of(descriptor);
    *error = !f ? -EBADF : f->kind != kind ? wrong_kind : 0;
    return *error ? NULL : f;
}

static void put(int descriptor, struct posix_file *f, int flags) {
    slots[descriptor] = (struct slot){f, (flags & O_CLOEXEC) != 0};
}

long posix_descriptor(struct posix_file *f, int least, int flags) {
    int from = least > lowest_free ? least : lowest_free, descriptor = from;
    while (descriptor < files_limit && slots[descriptor].file)
        descriptor++;
    if (from == lowest_free)
        lowest_free = descriptor;
    if (descriptor >= files_limit) {
        posix_file_drop(f);
        return -EMFILE;
    }
    put(descriptor, f, flags);
    return descriptor;
}

long posix_sys_close(long descriptor) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f)
        return -EBADF;
    slots[descriptor].file = NULL;
    if (descriptor < lowest_free)
        lowest_free = (int)descriptor;
    posix_epoll_forget((int)descriptor, f);
    posix_file_drop(f);
    return 0;
}

static long duplicate(long from, long least, int flags) {
    struct posix_file *f = posix_file_of(from);
    if (!f)
        return -EBADF;
    if (least < 0 || least >= files_limit)
        return -EINVAL;
    posix_file_keep(f);
    return posix_descriptor(f, (int)least, flags);
}

long posix_sys_dup(long from) {
    return duplicate(from, 0, 0);
}

long posix_sys_dup3(long from, long to, long flags) {
    struct posix_file *f = posix_file_of(from);
    if (!f || to < 0 || to >= files_limit)
        return -EBADF;
    if (from == to || (flags & ~(long)O_CLOEXEC))
        return -EINVAL;
    posix_file_keep(f);
    if (slots[to].file)
        posix_sys_close(to);
    put((int)to, f, (int)flags);
    return to;
}

long posix_sys_dup2(long from, long to) {
    if (from == to)
        return posix_file_of(from) ? to : -EBADF;
    return posix_sys_dup3(from, to, 0);
}

#define SETTABLE (O_NONBLOCK | O_APPEND)

long posix_sys_fcntl(long descriptor, long command, long argument) {
    struct posix_file *f = posix_file_of(descriptor);
    if (!f)
        return -EBADF;
    switch (command) {
    case F_DUPFD:
        return duplicate(descriptor, argument, 0);
    case F_DUPFD_CLOEXEC:
        return duplicate(descriptor, argument, O_CLOEXEC);
    case F_GETFD:
        return slots[descriptor].close_on_exec ? FD_CLOEXEC : 0;
    case F_SETFD:
        slots[descriptor].close_on_exec = (argument & FD_CLOEXEC) != 0;
        return 0;
    case F_GETFL:
        return f->flags;
    case F_SETFL:
        f->flags = (f->flags & ~SETTABLE) | ((int)argument & SETTABLE);
        return 0;
    case F_SETLK: /* nobody else is there to lock out */
    case F_SETLKW:
        return 0;
    default:
        return -EINVAL;
    }
}

/* ---- readiness ---- */

void posix_watch_add(struct posix_watch *w, struct posix_file *f) {
    w->file = f;
    w->before = NULL;
    w->next = f->watches;
    if (w->next)
        w->next->before = w;
    f->watches = w;
}

void posix_watch_remove(struct posix_watch *w) {
    if (!w->file)
        return;
    *(w->before ? &w->before->next : &w->file->watches) = w->next;
    if (w->next)
        w->next->before = w->before;
    w->file = NULL;
}

void posix_ready(struct posix_file *f, uint32_t events) {
    for (struct posix_watch *w = f->watches, *next; w; w = next) {
        next = w->next; /* notify may remove it */
        uint32_t wanted = events & (w->events | EPOLLERR | EPOLLHUP);
        if (wanted)
            w->notify(w, wanted);
    }
}

uint32_t posix_readiness(struct posix_file *f) {
    return f->kind->ready ? f->kind->ready(f) : EPOLLIN | EPOLLOUT;
}

struct ready_waiter {
    struct posix_watch watch;
    struct posix_waiter waiter;
};

static void wake(struct posix_watch *w, uint32_t events) {
    (void)events;
    struct ready_waiter *r =
        (struct ready_waiter *)(void *)((char *)w - offsetof(struct ready_waiter, watch));
    posix_wake(&r->waiter);
}

long posix_wait_ready(struct posix_file *f, uint32_t events, uint64_t deadline_tsc) {
    struct ready_waiter r = {.watch = {.events = events, .notify = wake}};
    if (posix_readiness(f) & (events | EPOLLERR | EPOLLHUP))
        return 0;
    posix_file_keep(f);
    posix_watch_add(&r.watch, f);
    long result;
    do
        result = posix_block(&r.waiter, deadline_tsc);
    while (result == -EINTR && posix_signals_restart());
    posix_watch_remove(&r.watch);
    posix_file_drop(f);
    return result;
}
