/*
 * One phase of load on a running target, one client an app: the clients' figures, and what was used
 * meanwhile. They start one after the other; each app has the figures of its own time.
 *
 * CPU and wire are sampled twice inside the time that the client records, just after its beginning
 * and just before its end, and divided by the time between the two samples: neither warm-up nor
 * the client's end is in them, and no exact alignment is needed.
 *
 *   waiting --client records--> counting --time nearly up--> counted --client ends--> done
 *   any of these --target or client dies--> TRIAL_FAILED, --*stop--> TRIAL_ABORTED
 */
#include "profiler/internal.h"
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNTED_PART            0.98 /* of the recorded time, when the second sample is due */
#define NEAR_MS                 2    /* between looks while something is about to happen */
#define FAR_MS                  20   /* and otherwise */
#define CONTROL_TIMEOUT_SECONDS 1.0
#define SILENCE_SECONDS         3.0 /* no reply at all for so long: the load gives up */

struct sample {
    struct profiler_usage usage;
    bool has_app; /* only where the host's interface does not count what the app sends */
    struct nom_statistics app;
};

struct window {
    struct sample from, to;
    bool begun, ended;
    bool has_last;
    struct nom_statistics last; /* just after `to`, while the load goes on */
};

/* One app of those that are measured. */
struct part {
    struct load load;
    bool loaded, over; /* load is to be freed; it has ended */
    int control;
    struct window window;
    struct trial *t;
};

struct phase {
    struct target *target;
    const struct trial_settings *s;
    struct part parts[TARGET_APPS_MAX];
    uint32_t count;
};

static void fail(struct target *target, struct trial *t, enum trial_status status,
                 const char *error) {
    t->result.status = status;
    snprintf(t->result.error, sizeof t->result.error, "%s", error);
    free(t->result.serial_log);
    t->result.serial_log = target->serial_log ? strdup(target->serial_log) : NULL;
}

static void take(const struct phase *phase, uint32_t app, struct sample *sample) {
    int control = phase->parts[app].control;
    pid_t clients[TARGET_APPS_MAX];
    char why[128];

    for (uint32_t i = 0; i < phase->count; i++)
        clients[i] = phase->parts[i].load.pid;
    profiler_usage_sample(phase->target, app, clients, phase->count, &sample->usage);
    sample->has_app = !phase->target->apps[app].interface[0] && control >= 0 &&
                      control_statistics(control, &sample->app, why, sizeof why) == 0;
}

/* By the app's own counter and clock. */
static double app_gbit_out_per_s(const struct nom_statistics *from,
                                 const struct nom_statistics *to) {
    double us = (double)to->uptime_us - (double)from->uptime_us;
    double bytes = (double)to->net.tx_bytes - (double)from->net.tx_bytes;

    return us > 0 && bytes > 0 ? bytes * 8e-3 / us : 0;
}

/* What all have come to, if one cannot go on. */
static int fail_all(struct phase *phase, enum trial_status status, const char *error) {
    for (uint32_t i = 0; i < phase->count; i++)
        fail(phase->target, phase->parts[i].t, status, error);
    return -1;
}

/* Looks at one app's load. How many ms until it is to be looked at again; HUGE_VAL: no more. */
static double look(struct phase *phase, uint32_t app) {
    struct part *part = &phase->parts[app];
    struct window *w = &part->window;
    const struct load_result *result = part->load.result;
    char why[128];

    if (part->over)
        return HUGE_VAL;
    part->over = load_poll(&part->load) != 0;
    if (!w->begun && !part->over && result->phase == LOAD_PHASE_RECORDING) {
        take(phase, app, &w->from);
        w->begun = true;
    }
    double due_s = w->from.usage.at_s + COUNTED_PART * phase->s->seconds;
    double left_s = due_s - profiler_now_s();
    if (w->begun && !w->ended && (left_s <= 0 || part->over)) {
        take(phase, app, &w->to);
        w->ended = true;
        w->has_last = !part->over && part->control >= 0 &&
                      control_statistics(part->control, &w->last, why, sizeof why) == 0;
        if (part->over) /* its own account is all that is left of the client */
            w->to.usage.client_s = w->from.usage.client_s + result->client_cpu_seconds;
    }
    bool counting = w->begun && !w->ended;
    return part->over ? HUGE_VAL : counting ? fmin(ceil(left_s * 1000), FAR_MS) : NEAR_MS;
}

/* Runs the loads to their end. 0, or -1 with the trials' status and error set. */
static int run(struct phase *phase, volatile const int *stop) {
    char why[TRIAL_ERROR_BYTES];
    uint32_t over;

    for (;;) {
        double ms = FAR_MS;
        if (stop && *stop)
            return fail_all(phase, TRIAL_ABORTED, "stopped");
        if (target_pump(phase->target, NULL) != 0) {
            target_ended_text(phase->target, why, sizeof why);
            return fail_all(phase, TRIAL_FAILED, why);
        }
        over = 0;
        for (uint32_t i = 0; i < phase->count; i++) {
            ms = fmin(ms, look(phase, i));
            over += phase->parts[i].over;
        }
        if (over == phase->count)
            return 0;
        struct pollfd serial = {.fd = phase->target->serial_fd, .events = POLLIN};
        poll(&serial, 1, ms > 0 ? (int)ms : 0);
    }
}

void profiler_take_load(const struct load_result *from, struct trial_result *r) {
    r->seconds = from->seconds;
    r->replies = from->replies;
    r->refused = from->refused;
    r->errors = from->errors;
    r->throughput_ops = from->throughput_ops;
    r->useful_gbit_per_s = from->seconds > 0 ? (double)from->reply_bytes * 8e-9 / from->seconds : 0;
    r->latency_mean_us = from->latency_mean_us;
    r->jitter_us = from->jitter_us;
    r->latency_p50_us = from->latency_p50_us;
    r->latency_p90_us = from->latency_p90_us;
    r->latency_p99_us = from->latency_p99_us;
    r->latency_p999_us = from->latency_p999_us;
    r->client_cpu_s_per_s = from->seconds > 0 ? from->client_cpu_seconds / from->seconds : 0;
    if (from->has_histogram && (r->latency = malloc(sizeof *r->latency)))
        *r->latency = from->latency;
}

static void take_window(const struct window *w, struct trial_result *r) {
    const struct profiler_usage *from = &w->from.usage, *to = &w->to.usage;
    double seconds = to->at_s - from->at_s;

    if (!w->begun || seconds <= 0) /* as judge says */
        return;
    r->guest_cpu_s_per_s = (to->guest_s - from->guest_s) / seconds;
    r->vcpu_cpu_s_per_s = (to->vcpu_s - from->vcpu_s) / seconds;
    r->host_other_cpu = profiler_usage_other(from, to);
    if (from->wire_bytes >= 0 && to->wire_bytes >= 0)
        r->gbit_out_per_s = (to->wire_bytes - from->wire_bytes) * 8e-9 / seconds;
    else if (w->from.has_app && w->to.has_app)
        r->gbit_out_per_s = app_gbit_out_per_s(&w->from.app, &w->to.app);
}

/* A whole measurement: is it one to trust? */
static void judge(struct target *target, const struct window *w, struct trial *t) {
    struct trial_result *r = &t->result;
    char why[TRIAL_ERROR_BYTES];

    if (r->replies + r->refused + r->errors == 0) {
        fail(target, t, TRIAL_FAILED, "the app gave no reply");
    } else if ((double)r->errors > PROFILER_ERRORS_MAX * (double)(r->replies + r->refused)) {
        snprintf(why, sizeof why, "%llu replies were errors, against %llu good ones",
                 (unsigned long long)r->errors, (unsigned long long)(r->replies + r->refused));
        fail(target, t, TRIAL_FAILED, why);
    } else if (!w->begun || w->to.usage.at_s <= w->from.usage.at_s) {
        r->status = TRIAL_NOISY;
        snprintf(r->error, sizeof r->error,
                 "this machine did not let us look while the client recorded");
    } else if (r->host_other_cpu > PROFILER_OTHER_CPU_MAX) {
        r->status = TRIAL_NOISY;
        snprintf(r->error, sizeof r->error, "others used %.2f cores meanwhile (limit %.2f)",
                 r->host_other_cpu, PROFILER_OTHER_CPU_MAX);
    } else {
        r->status = TRIAL_OK;
    }
}

/* 0, or -1 with why. */
static int start_load(const struct target *target, uint32_t app, const struct trial_settings *s,
                      struct load *load, char *why, size_t why_bytes) {
    enum load_client client;
    struct load_config config = {.server = target->apps[app].service,
                                 .connections = s->connections,
                                 .warmup_seconds = s->warmup_seconds,
                                 .seconds = s->seconds,
                                 .keep_alive = true,
                                 .core = s->client_core,
                                 .timeout_seconds = SILENCE_SECONDS};

    if (profiler_load_traffic(s, &config, &client, why, why_bytes) != 0)
        return -1;
    int error = load_start(load, client, &config);
    return error == 0 ? 0
                      : profiler_fail(why, why_bytes, "the client cannot be started: %s",
                                      strerror(-error));
}

/* Away from the guest's processor while it is measured. */
static void pin_self(const struct trial_settings *s, cpu_set_t *before) {
    cpu_set_t io;

    sched_getaffinity(0, sizeof *before, before);
    if (s->io_core < 0)
        return;
    CPU_ZERO(&io);
    CPU_SET((size_t)s->io_core, &io);
    sched_setaffinity(0, sizeof io, &io);
}

/* A control connection that has answered, or -1. Its answer also tells that both sides know each
 * other's address: a stack that must first ask for it drops most of what a load sends at once. */
static int reach_control(const struct target_app *app) {
    struct nom_statistics hello;
    char why[128];

    int control = app->control.sin_port
                      ? control_connect(&app->control, CONTROL_TIMEOUT_SECONDS, why, sizeof why)
                      : -1;
    if (control >= 0 && control_statistics(control, &hello, why, sizeof why) != 0) {
        close(control);
        control = -1;
    }
    return control;
}

/* Connects to an app and starts its load. 0, or -1 with the trials' status and error set. */
static int begin(struct phase *phase) {
    char why[128];

    for (uint32_t i = 0; i < phase->count; i++)
        phase->parts[i].control = reach_control(&phase->target->apps[i]);
    for (uint32_t i = 0; i < phase->count; i++) {
        struct part *part = &phase->parts[i];
        if (start_load(phase->target, i, phase->s, &part->load, why, sizeof why) != 0)
            return fail_all(phase, TRIAL_FAILED, why);
        part->loaded = true;
    }
    return 0;
}

/* A ported program cannot say that it does not serve now: its library resets the connections, and
 * the client takes that for errors. */
static void take_refusals(struct trial_result *r) {
    r->refused += r->errors;
    r->errors = 0;
    r->refused += r->refused == 0;
}

/* After a load that went to its end. */
static void conclude(struct phase *phase, struct part *part) {
    const struct load_result *load = part->load.result;
    struct trial_result *r = &part->t->result;
    char why[TRIAL_ERROR_BYTES];

    r->has_statistics = part->control >= 0 &&
                        control_statistics(part->control, &r->statistics, why, sizeof why) == 0;
    if (r->has_statistics && part->window.has_last) { /* the chooser has seen the load end since */
        r->statistics.delay_us = part->window.last.delay_us;
        r->statistics.kick = part->window.last.kick;
    }
    bool refuses =
        r->has_statistics && !r->statistics.serving && profiler_app_of(phase->s->app)->ported;
    if (!load->done && !refuses) {
        snprintf(why, sizeof why, "the load failed: %s",
                 load->error[0] ? load->error : "the client ended before its time");
        fail(phase->target, part->t, TRIAL_FAILED, why);
        return;
    }
    profiler_take_load(load, r);
    if (refuses)
        take_refusals(r);
    take_window(&part->window, r);
    judge(phase->target, &part->window, part->t);
}

static void measure(struct target *target, uint32_t count, const struct trial_settings *s,
                    struct trial t[], volatile const int *stop) {
    struct phase phase = {.target = target, .s = s, .count = count};
    cpu_set_t before;

    for (uint32_t i = 0; i < count; i++) {
        memset(&t[i], 0, sizeof t[i]);
        t[i].settings = *s;
        t[i].settings.user_namespace =
            target->settings.user_namespace; /* as it is, not as it was asked */
        t[i].settings.rps_core = target->settings.rps_core;
        t[i].result.started_unix_us = profiler_unix_us();
        phase.parts[i].t = &t[i];
    }
    if (begin(&phase) == 0) {
        pin_self(s, &before);
        if (run(&phase, stop) == 0)
            for (uint32_t i = 0; i < count; i++)
                conclude(&phase, &phase.parts[i]);
        sched_setaffinity(0, sizeof before, &before);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (phase.parts[i].loaded)
            load_free(&phase.parts[i].load);
        if (phase.parts[i].control >= 0)
            close(phase.parts[i].control);
    }
}

void profiler_measure(struct target *target, const struct trial_settings *s, struct trial *t,
                      volatile const int *stop) {
    measure(target, 1, s, t, stop);
}

void profiler_measure_apps(struct target *target, const struct trial_settings *s, struct trial t[],
                           volatile const int *stop) {
    measure(target, target->app_count, s, t, stop);
}
