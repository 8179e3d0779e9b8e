/*
 * The listener and the loop. The listener comes last in each round of events, so that no slot is
 * taken again in the round in which it became free, and no event reaches the wrong connection.
 *
 *   listening --no slot or no descriptor left--> pausing: clients wait in the listener's queue
 *   pausing --a slot is free again, or the next second--> listening
 */
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/sockets/sockets.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define BACKLOG       4096
#define EVENTS        256
#define ACCEPTS       64u /* in one round, so that the others are served too */
#define DESCRIPTORS   32u /* beside those of connections */
#define SECOND_US     1000000u
#define EPOLL_WAIT_MS 1000 /* SIGTERM is seen that late at most */

static int epoll_fd, listener;
static bool listening;
static bool full; /* no slot was left */

static void listen_on(bool on) {
    struct epoll_event event = {.events = on ? EPOLLIN : 0, .data.ptr = NULL};
    if (on != listening && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listener, &event) == 0)
        listening = on;
}

static void accept_all(void) {
    for (uint32_t i = 0; i < ACCEPTS; i++) {
        if (!sockets_pool_free()) {
            full = true;
            listen_on(false);
            return;
        }
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            sockets_connection_open(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listen_on(false);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

int sockets_serve(char *why, size_t why_bytes) {
    struct epoll_event events[EVENTS];
    uint64_t second_us = plat_now_us() + SECOND_US;
    while (!plat_asked_to_end()) {
        bool accepts = false;
        int n = epoll_wait(epoll_fd, events, EVENTS, EPOLL_WAIT_MS);
        if (n < 0 && errno != EINTR) {
            snprintf(why, why_bytes, "epoll_wait: %s", strerror(errno));
            return -1;
        }
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                sockets_connection_event(events[i].data.ptr, events[i].events);
            else
                accepts = true;
        }
        sockets_pool_feed();
        if (accepts)
            accept_all();
        if (full && sockets_pool_free()) {
            full = false;
            listen_on(true);
        }
        if (plat_now_us() >= second_us) {
            second_us = plat_now_us() + SECOND_US;
            sockets_pool_second();
            listen_on(true);
        }
    }
    return 0;
}

/* A descriptor for every slot, as far as that is allowed; without, the listener pauses. */
static void raise_descriptors(rlim_t most) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= most)
        return;
    rlim_t allowed = limit.rlim_max;
    limit.rlim_cur = most;
    if (limit.rlim_max < most)
        limit.rlim_max = most; /* for root */
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return;
    limit.rlim_cur = limit.rlim_max = allowed;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int sockets_open(const struct sockaddr_in *address, uint32_t connections, struct http_site *site,
                 char *why, size_t why_bytes) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int one = 1;
    raise_descriptors(connections + SOCKETS_BEYOND_MAX + DESCRIPTORS);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    /* Accepted sockets inherit TCP_NODELAY. */
    if (listener < 0 || epoll_fd < 0 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        bind(listener, (const struct sockaddr *)address, sizeof *address) != 0 ||
        listen(listener, BACKLOG) != 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) != 0) {
        snprintf(why, why_bytes, "cannot listen at port %u: %s", ntohs(address->sin_port),
                 strerror(errno));
        return -1;
    }
    listening = true;
    sockets_pool_open(epoll_fd, connections, site);
    return 0;
}
