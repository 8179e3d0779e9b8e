/*
 * One whole trial. It may fail in any way at any point; the record then says how, with the guest's
 * console, and nothing of it is left behind.
 */
#include "profiler/internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void profiler_trial(const struct profiler_paths *paths, const struct trial_settings *s,
                    struct trial *t, volatile const int *stop) {
    struct target target;
    char why[TRIAL_ERROR_BYTES];
    int64_t started_unix_us = profiler_unix_us();

    if (target_start(&target, paths, s, NULL, stop, why, sizeof why) == 0) {
        profiler_measure(&target, s, t, stop);
    } else {
        memset(t, 0, sizeof *t);
        t->settings = *s;
        t->result.status = stop && *stop ? TRIAL_ABORTED : TRIAL_FAILED;
        snprintf(t->result.error, sizeof t->result.error, "%s", why);
        t->result.serial_log = target.serial_log ? strdup(target.serial_log) : NULL;
    }
    t->result.started_unix_us = started_unix_us;
    target_stop(&target);
}
