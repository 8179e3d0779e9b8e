/*
 * The client's loop: what epoll reports, then what the clock says. Time is looked at once a turn:
 * once the keys are set, if there are any, the warm-up begins; start_ns begins recording, end_ns
 * (or the last request that requests_max allows) ends it; every SCAN_NS, and when a back-off runs
 * out, all connections are looked at.
 */
#include "workloads/load/client.h"
#include "workloads/load/process.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS              256
#define SCAN_NS             100000000u
#define CONNECT_STEP_MIN_NS 20000u
#define CONNECT_STEP_MAX_NS 1000000u
#define SPARE_FILES         16u

/* Errors of set-up and the reason why a run is worth nothing; the first one stays. */
static void set_error(struct client *client, const char *what, const char *why) {
    char *error = client->result->error;
    if (error[0] == '\0') {
        snprintf(error, LOAD_ERROR_BYTES, "%s: %s", what, why);
    }
}

static void set_error_no_reply(struct client *client, uint64_t waited_ns) {
    char host[INET_ADDRSTRLEN], what[128];
    inet_ntop(AF_INET, &client->config->server.sin_addr, host, sizeof host);
    snprintf(what, sizeof what, "no reply from %s port %u for %.1f s", host,
             ntohs(client->config->server.sin_port), (double)waited_ns / 1e9);
    set_error(client, what, client->failure != NULL ? client->failure : "timed out");
}

static bool allow_files(struct client *client) {
    struct rlimit limit;
    rlim_t need = client->config->connections + SPARE_FILES;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= need) {
        return true;
    }
    limit.rlim_cur = need;
    if (limit.rlim_max < need) {
        limit.rlim_max = need; /* allowed to root only */
    }
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        set_error(client, "too many connections for the limit of open files", "see ulimit -Hn");
        return false;
    }
    return true;
}

/* Between one connection's first connect and the next one's: all within half the warm-up, but not
 * all at once. QEMU's user network has a backlog of one, and a connect it drops is tried again only
 * after a second. */
static uint64_t connect_step_ns(const struct load_config *config) {
    double step_ns = config->warmup_seconds * 1e9 / 2 / config->connections;
    return (uint64_t)fmin(fmax(step_ns, CONNECT_STEP_MIN_NS), CONNECT_STEP_MAX_NS);
}

static void set_up_http(struct client *client) {
    const struct load_config *config = client->config;
    struct load_shared *shared = &client->shared;
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &config->server.sin_addr, host, sizeof host);
    int n =
        snprintf(shared->http_request, sizeof shared->http_request,
                 "GET %s HTTP/1.1\r\nHost: %s:%u\r\n%s\r\n", config->path, host,
                 ntohs(config->server.sin_port), config->keep_alive ? "" : "Connection: close\r\n");
    shared->http_request_bytes = (size_t)n;
    shared->protocol = &load_http;
    client->pipeline = 1;
    client->requests_per_connection = config->keep_alive ? 0 : 1;
}

/* 0 or -errno. */
static int set_up_protocol(struct client *client) {
    const struct load_config *config = client->config;
    if (config->protocol == LOAD_HTTP) {
        set_up_http(client);
        return 0;
    }
    client->shared.protocol =
        config->protocol == LOAD_MEMCACHED_TEXT ? &load_memcached_text : &load_memcached_binary;
    client->shared.keys = &client->keys;
    client->pipeline = config->pipeline;
    client->requests_per_connection = config->requests_per_connection;
    return load_keys_init(&client->keys, config);
}

/* Zeroed; MAP_FAILED if there is no memory. */
static void *pages(size_t bytes) {
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
                0);
}

static bool set_up(struct client *client) {
    const struct load_config *config = client->config;
    int error = load_process_pin(config->core);
    if (error != 0) {
        set_error(client, "cannot pin the client to its core", strerrordesc_np(-error));
        return false;
    }
    if (!allow_files(client)) {
        return false;
    }
    error = set_up_protocol(client);
    if (error != 0) {
        set_error(client, "cannot set up the keys", strerrordesc_np(-error));
        return false;
    }
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->connections = pages(config->connections * sizeof *client->connections);
    struct load_request *ring =
        pages((size_t)config->connections * client->pipeline * sizeof *ring);
    if (client->epoll < 0 || client->connections == MAP_FAILED || ring == MAP_FAILED) {
        set_error(client, "cannot set up the client", strerrordesc_np(errno));
        return false;
    }
    uint64_t now_ns = client_clock_ns(), step_ns = connect_step_ns(config);
    for (uint32_t i = 0; i < config->connections; i++) {
        struct connection *c = &client->connections[i];
        c->fd = -1;
        c->retry_ns = now_ns + i * step_ns;
        c->ring = ring + (size_t)i * client->pipeline;
        c->number = i;
        c->own_keys = (client->keys.count + config->connections - 1 - i) / config->connections;
        c->random = (i + 1) * 0x9e3779b97f4a7c15u;
    }
    client->start_ns = UINT64_MAX;
    client->end_ns = UINT64_MAX;
    client->reply_last_ns = now_ns;
    client->unset_keys = client->keys.count;
    if (client->unset_keys == 0) {
        client_begin(client, now_ns);
    }
    hist_init(&client->result->latency);
    return true;
}

void client_begin(struct client *client, uint64_t now_ns) {
    client->start_ns = now_ns + (uint64_t)(client->config->warmup_seconds * 1e9);
    client->end_ns = client->start_ns + (uint64_t)(client->config->seconds * 1e9);
    client->next_retry_ns = 0;
}

/* How far the client has read: what had come by seen_ns has been, so that what is missing is the
 * server's doing and not this process's, which may have been held up. It takes several turns where
 * more connections have something than one turn takes. */
struct reading {
    uint64_t seen_ns, round_ns; /* round_ns: when this round over all connections began */
    uint32_t events;            /* of the round */
};

/* Looks at every connection; returns when to do so next, at the latest. */
static uint64_t scan(struct client *client, uint64_t seen_ns, uint64_t now_ns) {
    client->next_retry_ns = UINT64_MAX;
    for (uint32_t i = 0; i < client->config->connections; i++) {
        struct connection *c = &client->connections[i];
        if (c->state != CONNECTION_WAITING) {
            connection_check(client, c, seen_ns);
        } else if (c->retry_ns <= now_ns) {
            connection_open(client, c);
        } else if (c->retry_ns < client->next_retry_ns) {
            client->next_retry_ns = c->retry_ns;
        }
    }
    return now_ns + SCAN_NS;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* For epoll_wait: not before then. */
static int milliseconds_until(uint64_t then_ns, uint64_t now_ns) {
    return then_ns <= now_ns ? 0 : (int)((then_ns - now_ns + 999999) / 1000000);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set_result(struct client *client, uint64_t stopped_ns, double cpu) {
    struct load_result *r = client->result;
    const struct hist *h = &r->latency;
    r->seconds = stopped_ns > client->start_ns ? (double)(stopped_ns - client->start_ns) / 1e9 : 0;
    r->throughput_ops = r->seconds > 0 ? (double)r->replies / r->seconds : 0;
    r->client_cpu_seconds = cpu;
    r->latency_mean_us = hist_mean_ns(h) / 1e3;
    r->jitter_us = hist_deviation_ns(h) / 1e3;
    r->latency_p50_us = hist_quantile_ns(h, 0.5) / 1e3;
    r->latency_p90_us = hist_quantile_ns(h, 0.9) / 1e3;
    r->latency_p99_us = hist_quantile_ns(h, 0.99) / 1e3;
    r->latency_p999_us = hist_quantile_ns(h, 0.999) / 1e3;
    r->has_histogram = true;
}

static void read_events(struct client *client, struct reading *r, uint64_t now_ns, int timeout_ms) {
    struct epoll_event events[EVENTS];
    r->round_ns = r->events == 0 ? now_ns : r->round_ns;
    int n = epoll_wait(client->epoll, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        connection_event(client, events[i].data.ptr, events[i].events);
    }
    r->events += n > 0 ? (uint32_t)n : 0;
    if (n >= 0 && (n < EVENTS || r->events >= client->config->connections)) {
        r->seen_ns = r->round_ns;
        r->events = 0;
    }
}

static void loop(struct client *client) {
    const struct load_config *config = client->config;
    uint64_t now_ns = client->reply_last_ns;
    struct reading reading = {.seen_ns = now_ns};
    uint64_t timeout_ns = (uint64_t)(config->timeout_seconds * 1e9);
    uint64_t next_scan_ns = scan(client, reading.seen_ns, now_ns);
    double cpu_at_start = 0;
    bool recording = false, gave_up = false, all = false;
    for (;;) {
        if (!recording && now_ns >= client->start_ns) {
            recording = true;
            cpu_at_start = cpu_seconds();
            client->result->phase = LOAD_PHASE_RECORDING;
        }
        bool late = reading.seen_ns >= client->reply_last_ns + timeout_ns;
        if (late || now_ns >= least(next_scan_ns, client->next_retry_ns)) {
            next_scan_ns =
                scan(client, reading.seen_ns, now_ns); /* late: its requests count as errors */
        }
        all = config->requests_max > 0 && client->finished == config->requests_max;
        gave_up = late && !all;
        if (now_ns >= client->end_ns || gave_up || all || client->fatal != NULL) {
            break;
        }
        uint64_t then_ns = least(least(next_scan_ns, client->next_retry_ns),
                                 least(client->end_ns, client->reply_last_ns + timeout_ns));
        then_ns = recording ? then_ns : least(then_ns, client->start_ns);
        read_events(client, &reading, now_ns, milliseconds_until(then_ns, now_ns));
        now_ns = client_clock_ns();
    }
    double cpu = recording ? cpu_seconds() - cpu_at_start : 0;
    client->result->phase = LOAD_PHASE_ENDED;
    if (client->fatal != NULL) {
        set_error(client, client->fatal, client->shared.why);
    } else if (gave_up || client->replies_ever == 0) {
        set_error_no_reply(client, now_ns - client->reply_last_ns);
    }
    set_result(client, all ? client->finished_last_ns : least(now_ns, client->end_ns), cpu);
}

/* Says good-bye and takes what still comes, until nothing did for timeout_seconds: a socket that is
 * closed with bytes unread resets its connection, once, and if that is lost the server keeps the
 * connection. */
static void part(struct client *client) {
    struct epoll_event events[EVENTS];
    const uint64_t timeout_ns = (uint64_t)(client->config->timeout_seconds * 1e9);
    uint64_t end_ns = client_clock_ns() + timeout_ns;
    uint32_t open = 0;
    for (uint32_t i = 0; i < client->config->connections; i++) {
        struct connection *c = &client->connections[i];
        if (c->fd >= 0 && shutdown(c->fd, SHUT_WR) == 0) {
            open++;
        } else if (c->fd >= 0) {
            close(c->fd); /* it never was a connection, or is none any more */
            c->fd = -1;
        }
    }
    for (uint64_t now_ns; open > 0 && (now_ns = client_clock_ns()) < end_ns;) {
        int n = epoll_wait(client->epoll, events, EVENTS, milliseconds_until(end_ns, now_ns));
        end_ns = n > 0 ? now_ns + timeout_ns : end_ns;
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t got;
            while ((got = recv(c->fd, client->buffer, sizeof client->buffer, 0)) > 0) {
            }
            if (got == 0 || errno != EAGAIN) {
                close(c->fd);
                c->fd = -1;
                open--;
            }
        }
    }
}

void client_run(const struct load_config *config, struct load_result *result) {
    static struct client client; /* one a process: this one ends after the run */
    client.config = config;
    client.result = result;
    if (set_up(&client)) {
        loop(&client);
        if (client.shared.keys != NULL) {
            part(&client);
        }
    }
    result->phase = LOAD_PHASE_ENDED;
    result->done = result->error[0] == '\0';
}
