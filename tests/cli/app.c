/*
 * The control port of an app without the app: runtime/lib's own control and adapt code behind a
 * socket on loopback, for tests of `nomctl deploy`. Prints its port, serves one connection after
 * another, and ends by itself after LIFE_S seconds.
 *
 *   app NAME          the control port of the app of that name
 *   app NAME silent   takes connections, answers nothing
 *   app NAME garbage  answers every byte with one that is no reply
 */
#include "runtime/lib/control.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIFE_S 30

static struct adapt adapt;
static struct control_session session;

static void apply(void *context, const struct adapt_decision *decision) {
    (void)context;
    (void)decision;
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    out->uptime_us = 1;
}

/* False if the connection is to be closed. */
static int answer(int fd, const struct control_app *app, const char *bytes, size_t n) {
    static char reply[CONTROL_REPLY_BYTES_MAX];
    size_t used, reply_bytes;
    for (; n > 0; bytes += used, n -= used) {
        int close_after = control_input(&session, app, bytes, n, &used, reply, &reply_bytes);
        if (reply_bytes && send(fd, reply, reply_bytes, MSG_NOSIGNAL) != (ssize_t)reply_bytes)
            return 0;
        if (close_after)
            return 0;
    }
    return 1;
}

static void serve(int fd, const struct control_app *app, const char *manner) {
    static char bytes[65536];
    ssize_t n;
    control_session_init(&session);
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        if (strcmp(manner, "silent") == 0)
            continue;
        if (strcmp(manner, "garbage") == 0) {
            memset(bytes, 'x', (size_t)n);
            if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) < 0)
                return;
        } else if (!answer(fd, app, bytes, (size_t)n))
            return;
    }
}

int main(int argc, char **argv) {
    struct control_app app = {.adapt = &adapt, .apply = apply, .statistics = statistics};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    if (argc < 2)
        return 2;
    alarm(LIFE_S);
    adapt_init(&adapt, argv[1], 0, NOM_KICK_NATURAL);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, bytes) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &bytes) != 0)
        return 1;
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return 1;
        serve(fd, &app, argc > 2 ? argv[2] : "");
        close(fd);
    }
}
