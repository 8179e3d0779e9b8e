/* wrk as a load. Private to this folder. */
#ifndef LOAD_WRK_H
#define LOAD_WRK_H

#include "workloads/load/load.h"

/* Runs wrk from the calling process, which should end after it and must lead a process group. */
void wrk_run(const struct load_config *config, struct load_result *result);

/* Reads what `wrk --latency` printed into the result: replies, errors, bytes, seconds, throughput,
 * latencies. 0, or -1 with a line in result->error if it is not a whole report of a run with
 * replies; the numbers are then as they were. */
int wrk_parse(const char *text, struct load_result *result);

#endif
