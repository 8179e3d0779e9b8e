/*
 * Reports: reads the store, draws with gnuplot, never measures. Each figure as SVG and PNG, and
 * index.html in one file with inline SVG. Every figure names the session and run ids it stands on.
 */
#ifndef REPORTS_REPORTS_H
#define REPORTS_REPORTS_H

#include "store/store.h"
#include <stddef.h>

enum report_error {
    REPORT_EDIR = 1,     /* the directory cannot be made or written */
    REPORT_EGNUPLOT = 2, /* gnuplot missing or failed */
    REPORT_EDATA = 3,    /* no good trial in the session */
    REPORT_ESTORE = 4,
    REPORT_ENOMEM = 5,
};

/* Writes the report of one profile session into dir (made if missing). Files appear whole or not
 * at all. 0 or a negative enum report_error with one line in why. *index_path: malloc'd. */
int report_write(struct store *store, int64_t session_id, const char *dir, char **index_path,
                 char *why, size_t why_bytes);

#endif
