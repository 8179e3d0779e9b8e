/*
 * Load generators. A load runs in a process of its own (so that it can be pinned, and killed
 * without harm) and leaves its result in shared memory.
 *
 * Closed loop: each of N connections sends its next request when the reply to the last is whole.
 * Latency runs from the moment the request is written to the moment the reply's last byte is read.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "workloads/load/hist.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_CONNECTIONS_MAX 4096u
#define LOAD_ERROR_BYTES 200u

struct load_config {
    struct sockaddr_in server;
    char path[256];          /* "/index.html" */
    uint32_t connections;    /* 1..LOAD_CONNECTIONS_MAX */
    double warmup_seconds;   /* run, not recorded */
    double seconds;          /* recorded */
    bool keep_alive;         /* false: one request a connection, Connection: close */
    uint64_t requests_max;   /* stop recording after so many; 0: by time alone */
    int core;                /* to pin the client to; -1: none */
    double timeout_seconds;  /* no reply at all for so long: the load gives up */
};

/* Where a load stands, so that a profiler samples its own counters within the recorded time. */
enum load_phase {
    LOAD_PHASE_WARMUP = 0,
    LOAD_PHASE_RECORDING = 1,
    LOAD_PHASE_ENDED = 2,
};

struct load_result {
    volatile int phase;        /* enum load_phase, written by whoever runs the client (wrk:
                                  by load_poll in the parent, as well as can be told) */
    bool done;                 /* the client ran to its end */
    char error[LOAD_ERROR_BYTES]; /* why not, or empty */
    uint64_t replies;          /* status 200, whole */
    uint64_t refused;          /* status 503 */
    uint64_t errors;           /* other statuses, resets, malformed replies */
    uint64_t reply_bytes;      /* of replies, headers included: what users pay for */
    double seconds;            /* really measured */
    double throughput_ops;     /* replies / seconds */
    double client_cpu_seconds; /* of the client, while recording */
    double latency_mean_us, jitter_us; /* as the client itself reports them */
    double latency_p50_us, latency_p90_us, latency_p99_us, latency_p999_us;
    bool has_histogram;        /* wrk gives none */
    struct hist latency;
};

/* A load under way. */
struct load {
    pid_t pid;
    struct load_result *result; /* shared with the client; valid until load_free */
    int output_fd;              /* wrk's output; -1 for our own client */
    struct load_config config;
};

enum load_client {
    LOAD_CLIENT_NOM = 0, /* our own, on epoll */
    LOAD_CLIENT_WRK = 1, /* Debian's wrk; its mean and deviation are unreliable at 1 connection */
};

/* Starts the client; it dies with its parent. 0 or -errno (load is then not to be freed). */
int load_start(struct load *load, enum load_client client, const struct load_config *config);
/* Non-blocking: 1 if it has ended (result is final), 0 if it still runs. */
int load_poll(struct load *load);
/* Waits for the end, or until *stop is non-zero (then kills it); result->done tells. */
void load_wait(struct load *load, volatile const int *stop);
/* Kills it if it still runs, reaps it, frees the result. */
void load_free(struct load *load);

/* A SCHED_IDLE process that keeps a core awake; dies with its parent. Its pid or -errno. */
pid_t load_spinner_start(int core);
void load_spinner_stop(pid_t pid);

#endif
