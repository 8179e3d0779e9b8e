/* options.h: pairs of a name and a value, each checked as it is read. */
#include "workloads/nhttpd/options.h"
#include "runtime/abi/knobs.h"
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/serve.h"
#include <stdlib.h>
#include <string.h>

#define APP "nhttpd"

static int number(const char *text, double least, double greatest, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= least && *out <= greatest ? 0 : -1;
}

static int port_number(const char *text, uint16_t *out) {
    double value;
    if (number(text, 1, 65535, &value) != 0 || value != (double)(uint16_t)value)
        return -1;
    *out = (uint16_t)value;
    return 0;
}

/* 0, or -1 if the option does not exist (`known` false) or its value is bad. */
static int set_option(struct options *o, const char *name, const char *value, bool *known) {
    uint32_t mask;
    *known = true;
    if (strcmp(name, "--ip") == 0) {
        o->address = value;
        return strchr(value, '/') ? net_parse_cidr(value, &o->net.address_be, &o->net.netmask_be)
                                  : -1;
    }
    if (strcmp(name, "--gateway") == 0)
        return strchr(value, '/') ? -1 : net_parse_cidr(value, &o->net.gateway_be, &mask);
    if (strcmp(name, "--port") == 0)
        return port_number(value, &o->port);
    if (strcmp(name, "--control-port") == 0)
        return port_number(value, &o->control_port);
    if (strcmp(name, "--connections") == 0) {
        double count;
        if (number(value, 1, SERVE_CONNECTIONS_MAX, &count) != 0)
            return -1;
        o->connections = (uint32_t)count;
        return count == (double)o->connections ? 0 : -1;
    }
    if (strcmp(name, "--delay-us") == 0)
        return number(value, 0, NOM_DELAY_US_MAX, &o->net.delay_us);
    if (strcmp(name, "--kick") == 0) {
        o->net.kick = strcmp(value, "strict") == 0 ? NOM_KICK_STRICT : NOM_KICK_NATURAL;
        return o->net.kick == NOM_KICK_STRICT || strcmp(value, "natural") == 0 ? 0 : -1;
    }
    if (strcmp(name, "--poll-us") == 0)
        return number(value, 0, NOM_POLL_US_MAX, &o->poll_us);
    if (strcmp(name, "--no-nic") == 0) {
        o->end_without_nic = strcmp(value, "end") == 0;
        return o->end_without_nic || strcmp(value, "wait") == 0 ? 0 : -1;
    }
    *known = false;
    return -1;
}

int options_parse(struct options *o, int argc, char **argv) {
    *o = (struct options){
        .port = 80, .connections = SERVE_CONNECTIONS_MAX, .poll_us = NOM_POLL_US_INITIAL};
    for (int i = 1; i < argc; i += 2) {
        bool known;
        if (i + 1 == argc) {
            plat_log(APP ": option %s has no value", argv[i]);
            return -1;
        }
        if (set_option(o, argv[i], argv[i + 1], &known) != 0) {
            if (known)
                plat_log(APP ": bad value for %s: %s", argv[i], argv[i + 1]);
            else
                plat_log(APP ": no option %s (--ip --gateway --port --connections --delay-us "
                             "--kick --poll-us --no-nic --control-port)",
                         argv[i]);
            return -1;
        }
    }
    if (!o->address) {
        plat_log(APP ": --ip A.B.C.D/LEN is needed");
        return -1;
    }
    if (o->control_port == o->port) {
        plat_log(APP ": --port and --control-port are both %u", o->port);
        return -1;
    }
    return 0;
}
