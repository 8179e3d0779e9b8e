/*
 * The guest of a run: booted, told its table and price, measured phase by phase; each phase is in
 * the database before the next begins.
 */
#include "nomctl/run.h"
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#define CONTROL_TIMEOUT_S 5.0

/* Tells the app what it needs to choose by. A control connection, or -1 with why. */
static int instruct(const struct target *target, const struct run *run, bool own_utility, char *why,
                    size_t why_bytes) {
    int fd = control_connect(&target->apps[0].control, CONTROL_TIMEOUT_S, why, why_bytes);
    /* The price first, so that the table's first choice is made at it. */
    if (fd >= 0 &&
        (control_price(fd, run->phases[0].price_usd_per_gbit, why, why_bytes) ||
         (run->table.bytes &&
          control_table(fd, run->table.bytes, run->table.size, why, why_bytes)) ||
         (run->table.bytes && own_utility && control_utility(fd, &run->utility, why, why_bytes)))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Measures, stores and shows one phase. An exit code. */
static int phase_run(struct run *run, size_t number, struct target *target, int control,
                     const struct trial_settings *base, struct store *store, bool quiet) {
    struct phase *p = &run->phases[number];
    struct trial_settings s = *base;
    char why[WHY_BYTES];
    memcpy(s.load, p->load.name, sizeof s.load);
    s.connections = p->load.connections;
    s.seconds = p->seconds;
    s.order = (uint32_t)number;
    /* A signal ends a control request too. */
    if (control_price(control, p->price_usd_per_gbit, why, sizeof why))
        return *stop_flag()
                   ? NOMCTL_INTERRUPTED
                   : out_fail(NOMCTL_FAILED, "phase %zu: the app did not take its price: %s",
                              number, why);
    profiler_measure(target, &s, &p->trial, stop_flag());
    struct trial_result *r = &p->trial.result;
    int code = NOMCTL_OK;
    if (r->status == TRIAL_ABORTED || *stop_flag()) {
        trial_clear(&p->trial);
        return NOMCTL_INTERRUPTED;
    }
    if (r->status != TRIAL_FAILED && !r->has_statistics &&
        control_statistics(control, &r->statistics, why, sizeof why)) {
        r->status = TRIAL_FAILED;
        snprintf(r->error, sizeof r->error, "no statistics from the app: %.200s", why);
    }
    if (r->status != TRIAL_FAILED) {
        p->trial.settings.delay_us = r->statistics.delay_us;
        p->trial.settings.kick = r->statistics.kick;
        p->profit_usd_per_s = run_profit_usd_per_s(&run->utility, p->price_usd_per_gbit, r);
    } else
        code = out_fail(NOMCTL_FAILED, "phase %zu failed: %s", number, r->error);
    int error = store_trial_add(store, run->session.id, &p->trial, &p->run_id);
    if (!error) {
        struct store_phase row = {.trial_id = p->run_id,
                                  .phase = (uint32_t)number,
                                  .price_usd_per_gbit = p->price_usd_per_gbit,
                                  .profit_usd_per_s = p->profit_usd_per_s,
                                  .utility = run->utility};
        error = store_phase_add(store, &row);
    }
    trial_clear(&p->trial);
    if (error)
        return database_fail(store, error);
    if (code)
        return code;
    p->measured = true;
    run->profit_usd += p->profit_usd_per_s * r->seconds;
    if (!quiet)
        run_show_phase(p, number);
    return NOMCTL_OK;
}

static int serve(struct run *run, struct target *target, const struct trial_settings *s,
                 struct store *store, bool own_utility, bool quiet) {
    char why[WHY_BYTES];
    struct progress progress;
    int code = NOMCTL_OK, control = instruct(target, run, own_utility, why, sizeof why);
    if (control < 0 && *stop_flag())
        return NOMCTL_INTERRUPTED;
    if (control < 0)
        return out_fail(NOMCTL_FAILED, "the app did not take its table and price: %s", why);
    progress_begin(&progress, run->count);
    for (size_t i = 0; i < run->count && !code; i++) {
        char what[128];
        const struct phase *p = &run->phases[i];
        snprintf(what, sizeof what, "%g s at %g $/Gbit, load %s", p->seconds, p->price_usd_per_gbit,
                 p->load.name);
        progress_show(&progress, i, run->count, what);
        code =
            *stop_flag() ? NOMCTL_INTERRUPTED : phase_run(run, i, target, control, s, store, quiet);
    }
    progress_end(&progress);
    close(control);
    return code;
}

/* Where another terminal reaches the app. */
static void announce(const struct target *target, uint64_t home_netns) {
    char address[INET_ADDRSTRLEN], in[64] = "";
    inet_ntop(AF_INET, &target->apps[0].control.sin_addr, address, sizeof address);
    if (netns_current() != home_netns)
        snprintf(in, sizeof in, " --in /proc/%d/ns/net", (int)getpid());
    out_note("serving; for another table: nomctl deploy FILE --to %s:%u%s", address,
             ntohs(target->apps[0].control.sin_port), in);
}

int run_serve(struct run *run, const struct measure *m, struct store *store, bool own_utility,
              bool quiet) {
    struct target target;
    char why[WHY_BYTES];
    uint64_t home_netns = netns_current();
    const struct target_options defaults = {0};
    int code;
    if (target_start(&target, &m->paths, &m->settings, &defaults, stop_flag(), why, sizeof why)) {
        code = *stop_flag() ? NOMCTL_INTERRUPTED
                            : out_fail(NOMCTL_FAILED, "%s did not start: %s", m->settings.app, why);
    } else {
        announce(&target, home_netns);
        code = serve(run, &target, &m->settings, store, own_utility, quiet);
    }
    target_stop(&target);
    return code;
}
