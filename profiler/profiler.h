/*
 * Trials: starts a target (an app on one of the floors below), drives a load, measures. Knows no
 * SQL and prints nothing; hands back filled records. All that it starts dies with the process that
 * called it, and its network namespace with that; it leaves no file.
 */
#ifndef PROFILER_PROFILER_H
#define PROFILER_PROFILER_H

#include "record/trial.h"
#include "workloads/load/load.h"
#include <stddef.h>
#include <sys/types.h>

/* Apps: what can be measured. */
struct profiler_app {
    const char *name;             /* "memcached" */
    const char *summary;          /* for a person, a few words */
    struct trial_traffic traffic; /* what is asked of it unless told otherwise */
    const char *client;           /* by which client, unless told otherwise */
    const char *loads;            /* at which loads, unless told otherwise */
    uint32_t connections_max;     /* of a load */
    int service_port;
    uint32_t memory_mib;   /* of a guest that runs it */
    bool ported;           /* a program of others on our library, whose options come first; then
                              "--" and its own */
    const char *own_words; /* of its command line on our stack, with single blanks; "" none */
    /* After them, what follows from the traffic; NULL: nothing. */
    void (*traffic_words)(const struct trial_traffic *traffic, const char *ip, char *text,
                          size_t bytes);
    /* On Linux's sockets (floors host and linux). program NULL: of the same source as the app, in
     * the build's sockets/; otherwise one that a package installs, found in PATH. Such a one says
     * nothing of being ready: its port listens then. */
    struct {
        const char *program, *package;
        /* Its command line but its name, to serve at ip. */
        void (*words)(const struct trial_traffic *traffic, const char *ip, char *text,
                      size_t bytes);
        bool serves_once; /* it ends after each connection, and is started again */
    } baseline;
};
extern const struct profiler_app profiler_apps[];
extern const size_t profiler_app_count;
const struct profiler_app *profiler_app_find(const char *name); /* NULL: no such app */

/* Clients: what loads an app. */
struct profiler_client {
    const char *name; /* "nom", "wrk", "memaslap", "nptcp" */
    enum load_client client;
    const char *protocols[2]; /* those of trial_traffic that it speaks, or how they begin */
    const char *tools[2];     /* programs of which it needs the one or the other; NULL: none */
    const char *package;      /* that has them */
};
extern const struct profiler_client profiler_clients[];
extern const size_t profiler_client_count;
const struct profiler_client *profiler_client_find(const char *name); /* NULL: no such client */
bool profiler_client_speaks(const struct profiler_client *client, const char *protocol);

/* Where things are. profiler_paths fills it: environment NOM_HOME, or beside the running nomctl
 * (../ of bin/ in the build tree, ../lib/nom when installed). */
struct profiler_paths {
    const struct profiler_app *app; /* NULL: one that is not listed, or none */
    char kernel[512];               /* nom.elf */
    char initrd[512];       /* APP.cpio, or else initrd.cpio: apps for nom, and files they serve */
    char check_initrd[512]; /* initrd.cpio, with the kernel's self-check */
    char app_elf[512];      /* the app for nom, to read its build id; "" if it has no such form */
    char hosted[512];       /* hosted/APP: the app on the Linux floor; "" if it has no such form */
    char sockets[512];      /* the app on Linux's own sockets: sockets/APP, or the program that a
                               package installs; "" likewise */
    char linux_guest[512];  /* for a Linux guest: linux-guest/APP, which is static, or that program,
                               which takes its libraries along; "" likewise */
    char priced[512];       /* hosted/priced, the price daemon on the Linux floor; "" likewise */
    char osv_kernel[512], osv_image[512]; /* the user's; "" from profiler_paths, the caller sets
                                             them (nomctl compare --kernel, --image) */
};
int profiler_paths(const char *app, struct profiler_paths *paths, char *why, size_t why_bytes);

/* A provider of prices, played by a process of ours: an HTTP server of one JSON document. */
struct provider {
    pid_t pid; /* 0: none */
    int port;
    struct provider_prices *prices; /* shared with it */
};

/* Accelerators (design, decision 2). */
enum profiler_accel_kind {
    PROFILER_ACCEL_ABSENT = 0,    /* cannot be opened, or the guest did not boot */
    PROFILER_ACCEL_KVM = 1,       /* ring 0 and ring 3 at native speed */
    PROFILER_ACCEL_KVM_RING3 = 2, /* ring 3 native, ring 0 interpreted */
    PROFILER_ACCEL_TCG = 3,
    PROFILER_ACCEL_SLOW = 4, /* runs, but both rings are slow: not worth using */
};

struct profiler_accel_check {
    char name[TRIAL_NAME_BYTES]; /* "kvm", "tcg" */
    enum profiler_accel_kind kind;
    double ring0_ns, ring3_ns; /* of one dec/jnz iteration */
    double boot_ms;            /* QEMU's start to the first line of the self-check */
    char detail[256];          /* one sentence */
};

/* Boots the kernel's self-check under one accelerator. 0, or -1 (nothing to boot; why). */
int profiler_accel_check(const struct profiler_paths *paths, const char *accel,
                         struct profiler_accel_check *out, char *why, size_t why_bytes);
/* "auto": checks both and takes the faster; "kvm", "tcg": checks that one. Sets chosen and reason
 * (one sentence). 0 or -1 with why. */
int profiler_accel_choose(const struct profiler_paths *paths, const char *wanted,
                          char chosen[TRIAL_NAME_BYTES], char *reason, size_t reason_bytes,
                          char *why, size_t why_bytes);

/* Floors: what an app can run on. */
struct profiler_floor {
    const char *name;    /* "nom", "hosted", "host", "linux", "osv" */
    const char *summary; /* for a person, a few words */
    bool guest;  /* a virtual machine, under an accelerator; otherwise a process of this host,
                    whose accelerator is called "none" */
    bool adapts; /* has W, a table and a control port: can be profiled and run. The others are
                    baselines, to compare with: W is 0 there */
};
extern const struct profiler_floor profiler_floors[];
extern const size_t profiler_floor_count;
const struct profiler_floor *profiler_floor_find(const char *name); /* NULL: no such floor */

struct profiler_floor_check {
    bool works;
    char network[TRIAL_NAME_BYTES]; /* that its trials would use: "tap", "user", "veth" */
    char detail[256]; /* one sentence: how it works here, or what is missing and how to get it */
};
/* Whether trials on a floor can run here. Starts no app: looks for files, rights and tools. */
void profiler_floor_check(const struct profiler_paths *paths, const struct profiler_floor *floor,
                          struct profiler_floor_check *out);
/* Which floor "auto" stands for, and under which accelerator ("none" for hosted): nom under one
 * that runs it at speed (both rings, or ring 3), else hosted, else nom under whatever boots it.
 * accel_wanted other than "auto" asks for a guest: nom. reason: one sentence. 0 or -1 with why. */
int profiler_floor_choose(const struct profiler_paths *paths, const char *accel_wanted,
                          const struct profiler_floor **chosen, char accel[TRIAL_NAME_BYTES],
                          char *reason, size_t reason_bytes, char *why, size_t why_bytes);

/* Settings with everything about this machine and floor filled in: versions, cores, pinning,
 * network, RPS. accel: "kvm" or "tcg" for a guest, ignored otherwise. */
void profiler_settings_default(const struct profiler_paths *paths, const char *app,
                               const struct profiler_floor *floor, const char *accel,
                               struct trial_settings *s);
/* Machine in one line, for a session. */
void profiler_machine(char *text, size_t bytes);

/* Which network a guest's trial may use here: "tap" (in a namespace of its own, as root or in a
 * user namespace; needs /dev/net/tun) or "user" (QEMU's user network); why says what is missing for
 * tap.
 */
const char *profiler_network(char *why, size_t why_bytes);
/* A tap, too; but not QEMU moves the frames when the guest rings for it: a process of ours polls
 * the guest's rings, on the client's core, as the switch of some providers does. Only where asked
 * for, by name; no kick is ever made then. */
#define PROFILER_NETWORK_POLLED "polled"

/* Splits the caller in two before it measures: returns 0 in a child of a session of its own, which
 * the scheduler puts before others' where that is allowed, and which is to measure and to exit; it
 * dies with the caller. The caller gets 1 once the child has ended, its exit code (128 + signal) in
 * *exit_code; until then it passes SIGINT, SIGTERM and SIGHUP on. -errno: not split, measure as it
 * is. Call it before anything is open or printed. */
int profiler_session(int *exit_code);

/* An app that serves, on a NIC of its own. */
struct target_app {
    struct sockaddr_in service, control; /* where its ports are reached from this process; control's
                                            port is 0 where it has none */
    char interface[16];                  /* of the host's end, "" with user network */
};

/* The app on a floor: as often as asked for, and with the price daemon if asked for; all of them in
 * one guest, or each a process. It ends as a whole: when one of them has ended, so have all. */
#define TARGET_APPS_MAX 4u
struct target {
    pid_t pid; /* QEMU, or the first app's own process; 0 once the target has ended */
    pid_t others[TARGET_APPS_MAX]; /* processes beside the first */
    char ended[TRIAL_NAME_BYTES];  /* the app that ended it, where it was not alone */
    int exit_status;               /* of what ended it, as waitpid gives it */
    double started_s; /* CLOCK_MONOTONIC, just before QEMU or the first app's process */
    struct target_app apps[TARGET_APPS_MAX];
    uint32_t app_count;
    bool prices;         /* the price daemon runs too, and asks `provider` */
    double price_poll_s; /* as often, while it is not told when to; 0: as usual */
    struct provider provider;
    int serial_fd;
    char *serial_log; /* what it has said so far, NUL-terminated; NULL before its first word.
                         Of a guest that talks without end, the newest part. */
    size_t serial_bytes;
    int home_netns; /* to go back to, -1: none was left */
    char network[TRIAL_NAME_BYTES];
    pid_t spinner;
    struct trial_settings settings; /* as it runs: user_namespace and rps_core as they are */
};

struct target_options {
    double ready_timeout_seconds; /* until all its apps say they are ready; 0: as the floor needs */
    uint32_t apps;                /* how often the app runs, at most TARGET_APPS_MAX; 0: once */
    bool prices; /* on floors that adapt: the price daemon too, as a further app, which asks the
                    provider that this process then plays */
    double price_poll_s; /* how often it asks while it is not told when to; 0: as usual */
};

/* Enters a fresh network namespace (this thread stays in it until target_stop), starts QEMU or the
 * app's process, waits until the app is ready, pins. 0, or -1 with why; the serial log is kept in
 * target either way: target_stop it. options may be NULL. Without the right to make namespaces it
 * first enters a user namespace, for good: so call it in a process that measures and ends
 * (profiler_session). On a floor that does not adapt, settings with a W or strict kick fail. */
int target_start(struct target *t, const struct profiler_paths *paths,
                 const struct trial_settings *s, const struct target_options *options,
                 volatile const int *stop, char *why, size_t why_bytes);
/* Reads what it has printed, without waiting. 0, or -1 if QEMU or process has ended (its exit in
 * *status if not NULL); a machine that its accelerator has given up is ended here. */
int target_pump(struct target *t, int *status);
/* Why a target that target_pump found ended did so: its status in words, and its last line. */
void target_ended_text(const struct target *t, char *why, size_t why_bytes);
/* The last line that an app has printed of its own, as it begins "APP:"; where there is none, the
 * last of all; "" without any. */
void target_last_words(const struct target *t, const char *app, char *line, size_t bytes);
/* System calls that a ported program has made so far and that our library does not have: at most
 * `most`, in the order of their first mention. How many; 0 of an app of ours. */
struct target_call {
    char name[TRIAL_NAME_BYTES]; /* "timer_create" */
    uint64_t count;              /* the app that made it most often did so at least so many times */
};
size_t target_unsupported(const struct target *t, struct target_call *calls, size_t most);
/* Ends QEMU or process, and spinner; closes and frees all, goes back to the namespace it came from.
 * Harmless on a target already stopped. */
void target_stop(struct target *t);

/* What the provider of a target with prices answers from now on: $/Gbit of outbound traffic, and
 * what it announces to come at a time (CLOCK_REALTIME) if next_unix_us is not 0. */
void target_price(struct target *t, double usd_per_gbit, double next_usd_per_gbit,
                  int64_t next_unix_us);
/* That it answers no other price before a time (CLOCK_REALTIME), until the next target_price: the
 * price daemon need not ask before, and leaves the cores to what is measured. */
void target_price_stays(struct target *t, int64_t until_unix_us);

/* Control requests to a running app, over any reachable address. 0, or -1 with why (the app's own
 * words if it refused). The time-out given to control_connect bounds every later request on that
 * socket, as a whole. After a failure other than a refusal the socket is of no more use. */
int control_connect(const struct sockaddr_in *address, double timeout_seconds, char *why,
                    size_t why_bytes); /* a socket */
int control_statistics(int fd, struct nom_statistics *out, char *why, size_t why_bytes);
int control_delay(int fd, double delay_us, enum nom_kick kick, char *why, size_t why_bytes);
int control_price(int fd, double usd_per_gbit, char *why, size_t why_bytes);
int control_table(int fd, const void *file, size_t bytes, char *why, size_t why_bytes);
int control_utility(int fd, const struct nom_utility *u, char *why, size_t why_bytes);

/* Measures one phase of load against a running target into *t, which is overwritten (settings from
 * s, user_namespace and rps_core from the target): load, counters, CPU use, wire bytes. The target
 * goes on. trial_clear it. A trial with no reply at all, or with more errors than
 * PROFILER_ERRORS_MAX of its replies, has failed; replies of 503 are no errors. */
#define PROFILER_ERRORS_MAX 0.001
void profiler_measure(struct target *target, const struct trial_settings *s, struct trial *t,
                      volatile const int *stop);
/* The same of all its apps at once, each under a load of its own of the same settings: t[] has one
 * element an app. CPU use is that of the whole target in each. */
void profiler_measure_apps(struct target *target, const struct trial_settings *s, struct trial t[],
                           volatile const int *stop);

/* What a load tells, into the fields of a result that are the client's; the rest stays. */
void profiler_take_load(const struct load_result *from, struct trial_result *to);

#define PROFILER_OTHER_CPU_MAX TRIAL_OTHER_CPU_MAX

/* One whole trial: start, load, measure, stop; *t is overwritten, trial_clear it. Never fails: the
 * result's status tells. *stop non-zero ends it early as TRIAL_ABORTED. */
void profiler_trial(const struct profiler_paths *paths, const struct trial_settings *s,
                    struct trial *t, volatile const int *stop);

#endif
