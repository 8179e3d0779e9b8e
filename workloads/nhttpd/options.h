/* What nhttpd's command line says. */
#ifndef NHTTPD_OPTIONS_H
#define NHTTPD_OPTIONS_H

#include "runtime/net/net.h"
#include <stdint.h>

struct options {
    struct net_config net;
    const char *address;         /* as given, with its length of the prefix */
    uint16_t port, control_port; /* control 0: off */
    uint32_t connections;
    double poll_us;
    bool end_without_nic; /* when it is unplugged; else wait for another */
};

/* 0, or -1 with one line to the console. */
int options_parse(struct options *o, int argc, char **argv);

#endif
