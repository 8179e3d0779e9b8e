/*
 * Fetches replies of random sizes over several connections at once and verifies every byte:
 *
 *   fetch ADDRESS REPLIES CONNECTIONS SEED
 *
 * Sizes are 0 to 1 MiB, evenly. A connection that breaks, ends or gains nothing for STALL_S seconds
 * is a failure: nothing that a link may do to frames may do that to a connection. Ends with 0 and a
 * line of figures, or with 1 and a line on what was wrong.
 */
#include "tests/unit/seeded.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY_MAX        (1u << 20)
#define HEAD_MAX        1024u
#define CONNECTIONS_MAX 1000u
#define STALL_S         90

struct connection {
    uint64_t asked_us, gained_us;
    size_t size, have; /* of the body */
    size_t head_bytes;
    bool in_body;
    char head[HEAD_MAX + 1];
};

static struct connection connections[CONNECTIONS_MAX];
static struct pollfd polls[CONNECTIONS_MAX];
static struct seeded random_sizes;
static uint64_t to_ask, to_come, bytes_come, longest_us;

static _Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
    exit(1);
}

static uint64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int dial(const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        die("not an address: %s", address);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        die("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    return fd;
}

/* Asks for the next reply; without any left the connection is closed. */
static void ask(struct connection *c, struct pollfd *p) {
    char request[100];
    if (to_ask == 0) {
        close(p->fd);
        p->fd = -1;
        return;
    }
    to_ask--;
    *c = (struct connection){.size = (size_t)seeded_below(&random_sizes, BODY_MAX + 1)};
    c->asked_us = c->gained_us = now_us();
    int n = sprintf(request, "GET /bytes/%zu HTTP/1.1\r\nHost: a\r\n\r\n", c->size);
    if (send(p->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        die("send: %s", strerror(errno));
    p->events = POLLIN;
}

static void finish(struct connection *c, struct pollfd *p) {
    uint64_t took_us = now_us() - c->asked_us;
    longest_us = took_us > longest_us ? took_us : longest_us;
    bytes_come += c->size;
    to_come--;
    ask(c, p);
}

/* Takes bytes of a head; returns how many. */
static size_t take_head(struct connection *c, const char *at, size_t n) {
    size_t used = 0;
    size_t length;
    while (used < n && !c->in_body) {
        if (c->head_bytes == HEAD_MAX)
            die("a head that does not end");
        c->head[c->head_bytes++] = at[used++];
        c->in_body = c->head_bytes >= 4 && memcmp(c->head + c->head_bytes - 4, "\r\n\r\n", 4) == 0;
    }
    if (c->in_body) {
        const char *field = strstr(c->head, "\r\nContent-Length: ");
        if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || !field ||
            sscanf(field + 18, "%zu", &length) != 1 || length != c->size)
            die("asked for %zu bytes, got: %s", c->size, c->head);
    }
    return used;
}

static void take(struct connection *c, struct pollfd *p) {
    static char buffer[256 * 1024];
    ssize_t got = recv(p->fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        die("the connection broke after %zu of %zu bytes: %s", c->have, c->size,
            got < 0 ? strerror(errno) : "its end came");
    size_t n = (size_t)got, at = c->in_body ? 0 : take_head(c, buffer, n);
    c->gained_us = now_us();
    for (; at < n; at++, c->have++)
        if ((unsigned char)buffer[at] != ((c->have * 31 + (c->have >> 8)) & 0xff) ||
            c->have == c->size)
            die("byte %zu of %zu is %d", c->have, c->size, (unsigned char)buffer[at]);
    if (c->in_body && c->have == c->size)
        finish(c, p);
}

static void look(struct connection *c, struct pollfd *p, uint64_t now) {
    if (p->fd < 0)
        return;
    if (p->revents & POLLOUT) {
        int error = 0;
        socklen_t bytes = sizeof error;
        if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) != 0 || error != 0)
            die("connect: %s", strerror(error));
        ask(c, p);
    } else if (p->revents) {
        take(c, p);
    } else if (now - c->gained_us > STALL_S * 1000000ull) {
        die("nothing came for %d s after %zu of %zu bytes", STALL_S, c->have, c->size);
    }
}

int main(int argc, char **argv) {
    if (argc != 5)
        die("usage: fetch ADDRESS REPLIES CONNECTIONS SEED");
    uint64_t replies = strtoull(argv[2], NULL, 10), count = strtoull(argv[3], NULL, 10);
    random_sizes.state = strtoull(argv[4], NULL, 10);
    if (replies == 0 || count == 0 || count > CONNECTIONS_MAX)
        die("no such number of replies or connections");
    to_ask = to_come = replies;
    uint64_t from_us = now_us();
    for (uint64_t i = 0; i < count; i++) {
        polls[i] = (struct pollfd){.fd = dial(argv[1]), .events = POLLOUT};
        connections[i].gained_us = from_us;
    }
    while (to_come > 0) {
        if (poll(polls, count, 1000) < 0)
            die("poll: %s", strerror(errno));
        uint64_t now = now_us();
        for (uint64_t i = 0; i < count; i++)
            look(&connections[i], &polls[i], now);
    }
    double seconds = (double)(now_us() - from_us) / 1e6;
    printf("%llu replies, %.1f MiB in %.1f s, the slowest took %.1f s\n",
           (unsigned long long)replies, (double)bytes_come / BODY_MAX, seconds,
           (double)longest_us / 1e6);
    return 0;
}
