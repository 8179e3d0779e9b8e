/*
 * Load generators. A load runs in a process of its own (so that it can be pinned, and killed
 * without harm) and leaves its result in shared memory.
 *
 * Closed loop: each of N connections sends its next request when the reply to the last is whole (or
 * to the last but `pipeline` - 1). Latency runs from just before the request is written to just
 * after the reply's last byte is read; connecting is not part of it.
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

#define LOAD_CONNECTIONS_MAX   4096u
#define LOAD_ERROR_BYTES       200u
#define LOAD_KEYS_MAX          10000000u
#define LOAD_KEY_BYTES_MAX     250u     /* memcached's own limit */
#define LOAD_VALUE_BYTES_MAX   1048576u /* memcached needs -I 2m for the largest */
#define LOAD_PIPELINE_MAX      256u
#define LOAD_MESSAGE_BYTES_MAX 67108864u

/* What load_defaults puts in. */
#define LOAD_DEFAULT_GET_RATIO     0.9
#define LOAD_DEFAULT_KEYS          10000u
#define LOAD_DEFAULT_KEY_BYTES     32u
#define LOAD_DEFAULT_VALUE_BYTES   1024u
#define LOAD_DEFAULT_PIPELINE      1u
#define LOAD_DEFAULT_MESSAGE_BYTES 1024u

enum load_protocol {
    LOAD_HTTP = 0,
    LOAD_MEMCACHED_TEXT = 1,
    LOAD_MEMCACHED_BINARY = 2,
    LOAD_NETPIPE = 3,
};

/*
 * Keys of memcached (LOAD_CLIENT_NOM). Each belongs to one connection, so that what its get must
 * bring is known; before the warm-up every connection sets its own, which is not recorded. A value
 * is a function of its key and of how many sets of that key came before; of every value read back,
 * key, length and all bytes are checked. One that is not what was last written, or comes though its
 * key was deleted, ends the load with an error that names the key and says what was wrong.
 */
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

    enum load_protocol protocol; /* 0: LOAD_HTTP, which reads nothing of what follows */
    /* memcached; the defaults are load_defaults', 0 is a value like any other */
    double get_ratio;     /* share of requests that are gets, the others are sets; 0..1, 0.9 */
    uint32_t keys;        /* distinct ones, `connections`..LOAD_KEYS_MAX; 10000 */
    uint32_t key_bytes;   /* of each key: enough for its number in decimal, up to
                             LOAD_KEY_BYTES_MAX; 32 */
    uint32_t value_bytes; /* of each value, 1..LOAD_VALUE_BYTES_MAX; 1024 */
    uint32_t pipeline;    /* requests a connection has under way at once, 1..LOAD_PIPELINE_MAX; 1 */
    bool may_evict; /* the server may drop keys for want of memory: a get that misses is a good
                       reply, counted in `misses` too. false (default): it is an error */
    /* memcached, for loads that mix (LOAD_CLIENT_NOM alone); 0 by default */
    uint32_t value_bytes_max; /* values of value_bytes to so many bytes, each power of two as likely
                                 as another; 0: all of value_bytes */
    double delete_ratio;      /* share of requests that are deletes; get_ratio + this: 0..1 */
    uint32_t requests_per_connection; /* then it is closed and opened anew; 0: never */
    /* NetPIPE; the server must be told the same */
    uint32_t message_bytes; /* 1..LOAD_MESSAGE_BYTES_MAX; 1024 */
    bool bidirectional;     /* both ends send at once (NPtcp -2); false */
};

/* Where a load stands, so that a profiler samples its own counters within the recorded time. */
enum load_phase {
    LOAD_PHASE_WARMUP = 0,
    LOAD_PHASE_RECORDING = 1,
    LOAD_PHASE_ENDED = 2,
};

/* Of errors: why. */
enum load_error {
    LOAD_ERROR_TIMED_OUT = 0, /* no reply for timeout_seconds */
    LOAD_ERROR_CONNECT,       /* refused, unreachable, no answer within timeout_seconds */
    LOAD_ERROR_SOCKET,        /* a reset, or another error of the connection */
    LOAD_ERROR_CLOSED,        /* the server closed it before the reply was whole */
    LOAD_ERROR_REPLY,         /* malformed, wrong, of another status, or its key was lost */
    LOAD_ERRORS,
};

struct load_result {
    volatile int phase; /* enum load_phase; with wrk, by when its processes start and end */
    bool done;          /* the client ran to its end, and some reply came */
    char error[LOAD_ERROR_BYTES]; /* why not, or empty */
    /* What arrived in the recorded time; the latency is of those also sent in it. */
    uint64_t replies; /* whole and good: status 200; what a get, set or delete should say */
    uint64_t refused; /* status 503; memcached: out of memory */
    uint64_t errors;  /* other statuses, malformed replies, resets, failed connects, no
                         reply for timeout_seconds; the connection is then reopened after
                         1 to 128 ms, and each request under way on it is one error */
    uint64_t errors_by_kind[LOAD_ERRORS]; /* LOAD_CLIENT_NOM: what errors is the sum of */
    char bad_reply[LOAD_ERROR_BYTES];     /* the first of LOAD_ERROR_REPLY, in words, or empty */
    uint64_t misses;           /* of the replies: gets of keys that were evicted (may_evict) */
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
    LOAD_CLIENT_NOM = 0, /* our own, on epoll: HTTP and memcached */
    /*
     * HTTP by Debian's wrk, found in PATH, one thread. It runs whole seconds only: seconds are
     * rounded up. It has no warm-up: if warmup_seconds > 0 a separate run of that long, rounded up,
     * goes before, and its connections are closed in between. It cannot stop after requests_max
     * (-EINVAL), tells no 503 from other statuses (all are errors, refused = 0), reports no 99.9th
     * percentile (0) and no histogram, and rounds bytes to 3 digits or so. Its mean and deviation
     * are unreliable at 1 connection.
     */
    LOAD_CLIENT_WRK = 1,
    /*
     * memcached by memaslap of libmemcached, found in PATH (tools/build-memaslap), or Debian's
     * build of the same, memcaslap (package libmemcached-tools), one thread. Whole seconds and a
     * warm-up of its own, as wrk. It makes keys of its own: each connection sets new ones until it
     * has keys / connections, rounded up to 1024s. It reports no percentile (0), and its mean and
     * deviation to the microsecond, and checks no value. -EINVAL: key_bytes below 16, a pipeline,
     * requests_max, or any of the settings for loads that mix.
     */
    LOAD_CLIENT_MEMASLAP = 2,
    /*
     * NetPIPE by Debian's NPtcp (package netpipe-tcp), messages of one size over one connection. It
     * runs twice: the first time, in place of warmup_seconds, tells it how many messages will fill
     * `seconds` the second time; a server must take both. A reply is a message that came back.
     * NPtcp reports the best of three trials, as the time of one message: half a round trip, or,
     * with bidirectional, one exchange. That is latency_mean_us; throughput_ops and seconds follow
     * from it, jitter and percentiles are 0. With bidirectional, socket buffers bound the size;
     * NPtcp says so. -EINVAL: more than one connection, or requests_max.
     */
    LOAD_CLIENT_NPTCP = 3,
};

/* Fills in the defaults of what only some protocols read; leaves all else alone. */
void load_defaults(struct load_config *config);
/* Starts the client. 0, -EINVAL (a field of *config is out of range, or the client does not speak
 * the protocol) or another -errno; load is then not to be freed. Whatever goes wrong later is in
 * the result. */
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
