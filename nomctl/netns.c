/* The network namespace of a running app: `nomctl deploy --in`. */
#include "nomctl/nomctl.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

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
    int rc = setns(fd, CLONE_NEWNET), error = errno;
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
