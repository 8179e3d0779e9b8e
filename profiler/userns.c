/*
 * Networks without being root: a process that may not make a network namespace first enters a user
 * namespace of its own, in which it may. Once entered there is no way back; so it happens in the
 * process that measures, or in a child that only tries.
 *
 *   outside --profiler_userns_enter--> inside, for the rest of this process's life
 *
 * Inside, the caller's own user and group are called 0; no other is known. Outside nothing changes:
 * files are still opened and made as the caller's.
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ALL_USERS 4294967295.0

bool profiler_userns_inside(void) {
    char text[256];
    double inside, outside, count;

    if (profiler_read_file("/proc/self/uid_map", text, sizeof text) <= 0 ||
        sscanf(text, "%lf %lf %lf", &inside, &outside, &count) != 3)
        return false; /* a kernel without user namespaces */
    return inside > 0 || outside > 0 || count < ALL_USERS;
}

static int write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

int profiler_userns_enter(char *why, size_t why_bytes) {
    char users[32], groups[32];

    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        if (errno == ENOSPC || errno == EUSERS)
            return profiler_fail(why, why_bytes,
                                 "no user namespace left (sysctl user.max_user_namespaces), and "
                                 "not root");
        return profiler_fail(why, why_bytes,
                             "neither root nor allowed a user namespace (sysctl "
                             "kernel.unprivileged_userns_clone): %s",
                             strerror(errno));
    }
    if (write_text("/proc/self/setgroups", "deny") != 0 ||
        write_text("/proc/self/uid_map", users) != 0 ||
        write_text("/proc/self/gid_map", groups) != 0)
        return profiler_fail(why, why_bytes,
                             "a user namespace without rights in it (AppArmor?): %s",
                             strerror(errno));
    return 0;
}
