/*
 * Waiting in poll(2), for the NIC's descriptor, for the price page's, and for an eventfd that
 * plat_notify writes to. The eventfd keeps a notification that comes before the wait; write(2) is
 * async-signal-safe.
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

int plat_wait_start(void) {
    descriptors[NOTIFIED].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptors[NOTIFIED].fd < 0 ? -errno : 0;
}

void plat_wait_on(int fd, void (*trouble)(void)) {
    descriptors[NIC].fd = fd;
    nic_trouble = trouble;
}

void plat_wait_on_changes(int fd) {
    descriptors[CHANGES].fd = fd;
}

void plat_wait(uint32_t most_us) {
    struct timespec most = {.tv_sec = most_us / 1000000u,
                            .tv_nsec = (long)(most_us % 1000000u) * 1000};
    if (ppoll(descriptors, DESCRIPTORS, &most, NULL) <= 0)
        return;
    if (descriptors[NOTIFIED].revents & POLLIN) {
        eventfd_t count;
        eventfd_read(descriptors[NOTIFIED].fd, &count);
    }
    if (descriptors[CHANGES].revents & POLLIN) {
        char events[EVENTS_BYTES];
        while (read(descriptors[CHANGES].fd, events, sizeof events) > 0)
            ;
    }
    if (descriptors[NIC].revents & (POLLERR | POLLHUP | POLLNVAL))
        nic_trouble();
}

void plat_notify(void) {
    int saved = errno;
    eventfd_write(descriptors[NOTIFIED].fd, 1);
    errno = saved;
}
