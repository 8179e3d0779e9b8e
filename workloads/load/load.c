/*
 * A load's life: started (pid > 0, result shared with the child) -> ended (pid 0, reaped, result
 * final) -> freed (result NULL). A child that ended without a word gets its word here.
 */
#include "workloads/load/load.h"
#include "workloads/load/client.h"
#include "workloads/load/keys.h"
#include "workloads/load/memaslap.h"
#include "workloads/load/nptcp.h"
#include "workloads/load/process.h"
#include "workloads/load/wrk.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX    1e6
#define POLL_MS        50 /* how late *stop may be noticed */
#define LOAD_MAP_BYTES sizeof(struct load_result)

/* What may stand in a request line: no blank and no control character could smuggle a header. */
static bool path_is_good(const char *path, size_t room) {
    size_t n = strnlen(path, room);
    if (n == room || path[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (path[i] <= ' ' || path[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Comparisons with NaN are false. */
static bool http_is_good(const struct load_config *c) {
    return path_is_good(c->path, sizeof c->path);
}

static bool memcached_is_good(const struct load_config *c) {
    return load_keys_settings_are_good(c) && c->pipeline >= 1 && c->pipeline <= LOAD_PIPELINE_MAX;
}

static bool protocol_is_good(enum load_client client, const struct load_config *c) {
    switch (client) {
    case LOAD_CLIENT_NOM:
        return c->protocol == LOAD_HTTP
                   ? http_is_good(c)
                   : (c->protocol == LOAD_MEMCACHED_TEXT || c->protocol == LOAD_MEMCACHED_BINARY) &&
                         memcached_is_good(c);
    case LOAD_CLIENT_WRK:
        return c->protocol == LOAD_HTTP && http_is_good(c) && c->requests_max == 0;
    case LOAD_CLIENT_MEMASLAP:
        return (c->protocol == LOAD_MEMCACHED_TEXT || c->protocol == LOAD_MEMCACHED_BINARY) &&
               memcached_is_good(c) && memaslap_can(c);
    case LOAD_CLIENT_NPTCP:
        return c->protocol == LOAD_NETPIPE && nptcp_can(c);
    }
    return false;
}

static bool config_is_good(enum load_client client, const struct load_config *c) {
    return c->server.sin_family == AF_INET && c->server.sin_port != 0 && c->connections >= 1 &&
           c->connections <= LOAD_CONNECTIONS_MAX && c->warmup_seconds >= 0 &&
           c->warmup_seconds <= SECONDS_MAX && c->seconds > 0 && c->seconds <= SECONDS_MAX &&
           c->timeout_seconds > 0 && c->timeout_seconds <= SECONDS_MAX && c->core >= -1 &&
           c->core < CPU_SETSIZE && protocol_is_good(client, c);
}

void load_defaults(struct load_config *config) {
    config->get_ratio = LOAD_DEFAULT_GET_RATIO;
    config->keys = LOAD_DEFAULT_KEYS;
    config->key_bytes = LOAD_DEFAULT_KEY_BYTES;
    config->value_bytes = LOAD_DEFAULT_VALUE_BYTES;
    config->pipeline = LOAD_DEFAULT_PIPELINE;
    config->may_evict = false;
    config->value_bytes_max = 0;
    config->delete_ratio = 0;
    config->requests_per_connection = 0;
    config->message_bytes = LOAD_DEFAULT_MESSAGE_BYTES;
    config->bidirectional = false;
}

static void (*const runs[])(const struct load_config *, struct load_result *) = {
    [LOAD_CLIENT_NOM] = client_run,
    [LOAD_CLIENT_WRK] = wrk_run,
    [LOAD_CLIENT_MEMASLAP] = memaslap_run,
    [LOAD_CLIENT_NPTCP] = nptcp_run,
};

int load_start(struct load *load, enum load_client client, const struct load_config *config) {
    if (!config_is_good(client, config)) {
        return -EINVAL;
    }
    struct load_result *result = mmap(NULL, LOAD_MAP_BYTES, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (result == MAP_FAILED) {
        return -errno;
    }
    struct load_config copy = *config;
    pid_t pid = load_process_fork("nom-load", LOAD_PROCESS_LEADS, -1);
    if (pid == 0) {
        runs[client](&copy, result);
        _exit(0);
    }
    if (pid < 0) {
        munmap(result, LOAD_MAP_BYTES);
        return pid;
    }
    load->pid = pid;
    load->result = result;
    return 0;
}

static void take_end(struct load *load, int status) {
    struct load_result *r = load->result;
    load->pid = 0;
    r->phase = LOAD_PHASE_ENDED;
    if (r->done || r->error[0] != '\0') {
        return;
    }
    if (WIFSIGNALED(status)) {
        snprintf(r->error, sizeof r->error, "the client was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(r->error, sizeof r->error, "the client ended with status %d", WEXITSTATUS(status));
    }
}

int load_poll(struct load *load) {
    int status = 0;
    if (load->pid == 0) {
        return 1;
    }
    pid_t got = waitpid(load->pid, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) {
        return 0;
    }
    take_end(load, status);
    return 1;
}

static void stop_child(struct load *load) {
    load_process_kill(load->pid);
    load->pid = 0;
    load->result->phase = LOAD_PHASE_ENDED;
}

void load_wait(struct load *load, volatile const int *stop) {
    int child = load->pid > 0 ? pidfd_open(load->pid, 0) : -1;
    struct pollfd ended = {.fd = child, .events = POLLIN};
    while (!load_poll(load)) {
        if (*stop) {
            stop_child(load);
            load->result->done = false;
            snprintf(load->result->error, sizeof load->result->error, "stopped");
            break;
        }
        poll(&ended, 1, POLL_MS);
    }
    if (child >= 0) {
        close(child);
    }
}

void load_free(struct load *load) {
    if (load->pid > 0) {
        stop_child(load);
    }
    munmap(load->result, LOAD_MAP_BYTES);
    load->result = NULL;
}
