/*
 * The system calls of ported programs, on the floor side: Linux's numbers, structures and errors on
 * x86-64, carried out by this library in the app's own address space. Private to this folder.
 *
 *   program, libevent, musl --calls.h--> posix_sys_*() --> files | memory | threads | sockets
 *                                                            '--> lib, net, platform
 *
 * All threads of a program are user threads (lib/thread.h) of the app's core 0: one runs at a time,
 * until it blocks, so nothing here takes a lock. What is up to the caller is checked (descriptors,
 * lengths, flags); its pointers are not: it is one program, a bad pointer is its own page fault.
 */
#ifndef POSIX_POSIX_H
#define POSIX_POSIX_H

#include "runtime/lib/thread.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define POSIX_FILES_MAX 20000 /* descriptors of the program */
#define POSIX_FOREVER   UINT64_MAX

/* ---- open files ---- */

struct posix_file;
struct stat;

/* What a kind of file does. None of it blocks: what would gives -EAGAIN. A NULL is an error that
 * fits (-EINVAL, -EBADF, -ESPIPE, -ENOTTY). */
struct posix_kind {
    const char *name;
    /* The parts are not empty altogether. offset: -1 where the file stands, else there. Bytes
     * moved, 0 at the end of what is read, or -errno. */
    long (*read)(struct posix_file *f, const struct iovec *parts, int count, int64_t offset);
    long (*write)(struct posix_file *f, const struct iovec *parts, int count, int64_t offset);
    /* EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLPRI as it stands now. NULL: always
     * EPOLLIN | EPOLLOUT, and epoll refuses it (-EPERM). */
    uint32_t (*ready)(struct posix_file *f);
    long (*seek)(struct posix_file *f, int64_t offset, int whence);
    long (*stat)(struct posix_file *f, struct stat *out);
    long (*truncate)(struct posix_file *f, int64_t bytes);
    long (*list)(struct posix_file *f, void *entries, size_t bytes);              /* getdents64 */
    long (*control)(struct posix_file *f, unsigned long request, void *argument); /* ioctl */
    /* The last reference is gone; frees f. */
    void (*close)(struct posix_file *f);
    /* What it does beyond that as a socket (socket.h). NULL: it is none. */
    const struct posix_socket_calls *socket;
};

struct posix_watch;

/* An open file description: first in each kind's own structure. */
struct posix_file {
    const struct posix_kind *kind;
    uint32_t references; /* descriptors, and calls under way */
    int flags;           /* O_ACCMODE, O_NONBLOCK, O_APPEND */
    struct posix_watch *watches;
};

/* kind and flags; one reference, the caller's. */
void posix_file_init(struct posix_file *f, const struct posix_kind *kind, int flags);
/* Gives f, with the caller's reference, the lowest free descriptor at least `least`. The descriptor
 * or -EMFILE, and then f is let go of. flags: O_CLOEXEC (kept for fcntl alone) or 0. */
long posix_descriptor(struct posix_file *f, int least, int flags);
/* The file of a descriptor, or NULL. It stays while the caller does not block; who blocks takes a
 * reference before. */
struct posix_file *posix_file_of(long descriptor);
/* The same where it is of that kind; *error is -EBADF or wrong_kind otherwise. */
struct posix_file *posix_file_of_kind(long descriptor, const struct posix_kind *kind,
                                      int wrong_kind, long *error);
void posix_file_keep(struct posix_file *f);
void posix_file_drop(struct posix_file *f);
/* Reads or writes, and waits where the file is not O_NONBLOCK (nor `nonblocking`): bytes or
 * -errno. */
long posix_read_parts(struct posix_file *f, const struct iovec *parts, int count, int64_t offset,
                      bool nonblocking, uint64_t deadline_tsc);
long posix_write_parts(struct posix_file *f, const struct iovec *parts, int count, int64_t offset,
                       bool nonblocking, uint64_t deadline_tsc);
size_t posix_parts_bytes(const struct iovec *parts, int count);

/* ---- readiness ---- */

/* Somebody who wants to hear when a file's readiness changes: an epoll entry, or a waiting call.
 * Owned by whoever put it there. */
struct posix_watch {
    struct posix_watch *next, *before;
    struct posix_file *file; /* NULL: on no file */
    uint32_t events;         /* notify is called if one of these, EPOLLERR or EPOLLHUP comes */
    void (*notify)(struct posix_watch *watch, uint32_t events);
};

void posix_watch_add(struct posix_watch *w, struct posix_file *f);
void posix_watch_remove(struct posix_watch *w);
/* By a file's kind, whenever one of these has become so, or is so anew (edge-triggered watchers
 * count each): bytes have come, room has come, the peer has gone. */
void posix_ready(struct posix_file *f, uint32_t events);
uint32_t posix_readiness(struct posix_file *f);
/* Waits until one of events, EPOLLERR or EPOLLHUP is so: 0, -ETIMEDOUT or -EINTR. */
long posix_wait_ready(struct posix_file *f, uint32_t events, uint64_t deadline_tsc);

/* ---- waiting ---- */

/* A call that waits: on its caller's stack, zeroed but for what the comments say. */
struct posix_waiter {
    struct thread *thread; /* set by posix_block */
    bool woken;
};

/* Others run, and the network is polled, until it is woken (0), the time has come (-ETIMEDOUT), or
 * a signal's handler has run (-EINTR). Returns at once if it is woken already. */
long posix_block(struct posix_waiter *w, uint64_t deadline_tsc);
void posix_wake(struct posix_waiter *w);
/* One turn without waiting: whoever is ready runs, sockets send what they hold, the network is
 * polled, timers run, signals are delivered. True if a handler of a signal has run. */
bool posix_turn(void);
/* Others that are ready run first. */
void posix_yield(void);
/* Deadlines: now plus an interval, without overflow; of a struct timespec (relative) or NULL
 * (POSIX_FOREVER); -EINVAL for one that makes no sense. */
uint64_t posix_deadline_us(uint64_t us);
struct timespec;
long posix_deadline(const struct timespec *interval, uint64_t *deadline_tsc);

/* Timers: notify is called from a turn once the time has come. Owned by whoever set it. */
struct posix_timer {
    struct posix_timer *next, *before;
    uint64_t due_tsc;
    bool set;
    void (*notify)(struct posix_timer *t);
};
void posix_timer_set(struct posix_timer *t, uint64_t due_tsc);
void posix_timer_clear(struct posix_timer *t);

/* ---- signals ---- */

/* Sends the program a signal; its handler runs at the next call that waits or polls. */
void posix_signal(int number);
/* Runs handlers of signals that are pending and not blocked; true if any has run. */
bool posix_signals_deliver(void);
/* After a wait that ended with -EINTR: whether calls that restart go on (SA_RESTART of every
 * handler that ran). Those that wait for a time or for several files never do. */
bool posix_signals_restart(void);
/* The running thread's blocked signals (bit n - 1 is signal n) from now on; those before. What is
 * pending then runs at the next wait. */
uint64_t posix_signals_block(uint64_t blocked);
/* SIGPIPE to the running thread; -EPIPE. */
long posix_broken_pipe(void);

/* ---- parts, as main.c starts them ---- */

/* Each 0, or -1 with one line to the console. */
int posix_files_start(void);   /* descriptors 0, 1 and 2 are the console */
int posix_memory_start(void);  /* address space for what programs map */
int posix_threads_start(void); /* the caller is the program's first thread */

/* Sockets: called each turn before the network is polled, to send what was written since. */
void posix_sockets_flush(void);
void posix_sockets_tick(void);       /* each millisecond or so */
uint32_t posix_sockets_active(void); /* connections that moved since the last call: the load */
/* serving: false, connections that the program accepted are reset, and so are new ones; datagrams
 * are not read; until it is true again. */
void posix_sockets_serve(bool serving);
/* The app ends: connections are closed, and what can be sent at once is. */
void posix_sockets_end(void);
struct nom_statistics;
void posix_sockets_statistics(struct nom_statistics *out);
/* The program listens for the first time, at that TCP port: says that the app is ready. */
void posix_app_ready(uint16_t port);

/* Calls that are not there (posix_sys_missing) are counted by name, each printed at its first use;
 * this prints them all with their counts, as the app ends. */
void posix_missing_print(void);
/* Ends the app: what the program printed without a newline goes out first. Of status the low 8 bits
 * count; what is over NOM_EXIT_STATUS_MAX is told as that, and named on the console. */
_Noreturn void posix_exit(int status);
/* The program's name, for lines on the console. */
extern const char *posix_name;

#endif
