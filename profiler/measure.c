/*
 * One phase of load on a running target: the client's figures, and what was used meanwhile.
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
};

static void fail(struct target *target, struct trial *t, enum trial_status status,
                 const char *error) {
    t->result.status = status;
    snprintf(t->result.error, sizeof t->result.error, "%s", error);
    free(t->result.serial_log);
    t->result.serial_log = target->serial_log ? strdup(target->serial_log) : NULL;
}

static void take(const struct target *target, const struct load *load, int control,
                 struct sample *sample) {
    char why[128];

    profiler_usage_sample(target, load->pid, &sample->usage);
    sample->has_app = !target->interface[0] && control >= 0 &&
                      control_statistics(control, &sample->app, why, sizeof why) == 0;
}

/* By the app's own counter and clock. */
static double app_gbit_out_per_s(const struct nom_statistics *from,
                                 const struct nom_statistics *to) {
    double us = (double)to->uptime_us - (double)from->uptime_us;
    double bytes = (double)to->net.tx_bytes - (double)from->net.tx_bytes;

    return us > 0 && bytes > 0 ? bytes * 8e-3 / us : 0;
}

/* Runs the load to its end. 0, or -1 with t's status and error set. */
static int run(struct target *target, struct load *load, int control,
               const struct trial_settings *s, struct window *w, struct trial *t,
               volatile const int *stop) {
    char why[TRIAL_ERROR_BYTES];

    memset(w, 0, sizeof *w);
    for (;;) {
        if (stop && *stop) {
            fail(target, t, TRIAL_ABORTED, "stopped");
            return -1;
        }
        if (target_pump(target, NULL) != 0) {
            profiler_target_ended(target, why, sizeof why);
            fail(target, t, TRIAL_FAILED, why);
            return -1;
        }
        bool over = load_poll(load) != 0;
        if (!w->begun && !over && load->result->phase == LOAD_PHASE_RECORDING) {
            take(target, load, control, &w->from);
            w->begun = true;
        }
        double due_s = w->from.usage.at_s + COUNTED_PART * s->seconds;
        double left_s = due_s - profiler_now_s();
        if (w->begun && !w->ended && (left_s <= 0 || over)) {
            take(target, load, control, &w->to);
            w->ended = true;
            if (over) /* its own account is all that is left of the client */
                w->to.usage.client_s = w->from.usage.client_s + load->result->client_cpu_seconds;
        }
        if (over)
            break;
        bool counting = w->begun && !w->ended;
        double ms = counting ? fmin(ceil(left_s * 1000), FAR_MS) : NEAR_MS;
        struct pollfd serial = {.fd = target->serial_fd, .events = POLLIN};
        poll(&serial, 1, ms > 0 ? (int)ms : 0);
    }
    if (load->result->done)
        return 0;
    snprintf(why, sizeof why, "the load failed: %s",
             load->result->error[0] ? load->result->error : "the client ended before its time");
    fail(target, t, TRIAL_FAILED, why);
    return -1;
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

    if (!w->begun || seconds <= 0)
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
static void judge(struct target *target, struct trial *t) {
    struct trial_result *r = &t->result;
    char why[TRIAL_ERROR_BYTES];

    if (r->replies + r->refused + r->errors == 0) {
        fail(target, t, TRIAL_FAILED, "the app gave no reply");
    } else if ((double)r->errors > PROFILER_ERRORS_MAX * (double)(r->replies + r->refused)) {
        snprintf(why, sizeof why, "%llu replies were errors, against %llu good ones",
                 (unsigned long long)r->errors, (unsigned long long)(r->replies + r->refused));
        fail(target, t, TRIAL_FAILED, why);
    } else if (r->host_other_cpu > PROFILER_OTHER_CPU_MAX) {
        r->status = TRIAL_NOISY;
        snprintf(r->error, sizeof r->error, "others used %.2f cores meanwhile (limit %.2f)",
                 r->host_other_cpu, PROFILER_OTHER_CPU_MAX);
    } else {
        r->status = TRIAL_OK;
    }
}

static int start_load(const struct target *target, const struct trial_settings *s,
                      struct load *load) {
    struct load_config config = {.server = target->service,
                                 .connections = s->connections,
                                 .warmup_seconds = s->warmup_seconds,
                                 .seconds = s->seconds,
                                 .keep_alive = true,
                                 .core = s->client_core,
                                 .timeout_seconds = SILENCE_SECONDS};

    snprintf(config.path, sizeof config.path, "%s", s->path);
    return load_start(load, strcmp(s->client, "wrk") == 0 ? LOAD_CLIENT_WRK : LOAD_CLIENT_NOM,
                      &config);
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

void profiler_measure(struct target *target, const struct trial_settings *s, struct trial *t,
                      volatile const int *stop) {
    struct load load;
    struct window window;
    struct nom_statistics hello;
    cpu_set_t before;
    char why[128];

    memset(t, 0, sizeof *t);
    t->settings = *s;
    t->settings.user_namespace =
        target->settings.user_namespace; /* as it is, not as it was asked */
    t->settings.rps_core = target->settings.rps_core;
    t->result.started_unix_us = profiler_unix_us();
    int control = target->control.sin_port
                      ? control_connect(&target->control, CONTROL_TIMEOUT_SECONDS, why, sizeof why)
                      : -1;
    /* Its first answer also tells that both sides know each other's address: a stack that must
     * first ask for it drops most of what a load sends at once. */
    if (control >= 0 && control_statistics(control, &hello, why, sizeof why) != 0) {
        close(control);
        control = -1;
    }
    int error = start_load(target, s, &load);
    if (error != 0) {
        snprintf(why, sizeof why, "the client cannot be started: %s", strerror(-error));
        fail(target, t, TRIAL_FAILED, why);
    } else {
        pin_self(s, &before);
        if (run(target, &load, control, s, &window, t, stop) == 0) {
            profiler_take_load(load.result, &t->result);
            take_window(&window, &t->result);
            t->result.has_statistics =
                control >= 0 &&
                control_statistics(control, &t->result.statistics, why, sizeof why) == 0;
            judge(target, t);
        }
        load_free(&load);
        sched_setaffinity(0, sizeof before, &before);
    }
    if (control >= 0)
        close(control);
}
