/*
 * What the files of profiler/ share with each other and with nobody else.
 *
 * Every `why` is one line of text for a person; it is set whenever a function fails. Every
 * descriptor made here is close-on-exec.
 */
#ifndef PROFILER_INTERNAL_H
#define PROFILER_INTERNAL_H

#include "profiler/profiler.h"
#include <stdarg.h>
#include <stdint.h>

/* Of the app with number 0; others have networks of their own: profiler_host_ip, profiler_guest_ip.
 */
#define PROFILER_HOST_IP       "10.77.0.1"
#define PROFILER_GUEST_IP      "10.77.0.2"
#define PROFILER_USER_IP       "10.0.2.15" /* of a guest on QEMU's user network */
#define PROFILER_USER_GATEWAY  "10.0.2.2"
#define PROFILER_NETMASK       "255.255.255.0"
#define PROFILER_HTTP_PORT     80
#define PRICED                 "priced" /* the price daemon, an app too */
#define PROFILER_CONTROL_PORT  7700
#define PROFILER_PROVIDER_PORT 8080   /* of the client's end, in a trial's own namespace */
#define PROFILER_INTERFACE     "nom0" /* the client's end of network 0; nom1, ... */
#define PROFILER_APP_INTERFACE "app0" /* the app's end of a veth, in its own namespace */

/* A network an app, and one for the price daemon. */
#define PROFILER_NETWORKS_MAX (TARGET_APPS_MAX + 1)
#define PROFILER_IP_BYTES     16
void profiler_host_ip(uint32_t network, char ip[PROFILER_IP_BYTES]);  /* 10.77.N.1 */
void profiler_guest_ip(uint32_t network, char ip[PROFILER_IP_BYTES]); /* 10.77.N.2 */
void profiler_interface_name(uint32_t network, char name[16]);        /* nomN */

/* Sets why and returns -1. */
int profiler_fail(char *why, size_t why_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
double profiler_now_s(void); /* monotonic */
int64_t profiler_unix_us(void);
/* Reads a small text file whole, NUL-terminated. Bytes read, or -errno. */
long profiler_read_file(const char *path, char *text, size_t bytes);

/* Priority of this process's session among sessions, -20 (first) to 19; 0 where sessions have none.
 */
int profiler_session_nice(void);

/* The description of an app; of one that is not listed, that of the first. */
const struct profiler_app *profiler_app_of(const char *name);
/* An app's command line but its name, with single blanks: on our stack, at ip (without prefix), by
 * gateway unless NULL; and on Linux's sockets, where initrd is the archive of the files it serves.
 */
void profiler_app_words(const struct trial_settings *s, const char *ip, const char *gateway,
                        char *text, size_t bytes);
void profiler_baseline_words(const struct trial_settings *s, const char *ip, const char *initrd,
                             char *text, size_t bytes);

/* What the client is told, but for the server's address and for core and times. 0, or -1 with why:
 * a protocol that is unknown, or not the client's. */
int profiler_load_traffic(const struct trial_settings *s, struct load_config *config,
                          enum load_client *client, char *why, size_t why_bytes);

/* GNU build id of an ELF file in hexadecimal. 0, or -errno (-ENOEXEC: not ELF or cut short,
 * -ENOENT: no such file or no such note); id is then empty. */
int profiler_build_id(const char *path, char id[64]);

/* Programs found in PATH, then in more_folders ("/usr/sbin:/sbin", or ""). 0 or -ENOENT. */
int profiler_find_tool(const char *name, const char *more_folders, char *path, size_t bytes);
#define PROFILER_KEEP_MAX (PROFILER_NETWORKS_MAX + 1) /* taps, and a file in memory */
struct profiler_spawn {
    const char *const *argv;     /* [0]: the path; NULL at the end */
    int core;                    /* where it starts; -1: anywhere */
    int netns_fd;                /* the network namespace it starts in; 0 or less: the caller's */
    int keep[PROFILER_KEEP_MAX]; /* descriptors it inherits, under the same number; 0 or less: none
                                  */
    int output;                  /* where what it prints goes; 0 or less: a pipe of its own */
    bool again; /* started again whenever it has ended with status 0, as a child of the process
                   whose id is given, and of its group; SIGTERM ends both. It keeps nothing then */
};
/* Starts a program that dies with this process; what it prints comes out of *output_fd
 * (non-blocking), which is -1 if s->output takes it. Its pid or -1. */
pid_t profiler_spawn(const struct profiler_spawn *s, int *output_fd, char *why, size_t why_bytes);
/* Runs one to its end; text is what it printed, cut off where text ends. 0, or -1 with why: it
 * could not be started, took too long, or failed (its first line). */
int profiler_run(const struct profiler_spawn *s, double timeout_seconds, char *text, size_t bytes,
                 char *why, size_t why_bytes);

/* Enters a user and network namespace for good, in which this process may make more. Only while it
 * has one thread. 0 or -1 with why. */
int profiler_userns_enter(char *why, size_t why_bytes);
/* Whether this process is in a user namespace other than the system's first. */
bool profiler_userns_inside(void);

/* Enters a fresh network namespace with lo up, if need be by way of a user namespace (which stays);
 * *home is what profiler_namespace_leave needs to go back, -1 if it failed. Nobody else holds the
 * new one: it goes with its last process. */
int profiler_namespace_enter(int *home, char *why, size_t why_bytes);
void profiler_namespace_leave(int *home);
/* Leaves the present network namespace for a fresh one, with lo up. */
int profiler_namespace_fresh(char *why, size_t why_bytes);
/* Of the present namespace, by way of any socket: up; its address and PROFILER_NETMASK. */
int profiler_interface_up(int fd, const char *name);
int profiler_interface_address(int fd, const char *name, const char *address);
/* The tap of a network in the present namespace, up, profiler_host_ip on its host end. Its
 * descriptor or -1; the tap goes when the last descriptor is closed. */
int profiler_tap_open(uint32_t network, char *why, size_t why_bytes);
/* Whether a guest's network of that name is a tap, whoever moves the frames: "tap", "polled". */
bool profiler_network_is_tap(const char *network);
/* Adds the veth of a network to the present namespace, which profiler_namespace_enter made: here is
 * the client's end, up, with profiler_host_ip. The other end is in a fresh namespace,
 * *app_netns_fd, which the caller closes; with profiler_guest_ip if addressed. 0 or -1 with why. */
int profiler_veth_add(uint32_t network, bool addressed, int *app_netns_fd, char *why,
                      size_t why_bytes);
/* Has what arrives at the client's end of a network received on that core. False without the right.
 */
bool profiler_rps_set(uint32_t network, int core);
/* Finds the tool that makes veths. 0 or -1; why names the package. */
int profiler_ip_find(char *path, size_t bytes, char *why, size_t why_bytes);

/* Tries, in a child that takes it all with it, to make the network of a trial: "tap" or "veth". */
struct profiler_probe {
    bool works, user_namespace;
    bool packet; /* veth: the app's end can be opened by AF_PACKET */
    bool rps;    /* veth: RPS can be set */
    char why[200];
};
void profiler_probe(const char *network, struct profiler_probe *out);

/* Bytes that came from the guest over an interface of this namespace, Ethernet headers included;
 * -1 if there is no such interface. */
double profiler_interface_rx_bytes(const char *interface);
/* A free TCP port of 127.0.0.1, or -errno. While *fd is open nobody else is given it, but who names
 * it and reuses addresses (as QEMU does) may listen on it. */
int profiler_port_hold(int *fd);

/* What a virtual machine runs. */
struct profiler_guest {
    char kernel[512]; /* file for QEMU's -kernel */
    char
        initrd[512]; /* file for -initrd; "" none. "/proc/self/fd/N" with fd = N is one of memory */
    int fd; /* a descriptor that QEMU inherits under the same number, or -1. Whoever had the
               guest composed closes it, once QEMU has it or there will be none */
    char image[512]; /* file of a virtio block device, which stays as it is: what a guest writes
                        is gone with it; "" none */
    char image_format[16]; /* "raw", "qcow2" */
    char append[2048];     /* kernel command line */
};
/* The guests that are no nom, one file each (linux_guest.c, osv.c). find: whether this machine has
 * all that a trial on it needs, without starting anything. 0 with the kernel's release or file in
 * guest_kernel, and detail saying in a sentence how it works; -1 with detail saying what is missing
 * and how to get it. */
int profiler_linux_find(const struct profiler_paths *paths, char guest_kernel[TRIAL_TEXT_BYTES],
                        char *detail, size_t detail_bytes);
int profiler_osv_find(const struct profiler_paths *paths, char guest_kernel[TRIAL_TEXT_BYTES],
                      char *detail, size_t detail_bytes);
/* compose: what its machine runs, so that the app serves at its port of the address
 * that belongs to s->network (tap: PROFILER_GUEST_IP/24; user: PROFILER_USER_IP/24, gateway
 * PROFILER_USER_GATEWAY) and its console then says "APP: ready" at the beginning of a line. *guest
 * is zeroed before, its fd -1. 0, or -1 with why and nothing open. */
int profiler_linux_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                           struct profiler_guest *guest, char *why, size_t why_bytes);
int profiler_osv_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                         struct profiler_guest *guest, char *why, size_t why_bytes);

struct profiler_qemu {
    int service_port; /* of the guest's apps, with user network */
    const struct profiler_guest *guest;
    const char *accel;
    uint32_t vcpus, memory_mib;
    uint32_t nics;
    struct profiler_nic {
        int tap_fd;                     /* -1: user network */
        char port[24];                  /* the abstract socket of who polls its rings, and then that
                                           has the tap; "": QEMU moves the frames */
        int service_port, control_port; /* of 127.0.0.1, with user network; 0: none, and then the
                                           guest reaches this machine's loopback on it */
    } nic[PROFILER_NETWORKS_MAX];
    int core; /* where all its threads start; -1: anywhere */
};
/* Starts a process that moves frames between NICs' taps and their rings by polling, on that core,
 * which it gives up whenever there is nothing to move; sets their `port`. QEMU is to be
 * started in the same network namespace; the process ends with it, or by load_spinner_stop. Its
 * pid, or -1 with why. */
pid_t profiler_port_start(struct profiler_nic *nics, uint32_t count, int core, char *why,
                          size_t why_bytes);
/* Finds QEMU in PATH. 0 or -1; why names the package. */
int profiler_qemu_find(char *path, size_t bytes, char *why, size_t why_bytes);
/* Starts QEMU to die with this process; serial console and messages come out of *serial_fd
 * (non-blocking). Its pid or -1. */
pid_t profiler_qemu_start(const struct profiler_qemu *qemu, int *serial_fd, char *why,
                          size_t why_bytes);
/* What an exit status of QEMU's means, in words (abi/start.h). */
void profiler_qemu_exit_text(int status, char *text, size_t bytes);

/* The last line of a serial log that says something, without control characters; "" if none. */
void profiler_serial_last(const char *log, char *line, size_t bytes);
/* The first whole line that begins with prefix, or NULL. */
const char *profiler_serial_find(const char *log, const char *prefix);
/* How many whole lines begin with prefix. */
uint32_t profiler_serial_count(const char *log, const char *prefix);
/* The last line that begins with prefix; "" if none. */
void profiler_serial_last_of(const char *log, const char *prefix, char *line, size_t bytes);

/* target_unsupported of what an app has printed. */
size_t profiler_unsupported(const char *log, const char *app, struct target_call *calls,
                            size_t most);

/* Starts a provider that listens at an address of the present namespace (port 0: any), on that core
 * (-1: anywhere); it answers 503 until its first price. 0 or -1 with why. */
int profiler_provider_start(struct provider *p, const char *ip, int port, int core, char *why,
                            size_t why_bytes);
void profiler_provider_stop(struct provider *p); /* harmless on one that is not there */
/* What the price daemon is told on its command line beside its address; url_ip is where it finds
 * the provider. Words between single blanks. */
void profiler_priced_arguments(const struct target *t, const char *url_ip, char *text,
                               size_t bytes);

/* The two kinds of target, from settings to running programs; t->settings then say how it really
 * is (user_namespace, rps_core); t->app_count and t->prices are set before. held: descriptors that
 * the caller closes once the app is ready; -1 before. target_stop it either way. */
#define PROFILER_HELD_MAX (2 * TARGET_APPS_MAX)
int profiler_guest_start(struct target *t, const struct profiler_paths *paths,
                         int held[PROFILER_HELD_MAX], char *why, size_t why_bytes);
int profiler_process_start(struct target *t, const struct profiler_paths *paths, char *why,
                           size_t why_bytes);
bool profiler_target_is_process(const struct target *t);
/* Whether its program ends after each connection and is started again. */
bool profiler_target_serves_once(const struct target *t);
struct sockaddr_in profiler_address(const char *ip, int port);
/* QEMU without the app: starts it and fills target->pid and serial_fd; target_stop it. */
int profiler_guest_boot(struct target *t, const struct profiler_qemu *qemu, char *why,
                        size_t why_bytes);
/* What an exit status of an app's process means, in words. */
void profiler_process_exit_text(const char *app, int status, char *text, size_t bytes);
/* Whether a process, or one that shares its network namespace, listens at a TCP port (IPv4). */
bool profiler_listens(pid_t pid, int port);
/* Waits until so many lines begin with prefix. 0, or -1 with why: it ended, time is up, or *stop.
 */
int profiler_target_wait(struct target *t, const char *prefix, uint32_t lines,
                         double timeout_seconds, volatile const int *stop, char *why,
                         size_t why_bytes);

bool profiler_is_vcpu_thread(pid_t qemu, const char *tid);
/* Pins QEMU's vCPU threads to the vCPU core, but for those behind the first so many apps', and its
 * others to the I/O core. How many vCPU threads were found. */
uint32_t profiler_pin_target(pid_t qemu, const struct trial_settings *s, uint32_t apps);

/* Takes the self-check's line apart into times and kind. False if it is not such a line. */
bool profiler_accel_parse(const char *line, struct profiler_accel_check *check);

/* CPU seconds and bytes up to one moment; differences are what counts. */
struct profiler_usage {
    double at_s;            /* profiler_now_s */
    double busy_s;          /* all cores: user, nice, system and steal; not interrupts, which run
                               for our packets mostly and belong to nobody */
    double guest_s, vcpu_s; /* all threads of QEMU, and its vCPU threads; or a process, twice */
    double client_s, own_s, spinner_s;
    double wire_bytes; /* from the guest; -1 unknown */
};
/* The target as a whole, except that wire_bytes is of one app's interface; clients: leaders of
 * their process groups. */
void profiler_usage_sample(const struct target *t, uint32_t app, const pid_t *clients, size_t count,
                           struct profiler_usage *u);
/* Cores that others used between two samples, at least 0. */
double profiler_usage_other(const struct profiler_usage *from, const struct profiler_usage *to);

#endif
