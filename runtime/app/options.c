/* options.h: each value is checked as it is read. */
#include "runtime/app/options.h"
#include "runtime/abi/knobs.h"
#include <stdlib.h>
#include <string.h>

void app_options_init(struct app_options *o) {
    *o = (struct app_options){.poll_us = NOM_POLL_US_INITIAL};
}

int app_number(const char *text, double least, double greatest, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= least && *out <= greatest ? 0 : -1;
}

int app_port(const char *text, uint16_t *out) {
    double value;
    if (app_number(text, 1, 65535, &value) != 0 || value != (double)(uint16_t)value)
        return -1;
    *out = (uint16_t)value;
    return 0;
}

static int address(struct app_options *o, const char *value) {
    o->address = value;
    return strchr(value, '/') ? net_parse_cidr(value, &o->net.address_be, &o->net.netmask_be) : -1;
}

static int gateway(struct app_options *o, const char *value) {
    uint32_t mask;
    return strchr(value, '/') ? -1 : net_parse_cidr(value, &o->net.gateway_be, &mask);
}

static int control_port(struct app_options *o, const char *value) {
    return app_port(value, &o->control_port);
}

static int delay(struct app_options *o, const char *value) {
    return app_number(value, 0, NOM_DELAY_US_MAX, &o->net.delay_us);
}

static int kick(struct app_options *o, const char *value) {
    o->net.kick = strcmp(value, "strict") == 0 ? NOM_KICK_STRICT : NOM_KICK_NATURAL;
    return o->net.kick == NOM_KICK_STRICT || strcmp(value, "natural") == 0 ? 0 : -1;
}

static int poll(struct app_options *o, const char *value) {
    return app_number(value, 0, NOM_POLL_US_MAX, &o->poll_us);
}

static int no_nic(struct app_options *o, const char *value) {
    o->end_without_nic = strcmp(value, "end") == 0;
    return o->end_without_nic || strcmp(value, "wait") == 0 ? 0 : -1;
}

enum app_option app_option_set(struct app_options *o, const char *name, const char *value) {
    static const struct {
        const char *name;
        int (*set)(struct app_options *o, const char *value);
    } known[] = {
        {"--ip", address},     {"--gateway", gateway}, {"--control-port", control_port},
        {"--delay-us", delay}, {"--kick", kick},       {"--poll-us", poll},
        {"--no-nic", no_nic},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].set(o, value) == 0 ? APP_OPTION_TAKEN : APP_OPTION_BAD_VALUE;
    return APP_OPTION_UNKNOWN;
}
