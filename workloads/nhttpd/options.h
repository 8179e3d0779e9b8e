/* What nhttpd's command line says. */
#ifndef NHTTPD_OPTIONS_H
#define NHTTPD_OPTIONS_H

#include "runtime/app/options.h"
#include <stdint.h>

struct options {
    struct app_options app;
    uint16_t port;
    uint32_t connections;
};

/* 0, or -1 with one line to the console. */
int options_parse(struct options *o, int argc, char **argv);

#endif
