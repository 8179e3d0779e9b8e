/* priced's command line (docs/prices.md describes it for people). */
#ifndef PRICED_OPTIONS_H
#define PRICED_OPTIONS_H

#include "runtime/net/net.h"
#include "runtime/priced/priced.h"
#include "runtime/priced/provider.h"
#include "runtime/priced/trace.h"

enum priced_adapter { ADAPTER_NONE, ADAPTER_STATIC, ADAPTER_TRACE, ADAPTER_REST };

struct priced_options {
    enum priced_adapter adapter;
    struct net_config net;
    bool has_net;
    struct priced_settings settings;
    double report_s; /* how often to print what readers see; 0: never */

    struct priced_answer fixed; /* static */

    const char *trace; /* the file */
    bool ec2, loop, announce;
    double speed;
    struct priced_ec2_filter filter;

    const char *url; /* rest */
    double connect_s, total_s, body_limit;
    struct priced_provider provider; /* whose first mapping is EC2's use and unit, too */
    double scale;                    /* of CSV, and of EC2 */

    /* As given, before they become settings. */
    double poll_s, retry_s, retry_most_s, log_s, confirm, seed;
};

/* 0, or -1 with one line in why that names the option. What argv holds stays. */
int priced_options_parse(struct priced_options *o, int argc, char **argv, char *why,
                         size_t why_bytes);

/* options.c's other half: what options must be together. Fills settings. */
int priced_options_check(struct priced_options *o, char *why, size_t why_bytes);

#endif
