/*
 * The host's end of the control protocol (runtime/abi/control.h).
 *
 * One request at a time, each bounded by the time given to control_connect, however slowly the
 * other side sends; it is kept in the socket's own receive time-out. A reply is used only if its
 * header answers this request and its size is exactly what that type has. A signal that is caught
 * ends a request at once.
 */
#include "profiler/internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* Waits for events on fd. 0 or -1 with why. */
static int await(int fd, short events, double deadline_s, char *why, size_t why_bytes) {
    struct pollfd poll_fd = {.fd = fd, .events = events};
    double left_s = deadline_s - profiler_now_s();
    int n = left_s > 0 ? poll(&poll_fd, 1, (int)ceil(left_s * 1000)) : 0;

    if (n > 0)
        return 0;
    if (n == 0)
        return profiler_fail(why, why_bytes, "the control port did not answer in time");
    return profiler_fail(why, why_bytes, "control port: %s", strerror(errno));
}

int control_connect(const struct sockaddr_in *address, double timeout_seconds, char *why,
                    size_t why_bytes) {
    double deadline_s = profiler_now_s() + timeout_seconds;
    struct timeval timeout = {.tv_sec = (time_t)timeout_seconds};
    char ip[INET_ADDRSTRLEN];
    int error = 0;
    socklen_t error_bytes = sizeof error;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return profiler_fail(why, why_bytes, "no socket: %s", strerror(errno));
    timeout.tv_usec = (suseconds_t)((timeout_seconds - (double)timeout.tv_sec) * 1e6);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0)
        error = errno;
    else if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        error = errno;
    if (error == EINPROGRESS) {
        if (await(fd, POLLOUT, deadline_s, why, why_bytes) != 0) {
            close(fd);
            return -1;
        }
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
    }
    if (error == 0)
        return fd;
    close(fd);
    inet_ntop(AF_INET, &address->sin_addr, ip, sizeof ip);
    return profiler_fail(why, why_bytes, "no control port at %s:%d: %s", ip,
                         ntohs(address->sin_port), strerror(error));
}

static int send_all(int fd, const void *bytes, size_t n, double deadline_s, char *why,
                    size_t why_bytes) {
    const char *at = bytes;

    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            at += sent;
            n -= (size_t)sent;
        } else if (errno != EAGAIN) {
            return profiler_fail(why, why_bytes, "control port: %s", strerror(errno));
        } else if (await(fd, POLLOUT, deadline_s, why, why_bytes) != 0) {
            return -1;
        }
    }
    return 0;
}

static int receive_all(int fd, void *bytes, size_t n, double deadline_s, char *why,
                       size_t why_bytes) {
    char *at = bytes;

    while (n) {
        if (await(fd, POLLIN, deadline_s, why, why_bytes) != 0)
            return -1;
        ssize_t got = recv(fd, at, n, MSG_DONTWAIT);
        if (got == 0)
            return profiler_fail(why, why_bytes, "the control port closed the connection");
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        } else if (errno != EAGAIN) {
            return profiler_fail(why, why_bytes, "control port: %s", strerror(errno));
        }
    }
    return 0;
}

/* One request, one reply: its status, and `out` of out_bytes if the app agreed. */
static int request(int fd, enum nom_control_type type, const void *payload, size_t payload_bytes,
                   void *out, size_t out_bytes, char *why, size_t why_bytes) {
    static uint32_t last_tag;
    struct nom_control_header ask = {.magic = NOM_CONTROL_MAGIC,
                                     .version = NOM_CONTROL_VERSION,
                                     .type = (uint16_t)type,
                                     .payload_bytes = (uint32_t)payload_bytes,
                                     .tag = ++last_tag};
    struct nom_control_header answer;
    struct nom_control_status status;
    struct timeval timeout;
    socklen_t timeout_bytes = sizeof timeout;

    if (payload_bytes > NOM_CONTROL_PAYLOAD_MAX)
        return profiler_fail(why, why_bytes, "%zu bytes are too many for one control message",
                             payload_bytes);
    if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &timeout_bytes) != 0)
        return profiler_fail(why, why_bytes, "control port: %s", strerror(errno));
    double deadline_s = profiler_now_s() + (double)timeout.tv_sec + (double)timeout.tv_usec * 1e-6;

    if (send_all(fd, &ask, sizeof ask, deadline_s, why, why_bytes) != 0 ||
        send_all(fd, payload, payload_bytes, deadline_s, why, why_bytes) != 0 ||
        receive_all(fd, &answer, sizeof answer, deadline_s, why, why_bytes) != 0)
        return -1;
    if (answer.magic != NOM_CONTROL_MAGIC || answer.version != NOM_CONTROL_VERSION)
        return profiler_fail(why, why_bytes, "what answers there is no nom control port");
    if (answer.type != (ask.type | NOM_CONTROL_REPLY) || answer.tag != ask.tag ||
        answer.payload_bytes < sizeof status || answer.payload_bytes > sizeof status + out_bytes)
        return profiler_fail(why, why_bytes, "the control port's reply is malformed");
    if (receive_all(fd, &status, sizeof status, deadline_s, why, why_bytes) != 0)
        return -1;
    size_t rest = answer.payload_bytes - sizeof status;
    if (rest != (status.error == NOM_CONTROL_OK ? out_bytes : 0))
        return profiler_fail(why, why_bytes, "the control port's reply is malformed");
    if (status.error != NOM_CONTROL_OK) {
        int n = (int)strnlen(status.text, sizeof status.text);
        return profiler_fail(why, why_bytes, "the app refused: %.*s (error %u)", n, status.text,
                             status.error);
    }
    return rest ? receive_all(fd, out, rest, deadline_s, why, why_bytes) : 0;
}

int control_statistics(int fd, struct nom_statistics *out, char *why, size_t why_bytes) {
    return request(fd, NOM_CONTROL_STATISTICS, NULL, 0, out, sizeof *out, why, why_bytes);
}

int control_delay(int fd, double delay_us, enum nom_kick kick, char *why, size_t why_bytes) {
    struct nom_control_delay delay = {.delay_us = delay_us, .kick = kick};

    return request(fd, NOM_CONTROL_DELAY, &delay, sizeof delay, NULL, 0, why, why_bytes);
}

int control_price(int fd, double usd_per_gbit, char *why, size_t why_bytes) {
    struct nom_control_price price = {
        .count = 1, .use_id = {NOM_USE_GBIT_OUT_PER_S}, .price_usd = {usd_per_gbit}};

    return request(fd, NOM_CONTROL_PRICE, &price, sizeof price, NULL, 0, why, why_bytes);
}

int control_table(int fd, const void *file, size_t bytes, char *why, size_t why_bytes) {
    return request(fd, NOM_CONTROL_TABLE, file, bytes, NULL, 0, why, why_bytes);
}

int control_utility(int fd, const struct nom_utility *u, char *why, size_t why_bytes) {
    return request(fd, NOM_CONTROL_UTILITY, u, sizeof *u, NULL, 0, why, why_bytes);
}
