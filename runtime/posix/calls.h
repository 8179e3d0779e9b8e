/*
 * The system calls that ported programs can make: the one list that both sides read.
 *
 * POSIX_CALLS(X):  X(name, count of arguments)
 *
 * Each is a function `long posix_sys_NAME(long, ...)`: name, arguments, structures, flags and the
 * result (or -errno) are those of Linux on x86-64, all of them long. Where Linux has an old call
 * and a newer one that does more, only the newer stands here: the C library (posix/libc) turns
 * open into openat, stat and lstat into newfstatat, access into faccessat, unlink and rmdir into
 * unlinkat, mkdir into mkdirat, rename into renameat, readlink into readlinkat, pipe into pipe2,
 * accept into accept4, eventfd into eventfd2, epoll_create into epoll_create1, epoll_wait into
 * epoll_pwait, nanosleep into clock_nanosleep, pause into ppoll, and brk into a refusal, so that
 * memory comes of mmap alone.
 *
 * A call that is not in the list becomes posix_sys_missing(number), which is to return -ENOSYS.
 * Threads start and end through posix/program.h.
 */
#ifndef POSIX_CALLS_H
#define POSIX_CALLS_H

/* clang-format off */
#define POSIX_CALLS(X)                                                                             \
    /* files and descriptors */                                                                    \
    X(openat, 4) X(close, 1) X(read, 3) X(write, 3) X(readv, 3) X(writev, 3)                       \
    X(pread64, 4) X(pwrite64, 4) X(preadv, 4) X(pwritev, 4) X(lseek, 3) X(ftruncate, 2)            \
    X(fstat, 2) X(newfstatat, 4) X(faccessat, 4) X(getdents64, 3) X(unlinkat, 3) X(mkdirat, 3)     \
    X(renameat, 4) X(readlinkat, 4) X(fchmod, 2) X(fchmodat, 3) X(fsync, 1) X(fdatasync, 1)        \
    X(getcwd, 2) X(chdir, 1) X(umask, 1) X(fcntl, 3) X(ioctl, 3) X(dup, 1) X(dup2, 2) X(dup3, 3)   \
    X(pipe2, 2) X(eventfd2, 2) X(timerfd_create, 2) X(timerfd_settime, 4) X(timerfd_gettime, 2)    \
    X(sendfile, 4)                                                                                 \
    /* memory */                                                                                   \
    X(mmap, 6) X(munmap, 2) X(mremap, 5) X(mprotect, 3) X(madvise, 3) X(mlockall, 1)               \
    /* time */                                                                                     \
    X(clock_gettime, 2) X(clock_getres, 2) X(clock_nanosleep, 4) X(setitimer, 3) X(getitimer, 2)   \
    /* threads */                                                                                  \
    X(futex, 6) X(gettid, 0) X(set_tid_address, 1) X(sched_yield, 0) X(sched_getaffinity, 3)       \
    X(prctl, 5)                                                                                    \
    /* signals */                                                                                  \
    X(rt_sigaction, 4) X(rt_sigprocmask, 4) X(rt_sigpending, 2) X(rt_sigsuspend, 2)                \
    X(rt_sigtimedwait, 4) X(sigaltstack, 2) X(kill, 2) X(tkill, 2)                                 \
    /* sockets */                                                                                  \
    X(socket, 3) X(socketpair, 4) X(bind, 3) X(listen, 2) X(accept4, 4) X(connect, 3)              \
    X(shutdown, 2) X(getsockname, 3) X(getpeername, 3) X(getsockopt, 5) X(setsockopt, 5)           \
    X(sendto, 6) X(recvfrom, 6) X(sendmsg, 3) X(recvmsg, 3) X(sendmmsg, 4) X(recvmmsg, 5)          \
    /* polling */                                                                                  \
    X(poll, 3) X(ppoll, 5) X(select, 5) X(pselect6, 6)                                             \
    X(epoll_create1, 1) X(epoll_ctl, 4) X(epoll_pwait, 6)                                          \
    /* the process */                                                                              \
    X(getpid, 0) X(getppid, 0) X(getuid, 0) X(geteuid, 0) X(getgid, 0) X(getegid, 0)               \
    X(prlimit64, 4) X(getrusage, 2) X(uname, 1) X(sysinfo, 1) X(getrandom, 3) X(exit_group, 1)
/* clang-format on */

#define POSIX_LONGS_0 void
#define POSIX_LONGS_1 long
#define POSIX_LONGS_2 long, long
#define POSIX_LONGS_3 long, long, long
#define POSIX_LONGS_4 long, long, long, long
#define POSIX_LONGS_5 long, long, long, long, long
#define POSIX_LONGS_6 long, long, long, long, long, long

#define POSIX_CALL_DECLARE(name, count) long posix_sys_##name(POSIX_LONGS_##count);
POSIX_CALLS(POSIX_CALL_DECLARE)
#undef POSIX_CALL_DECLARE

/* The program made the system call of that number (Linux's), which is not in the list. */
long posix_sys_missing(long number);

#endif
