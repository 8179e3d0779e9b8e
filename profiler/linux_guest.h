/* What a Linux guest is made of: found by linux_files.c, packed by linux_guest.c. */
#ifndef PROFILER_LINUX_GUEST_H
#define PROFILER_LINUX_GUEST_H

#include "record/trial.h"

#define PROFILER_LINUX_MODULES_MAX 24u

struct profiler_linux_files {
    char kernel[512];                              /* bzImage */
    char release[TRIAL_TEXT_BYTES];                /* of it */
    char busybox[512];                             /* static */
    char module[PROFILER_LINUX_MODULES_MAX][1024]; /* to be loaded in this order */
    size_t modules;
};

/* beside: the folder of nom's own guest files, "" none. 0, or -1 with one line in why that says
 * what is missing and how to get it. */
int profiler_linux_files_find(const char *beside, struct profiler_linux_files *files, char *why,
                              size_t why_bytes);

#endif
