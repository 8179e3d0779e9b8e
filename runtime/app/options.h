/*
 * The options that every adapting app takes, as pairs of a name and a value: its network, its W at
 * first, its control port, when it sleeps, and what it does without a network card.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "runtime/net/net.h"
#include <stdint.h>

/* What a message of bad options lists. */
#define APP_OPTION_NAMES "--ip --gateway --delay-us --kick --poll-us --no-nic --control-port"

struct app_options {
    struct net_config net;
    const char *address;   /* as given, with its length of the prefix; NULL: not given */
    uint16_t control_port; /* 0: off */
    double poll_us;
    bool end_without_nic; /* when it is unplugged; else wait for another */
};

void app_options_init(struct app_options *o);

enum app_option { APP_OPTION_TAKEN, APP_OPTION_BAD_VALUE, APP_OPTION_UNKNOWN };
/* value stays the caller's, and must outlive *o. */
enum app_option app_option_set(struct app_options *o, const char *name, const char *value);

/* A whole number or not, in [least, greatest]: 0 or -1. For apps' own options. */
int app_number(const char *text, double least, double greatest, double *out);
int app_port(const char *text, uint16_t *out);

#endif
