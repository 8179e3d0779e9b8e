/*
 * What a program asks about itself and its machine: one process of an ordinary user, alone with one
 * core.
 */
#include "runtime/abi/syscall.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include "runtime/posix/clock.h"
#include "runtime/posix/console.h"
#include "runtime/posix/fd.h"
#include "runtime/posix/posix.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define PROCESS     1 /* the number of its first thread, too */
#define PARENT      0
#define USER        65534 /* nobody: servers refuse to run as root */
#define STACK_BYTES (8u << 20)
#define NAME_BYTES  16 /* of a thread, its end included */
#define EXIT_MASK   0xff
#define LIMITS      16 /* RLIM_NLIMITS */

_Noreturn void posix_exit(int status) {
    unsigned program_status = (unsigned)status & EXIT_MASK, told = program_status;
    posix_console_end();
    if (told > NOM_EXIT_STATUS_MAX) {
        told = NOM_EXIT_STATUS_MAX;
        plat_log("%s: exit status %u, told as %u", posix_name, program_status, told);
    }
    posix_missing_print();
    posix_sockets_end();
    plat_exit((int)told);
}

long posix_sys_exit_group(long status) {
    posix_exit((int)status);
}

long posix_sys_getpid(void) {
    return PROCESS;
}

long posix_sys_getppid(void) {
    return PARENT;
}

long posix_sys_getuid(void) {
    return USER;
}

long posix_sys_geteuid(void) {
    return USER;
}

long posix_sys_getgid(void) {
    return USER;
}

long posix_sys_getegid(void) {
    return USER;
}

/* ---- limits ---- */

/* Kept as they are set; none but the number of files is of consequence here. */
long posix_sys_prlimit64(long process, long which, long new, long before) {
    static struct rlimit limits[LIMITS];
    static bool started;
    for (int i = 0; !started && i < LIMITS; i++)
        limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    if (!started) {
        limits[RLIMIT_NOFILE] = (struct rlimit){POSIX_FILES_MAX, POSIX_FILES_MAX};
        limits[RLIMIT_CORE] = (struct rlimit){0, 0};
        limits[RLIMIT_STACK] = (struct rlimit){STACK_BYTES, RLIM_INFINITY};
        started = true;
    }
    if (process != 0 && process != PROCESS)
        return -ESRCH;
    if (which < 0 || which >= LIMITS)
        return -EINVAL;
    struct rlimit old = limits[which];
    if (new) {
        struct rlimit wanted = *(const struct rlimit *)new;
        if (wanted.rlim_cur > wanted.rlim_max)
            return -EINVAL;
        if (wanted.rlim_max > old.rlim_max)
            return -EPERM;
        limits[which] = wanted;
        if (which == RLIMIT_NOFILE)
            posix_files_limit(wanted.rlim_cur);
    }
    if (before)
        *(struct rlimit *)before = old;
    return 0;
}

/* ---- the machine ---- */

long posix_sys_uname(long out) {
    struct utsname *u = (struct utsname *)out;
    memset(u, 0, sizeof *u);
    snprintf(u->sysname, sizeof u->sysname, "Linux"); /* whose calls these are */
    snprintf(u->nodename, sizeof u->nodename, "nom");
    snprintf(u->release, sizeof u->release, "5.10.0-nom");
    snprintf(u->version, sizeof u->version, "nom");
    snprintf(u->machine, sizeof u->machine, "x86_64");
    return 0;
}

long posix_sys_sysinfo(long out) {
    const struct nom_board *board = plat_board();
    uint64_t up_ns;
    posix_clock_ns(CLOCK_MONOTONIC, &up_ns);
    *(struct sysinfo *)out = (struct sysinfo){.uptime = (long)(up_ns / 1000000000),
                                              .totalram = board->memory_bytes,
                                              .freeram = board->memory_free_bytes,
                                              .procs = 1,
                                              .mem_unit = 1};
    return 0;
}

/* The program's threads have core 0; others are other programs'. */
long posix_sys_sched_getaffinity(long tid, long bytes, long set) {
    (void)tid;
    if (bytes < (long)sizeof(long) || bytes % (long)sizeof(long))
        return -EINVAL;
    *(unsigned long *)set = 1;
    return sizeof(long);
}

long posix_sys_prctl(long option, long argument, long a, long b, long c) {
    static char name[NAME_BYTES];
    (void)a;
    (void)b;
    (void)c;
    switch (option) {
    case PR_SET_NAME:
        memset(name, 0, sizeof name);
        memccpy(name, (const char *)argument, 0, sizeof name - 1);
        return 0;
    case PR_GET_NAME:
        snprintf((char *)argument, NAME_BYTES, "%s", name[0] ? name : posix_name);
        return 0;
    case PR_SET_DUMPABLE:
        return argument == 0 || argument == 1 ? 0 : -EINVAL;
    case PR_GET_DUMPABLE:
        return 0; /* there is nowhere to write a core to */
    default:
        return -EINVAL;
    }
}
