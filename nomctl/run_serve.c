/*
 * The target of a run: started, each app told its table and utility, measured phase by phase; each
 * phase is in the database before the next begins.
 */
#include "nomctl/run.h"
#include <arpa/inet.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_TIMEOUT_S 5.0
#define PRICE_TIMEOUT_S   15.0 /* until every app reports a price that the provider has changed */
#define LOOK_US           1000 /* between two looks at that */
/* From the end of a phase, as scheduled, to the announced beginning of the next: longer than it
 * takes to start and end a client. */
#define ANNOUNCED_LATER_S 0.4

/* What a run under way has open: a control connection an app. */
struct serving {
    struct run *run;
    struct target *target;
    const struct trial_settings *base;
    struct store *store;
    bool quiet;
    int control[RUN_APPS_MAX];
};

/* A signal ends a control request too: which of both it was. */
static int control_failed(size_t app, const char *what, const char *why) {
    return *stop_flag() ? NOMCTL_INTERRUPTED
                        : out_fail(NOMCTL_FAILED, "app %zu %s: %s", app + 1, what, why);
}

/* Tells every app what it needs to choose by. An exit code. */
static int instruct(struct serving *s) {
    char why[WHY_BYTES];
    for (uint32_t i = 0; i < s->run->app_count; i++) {
        const struct run_app *app = &s->run->apps[i];
        if (app->table.bytes &&
            (control_table(s->control[i], app->table.bytes, app->table.size, why, sizeof why) ||
             (app->own_utility && control_utility(s->control[i], &app->utility, why, sizeof why))))
            return control_failed(i, "did not take its table", why);
    }
    return NOMCTL_OK;
}

static int reach(struct serving *s) {
    char why[WHY_BYTES];
    for (uint32_t i = 0; i < s->run->app_count; i++) {
        s->control[i] =
            control_connect(&s->target->apps[i].control, CONTROL_TIMEOUT_S, why, sizeof why);
        if (s->control[i] < 0)
            return control_failed(i, "cannot be reached", why);
    }
    return NOMCTL_OK;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int64_t unix_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Has the provider tell when the phase after this one brings another price. When it is to hold:
 * some time after this phase has been measured; 0: it stays, or is not told. */
static int64_t announce_next(struct serving *s, size_t number) {
    const struct phase *p = &s->run->phases[number], *next = p + 1;
    if (!s->run->announce || number + 1 == s->run->count ||
        next->price_usd_per_gbit == p->price_usd_per_gbit)
        return 0;
    int64_t due_us = unix_us() + (int64_t)((p->seconds + ANNOUNCED_LATER_S) * 1e6);
    target_price(s->target, p->price_usd_per_gbit, next->price_usd_per_gbit, due_us);
    return due_us;
}

/* Says why no price came: what ended, or what the daemon said last. */
static int price_failed(const struct serving *s, size_t number, bool ended) {
    char why[WHY_BYTES], last[200];
    if (ended)
        target_ended_text(s->target, why, sizeof why);
    else {
        target_last_words(s->target, "priced", last, sizeof last);
        snprintf(why, sizeof why, "it was not there within %g s; %s%s", PRICE_TIMEOUT_S,
                 last[0] ? "it last said: " : "priced said nothing", last);
    }
    return out_fail(NOMCTL_FAILED, "phase %zu: the price of %g $/Gbit did not reach the app%s: %s",
                    number, s->run->phases[number].price_usd_per_gbit,
                    s->run->app_count > 1 ? "s" : "", why);
}

/* Changes the price, and waits until every app reports it. An exit code. */
static int phase_price(struct serving *s, size_t number) {
    struct phase *p = &s->run->phases[number];
    bool stays =
        number > 0 && s->run->phases[number - 1].price_usd_per_gbit == p->price_usd_per_gbit;
    char why[WHY_BYTES];
    struct nom_statistics statistics;
    double begun_s = now_s();
    uint32_t noticed = 0;
    for (uint32_t i = 0; i < s->run->app_count; i++)
        p->apps[i].noticed_us = NAN;
    target_price(s->target, p->price_usd_per_gbit, 0, 0);
    for (; noticed < s->run->app_count && !stays; usleep(LOOK_US)) {
        if (*stop_flag())
            return NOMCTL_INTERRUPTED;
        bool ended = target_pump(s->target, NULL) != 0;
        if (ended || now_s() - begun_s > PRICE_TIMEOUT_S)
            return price_failed(s, number, ended);
        for (uint32_t i = 0; i < s->run->app_count; i++) {
            if (!isnan(p->apps[i].noticed_us))
                continue;
            if (control_statistics(s->control[i], &statistics, why, sizeof why))
                return target_pump(s->target, NULL) != 0
                           ? price_failed(s, number, true)
                           : control_failed(i, "gave no statistics", why);
            if (statistics.price_usd[NOM_USE_GBIT_OUT_PER_S - 1] == p->price_usd_per_gbit) {
                p->apps[i].noticed_us = (now_s() - begun_s) * 1e6;
                noticed++;
            }
        }
    }
    return NOMCTL_OK;
}

/* Judges and stores what one app did. An exit code. */
static int keep(struct serving *s, size_t number, uint32_t app, struct trial *t) {
    struct phase *p = &s->run->phases[number];
    struct phase_app *a = &p->apps[app];
    struct trial_result *r = &t->result;
    char why[WHY_BYTES];
    int code = NOMCTL_OK;
    if (r->status != TRIAL_FAILED && !r->has_statistics &&
        control_statistics(s->control[app], &r->statistics, why, sizeof why)) {
        r->status = TRIAL_FAILED;
        snprintf(r->error, sizeof r->error, "no statistics from the app: %.200s", why);
    }
    if (r->status != TRIAL_FAILED) {
        t->settings.delay_us = r->statistics.delay_us;
        t->settings.kick = r->statistics.kick;
        a->profit_usd_per_s =
            run_profit_usd_per_s(&s->run->apps[app].utility, p->price_usd_per_gbit, r);
    } else
        code = out_fail(NOMCTL_FAILED, "phase %zu failed: %s", number, r->error);
    int error = store_trial_add(s->store, s->run->session.id, t, &a->run_id);
    if (!error) {
        struct store_phase row = {.trial_id = a->run_id,
                                  .phase = (uint32_t)number,
                                  .app_number = app + 1,
                                  .price_usd_per_gbit = p->price_usd_per_gbit,
                                  .price_noticed_us = a->noticed_us,
                                  .profit_usd_per_s = a->profit_usd_per_s,
                                  .utility = s->run->apps[app].utility};
        error = store_phase_add(s->store, &row);
    }
    if (error)
        return database_fail(s->store, error);
    if (code)
        return code;
    a->measured = true;
    a->trial = *t;
    a->trial.result.latency = NULL;
    a->trial.result.serial_log = NULL;
    s->run->apps[app].profit_usd += a->profit_usd_per_s * r->seconds;
    return NOMCTL_OK;
}

/* Measures, stores and shows one phase. An exit code. */
static int phase_run(struct serving *s, size_t number) {
    static struct trial trials[RUN_APPS_MAX];
    const struct phase *p = &s->run->phases[number];
    struct trial_settings settings = *s->base;
    memcpy(settings.load, p->load.name, sizeof settings.load);
    settings.connections = p->load.connections;
    settings.seconds = p->seconds;
    settings.order = (uint32_t)number;
    int code = phase_price(s, number);
    if (!code && number == 0) /* after the price, so that the first choice is made at it */
        code = instruct(s);
    if (code)
        return code;
    int64_t due_us = announce_next(s, number);
    target_price_stays(s->target, unix_us() + (int64_t)(p->seconds * 1e6));
    profiler_measure_apps(s->target, &settings, trials, stop_flag());
    for (int64_t left_us; !*stop_flag() && (left_us = due_us - unix_us()) > 0;)
        usleep(left_us < LOOK_US ? (useconds_t)left_us : LOOK_US);
    if (trials[0].result.status == TRIAL_ABORTED || *stop_flag())
        code = NOMCTL_INTERRUPTED;
    for (uint32_t i = 0; i < s->run->app_count; i++) {
        if (!code)
            code = keep(s, number, i, &trials[i]);
        trial_clear(&trials[i]);
    }
    if (!code && !s->quiet)
        run_show_phase(s->run, number);
    return code;
}

static int serve(struct serving *s) {
    struct progress progress;
    int code = reach(s);
    progress_begin(&progress, s->run->count);
    for (size_t i = 0; i < s->run->count && !code; i++) {
        char what[128];
        const struct phase *p = &s->run->phases[i];
        snprintf(what, sizeof what, "%g s at %g $/Gbit, load %s", p->seconds, p->price_usd_per_gbit,
                 p->load.name);
        progress_show(&progress, i, s->run->count, what);
        code = *stop_flag() ? NOMCTL_INTERRUPTED : phase_run(s, i);
    }
    progress_end(&progress);
    return code;
}

/* Where another terminal reaches the apps. */
static void announce(const struct target *target, uint64_t home_netns) {
    char address[INET_ADDRSTRLEN], in[64] = "", app[32] = "";
    if (netns_current() != home_netns)
        snprintf(in, sizeof in, " --in /proc/%d/ns/net", (int)getpid());
    for (uint32_t i = 0; i < target->app_count; i++) {
        const struct sockaddr_in *control = &target->apps[i].control;
        inet_ntop(AF_INET, &control->sin_addr, address, sizeof address);
        if (target->app_count > 1)
            snprintf(app, sizeof app, " (app %u)", i + 1);
        out_note("serving%s; for another table: nomctl deploy FILE --to %s:%u%s", app, address,
                 ntohs(control->sin_port), in);
    }
}

int run_serve(struct run *run, const struct measure *m, struct store *store, bool quiet) {
    struct target target;
    struct serving s = {
        .run = run, .target = &target, .base = &m->settings, .store = store, .quiet = quiet};
    const struct target_options options = {.apps = run->app_count, .prices = true};
    char why[WHY_BYTES];
    uint64_t home_netns = netns_current();
    int code;
    for (size_t i = 0; i < RUN_APPS_MAX; i++)
        s.control[i] = -1;
    if (target_start(&target, &m->paths, &m->settings, &options, stop_flag(), why, sizeof why)) {
        code = *stop_flag() ? NOMCTL_INTERRUPTED
                            : out_fail(NOMCTL_FAILED, "%s did not start: %s", m->settings.app, why);
    } else {
        announce(&target, home_netns);
        code = serve(&s);
    }
    for (size_t i = 0; i < RUN_APPS_MAX; i++)
        if (s.control[i] >= 0)
            close(s.control[i]);
    target_pump(&target, NULL); /* its last words */
    run->unsupported_count = target_unsupported(&target, run->unsupported, RUN_CALLS_MAX);
    target_stop(&target);
    return code;
}
