/*
 * Clients that mean memcached no good. Exit status 0 if it bore them as it should, else 1 with a
 * line that says what was wrong.
 *
 *   hostile ADDRESS PORT deaf       50 ask for 20 MB each and read nothing, 50 send half a request;
 *                                   one other is served all the same
 *   hostile ADDRESS PORT many N     4,000 connections at once (or N), all held until they are open,
 *                                   then N in all; of the first, half are served in turn
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 8192
#define BIG_BYTES   1000000
#define DEAF        50
#define ENOUGH      4000
#define WAIT_MS     120000

static struct sockaddr_in server;

static _Noreturn void wrong(const char *what) {
    fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int start(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        wrong("socket");
    }
    return fd;
}

static int open_one(void) {
    const struct timeval most = {.tv_sec = WAIT_MS / 1000};
    int fd = start();
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        wrong("connect");
    }
    return fd;
}

static void say(int fd, const char *bytes, size_t n) {
    if (send(fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n) {
        wrong("send");
    }
}

static void ask(int fd, const char *request, const char *reply) {
    char heard[100];
    say(fd, request, strlen(request));
    for (size_t at = 0; at < strlen(reply);) {
        ssize_t n = recv(fd, heard + at, strlen(reply) - at, 0);
        if (n <= 0) {
            wrong("no reply");
        }
        at += (size_t)n;
        if (memcmp(heard, reply, at) != 0) {
            fprintf(stderr, "hostile: another reply: %.*s\n", (int)at, heard);
            exit(1);
        }
    }
}

static void deaf(void) {
    static char value[BIG_BYTES + 2];
    const struct linger reset = {.l_onoff = 1};
    int fds[DEAF], fd = open_one(), half = -1;
    char head[64];
    memset(value, 'x', BIG_BYTES);
    memcpy(value + BIG_BYTES, "\r\n", 2);
    say(fd, head, (size_t)snprintf(head, sizeof head, "set big 0 0 %d\r\n", BIG_BYTES));
    say(fd, value, BIG_BYTES);
    ask(fd, "\r\n", "STORED\r\n");
    for (int i = 0; i < DEAF; i++) {
        fds[i] = open_one();
        for (int k = 0; k < 20; k++) {
            say(fds[i], "get big\r\n", 9);
        }
        half = open_one();
        say(half, "set half 0 0 1000\r\nabc", 22);
    }
    for (int i = 0; i < 200; i++) {
        ask(fd, "get half\r\n", "END\r\n");
    }
    for (int i = 0; i < DEAF; i += 2) {
        setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fds[i]);
    }
    ask(fd, "get half\r\n", "END\r\n");
    close(half);
}

static struct pollfd begin(void) {
    struct pollfd client = {.fd = start(), .events = POLLOUT};
    fcntl(client.fd, F_SETFL, O_NONBLOCK);
    if (connect(client.fd, (const struct sockaddr *)&server, sizeof server) != 0 &&
        errno != EINPROGRESS) {
        wrong("connect");
    }
    return client;
}

/* Those beyond come when the others are open: which of two is taken first is not the order in which
 * they began, where a segment is lost. */
static void many(int count) {
    static struct pollfd clients[CLIENTS_MAX];
    const int enough = count < ENOUGH ? count : ENOUGH;
    int open_now = 0;
    for (int i = 0; i < enough; i++) {
        clients[i] = begin();
    }
    while (open_now < enough) {
        if (poll(clients, (nfds_t)enough, WAIT_MS) <= 0) {
            wrong("too few connections are taken");
        }
        for (int i = 0; i < enough; i++) {
            if (clients[i].revents & (POLLERR | POLLHUP)) {
                wrong("a connection failed");
            }
            if (clients[i].revents != 0) {
                fcntl(clients[i].fd, F_SETFL, 0);
                clients[i].fd = ~clients[i].fd; /* poll passes it over */
                open_now++;
            }
        }
    }
    for (int i = enough; i < count; i++) {
        clients[i] = begin();
    }
    /* Those that were taken last may be in the queue of the listening socket. */
    for (int i = 0; i < count && i <= enough / 2; i++) {
        ask(~clients[i].fd, "get none\r\n", "END\r\n");
        close(~clients[i].fd);
    }
}

int main(int argc, char **argv) {
    struct rlimit files = {CLIENTS_MAX + 100, CLIENTS_MAX + 100};
    server.sin_family = AF_INET;
    if (argc < 4 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        fprintf(stderr, "usage: hostile ADDRESS PORT deaf|many N\n");
        return 1;
    }
    server.sin_port = htons((uint16_t)atoi(argv[2]));
    if (strcmp(argv[3], "deaf") == 0) {
        deaf();
    } else if (strcmp(argv[3], "many") == 0 && argc == 5 && atoi(argv[4]) <= CLIENTS_MAX) {
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            wrong("files");
        }
        many(atoi(argv[4]));
    } else {
        fprintf(stderr, "hostile: cannot %s\n", argv[3]);
        return 1;
    }
    return 0;
}
