/*
 * nhttpd on Linux's own sockets: reads its arguments, lists the files, then serves until it is
 * asked to end. It has no batching delay, no table and no control port: those are the stack's.
 */
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/site.h"
#include "workloads/nhttpd/sockets/sockets.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define APP           "nhttpd"
#define STATUS_USAGE  2
#define STATUS_FAILED 1

struct options {
    struct sockaddr_in address;
    uint32_t connections;
};

static int number(const char *text, unsigned long most, unsigned long *out) {
    char *end;
    *out = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *out >= 1 && *out <= most ? 0 : -1;
}

/* 0, or -1 if the option does not exist (`known` false) or its value is bad. */
static int set_option(struct options *o, const char *name, const char *value, bool *known) {
    unsigned long n = 0;
    int result;
    *known = true;
    if (strcmp(name, "--ip") == 0)
        return inet_pton(AF_INET, value, &o->address.sin_addr) == 1 ? 0 : -1;
    if (strcmp(name, "--port") == 0) {
        result = number(value, 65535, &n);
        o->address.sin_port = htons((uint16_t)n);
        return result;
    }
    if (strcmp(name, "--connections") == 0) {
        result = number(value, SERVE_CONNECTIONS_MAX, &n);
        o->connections = (uint32_t)n;
        return result;
    }
    *known = false;
    return -1;
}

static int parse(struct options *o, int argc, char **argv) {
    *o = (struct options){.address = {.sin_family = AF_INET, .sin_port = htons(80)},
                          .connections = SERVE_CONNECTIONS_MAX};
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
                plat_log(APP ": no option %s (--ip --port --connections)", argv[i]);
            return -1;
        }
    }
    if (o->address.sin_addr.s_addr == INADDR_ANY) {
        plat_log(APP ": --ip A.B.C.D is needed");
        return -1;
    }
    return 0;
}

int plat_main(int argc, char **argv) {
    static struct http_site site;
    struct options o;
    char why[200], text[INET_ADDRSTRLEN];
    if (parse(&o, argc, argv) != 0)
        return STATUS_USAGE;
    if (site_open(&site, why, sizeof why) != 0 ||
        sockets_open(&o.address, o.connections, &site, why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_FAILED;
    }
    plat_log(APP ": ready at %s:%u, sockets",
             inet_ntop(AF_INET, &o.address.sin_addr, text, sizeof text), ntohs(o.address.sin_port));
    if (sockets_serve(why, sizeof why) != 0) {
        plat_log(APP ": %s", why);
        return STATUS_FAILED;
    }
    return 0;
}
