/*
 * The network of a trial: a namespace that nobody else holds and an interface in it, so that they
 * go with their last process, however it ends; or, without the right to make them, free ports of
 * loopback. Here namespace, tap and ports; a veth is made by veth.c.
 *
 * A namespace belongs to a thread: the one that enters must be the one that leaves.
 */
#include "profiler/internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int profiler_interface_up(int fd, const char *name) {
    struct ifreq request = {0};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return -1;
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &request);
}

static int set_address(int fd, const char *name, unsigned long what, const char *address) {
    struct ifreq request = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};

    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    inet_pton(AF_INET, address, &in.sin_addr);
    memcpy(&request.ifr_addr, &in, sizeof in);
    return ioctl(fd, what, &request);
}

int profiler_interface_address(int fd, const char *name, const char *address) {
    int result = set_address(fd, name, SIOCSIFADDR, address);

    return result ? result : set_address(fd, name, SIOCSIFNETMASK, PROFILER_NETMASK);
}

/* Without IPv6 the host sends nothing of its own on the wire. A host without IPv6 has no such
 * setting, and needs none. */
static void silence_ipv6(void) {
    int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (write(fd, "1", 1) != 1)
        errno = 0;
    close(fd);
}

/* In a namespace just made: loopback, and silence. */
static int furnish(char *why, size_t why_bytes) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || profiler_interface_up(fd, "lo") != 0) {
        profiler_fail(why, why_bytes, "cannot set up a network namespace: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    silence_ipv6();
    return 0;
}

int profiler_namespace_fresh(char *why, size_t why_bytes) {
    if (unshare(CLONE_NEWNET) == 0)
        return furnish(why, why_bytes);
    if (errno == ENOSPC)
        return profiler_fail(why, why_bytes,
                             "no network namespace left (sysctl user.max_net_namespaces)");
    return profiler_fail(why, why_bytes, "no network namespace can be made: %s", strerror(errno));
}

static int remember(int *home, char *why, size_t why_bytes) {
    *home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (*home < 0)
        return profiler_fail(why, why_bytes, "this system has no network namespaces: %s",
                             strerror(errno));
    return 0;
}

/* Whether this thread may make and leave network namespaces. */
static bool is_allowed(int home) {
    return setns(home, CLONE_NEWNET) == 0;
}

int profiler_namespace_enter(int *home, char *why, size_t why_bytes) {
    if (remember(home, why, why_bytes) != 0)
        return -1;
    if (!is_allowed(*home)) { /* from here on home is the user namespace's own */
        close(*home);
        *home = -1;
        if (profiler_userns_enter(why, why_bytes) != 0 || furnish(why, why_bytes) != 0 ||
            remember(home, why, why_bytes) != 0)
            return -1;
    }
    if (profiler_namespace_fresh(why, why_bytes) == 0)
        return 0;
    profiler_namespace_leave(home);
    return -1;
}

void profiler_namespace_leave(int *home) {
    if (*home < 0)
        return;
    /* Were there no way back, the next trial would leave for a fresh one from here as well. */
    setns(*home, CLONE_NEWNET);
    close(*home);
    *home = -1;
}

void profiler_host_ip(uint32_t network, char ip[PROFILER_IP_BYTES]) {
    snprintf(ip, PROFILER_IP_BYTES, "10.77.%u.1", network & 0xff);
}

void profiler_guest_ip(uint32_t network, char ip[PROFILER_IP_BYTES]) {
    snprintf(ip, PROFILER_IP_BYTES, "10.77.%u.2", network & 0xff);
}

void profiler_interface_name(uint32_t network, char name[16]) {
    snprintf(name, 16, "nom%u", network & 0xff);
}

bool profiler_network_is_tap(const char *network) {
    return strcmp(network, "tap") == 0 || strcmp(network, PROFILER_NETWORK_POLLED) == 0;
}

int profiler_tap_open(uint32_t network, char *why, size_t why_bytes) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    char name[16], ip[PROFILER_IP_BYTES];
    int control = -1, tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (tap < 0)
        return profiler_fail(why, why_bytes, "/dev/net/tun cannot be opened: %s", strerror(errno));
    profiler_interface_name(network, name);
    profiler_host_ip(network, ip);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(tap, TUNSETIFF, &request) == 0 &&
        (control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0 &&
        profiler_interface_address(control, name, ip) == 0 &&
        profiler_interface_up(control, name) == 0) {
        close(control);
        return tap;
    }
    profiler_fail(why, why_bytes, "a tap cannot be set up: %s", strerror(errno));
    if (control >= 0)
        close(control);
    close(tap);
    return -1;
}

double profiler_interface_rx_bytes(const char *interface) {
    char text[4096], key[24];
    double bytes;

    if (profiler_read_file("/proc/thread-self/net/dev", text, sizeof text) <= 0)
        return -1;
    snprintf(key, sizeof key, "%s:", interface);
    const char *line = strstr(text, key);
    if (!line || sscanf(line + strlen(key), "%lf", &bytes) != 1)
        return -1;
    return bytes;
}

int profiler_port_hold(int *fd) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int one = 1, error;

    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(*fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        getsockname(*fd, (struct sockaddr *)&address, &bytes) == 0)
        return ntohs(address.sin_port);
    error = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return -error;
}
