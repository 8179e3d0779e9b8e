/* memaslap as a load. Private to this folder. */
#ifndef LOAD_MEMASLAP_H
#define LOAD_MEMASLAP_H

#include "workloads/load/load.h"
#include <stdbool.h>

bool memaslap_can(const struct load_config *config);

/* Runs memaslap from the calling process, which should end after it and must lead a process group.
 */
void memaslap_run(const struct load_config *config, struct load_result *result);

/* Reads what memaslap printed into the result: replies, errors, bytes, seconds, throughput, mean
 * and deviation of the latency; misses are errors unless may_evict. 0, or -1 with a line in
 * result->error if it is not a whole report of a run with replies; the numbers are then as they
 * were. */
int memaslap_parse(const char *text, bool may_evict, struct load_result *result);

#endif
