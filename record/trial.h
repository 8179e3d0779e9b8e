/*
 * One trial: what was set, and what was measured. The one record that profiler and store share.
 * A trial keeps all that is needed to repeat it and to judge it.
 */
#ifndef RECORD_TRIAL_H
#define RECORD_TRIAL_H

#include "runtime/abi/control.h"
#include "workloads/load/hist.h"
#include <stdbool.h>
#include <stdint.h>

#define TRIAL_NAME_BYTES  32u
#define TRIAL_TEXT_BYTES  128u
#define TRIAL_ERROR_BYTES 256u

#define TRIAL_OTHER_CPU_MAX 0.30 /* cores others may use before a trial counts as noisy */

enum trial_status {
    TRIAL_OK = 0,
    TRIAL_FAILED = 1,  /* error says why; serial_log holds the guest's console */
    TRIAL_NOISY = 2,   /* measured, but others used the machine: host_other_cpu over the limit */
    TRIAL_ABORTED = 3, /* stopped by the user */
};

/* What the client asks for, beside how many connections it has. What a protocol does not know is 0,
 * or "". */
struct trial_traffic {
    char protocol[TRIAL_NAME_BYTES]; /* "http", "memcached-text", "memcached-binary", "netpipe" */
    char path[TRIAL_TEXT_BYTES];     /* http: what is requested */
    double get_ratio; /* memcached: gets of all requests, 0 to 1; the rest are sets */
    uint32_t keys, key_bytes, value_bytes;
    uint32_t pipeline;      /* requests on their way on each connection */
    uint32_t message_bytes; /* netpipe: there and back */
    bool bidirectional;     /* netpipe: both sides send at once */
};
#define TRIAL_TRAFFIC_TEXT_BYTES 256u
/* In words, for a person: "memcached text, 90 % gets, 10000 keys of 64 bytes, ...". Returns text.
 */
const char *trial_traffic_text(const struct trial_traffic *traffic,
                               char text[TRIAL_TRAFFIC_TEXT_BYTES]);

struct trial_settings {
    char app[TRIAL_NAME_BYTES];     /* "nhttpd" */
    char target[TRIAL_NAME_BYTES];  /* the floor: "nom", "hosted", "host", "linux", "osv" */
    char accel[TRIAL_NAME_BYTES];   /* of a guest: "kvm", "tcg"; of a process: "none" */
    char network[TRIAL_NAME_BYTES]; /* "tap", "polled", "user", "veth" */
    char client[TRIAL_NAME_BYTES];  /* "nom", "wrk", "memaslap", "nptcp" */
    char load[TRIAL_NAME_BYTES];    /* "single", "many", or the number as given */
    uint32_t connections;
    double delay_us;
    uint32_t kick;  /* enum nom_kick */
    double poll_us; /* how long without a frame before the app sleeps */
    double seconds, warmup_seconds;
    uint64_t seed;                           /* of the sweep's order */
    uint32_t order;                          /* place in that order, from 0 */
    uint32_t repeat;                         /* from 0 */
    int32_t vcpu_core, io_core, client_core; /* pinning; -1: not pinned */
    bool spinner;     /* a SCHED_IDLE spinner kept the client's core awake, or what polls a guest's
                         rings */
    int32_t rps_core; /* where the kernel receives for the client's end of a veth (RPS); -1: where
                         the frame was sent */
    bool user_namespace;  /* network and process in a user namespace: measured without being root */
    int32_t session_nice; /* priority of guest and client among sessions: -20 first, 0 as any */
    uint32_t vcpus, memory_mib;
    struct trial_traffic traffic;
    char app_build_id[64], kernel_build_id[64]; /* SHA-1 build ids of the ELF files, hexadecimal */
    bool debug_build;                           /* built with sanitizers or without optimisation */
    char guest_kernel[TRIAL_TEXT_BYTES]; /* release or file of a guest's kernel that is not nom's */
    char qemu_version[TRIAL_TEXT_BYTES];
    char cpu_model[TRIAL_TEXT_BYTES];
    char host_kernel[TRIAL_TEXT_BYTES];
};

struct trial_result {
    enum trial_status status;
    char error[TRIAL_ERROR_BYTES];
    char *serial_log; /* malloc'd, NUL-terminated, or NULL */
    int64_t started_unix_us;
    double seconds; /* measured */
    uint64_t replies, refused, errors;
    double throughput_ops;
    double useful_gbit_per_s; /* replies as the client received them */
    double gbit_out_per_s;    /* on the wire: the host's interface counters, or the app's own where
                                 the host has none (user network); 0 if unknown */
    double latency_mean_us, jitter_us;
    double latency_p50_us, latency_p90_us, latency_p99_us, latency_p999_us;
    struct hist *latency;     /* malloc'd or NULL (wrk) */
    double guest_cpu_s_per_s; /* QEMU's threads */
    double vcpu_cpu_s_per_s;  /* of which the vCPU threads */
    double client_cpu_s_per_s;
    double host_other_cpu; /* cores that neither QEMU nor the client nor we used, while measuring;
                              steal included */
    bool has_statistics;
    struct nom_statistics statistics; /* of the app, over its control port, at the end */
};

struct trial {
    struct trial_settings settings;
    struct trial_result result;
};

/* Frees what the result owns and clears those pointers. */
void trial_clear(struct trial *t);

#endif
