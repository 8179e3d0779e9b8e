/*
 * A target's life: network, QEMU or the apps' processes, ready, pinned; then it runs until it ends
 * or is stopped. What is peculiar to guests and to processes is in guest.c and process.c.
 *
 * It ends as a whole: when one of its apps has ended, the others are ended at once.
 *
 *   none --target_start--> running --it ends (seen by target_pump)--> ended
 *   running, ended, or half started --target_stop--> none
 *
 * Whatever was got on the way is in struct target, and target_stop gives all of it back.
 */
#include "profiler/internal.h"
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
#define BOOT_TIMEOUT_SECONDS  90.0 /* of a guest whose kernel is not ours: seconds of CPU time */
#define WAIT_MS               20   /* longest time before *stop is looked at again */
#define GIVEN_UP              "KVM internal error"
#define APP_LINE              "nom: app " /* of the kernel, about an app */

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

static void bury(pid_t pid, int signal, int *status) {
    kill(pid, signal);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
}

static void reap(pid_t pid, int *status) {
    bury(pid, SIGKILL, status);
}

/* All processes but one that has ended. */
static void end_rest(struct target *t) {
    for (size_t i = 0; i < TARGET_APPS_MAX; i++)
        if (t->others[i] > 0)
            reap(t->others[i], NULL);
    memset(t->others, 0, sizeof t->others);
}

/* What runs beside the first app has ended, too. */
static void look_at_others(struct target *t) {
    for (size_t i = 0; i < TARGET_APPS_MAX; i++) {
        if (t->others[i] <= 0 || waitpid(t->others[i], &t->exit_status, WNOHANG) != t->others[i])
            continue;
        snprintf(t->ended, sizeof t->ended, "%s",
                 t->prices && i + 1 == t->app_count ? PRICED : t->settings.app);
        t->others[i] = 0;
        reap(t->pid, NULL);
        t->pid = 0;
        return;
    }
}

/* Of a guest with several apps: the kernel's line about the first that has ended, or NULL. */
static const char *ended_in_guest(const struct target *t) {
    if (!t->serial_log || profiler_target_is_process(t) || t->app_count + t->prices < 2)
        return NULL;
    for (const char *line = t->serial_log; (line = profiler_serial_find(line, APP_LINE));
         line = strchr(line, '\n')) {
        const char *words = strchr(line + strlen(APP_LINE), ' ');
        if (words && strncmp(words, " ended: ", 8) == 0)
            return line;
    }
    return NULL;
}

int target_pump(struct target *t, int *status) {
    if (t->pid > 0) {
        serial_read(t);
        if (t->serial_log && profiler_serial_find(t->serial_log, GIVEN_UP))
            kill(t->pid, SIGKILL); /* QEMU would keep the dead machine for a debugger */
        if (waitpid(t->pid, &t->exit_status, WNOHANG) == t->pid)
            t->pid = 0;
        else if (ended_in_guest(t)) {
            reap(t->pid, &t->exit_status);
            t->pid = 0;
        } else
            look_at_others(t);
        if (t->pid == 0) {
            end_rest(t);
            serial_read(t);
        }
    }
    if (t->pid > 0)
        return 0;
    if (status)
        *status = t->exit_status;
    return -1;
}

bool profiler_target_is_process(const struct target *t) {
    const struct profiler_floor *floor = profiler_floor_find(t->settings.target);

    return floor && !floor->guest;
}

void target_last_words(const struct target *t, const char *app, char *last, size_t bytes) {
    const char *log = t->serial_log ? t->serial_log : "";
    char prefix[TRIAL_NAME_BYTES + 2];

    last[0] = '\0';
    if (app[0]) {
        snprintf(prefix, sizeof prefix, "%.*s:", (int)TRIAL_NAME_BYTES - 1, app);
        profiler_serial_last_of(log, prefix, last, bytes);
    }
    if (!last[0])
        profiler_serial_last(log, last, bytes);
}

size_t target_unsupported(const struct target *t, struct target_call *calls, size_t most) {
    return t->serial_log ? profiler_unsupported(t->serial_log, t->settings.app, calls, most) : 0;
}

void target_ended_text(const struct target *t, char *why, size_t why_bytes) {
    char meaning[96], last[160], app[TRIAL_NAME_BYTES];
    const char *line = ended_in_guest(t);

    snprintf(app, sizeof app, "%s", t->ended);
    if (profiler_target_is_process(t)) {
        profiler_process_exit_text(app[0] ? app : t->settings.app, t->exit_status, meaning,
                                   sizeof meaning);
    } else if (line) {
        line += strlen(APP_LINE);
        snprintf(app, sizeof app, "%.*s", (int)strcspn(line, " "), line);
        snprintf(meaning, sizeof meaning, "%.*s", (int)strcspn(line, "\n"), line);
    } else {
        profiler_qemu_exit_text(t->exit_status, meaning, sizeof meaning);
    }
    if (t->serial_log && profiler_serial_find(t->serial_log, GIVEN_UP))
        snprintf(meaning, sizeof meaning, "KVM gave the machine up (" GIVEN_UP ")");
    target_last_words(t, app, last, sizeof last);
    snprintf(why, why_bytes, "%s%s%s", meaning, last[0] ? "; it last said: " : "", last);
}

/* So many lines that begin so; without a prefix: its process listens at this port. */
struct awaited {
    const char *prefix;
    uint32_t lines;
    int port;
};

static bool has_come(const struct target *t, const struct awaited *a) {
    if (!a->prefix)
        return t->pid > 0 && profiler_listens(t->pid, a->port);
    return t->serial_log && profiler_serial_count(t->serial_log, a->prefix) >= a->lines;
}

static int await(struct target *t, const struct awaited *awaited, double timeout_seconds,
                 volatile const int *stop, char *why, size_t why_bytes) {
    double deadline_s = profiler_now_s() + timeout_seconds;
    char last[160];

    for (;;) {
        if (stop && *stop)
            return profiler_fail(why, why_bytes, "stopped");
        int ended = target_pump(t, NULL);
        if (has_come(t, awaited))
            return 0;
        if (ended) {
            target_ended_text(t, why, why_bytes);
            return -1;
        }
        if (profiler_now_s() > deadline_s) {
            profiler_serial_last(t->serial_log ? t->serial_log : "", last, sizeof last);
            return profiler_fail(why, why_bytes, "the %s was not ready within %g s; %s%s",
                                 profiler_target_is_process(t) ? "app" : "guest", timeout_seconds,
                                 last[0] ? "it last said: " : "it said nothing", last);
        }
        struct pollfd serial = {.fd = t->serial_fd, .events = POLLIN};
        poll(&serial, 1, WAIT_MS);
        if (serial.revents & POLLHUP) /* its console is closed: it is about to end */
            poll(NULL, 0, 1);
    }
}

int profiler_target_wait(struct target *t, const char *prefix, uint32_t lines,
                         double timeout_seconds, volatile const int *stop, char *why,
                         size_t why_bytes) {
    const struct awaited said = {.prefix = prefix, .lines = lines};

    return await(t, &said, timeout_seconds, stop, why, why_bytes);
}

/* What runs here is not the app but what a package installs in its place. */
static bool runs_baseline(const struct target *t) {
    const struct profiler_floor *floor = profiler_floor_find(t->settings.target);

    return floor && !floor->adapts && profiler_app_of(t->settings.app)->baseline.program;
}

bool profiler_target_serves_once(const struct target *t) {
    return runs_baseline(t) && profiler_app_of(t->settings.app)->baseline.serves_once;
}

static int start_spinner(struct target *t, char *why, size_t why_bytes) {
    if (!t->settings.spinner || t->settings.client_core < 0 || t->spinner > 0)
        return 0; /* what polls the guest's rings spins already */
    pid_t pid = load_spinner_start(t->settings.client_core);
    if (pid < 0)
        return profiler_fail(why, why_bytes, "no spinner for core %d: %s", t->settings.client_core,
                             strerror(-pid));
    t->spinner = pid;
    return 0;
}

/* W and kick mean something on this floor, or are 0. */
static int check_settings(const struct profiler_floor *floor, const struct trial_settings *s,
                          uint32_t apps, bool prices, char *why, size_t why_bytes) {
    if (!floor)
        return profiler_fail(why, why_bytes, "no such floor: %s", s->target);
    if (!floor->adapts && (s->delay_us != 0 || s->kick != NOM_KICK_NATURAL))
        return profiler_fail(why, why_bytes, "%s has no batching: W is 0 there, the kick natural",
                             floor->name);
    if (!floor->adapts && (apps > 1 || prices))
        return profiler_fail(why, why_bytes, "%s runs one app, which knows no prices", floor->name);
    if (apps > TARGET_APPS_MAX)
        return profiler_fail(why, why_bytes, "%u apps are more than %u", apps, TARGET_APPS_MAX);
    return 0;
}

static int wait_ready(struct target *t, double timeout_seconds, volatile const int *stop, char *why,
                      size_t why_bytes) {
    double begun_s = profiler_now_s();
    const struct awaited port = {.port = profiler_app_of(t->settings.app)->service_port};
    char ready[TRIAL_NAME_BYTES + 16];

    if (runs_baseline(t) && profiler_target_is_process(t))
        return await(t, &port, timeout_seconds, stop, why, why_bytes);
    snprintf(ready, sizeof ready, "%s: ready", t->settings.app);
    if (profiler_target_wait(t, ready, t->app_count, timeout_seconds, stop, why, why_bytes) != 0)
        return -1;
    double left_s = timeout_seconds - (profiler_now_s() - begun_s);
    return t->prices ? profiler_target_wait(t, PRICED ": ready", 1, left_s > 1 ? left_s : 1, stop,
                                            why, why_bytes)
                     : 0;
}

int target_start(struct target *t, const struct profiler_paths *paths,
                 const struct trial_settings *s, const struct target_options *options,
                 volatile const int *stop, char *why, size_t why_bytes) {
    const struct profiler_floor *floor = profiler_floor_find(s->target);
    bool foreign = floor && floor->guest && !floor->adapts;
    double timeout_seconds = options && options->ready_timeout_seconds > 0
                                 ? options->ready_timeout_seconds
                             : foreign ? BOOT_TIMEOUT_SECONDS
                                       : READY_TIMEOUT_SECONDS;
    int held[PROFILER_HELD_MAX];

    for (size_t i = 0; i < PROFILER_HELD_MAX; i++)
        held[i] = -1;
    memset(t, 0, sizeof *t);
    t->serial_fd = t->home_netns = -1;
    t->settings = *s;
    t->app_count = options && options->apps ? options->apps : 1;
    t->prices = options && options->prices;
    t->price_poll_s = options ? options->price_poll_s : 0;
    int result = check_settings(floor, s, t->app_count, t->prices, why, why_bytes);
    if (result == 0)
        result = floor->guest ? profiler_guest_start(t, paths, held, why, why_bytes)
                              : profiler_process_start(t, paths, why, why_bytes);
    if (result == 0)
        result = wait_ready(t, timeout_seconds, stop, why, why_bytes);
    for (size_t i = 0; i < PROFILER_HELD_MAX; i++)
        if (held[i] >= 0)
            close(held[i]);
    if (result != 0)
        return -1;
    if (floor->guest)
        profiler_pin_target(t->pid, s, t->prices ? t->app_count : s->vcpus);
    return start_spinner(t, why, why_bytes);
}

void target_stop(struct target *t) {
    if (t->spinner > 0)
        load_spinner_stop(t->spinner);
    t->spinner = 0;
    if (t->pid > 0) /* what keeps a program up ends with it */
        bury(t->pid,
             profiler_target_is_process(t) && profiler_target_serves_once(t) ? SIGTERM : SIGKILL,
             &t->exit_status);
    t->pid = 0;
    end_rest(t);
    profiler_provider_stop(&t->provider);
    if (t->serial_fd >= 0)
        close(t->serial_fd);
    t->serial_fd = -1;
    free(t->serial_log);
    t->serial_log = NULL;
    t->serial_bytes = 0;
    profiler_namespace_leave(&t->home_netns);
}
