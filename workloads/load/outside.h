/* Programs of others as loads: run, waited for, and what they print read. Private to this folder.
 */
#ifndef LOAD_OUTSIDE_H
#define LOAD_OUTSIDE_H

#include "workloads/load/load.h"

#define OUTSIDE_REPORT_BYTES 8192u

struct outside {
    char *const
        *arguments;      /* as for exec; the first is the program's name in PATH, and in errors */
    char *other_name;    /* in PATH, if it is not there under its own; NULL: none */
    const char *package; /* that has it */
    double seconds;      /* it may run so long */
};

/* Runs it in the calling process's group, with its standard input. 0, what it printed (both
 * streams, NUL-terminated, cut to fit) and the CPU time it took; or -1 and a line in result->error:
 * it is not there, failed (the line is the last it printed) or did not end in time. */
int outside_run(const struct outside *outside, struct load_result *result,
                char report[OUTSIDE_REPORT_BYTES], double *cpu_seconds);
/* What the process of such a load does first. 0, or -1 with a line in result->error. */
int outside_begin(const struct load_config *config, const char *name, struct load_result *result);
/* Whole seconds, at least 1: that is how these programs count. */
unsigned outside_whole_seconds(double seconds);

#endif
