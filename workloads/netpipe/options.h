/* What netpipe's command line says. */
#ifndef NETPIPE_OPTIONS_H
#define NETPIPE_OPTIONS_H

#include "runtime/app/options.h"
#include "workloads/netpipe/protocol.h"

struct options {
    struct app_options app;
    struct np_settings settings;
    uint16_t port;
    uint32_t connections;
};

/* 0, or -1 with one line to the console. */
int options_parse(struct options *o, int argc, char **argv);

#endif
