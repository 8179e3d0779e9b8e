/*
 * A client that tries a running nhttpd as no ordinary client would:
 *
 *   web ADDRESS TEST [NUMBER [NUMBER]]
 *
 * Ends with 0, or 1 after one line on what was wrong. It waits for any reply at most WAIT_S.
 */
#include "runtime/abi/control.h"
#include "tests/unit/seeded.h"
#include "workloads/load/load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S   20
#define BODY_MAX (1u << 20)

static struct sockaddr_in server = {.sin_family = AF_INET};

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

static int dial(uint16_t port) {
    struct timeval wait = {.tv_sec = WAIT_S};
    struct sockaddr_in to = server;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_port = htons(port);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
        die("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect: %s", strerror(errno));
    return fd;
}

static void put(int fd, const void *bytes, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0)
            die("send: %s", strerror(errno));
        at += (size_t)sent;
    }
}

static void ask(int fd, const char *method, size_t bytes) {
    char request[100];
    put(fd, request,
        (size_t)sprintf(request, "%s /bytes/%zu HTTP/1.1\r\nHost: a\r\n\r\n", method, bytes));
}

/* A connection read through a buffer. */
struct reader {
    int fd;
    size_t at, have;
    unsigned char buffer[65536];
};

static int next(struct reader *r) {
    if (r->at == r->have) {
        ssize_t n = recv(r->fd, r->buffer, sizeof r->buffer, 0);
        if (n < 0)
            die("no reply: %s", strerror(errno));
        if (n == 0)
            return -1;
        r->at = 0;
        r->have = (size_t)n;
    }
    return r->buffer[r->at++];
}

/* Reads a head into text; the status, 0 at the end of the stream. *length: Content-Length. */
static unsigned read_head(struct reader *r, char text[1024], size_t *length) {
    size_t n = 0;
    unsigned status;
    int c;
    while (n < 4 || memcmp(text + n - 4, "\r\n\r\n", 4) != 0) {
        if ((c = next(r)) < 0 && n == 0)
            return 0;
        if (c < 0 || n == 1023)
            die("a head that does not end");
        text[n++] = (char)c;
    }
    text[n] = '\0';
    const char *field = strstr(text, "\r\nContent-Length: ");
    if (sscanf(text, "HTTP/1.1 %3u ", &status) != 1 || !field || status < 200 ||
        sscanf(field + 18, "%zu", length) != 1)
        die("not a reply: %s", text);
    return status;
}

static void read_pattern(struct reader *r, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        int c = next(r);
        if (c != (int)((i * 31 + (i >> 8)) & 0xff))
            die("byte %zu of %zu is %d", i, bytes, c);
    }
}

static void read_reply(struct reader *r, size_t bytes) {
    char text[1024];
    size_t length;
    unsigned status = read_head(r, text, &length);
    if (status != 200 || length != bytes)
        die("asked for %zu bytes, got status %u and length %zu", bytes, status, length);
    read_pattern(r, bytes);
}

/* Every size that is near a border of segments, writes and buffers, and random ones; GET and HEAD,
 * on one connection. */
static void sizes(uint64_t seed, uint64_t count) {
    static struct reader r;
    struct seeded random = {seed};
    r = (struct reader){.fd = dial(80)};
    for (size_t bytes = 1; bytes <= BODY_MAX; bytes *= 2)
        for (size_t add = 0; add < 3; add++) {
            size_t n = bytes + add - 1 > BODY_MAX ? BODY_MAX : bytes + add - 1;
            ask(r.fd, "GET", n);
            read_reply(&r, n);
        }
    for (uint64_t i = 0; i < count; i++) {
        char text[1024];
        size_t n = (size_t)seeded_magnitude(&random, 1, BODY_MAX), length;
        ask(r.fd, "HEAD", n);
        ask(r.fd, "GET", n);
        if (read_head(&r, text, &length) != 200 || length != n)
            die("HEAD of %zu bytes says %zu", n, length);
        read_reply(&r, n);
    }
    close(r.fd);
}

/* Replies of several segments, one after another: where a delayed acknowledgement (40 ms) waits for
 * a held-back segment, it does at nearly each; on a busy machine some are slow without it. */
static void stalls(uint64_t bytes, uint64_t count) {
    static struct reader r;
    uint64_t slow = 0;
    r = (struct reader){.fd = dial(80)};
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from_us = now_us();
        ask(r.fd, "GET", bytes);
        read_reply(&r, bytes);
        slow += now_us() - from_us >= 35000;
    }
    if (slow > count / 4 * 3)
        die("%llu of %llu replies took 35 ms and more", (unsigned long long)slow,
            (unsigned long long)count);
    close(r.fd);
}

/* Requests in one stream cut at random, in batches far beyond what waits in the server. */
static void pipeline(uint64_t seed, uint64_t count) {
    static struct reader r;
    struct seeded random = {seed};
    char *stream = malloc(count * 64);
    size_t n = 0;
    if (!stream)
        die("no memory");
    r = (struct reader){.fd = dial(80)};
    for (uint64_t i = 0; i < count; i++)
        n += (size_t)sprintf(stream + n, "GET /bytes/%llu HTTP/1.1\r\nHost: a\r\n\r\n",
                             (unsigned long long)(i * 7 % 3000));
    if (fork() == 0) {
        for (size_t at = 0; at < n;) {
            size_t part = seeded_below(&random, 2000) + 1;
            part = part < n - at ? part : n - at;
            put(r.fd, stream + at, part);
            at += part;
        }
        _exit(0);
    }
    for (uint64_t i = 0; i < count; i++)
        read_reply(&r, i * 7 % 3000);
    free(stream);
    close(r.fd);
}

/* Asks for much, reads nothing for a while, ends its side, then reads all of it. */
static void slow_reader(uint64_t bytes, uint64_t count) {
    static struct reader r;
    r = (struct reader){.fd = dial(80)};
    for (uint64_t i = 0; i < count; i++)
        ask(r.fd, "GET", bytes);
    shutdown(r.fd, SHUT_WR);
    usleep(500000);
    for (uint64_t i = 0; i < count; i++)
        read_reply(&r, bytes);
    if (next(&r) != -1)
        die("the connection was not closed after the last reply");
    close(r.fd);
}

/* An error reply must reach a client that is still sending, and no reset after it. */
static void refused_body(uint64_t bytes, uint64_t count) {
    static struct reader r;
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n";
    static char body[1000];
    for (uint64_t i = 0; i < count; i++) {
        char text[1024];
        size_t length;
        r = (struct reader){.fd = dial(80)};
        put(r.fd, head, sizeof head - 1);
        for (uint64_t sent = 0; sent < bytes; sent += sizeof body)
            put(r.fd, body, sizeof body);
        if (read_head(&r, text, &length) != 405 || !strstr(text, "\r\nAllow: GET, HEAD\r\n"))
            die("not the reply expected: %s", text);
        while (length-- > 0)
            if (next(&r) < 0)
                die("a body cut short");
        if (next(&r) != -1)
            die("the connection was not closed");
        close(r.fd);
    }
}

/* Any bytes: the server answers with replies or nothing, and serves the next. */
static void garbage(uint64_t seed, uint64_t count) {
    static struct reader r;
    static const char *const scraps[] = {"GET ",
                                         "/",
                                         " HTTP/1.1\r\n",
                                         "Host: a\r\n",
                                         "\r\n",
                                         "%",
                                         "GET /bytes/3000 HTTP/1.1\r\nHost: a\r\n\r\n"};
    struct seeded random = {seed};
    for (uint64_t i = 0; i < count; i++) {
        char bytes[4096], text[1024];
        size_t n = 0, most = seeded_below(&random, 3000) + 1, length;
        while (n < most) {
            const char *scrap = scraps[seeded_below(&random, 7)];
            if (seeded_below(&random, 3) == 0)
                bytes[n++] = (char)seeded_next(&random);
            else
                n += (size_t)sprintf(bytes + n, "%s", scrap);
        }
        r = (struct reader){.fd = dial(80)};
        for (size_t at = 0; at < n;) {
            size_t part = seeded_below(&random, n - at) + 1;
            ssize_t sent = send(r.fd, bytes + at, part, MSG_NOSIGNAL);
            if (sent <= 0)
                break; /* it may close on us */
            at += (size_t)sent;
        }
        if (i % 4 == 0) { /* gone without a word */
            struct linger hard = {1, 0};
            setsockopt(r.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        } else {
            shutdown(r.fd, SHUT_WR);
            while (read_head(&r, text, &length) != 0)
                while (length-- > 0)
                    if (next(&r) < 0)
                        die("a body cut short");
        }
        close(r.fd);
    }
    r = (struct reader){.fd = dial(80)};
    ask(r.fd, "GET", 5000);
    read_reply(&r, 5000);
    close(r.fd);
}

/* `count` requests, `connections` at a time: all must be served. */
static void serve_all(uint64_t count, uint64_t connections, bool keep_alive) {
    struct load load;
    struct load_config config = {.server = server,
                                 .path = "/",
                                 .connections = (uint32_t)connections,
                                 .seconds = 300,
                                 .keep_alive = keep_alive,
                                 .requests_max = count,
                                 .core = -1,
                                 .timeout_seconds = WAIT_S};
    static volatile const int never;
    config.server.sin_port = htons(80);
    int error = load_start(&load, LOAD_CLIENT_NOM, &config);
    if (error)
        die("load_start: %s", strerror(-error));
    load_wait(&load, &never);
    const struct load_result *result = load.result;
    if (!result->done || result->replies != count || result->errors || result->refused)
        die("%s; %llu replies, %llu refused, %llu errors", result->error,
            (unsigned long long)result->replies, (unsigned long long)result->refused,
            (unsigned long long)result->errors);
    load_free(&load);
}

static void requests(uint64_t count, uint64_t connections) {
    serve_all(count, connections, true);
}

/* One request a connection. */
static void churn(uint64_t count, uint64_t connections) {
    serve_all(count, connections, false);
}

/* True if it is served; told 503, it is closed by the server. */
static bool is_served(int fd) {
    static struct reader r;
    char text[1024];
    size_t length;
    ask(fd, "HEAD", 1);
    r = (struct reader){.fd = fd};
    unsigned status = read_head(&r, text, &length);
    if (status == 503)
        while (next(&r) != -1)
            ;
    else if (status != 200)
        die("a connection got status %u", status);
    return status == 200;
}

/* Opens `count` connections, and asks on each: at most `most` may be served, the others must be
 * told 503 and be closed. Those ask at once, for the server soon forgets the silent among them.
 * Afterwards all are served again. */
static void crowd(uint64_t count, uint64_t most) {
    static struct reader r;
    int *fd = calloc(count, sizeof *fd);
    char text[1024];
    size_t length;
    uint64_t served = 0;
    if (!fd)
        die("no memory");
    for (uint64_t i = 0; i < count; i++) {
        fd[i] = dial(80);
        if (i >= most)
            served += is_served(fd[i]);
    }
    for (uint64_t i = 0; i < count && i < most; i++)
        served += is_served(fd[i]);
    if (served != (count < most ? count : most))
        die("%llu of %llu were served", (unsigned long long)served, (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++)
        close(fd[i]);
    free(fd);
    for (int turn = 0; turn < 100; turn++) { /* the server sees them end when their FINs come */
        r = (struct reader){.fd = dial(80)};
        ask(r.fd, "HEAD", 1);
        unsigned status = read_head(&r, text, &length);
        close(r.fd);
        if (status == 200)
            return;
        usleep(50000);
    }
    die("not served again");
}

static int *dial_many(uint64_t count) {
    int *fd = calloc(count, sizeof *fd);
    if (!fd)
        die("no memory");
    for (uint64_t i = 0; i < count; i++)
        fd[i] = dial(80);
    return fd;
}

static void close_many(int *fd, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        close(fd[i]);
    free(fd);
}

/* Each of `count` connections asks after a while of silence, in which 32 others make `requests`
 * requests; twice, for those that were set aside come back. */
static void idle(uint64_t count, uint64_t requests_beside) {
    static struct reader r;
    int *fd = dial_many(count);
    for (int turn = 0; turn < 2; turn++) {
        usleep(500000);
        serve_all(requests_beside, 32, true);
        for (uint64_t i = 0; i < count; i++) {
            r = (struct reader){.fd = fd[i]};
            ask(r.fd, "GET", i);
            read_reply(&r, i);
        }
    }
    close_many(fd, count);
}

/* `count` connections each send half a request, then dribble. They must not keep others from being
 * served for longer than WAIT_S, and must all be closed in the end. */
static void loris(uint64_t count, uint64_t most_s) {
    static struct reader r;
    int *fd = dial_many(count);
    for (uint64_t i = 0; i < count; i++)
        put(fd[i], "GET / HTTP/1.1\r\nHost: ", 22);
    r = (struct reader){.fd = dial(80)};
    ask(r.fd, "GET", 3000);
    struct pollfd served = {.fd = r.fd, .events = POLLIN};
    for (uint64_t turn = 0; poll(&served, 1, 500) == 0; turn++)
        for (uint64_t i = 0; i < count; i++)
            (void)send(fd[i], "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    read_reply(&r, 3000);
    close(r.fd);
    uint64_t until_us = now_us() + most_s * 1000000;
    for (uint64_t i = 0; i < count; i++) {
        struct pollfd ended = {.fd = fd[i], .events = POLLIN};
        int64_t left_us = (int64_t)(until_us - now_us());
        char byte;
        if (poll(&ended, 1, left_us > 0 ? (int)(left_us / 1000) : 0) != 1 ||
            recv(fd[i], &byte, 1, 0) > 0)
            die("connection %llu was not closed", (unsigned long long)i);
    }
    close_many(fd, count);
}

/* Half the bytes of random messages to the control port are noise: error replies or none, no
 * effect, and the next client is answered. */
static void control(uint64_t port, uint64_t count) {
    struct seeded random = {port};
    struct {
        struct nom_control_header header;
        struct nom_control_status status;
        struct nom_statistics statistics;
    } reply;
    memset(&reply, 0, sizeof reply);
    for (uint64_t i = 0; i <= count; i++) {
        unsigned char bytes[200];
        struct nom_control_header h = {.magic = NOM_CONTROL_MAGIC,
                                       .version = NOM_CONTROL_VERSION,
                                       .type = NOM_CONTROL_STATISTICS,
                                       .tag = 5};
        size_t n = sizeof h, have = 0;
        memcpy(bytes, &h, sizeof h);
        if (i < count) {
            for (; n < sizeof bytes; n++)
                bytes[n] = (unsigned char)seeded_next(&random);
            /* magic or version is damaged, or the type has another length */
            bytes[seeded_below(&random, 6)] ^= (unsigned char)(1 + seeded_below(&random, 255));
        }
        int fd = dial((uint16_t)port);
        put(fd, bytes, n);
        size_t want =
            sizeof reply.header + sizeof reply.status + (i == count ? sizeof reply.statistics : 0);
        while (have < want) {
            ssize_t got = recv(fd, (char *)&reply + have, want - have, 0);
            if (got <= 0)
                die("message %llu: %zu bytes of a reply", (unsigned long long)i, have);
            have += (size_t)got;
        }
        if (reply.header.magic != NOM_CONTROL_MAGIC || reply.header.tag != 5 ||
            reply.status.error != (i < count ? NOM_CONTROL_EFORMAT : NOM_CONTROL_OK))
            die("message %llu: error %u: %.119s", (unsigned long long)i, reply.status.error,
                reply.status.text);
        if (i < count && recv(fd, bytes, 1, 0) > 0)
            die("message %llu: the connection was not closed", (unsigned long long)i);
        close(fd);
    }
    if (reply.statistics.adapting || reply.statistics.changes || reply.statistics.delay_us != 0)
        die("a malformed message had an effect");
    printf(
        "requests %llu open %llu sleeps %llu memory %llu of %llu KiB system_calls %llu "
        "timer_interrupts %llu "
        "device_interrupts %llu\n",
        (unsigned long long)reply.statistics.requests,
        (unsigned long long)reply.statistics.connections_open,
        (unsigned long long)reply.statistics.sleeps,
        (unsigned long long)(reply.statistics.memory_bytes - reply.statistics.memory_free_bytes) /
            1024,
        (unsigned long long)reply.statistics.memory_bytes / 1024,
        (unsigned long long)reply.statistics.kernel.system_calls,
        (unsigned long long)reply.statistics.kernel.timer_interrupts,
        (unsigned long long)reply.statistics.kernel.device_interrupts);
}

/* Sends segments of one byte each, to a server that need not read them; says so when all have been
 * acknowledged, and keeps the connection. */
static void hold(uint64_t port, uint64_t count) {
    int fd = dial((uint16_t)port), unheard;
    for (uint64_t i = 0; i <= count; i++) {
        uint64_t end_us = now_us() + WAIT_S * 1000000u;
        int most = i < count ? 4 : 0; /* so few that none has to wait for another */
        while (ioctl(fd, SIOCOUTQ, &unheard) == 0 && unheard > most && now_us() < end_us)
            usleep(100);
        if (unheard > most)
            die("segment %llu: %d not acknowledged", (unsigned long long)i, unheard);
        if (i < count)
            put(fd, "x", 1);
    }
    puts("held");
    fflush(stdout);
    pause();
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(uint64_t, uint64_t);
    } tests[] = {
        {"sizes", sizes},      {"stalls", stalls},     {"pipeline", pipeline},
        {"slow", slow_reader}, {"body", refused_body}, {"garbage", garbage},
        {"churn", churn},      {"requests", requests}, {"crowd", crowd},
        {"control", control},  {"idle", idle},         {"loris", loris},
        {"hold", hold},
    };
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc < 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1)
        die("usage: web ADDRESS TEST [NUMBER [NUMBER]]");
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        if (strcmp(argv[2], tests[i].name) == 0) {
            tests[i].run(argc > 3 ? strtoull(argv[3], NULL, 10) : 1,
                         argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
            return 0;
        }
    die("no test %s", argv[2]);
}
