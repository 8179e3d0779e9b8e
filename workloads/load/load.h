/*
 * Load generators. A load runs in a process of its own (so that it can be pinned, and killed
 * without harm) and leaves its result in shared memory.
 *
 * Closed loop: each of N connections sends its next request when the reply to the last is whole.
 * Latency runs from just before the request is written to just after the reply's last byte is read;
 * connecting is not part of it.
 *
 * The process dies with the thread that started it (the kernel's parent-death signal). It closes
 * all files it inherits but the standard three, and has a process group of its own, so that a
 * terminal's ^C reaches only the caller. It stays in the caller's session: with a session of its
 * own it would be a scheduling group of its own (autogroup), and SCHED_IDLE means little between
 * groups.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "workloads/load/hist.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOAD_CONNECTIONS_MAX 4096u
#define LOAD_ERROR_BYTES     200u

struct load_config {
    struct sockaddr_in server;
    char path[256];         /* "/index.html" */
    uint32_t connections;   /* 1..LOAD_CONNECTIONS_MAX */
    double warmup_seconds;  /* run, not recorded; 0 or more */
    double seconds;         /* recorded */
    bool keep_alive;        /* false: one request a connection, Connection: close */
    uint64_t requests_max;  /* end after so many recorded requests, if `seconds` do not end it
                               before: replies + refused + errors is then just that, and with no
                               warm-up the server never sees one more. 0: by time alone */
    int core;               /* to pin the client to; -1: none */
    double timeout_seconds; /* no reply at all for so long: the load gives up */
};

/* Where a load stands, so that a profiler samples its own counters within the recorded time. */
enum load_phase {
    LOAD_PHASE_WARMUP = 0,
    LOAD_PHASE_RECORDING = 1,
    LOAD_PHASE_ENDED = 2,
};

struct load_result {
    volatile int phase; /* enum load_phase; with wrk, by when its processes start and end */
    bool done;          /* the client ran to its end, and some reply came */
    char error[LOAD_ERROR_BYTES]; /* why not, or empty */
    /* What arrived in the recorded time; the latency is of those also sent in it. */
    uint64_t replies;          /* status 200, whole */
    uint64_t refused;          /* status 503 */
    uint64_t errors;           /* other statuses, malformed replies, resets, failed connects, no
                                  reply for timeout_seconds; the connection is then reopened after
                                  1 to 128 ms */
    uint64_t reply_bytes;      /* of replies, headers included: what users pay for */
    double seconds;            /* really measured */
    double throughput_ops;     /* replies / seconds */
    double client_cpu_seconds; /* of the client, while recording */
    double latency_mean_us, jitter_us; /* as the client itself reports them */
    double latency_p50_us, latency_p90_us, latency_p99_us, latency_p999_us;
    bool has_histogram; /* wrk gives none */
    struct hist latency;
};

/* A load under way. */
struct load {
    pid_t pid;                  /* 0 once it has ended and was reaped */
    struct load_result *result; /* shared with the client; valid until load_free */
};

enum load_client {
    LOAD_CLIENT_NOM = 0, /* our own, on epoll */
    /*
     * Debian's wrk, found in PATH, one thread. It runs whole seconds only: seconds are rounded up.
     * It has no warm-up: if warmup_seconds > 0 a separate run of that long, rounded up, goes
     * before, and its connections are closed in between. It cannot stop after requests_max
     * (-EINVAL), tells no 503 from other statuses (all are errors, refused = 0), reports no 99.9th
     * percentile (0) and no histogram, and rounds bytes to 3 digits or so. Its mean and deviation
     * are unreliable at 1 connection.
     */
    LOAD_CLIENT_WRK = 1,
};

/* Starts the client. 0, -EINVAL (a field of *config is out of range) or another -errno; load is
 * then not to be freed. Whatever goes wrong later is in the result. */
int load_start(struct load *load, enum load_client client, const struct load_config *config);
/* Does not block: 1 if it has ended (result is final), 0 if it still runs. */
int load_poll(struct load *load);
/* Waits for the end, or until *stop is non-zero (then kills it); result->done tells. */
void load_wait(struct load *load, volatile const int *stop);
/* Kills it if it still runs, reaps it, frees the result. */
void load_free(struct load *load);

/* A process of SCHED_IDLE that keeps a core awake, and yields it at once to any other of the same
 * session. All that is measured on that core must be of the caller's session: where the kernel
 * groups tasks by session (autogroup), one of another session waits for whole time slices behind
 * the spinner. Dies with the thread that started it. Its pid or -errno. */
pid_t load_spinner_start(int core);
/* Kills and reaps it. */
void load_spinner_stop(pid_t pid);

#endif
