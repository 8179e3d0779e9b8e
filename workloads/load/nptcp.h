/* NPtcp as a load. Private to this folder. */
#ifndef LOAD_NPTCP_H
#define LOAD_NPTCP_H

#include "workloads/load/load.h"
#include <stdbool.h>

bool nptcp_can(const struct load_config *config);

/* Runs NPtcp from the calling process, which should end after it and must lead a process group. */
void nptcp_run(const struct load_config *config, struct load_result *result);

/* Finds in NPtcp's output file the line of messages of so many bytes: the seconds that one took. 0,
 * or -1 if it is not there, whole. */
int nptcp_parse(const char *text, const struct load_config *config, double *seconds);

#endif
