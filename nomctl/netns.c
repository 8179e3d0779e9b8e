/*
 * The network namespace of a running app: `nomctl deploy --in`. One that was made without being
 * root belongs to a user namespace, which must be entered first; the process tells which.
 */
#include "nomctl/nomctl.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/* Of the process whose network namespace is PATH (/proc/PID/ns/net). 0, or -1. */
static int enter_users(const char *path) {
    static const char end[] = "/ns/net";
    char users[4096];
    size_t n = strlen(path);
    if (strncmp(path, "/proc/", 6) != 0 || n < sizeof end || strcmp(path + n + 1 - sizeof end, end))
        return -1;
    snprintf(users, sizeof users, "%.*suser", (int)(n - 3), path);
    int fd = open(users, O_RDONLY | O_CLOEXEC);
    int rc = fd >= 0 ? setns(fd, CLONE_NEWUSER) : -1;
    if (fd >= 0)
        close(fd);
    return rc;
}

int netns_enter(const char *name) {
    char path[4096];
    if (!name[0] || strlen(name) > 3000)
        return out_fail(NOMCTL_USAGE, "--in: not the name of a network namespace");
    if (strchr(name, '/'))
        snprintf(path, sizeof path, "%s", name);
    else if (strspn(name, "0123456789") == strlen(name))
        snprintf(path, sizeof path, "/proc/%s/ns/net", name);
    else
        snprintf(path, sizeof path, "/run/netns/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return out_fail(NOMCTL_USAGE, "--in %s: cannot open %s: %s", name, path, strerror(errno));
    int rc = setns(fd, CLONE_NEWNET);
    if (rc != 0 && errno == EPERM) {
        rc = enter_users(path) == 0 ? setns(fd, CLONE_NEWNET) : -1;
        errno = rc == 0 ? 0 : EPERM;
    }
    int error = errno;
    close(fd);
    if (rc == 0)
        return NOMCTL_OK;
    return out_fail(error == EINVAL ? NOMCTL_USAGE : NOMCTL_FAILED, "--in %s: %s: %s", name, path,
                    error == EINVAL ? "not a network namespace" : strerror(error));
}

uint64_t netns_current(void) {
    char text[64] = "";
    unsigned long long id = 0;
    ssize_t n = readlink("/proc/self/ns/net", text, sizeof text - 1);
    return n > 0 && sscanf(text, "net:[%llu]", &id) == 1 ? id : 0;
}
