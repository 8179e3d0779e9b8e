/*
 * A provider of prices for trials: an HTTP server that answers every request with one JSON document
 * (docs/measuring.md), in a process of its own that dies with the one that started it.
 *
 * What it answers lies in memory that both share. The writer makes `sequence` odd, writes, and
 * makes it even; the reader takes it again until it was even and the same before and after. The
 * server takes one connection after another and answers one request on each, all within
 * REQUEST_SECONDS, so that a client that says nothing keeps others waiting for no longer than that.
 */
#include "profiler/internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_SECONDS   1
#define REQUEST_BYTES_MAX 4096
#define POLL_S            0.02 /* how often the price daemon asks while the price may change */
#define ASK_SECONDS_MAX   10.0 /* and while it stays, so that its age is bounded */
#define RETRY_SECONDS_MAX 1
#define PRICE_USD_MAX     1e9

struct provider_prices {
    _Atomic uint32_t sequence;
    uint32_t known; /* 0 until the first price */
    double usd_per_gbit, next_usd_per_gbit;
    int64_t next_unix_us;  /* 0: nothing is announced */
    int64_t stays_unix_us; /* until then nothing changes but by announcement; 0: who knows */
};

static struct provider_prices read_prices(struct provider_prices *shared) {
    struct provider_prices copy = {0};
    uint32_t before;

    do {
        before = atomic_load(&shared->sequence);
        copy.known = shared->known;
        copy.usd_per_gbit = shared->usd_per_gbit;
        copy.next_usd_per_gbit = shared->next_usd_per_gbit;
        copy.next_unix_us = shared->next_unix_us;
        copy.stays_unix_us = shared->stays_unix_us;
        atomic_thread_fence(memory_order_acquire);
    } while (before % 2 || before != atomic_load(&shared->sequence));
    return copy;
}

void target_price(struct target *t, double usd_per_gbit, double next_usd_per_gbit,
                  int64_t next_unix_us) {
    struct provider_prices *shared = t->provider.prices;

    if (!shared)
        return;
    atomic_fetch_add(&shared->sequence, 1);
    shared->known = 1;
    shared->usd_per_gbit = usd_per_gbit;
    shared->next_usd_per_gbit = next_usd_per_gbit;
    shared->next_unix_us = next_unix_us;
    shared->stays_unix_us = 0;
    atomic_fetch_add(&shared->sequence, 1);
}

void target_price_stays(struct target *t, int64_t until_unix_us) {
    struct provider_prices *shared = t->provider.prices;

    if (!shared)
        return;
    atomic_fetch_add(&shared->sequence, 1);
    shared->stays_unix_us = until_unix_us;
    atomic_fetch_add(&shared->sequence, 1);
}

static double seconds_until(int64_t unix_us) {
    return fmax(0, (double)(unix_us - profiler_unix_us()) * 1e-6);
}

static size_t write_reply(const struct provider_prices *p, char *reply, size_t bytes) {
    char body[256], next[96] = "", ask[48] = "";
    double ask_in_s = fmin(seconds_until(p->stays_unix_us), ASK_SECONDS_MAX);

    if (p->next_unix_us)
        snprintf(next, sizeof next, ",\"next\":{\"price\":%.17g,\"in_s\":%.6f}",
                 p->next_usd_per_gbit, seconds_until(p->next_unix_us));
    if (ask_in_s > 0)
        snprintf(ask, sizeof ask, ",\"ask_in_s\":%.6f", ask_in_s);
    snprintf(body, sizeof body, "{\"currency\":\"USD\",\"price\":%.17g%s%s}\n", p->usd_per_gbit,
             next, ask);
    if (!p->known)
        snprintf(body, sizeof body, "{\"error\":\"no price yet\"}\n");
    return (size_t)snprintf(reply, bytes,
                            "HTTP/1.1 %s\r\nContent-Type: application/json\r\n"
                            "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                            p->known ? "200 OK" : "503 Service Unavailable", strlen(body), body);
}

/* Whether a whole request came. */
static bool read_request(int fd) {
    char text[REQUEST_BYTES_MAX + 1];
    size_t have = 0;
    ssize_t n;

    while (have < REQUEST_BYTES_MAX &&
           (n = recv(fd, text + have, REQUEST_BYTES_MAX - have, 0)) > 0) {
        have += (size_t)n;
        text[have] = '\0';
        if (strstr(text, "\r\n\r\n"))
            return strncmp(text, "GET ", 4) == 0;
    }
    return false;
}

static _Noreturn void serve(int listener, struct provider_prices *shared) {
    const struct timeval limit = {.tv_sec = REQUEST_SECONDS};
    char reply[512];

    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (read_request(fd)) {
            struct provider_prices now = read_prices(shared);
            size_t n = write_reply(&now, reply, sizeof reply);
            if (send(fd, reply, n, MSG_NOSIGNAL) != (ssize_t)n)
                shutdown(fd, SHUT_RDWR);
        }
        close(fd);
    }
}

static _Noreturn void become_provider(int listener, struct provider_prices *shared, int core,
                                      pid_t parent) {
    cpu_set_t set;
    sigset_t none;

    setpgid(0, 0); /* a terminal's Ctrl-C is for the one that measures */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    if (core >= 0) {
        CPU_ZERO(&set);
        CPU_SET((size_t)core, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    if (dup2(listener, STDERR_FILENO + 1) < 0)
        _exit(1);
    close_range(STDERR_FILENO + 2, ~0u, 0);
    serve(STDERR_FILENO + 1, shared);
}

/* A listening socket; its port in *port. -1 with errno. */
static int listen_at(const char *ip, int wanted, int *port) {
    struct sockaddr_in address = profiler_address(ip, wanted);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, (struct sockaddr *)&address, bytes) == 0 && listen(fd, 16) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &bytes) == 0) {
        *port = ntohs(address.sin_port);
        return fd;
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

int profiler_provider_start(struct provider *p, const char *ip, int port, int core, char *why,
                            size_t why_bytes) {
    pid_t parent = getpid();

    *p = (struct provider){0};
    int listener = listen_at(ip, port, &p->port);
    if (listener < 0)
        return profiler_fail(why, why_bytes, "the provider cannot listen at %s:%d: %s", ip, port,
                             strerror(errno));
    void *shared =
        mmap(NULL, sizeof *p->prices, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        close(listener);
        return profiler_fail(why, why_bytes, "no memory for the provider");
    }
    p->prices = shared;
    pid_t pid = fork();
    if (pid == 0)
        become_provider(listener, shared, core, parent);
    int error = errno;
    close(listener);
    if (pid < 0) {
        profiler_provider_stop(p);
        return profiler_fail(why, why_bytes, "no process for the provider: %s", strerror(error));
    }
    p->pid = pid;
    return 0;
}

void profiler_provider_stop(struct provider *p) {
    if (p->pid > 0) {
        kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (p->prices)
        munmap(p->prices, sizeof *p->prices);
    *p = (struct provider){0};
}

void profiler_priced_arguments(const struct target *t, const char *url_ip, char *text,
                               size_t bytes) {
    double poll_s = t->price_poll_s > 0 ? t->price_poll_s : POLL_S;

    snprintf(text, bytes,
             "--adapter rest --url http://%s:%d/prices --use gbit_out_per_s --unit usd_per_gbit "
             "--json-path price --currency-path currency --next-path next.price "
             "--next-in-path next.in_s --ask-in-path ask_in_s --poll %.3f --jitter 0 --retry %.3f "
             "--retry-most %d "
             "--least gbit_out_per_s=0 --greatest gbit_out_per_s=%g --max-factor 0",
             url_ip, t->provider.port, poll_s, fmin(poll_s, RETRY_SECONDS_MAX), RETRY_SECONDS_MAX,
             PRICE_USD_MAX);
}
