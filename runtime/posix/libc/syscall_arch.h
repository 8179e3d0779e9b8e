/*
 * musl's system calls as calls of functions: takes the place of its own header of this name. Almost
 * every call in musl has a constant number, and becomes one direct call of posix_sys_NAME; the few
 * whose number is a variable go through number.c. There are no cancellation points: what musl makes
 * through __syscall_cp is the same plain call.
 */
#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

#include "../calls.h"
#include "../program.h"

#define POSIX_INLINE static inline __attribute__((__always_inline__)) long

/* fcntl.h, errno.h, here for files of musl that include neither. */
#define POSIX_AT_CWD        (-100)
#define POSIX_AT_NO_FOLLOW  0x100
#define POSIX_AT_REMOVE_DIR 0x200
#define POSIX_NO_MEMORY     (-12)

#define POSIX_FIRST_0(a, b, c, d, e, f)
#define POSIX_FIRST_1(a, b, c, d, e, f) a
#define POSIX_FIRST_2(a, b, c, d, e, f) a, b
#define POSIX_FIRST_3(a, b, c, d, e, f) a, b, c
#define POSIX_FIRST_4(a, b, c, d, e, f) a, b, c, d
#define POSIX_FIRST_5(a, b, c, d, e, f) a, b, c, d, e
#define POSIX_FIRST_6(a, b, c, d, e, f) a, b, c, d, e, f
#define POSIX_CASE(name, count)                                                                    \
    case SYS_##name:                                                                               \
        return posix_sys_##name(POSIX_FIRST_##count(a, b, c, d, e, f));

/* The call of that number; calls.h says which stand for others. */
POSIX_INLINE posix_switch(long n, long a, long b, long c, long d, long e, long f) {
    switch (n) {
        POSIX_CALLS(POSIX_CASE)
    case SYS_open:
        return posix_sys_openat(POSIX_AT_CWD, a, b, c);
    case SYS_stat:
        return posix_sys_newfstatat(POSIX_AT_CWD, a, b, 0);
    case SYS_lstat:
        return posix_sys_newfstatat(POSIX_AT_CWD, a, b, POSIX_AT_NO_FOLLOW);
    case SYS_access:
        return posix_sys_faccessat(POSIX_AT_CWD, a, b, 0);
    case SYS_unlink:
        return posix_sys_unlinkat(POSIX_AT_CWD, a, 0);
    case SYS_rmdir:
        return posix_sys_unlinkat(POSIX_AT_CWD, a, POSIX_AT_REMOVE_DIR);
    case SYS_mkdir:
        return posix_sys_mkdirat(POSIX_AT_CWD, a, b);
    case SYS_rename:
        return posix_sys_renameat(POSIX_AT_CWD, a, POSIX_AT_CWD, b);
    case SYS_readlink:
        return posix_sys_readlinkat(POSIX_AT_CWD, a, b, c);
    case SYS_chmod:
        return posix_sys_fchmodat(POSIX_AT_CWD, a, b);
    case SYS_pipe:
        return posix_sys_pipe2(a, 0);
    case SYS_accept:
        return posix_sys_accept4(a, b, c, 0);
    case SYS_eventfd:
        return posix_sys_eventfd2(a, 0);
    case SYS_epoll_create:
        return posix_sys_epoll_create1(0);
    case SYS_epoll_wait:
        return posix_sys_epoll_pwait(a, b, c, d, 0, 0);
    case SYS_nanosleep:
        return posix_sys_clock_nanosleep(0, 0, a, b);
    case SYS_pause:
        return posix_sys_ppoll(0, 0, 0, 0, 0);
    case SYS_brk:
        return POSIX_NO_MEMORY;
    case SYS_exit:
        posix_thread_end(0, 0);
    default:
        return posix_sys_missing(n);
    }
}

/* The same for a number that the compiler does not know (number.c). */
long posix_number(long n, long a, long b, long c, long d, long e, long f);

POSIX_INLINE posix_call(long n, long a, long b, long c, long d, long e, long f) {
    return __builtin_constant_p(n) ? posix_switch(n, a, b, c, d, e, f)
                                   : posix_number(n, a, b, c, d, e, f);
}

POSIX_INLINE __syscall0(long n) {
    return posix_call(n, 0, 0, 0, 0, 0, 0);
}
POSIX_INLINE __syscall1(long n, long a) {
    return posix_call(n, a, 0, 0, 0, 0, 0);
}
POSIX_INLINE __syscall2(long n, long a, long b) {
    return posix_call(n, a, b, 0, 0, 0, 0);
}
POSIX_INLINE __syscall3(long n, long a, long b, long c) {
    return posix_call(n, a, b, c, 0, 0, 0);
}
POSIX_INLINE __syscall4(long n, long a, long b, long c, long d) {
    return posix_call(n, a, b, c, d, 0, 0);
}
POSIX_INLINE __syscall5(long n, long a, long b, long c, long d, long e) {
    return posix_call(n, a, b, c, d, e, 0);
}
POSIX_INLINE __syscall6(long n, long a, long b, long c, long d, long e, long f) {
    return posix_call(n, a, b, c, d, e, f);
}
/* musl's own declaration follows and agrees; it defines none where this header is used. */
POSIX_INLINE __syscall_cp(long n, long a, long b, long c, long d, long e, long f) {
    return posix_call(n, a, b, c, d, e, f);
}
