/*
 * A guest's life: network, QEMU, ready, pinned; then it runs until it ends or is stopped.
 *
 *   none --target_start--> running --QEMU ends (seen by target_pump)--> ended
 *   running, ended, or half started --target_stop--> none
 *
 * Whatever was got on the way is in struct target, and target_stop gives all of it back.
 */
#include "profiler/internal.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERIAL_BYTES_MAX      (256u * 1024)
#define READY_TIMEOUT_SECONDS 20.0
#define WAIT_MS               20 /* longest time before *stop is looked at again */
#define GIVEN_UP              "KVM internal error"

static void serial_append(struct target *t, const char *bytes, size_t n) {
    if (t->serial_bytes + n > SERIAL_BYTES_MAX) { /* keep the newer half */
        size_t keep = SERIAL_BYTES_MAX / 2;
        memmove(t->serial_log, t->serial_log + t->serial_bytes - keep, keep);
        t->serial_bytes = keep;
    }
    char *grown = realloc(t->serial_log, t->serial_bytes + n + 1);
    if (!grown)
        return;
    t->serial_log = grown;
    for (size_t i = 0; i < n; i++)
        if (bytes[i]) /* the log is a C string */
            t->serial_log[t->serial_bytes++] = bytes[i];
    t->serial_log[t->serial_bytes] = '\0';
}

static void serial_read(struct target *t) {
    char bytes[4096];
    ssize_t n;

    /* A guest that prints faster than we read must not keep us here. */
    for (int i = 0; i < 16 && (n = read(t->serial_fd, bytes, sizeof bytes)) > 0; i++)
        serial_append(t, bytes, (size_t)n);
}

int target_pump(struct target *t, int *status) {
    if (t->pid > 0) {
        serial_read(t);
        if (t->serial_log && profiler_serial_find(t->serial_log, GIVEN_UP))
            kill(t->pid, SIGKILL); /* QEMU would keep the dead machine for a debugger */
        if (waitpid(t->pid, &t->exit_status, WNOHANG) == t->pid) {
            serial_read(t);
            t->pid = 0;
        }
    }
    if (t->pid > 0)
        return 0;
    if (status)
        *status = t->exit_status;
    return -1;
}

int profiler_target_boot(struct target *t, const struct profiler_qemu *qemu, char *why,
                         size_t why_bytes) {
    pid_t pid = profiler_qemu_start(qemu, &t->serial_fd, why, why_bytes);

    t->pid = pid > 0 ? pid : 0;
    return pid > 0 ? 0 : -1;
}

void profiler_target_ended(const struct target *t, char *why, size_t why_bytes) {
    char meaning[96], last[160];

    profiler_qemu_exit_text(t->exit_status, meaning, sizeof meaning);
    if (t->serial_log && profiler_serial_find(t->serial_log, GIVEN_UP))
        snprintf(meaning, sizeof meaning, "KVM gave the machine up (" GIVEN_UP ")");
    profiler_serial_last(t->serial_log ? t->serial_log : "", last, sizeof last);
    snprintf(why, why_bytes, "%s%s%s", meaning, last[0] ? "; it last said: " : "", last);
}

int profiler_target_wait(struct target *t, const char *prefix, double timeout_seconds,
                         volatile const int *stop, char *why, size_t why_bytes) {
    double deadline_s = profiler_now_s() + timeout_seconds;
    char last[160];

    for (;;) {
        if (stop && *stop)
            return profiler_fail(why, why_bytes, "stopped");
        int ended = target_pump(t, NULL);
        if (t->serial_log && profiler_serial_find(t->serial_log, prefix))
            return 0;
        if (ended) {
            profiler_target_ended(t, why, why_bytes);
            return -1;
        }
        if (profiler_now_s() > deadline_s) {
            profiler_serial_last(t->serial_log ? t->serial_log : "", last, sizeof last);
            return profiler_fail(why, why_bytes, "the guest was not ready within %g s; %s%s",
                                 timeout_seconds, last[0] ? "it last said: " : "it said nothing",
                                 last);
        }
        struct pollfd serial = {.fd = t->serial_fd, .events = POLLIN};
        poll(&serial, 1, WAIT_MS);
        if (serial.revents & POLLHUP) /* its console is closed: it is about to end */
            poll(NULL, 0, 1);
    }
}

static struct sockaddr_in address_of(const char *ip, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    inet_pton(AF_INET, ip, &address.sin_addr);
    return address;
}

/* What is needed until QEMU has taken it up: a tap, or two ports. -1: none. */
struct network {
    int tap_fd, service_fd, control_fd;
};

static void network_release(struct network *n) {
    int *fds[] = {&n->tap_fd, &n->service_fd, &n->control_fd};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

/* Makes the network that the settings name. */
static int network_start(struct target *t, struct network *n, struct profiler_qemu *qemu, char *why,
                         size_t why_bytes) {
    snprintf(t->network, sizeof t->network, "%s", t->settings.network);
    if (strcmp(t->network, "tap") == 0) {
        if (profiler_namespace_enter(&t->home_netns, why, why_bytes) != 0)
            return -1;
        qemu->tap_fd = n->tap_fd = profiler_tap_open(why, why_bytes);
        if (n->tap_fd < 0)
            return -1;
        snprintf(t->interface, sizeof t->interface, PROFILER_INTERFACE);
        t->service = address_of(PROFILER_GUEST_IP, PROFILER_SERVICE_PORT);
        t->control = address_of(PROFILER_GUEST_IP, PROFILER_CONTROL_PORT);
        return 0;
    }
    if (strcmp(t->network, "user") != 0)
        return profiler_fail(why, why_bytes, "no such network: %s (tap or user)", t->network);
    qemu->service_port = profiler_port_hold(&n->service_fd);
    qemu->control_port = profiler_port_hold(&n->control_fd);
    if (qemu->service_port <= 0 || qemu->control_port <= 0)
        return profiler_fail(why, why_bytes, "no free port on loopback");
    t->service = address_of("127.0.0.1", qemu->service_port);
    t->control = address_of("127.0.0.1", qemu->control_port);
    return 0;
}

/* nom's own guest. */
static int nom_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                       struct profiler_guest *guest, char *why, size_t why_bytes) {
    bool tap = strcmp(s->network, "tap") == 0;

    (void)why;
    (void)why_bytes;
    snprintf(guest->kernel, sizeof guest->kernel, "%s", paths->kernel);
    snprintf(guest->initrd, sizeof guest->initrd, "%s", paths->initrd);
    snprintf(guest->append, sizeof guest->append,
             "%s --ip %s --delay-us %.3f --kick %s --control-port %d", s->app,
             tap ? PROFILER_GUEST_IP "/24"
                 : PROFILER_USER_IP "/24 --gateway " PROFILER_USER_GATEWAY,
             s->delay_us, s->kick == NOM_KICK_STRICT ? "strict" : "natural", PROFILER_CONTROL_PORT);
    return 0;
}

static int compose(const struct profiler_paths *paths, const struct trial_settings *s,
                   struct profiler_guest *guest, char *why, size_t why_bytes) {
    static const struct {
        const char *floor;
        int (*compose)(const struct profiler_paths *, const struct trial_settings *,
                       struct profiler_guest *, char *, size_t);
    } guests[] = {
        {"nom", nom_compose}, {"linux", profiler_linux_compose}, {"osv", profiler_osv_compose}};

    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++)
        if (strcmp(guests[i].floor, s->target) == 0)
            return guests[i].compose(paths, s, guest, why, why_bytes);
    return profiler_fail(why, why_bytes, "no guest is called %s", s->target);
}

static int start_spinner(struct target *t, char *why, size_t why_bytes) {
    if (!t->settings.spinner || t->settings.client_core < 0)
        return 0;
    pid_t pid = load_spinner_start(t->settings.client_core);
    if (pid < 0)
        return profiler_fail(why, why_bytes, "no spinner for core %d: %s", t->settings.client_core,
                             strerror(-pid));
    t->spinner = pid;
    return 0;
}

int target_start(struct target *t, const struct profiler_paths *paths,
                 const struct trial_settings *s, const struct target_options *options,
                 volatile const int *stop, char *why, size_t why_bytes) {
    char ready[TRIAL_NAME_BYTES + 16];
    double timeout_seconds = options && options->ready_timeout_seconds > 0
                                 ? options->ready_timeout_seconds
                                 : READY_TIMEOUT_SECONDS;
    struct network network = {.tap_fd = -1, .service_fd = -1, .control_fd = -1};
    struct profiler_guest guest = {.fd = -1};
    struct profiler_qemu qemu = {.guest = &guest,
                                 .accel = s->accel,
                                 .vcpus = s->vcpus,
                                 .memory_mib = s->memory_mib,
                                 .tap_fd = -1,
                                 .core = s->io_core};

    memset(t, 0, sizeof *t);
    t->serial_fd = t->home_netns = -1;
    t->settings = *s;
    snprintf(ready, sizeof ready, "%s: ready", s->app);
    int result = network_start(t, &network, &qemu, why, why_bytes);
    if (result == 0)
        result = compose(paths, s, &guest, why, why_bytes);
    if (options && options->kernel_arguments)
        snprintf(guest.append, sizeof guest.append, "%s", options->kernel_arguments);
    if (result == 0)
        result = profiler_target_boot(t, &qemu, why, why_bytes);
    if (result == 0)
        result = profiler_target_wait(t, ready, timeout_seconds, stop, why, why_bytes);
    if (guest.fd >= 0)
        close(guest.fd);
    network_release(&network); /* QEMU has its own; so the tap ends with QEMU */
    if (result != 0)
        return -1;
    profiler_pin_target(t->pid, s);
    return start_spinner(t, why, why_bytes);
}

void target_stop(struct target *t) {
    if (t->spinner > 0)
        load_spinner_stop(t->spinner);
    t->spinner = 0;
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        while (waitpid(t->pid, &t->exit_status, 0) < 0 && errno == EINTR)
            ;
        t->pid = 0;
    }
    if (t->serial_fd >= 0)
        close(t->serial_fd);
    t->serial_fd = -1;
    free(t->serial_log);
    t->serial_log = NULL;
    t->serial_bytes = 0;
    profiler_namespace_leave(&t->home_netns);
}
