/*
 * Waiting in poll(2), for an eventfd of each core that plat_core_notify writes to, and on core 0
 * for the NIC's descriptor and the price page's. The eventfd keeps a notification that comes before
 * the wait; write(2) is async-signal-safe.
 */
#include "floor.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_BYTES 4096

enum { NOTIFIED, NIC, CHANGES, DESCRIPTORS };

static struct pollfd descriptors[DESCRIPTORS] = {
    [NOTIFIED] = {.fd = -1, .events = POLLIN},
    [NIC] = {.fd = -1, .events = POLLIN}, /* poll passes over a negative one */
    [CHANGES] = {.fd = -1, .events = POLLIN},
};
static void (*nic_trouble)(void);
static int notified[PLAT_CORES_MAX]; /* eventfds, once made; 0: none */

int plat_wait_core(unsigned core) {
    if (notified[core] == 0) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
            return -errno;
        __atomic_store_n(&notified[core], fd, __ATOMIC_RELEASE);
    }
    return 0;
}

int plat_wait_start(void) {
    int error = plat_wait_core(0);
    descriptors[NOTIFIED].fd = notified[0];
    return error;
}

void plat_wait_on(int fd, void (*trouble)(void)) {
    descriptors[NIC].fd = fd;
    nic_trouble = trouble;
}

void plat_wait_on_changes(int fd) {
    descriptors[CHANGES].fd = fd;
}

static void take_notification(int fd) {
    eventfd_t count;
    eventfd_read(fd, &count);
}

void plat_wait(uint32_t most_us) {
    struct timespec most = {.tv_sec = most_us / 1000000u,
                            .tv_nsec = (long)(most_us % 1000000u) * 1000};
    unsigned core = plat_core_index();
    if (core > 0) {
        struct pollfd one = {.fd = notified[core], .events = POLLIN};
        if (ppoll(&one, 1, &most, NULL) > 0)
            take_notification(one.fd);
        return;
    }
    if (ppoll(descriptors, DESCRIPTORS, &most, NULL) <= 0)
        return;
    if (descriptors[NOTIFIED].revents & POLLIN)
        take_notification(descriptors[NOTIFIED].fd);
    if (descriptors[CHANGES].revents & POLLIN) {
        char events[EVENTS_BYTES];
        while (read(descriptors[CHANGES].fd, events, sizeof events) > 0)
            ;
    }
    if (descriptors[NIC].revents & (POLLERR | POLLHUP | POLLNVAL))
        nic_trouble();
}

void plat_core_notify(unsigned core) {
    int saved = errno, fd = __atomic_load_n(&notified[core], __ATOMIC_ACQUIRE);
    if (fd > 0)
        eventfd_write(fd, 1);
    errno = saved;
}

void plat_notify(void) {
    plat_core_notify(0);
}
