/*
 * The network of a trial whose app is a process: a pair of virtual Ethernet ends, each in a network
 * namespace of its own that has no name.
 *
 *   client: nomN, 10.77.N.1 ----- PROFILER_APP_INTERFACE: the app
 *
 * The app's end has an address (10.77.N.2) where the app uses Linux's sockets, and none where it
 * brings its own stack. Neither end sends frames longer than its MTU or merges received ones, as on
 * a wire. The client's namespace is the caller's, the app's belongs to whoever has it open; the
 * pair goes with the first of the two namespaces.
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define TOOL_SECONDS    10.0
#define CARRIER_SECONDS 5.0
#define NAMESPACE       "/proc/thread-self/ns/net"

int profiler_ip_find(char *path, size_t bytes, char *why, size_t why_bytes) {
    if (profiler_find_tool("ip", "/usr/sbin:/sbin", path, bytes) == 0)
        return 0;
    return profiler_fail(why, why_bytes, "ip is not installed (Debian package iproute2)");
}

static int make_pair(const char *name, int app_netns_fd, char *why, size_t why_bytes) {
    char path[512], other[40], text[256];
    const char *argv[] = {
        path,    "link", "add", name, "type", "veth", "peer", "name", PROFILER_APP_INTERFACE,
        "netns", other,  NULL};
    const struct profiler_spawn ip = {.argv = argv, .core = -1, .keep = {app_netns_fd}};

    snprintf(other, sizeof other, "/proc/self/fd/%d", app_netns_fd);
    if (profiler_ip_find(path, sizeof path, why, why_bytes) != 0)
        return -1;
    return profiler_run(&ip, TOOL_SECONDS, text, sizeof text, why, why_bytes);
}

static int offload(int fd, const char *name, uint32_t command, uint32_t value) {
    struct ethtool_value what = {.cmd = command, .data = value};
    struct ifreq request = {.ifr_data = (char *)&what};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return ioctl(fd, SIOCETHTOOL, &request);
}

/* One end, in the present namespace. address: NULL for none. */
static int set_up(const char *name, const char *address, char *why, size_t why_bytes) {
    static const uint32_t off[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = fd < 0 ? -1 : 0;

    for (size_t i = 0; i < sizeof off / sizeof *off && result == 0; i++)
        result = offload(fd, name, off[i], 0);
    if (result == 0 && address)
        result = profiler_interface_address(fd, name, address);
    if (result == 0)
        result = profiler_interface_up(fd, name);
    int error = errno;
    if (fd >= 0)
        close(fd);
    return result == 0
               ? 0
               : profiler_fail(why, why_bytes, "%s cannot be set up: %s", name, strerror(error));
}

/* Until one end, up like the other, carries frames. The kernel notices in its own time that there
 * is a carrier, and until then drops what is sent. */
static int wait_for_carrier(const char *name, char *why, size_t why_bytes) {
    double deadline_s = profiler_now_s() + CARRIER_SECONDS;
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result = -1;

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    while (fd >= 0 && result != 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 &&
           profiler_now_s() < deadline_s) {
        if (request.ifr_flags & IFF_RUNNING)
            result = profiler_interface_up(fd, name); /* waits for whoever is just noticing */
        else
            poll(NULL, 0, 1);
    }
    if (fd >= 0)
        close(fd);
    return result == 0 ? 0 : profiler_fail(why, why_bytes, "%s has no carrier", name);
}

/* A view of sysfs as the present network namespace has it, mounted nowhere; -1 without the right.
 */
static int open_sysfs(void) {
    int made = fsopen("sysfs", FSOPEN_CLOEXEC), tree = -1;

    if (made >= 0 && fsconfig(made, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        tree = fsmount(made, FSMOUNT_CLOEXEC, 0);
    if (made >= 0)
        close(made);
    return tree;
}

bool profiler_rps_set(uint32_t network, int core) {
    char mask[16 + CPU_SETSIZE / 32 * 9], path[64];
    int written = -1, used, sysfs = open_sysfs();

    if (sysfs < 0)
        return false;
    used = snprintf(mask, sizeof mask, "%x", 1u << core % 32);
    for (int i = 0; i < core / 32 && i < CPU_SETSIZE / 32; i++)
        used += snprintf(mask + used, sizeof mask - (size_t)used, ",00000000");
    snprintf(path, sizeof path, "class/net/nom%u/queues/rx-0/rps_cpus", network);
    int fd = openat(sysfs, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        written = (int)write(fd, mask, (size_t)used);
        close(fd);
    }
    close(sysfs);
    return written == used;
}

/* From the client's namespace, with the app's open. */
static int connect_both(uint32_t network, int client_fd, int app_fd, bool addressed, char *why,
                        size_t why_bytes) {
    char name[16], host_ip[PROFILER_IP_BYTES], app_ip[PROFILER_IP_BYTES];
    profiler_interface_name(network, name);
    profiler_host_ip(network, host_ip);
    profiler_guest_ip(network, app_ip);
    if (make_pair(name, app_fd, why, why_bytes) != 0 || set_up(name, host_ip, why, why_bytes) != 0)
        return -1;
    if (setns(app_fd, CLONE_NEWNET) != 0)
        return profiler_fail(why, why_bytes, "cannot change namespaces: %s", strerror(errno));
    int result = set_up(PROFILER_APP_INTERFACE, addressed ? app_ip : NULL, why, why_bytes);
    if (result == 0)
        result = wait_for_carrier(PROFILER_APP_INTERFACE, why, why_bytes);
    if (setns(client_fd, CLONE_NEWNET) != 0)
        return profiler_fail(why, why_bytes, "cannot change namespaces: %s", strerror(errno));
    return result == 0 ? wait_for_carrier(name, why, why_bytes) : -1;
}

/* A namespace that nobody is in. Its descriptor, or -1. */
static int make_namespace(int client_fd, char *why, size_t why_bytes) {
    if (profiler_namespace_fresh(why, why_bytes) != 0)
        return -1;
    int fd = open(NAMESPACE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        profiler_fail(why, why_bytes, "cannot open a network namespace: %s", strerror(errno));
    if (setns(client_fd, CLONE_NEWNET) == 0)
        return fd;
    profiler_fail(why, why_bytes, "cannot change namespaces: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int profiler_veth_add(uint32_t network, bool addressed, int *app_netns_fd, char *why,
                      size_t why_bytes) {
    int client_fd = open(NAMESPACE, O_RDONLY | O_CLOEXEC), app_fd = -1, result = -1;

    *app_netns_fd = -1;
    if (client_fd < 0)
        return profiler_fail(why, why_bytes, "cannot open a network namespace: %s",
                             strerror(errno));
    app_fd = make_namespace(client_fd, why, why_bytes);
    if (app_fd >= 0)
        result = connect_both(network, client_fd, app_fd, addressed, why, why_bytes);
    close(client_fd);
    if (result == 0)
        *app_netns_fd = app_fd;
    else if (app_fd >= 0)
        close(app_fd);
    return result;
}
