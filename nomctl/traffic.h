/*
 * What the client asks for, as typed: options that every measuring command takes. Which of them fit
 * depends on the app, so they are checked once the whole line is known.
 */
#ifndef NOMCTL_TRAFFIC_H
#define NOMCTL_TRAFFIC_H

#include "profiler/profiler.h"
#include <argp.h>

struct traffic_options {
    struct trial_traffic traffic; /* of what was given */
    const char *client;           /* NULL: the app's */
    unsigned given;               /* a bit for each option, in their order */
};

extern const struct argp_option traffic_argp_options[];
/* Takes an option of traffic_argp_options: true if it was one; *code then. */
bool traffic_set(struct traffic_options *o, int key, const char *value, int *code);
/* Whether all that was given means something to the app; *traffic and *client are then what will be
 * asked of it, and by whom. An exit code. */
int traffic_of(const struct traffic_options *o, const struct profiler_app *app,
               struct trial_traffic *traffic, const struct profiler_client **client);
/* Whether the app and these settings allow so many connections. An exit code. */
int traffic_connections(const struct profiler_app *app, const struct trial_traffic *traffic,
                        uint32_t connections);

#endif
