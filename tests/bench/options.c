#include "tests/bench/options.h"
#include "runtime/abi/knobs.h"
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#define USAGE       2
#define SECONDS_MAX 3600.0
#define DIGITS      "0123456789"

enum { KEY_SCENE = 0x1001, KEY_REPEATS, KEY_SECONDS, KEY_DELAY, KEY_ACCEL, KEY_DB };

static const char doc[] =
    "What nom is worth beside others, each comparison interleaved in one run.\v"
    "Scenes:\n"
    "  systems    nhttpd on nom and hosted, and nginx\n"
    "  memcached  on nom and hosted, Debian's on this Linux, and what a link allows\n"
    "  churn      a connection a request, for long, on nom and hosted\n"
    "  idle       busy connections beside thousands of idle ones, likewise\n"
    "  netpipe    NPtcp's messages of 1 KiB, on nom, hosted, and Linux\n"
    "  stages     where the time of a message there and back goes, on nom\n"
    "  boot       QEMU's start to the first reply, nom and a Linux guest; memory\n"
    "  price      a change of price to the first packet under the W it brings\n"
    "  rest       what an idle guest takes of a host core\n";

static const char *const names[BENCH_SCENES] = {"systems", "memcached", "churn", "idle", "netpipe",
                                                "stages",  "boot",      "price", "rest"};

static const struct argp_option options[] = {
    {"scene", KEY_SCENE, "NAME", 0, "that one, or all (all)", 0},
    {"repeats", KEY_REPEATS, "N", 0, "of each measurement (5)", 0},
    {"seconds", KEY_SECONDS, "S", 0, "of each measurement that lasts a time (2)", 0},
    {"delay-us", KEY_DELAY, "US", 0, "W, the batching delay (0)", 0},
    {"accel", KEY_ACCEL, "NAME", 0, "kvm, tcg or auto (auto)", 0},
    {"db", KEY_DB, "FILE", 0, "store the trials of scene systems there, as session \"bench\"", 0},
    {0},
};

/* Of these characters alone, from least to greatest; or the end of the program. */
static double number(struct argp_state *state, const char *what, const char *text, const char *of,
                     double least, double greatest) {
    char *end = NULL;
    bool plain = text[0] && strspn(text, of) == strlen(text);
    double value = plain ? strtod(text, &end) : 0;
    if (!plain || *end || end == text || value < least || value > greatest)
        argp_failure(state, USAGE, 0, "%s: '%.40s' is no number from %g to %g", what, text, least,
                     greatest);
    return value;
}

static void choose(struct argp_state *state, struct bench_options *o, const char *name) {
    bool all = strcmp(name, "all") == 0, found = all;
    for (unsigned i = 0; i < BENCH_SCENES; i++) {
        o->scene[i] = all || strcmp(names[i], name) == 0;
        found |= o->scene[i];
    }
    if (!found)
        argp_failure(state, USAGE, 0, "--scene: '%.40s' is no scene (see --help)", name);
}

static error_t parse(int key, char *value, struct argp_state *state) {
    struct bench_options *o = state->input;
    struct bench_settings *s = &o->settings;
    if (key == KEY_SCENE)
        choose(state, o, value);
    else if (key == KEY_REPEATS)
        s->repeats = (size_t)number(state, "--repeats", value, DIGITS, 1, BENCH_REPEATS_MAX);
    else if (key == KEY_SECONDS)
        s->seconds = number(state, "--seconds", value, DIGITS ".", 0.01, SECONDS_MAX);
    else if (key == KEY_DELAY)
        s->delay_us = number(state, "--delay-us", value, DIGITS ".", 0, NOM_DELAY_US_MAX);
    else if (key == KEY_ACCEL)
        s->accel = value;
    else if (key == KEY_DB)
        o->db = value;
    else if (key == ARGP_KEY_ARG)
        argp_failure(state, USAGE, 0, "unexpected argument '%.40s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

void bench_options(int argc, char **argv, struct bench_options *out) {
    static const struct argp argp = {options, parse, NULL, doc, NULL, NULL, NULL};
    *out = (struct bench_options){.settings = {.accel = "auto", .seconds = 2, .repeats = 5}};
    memset(out->scene, true, sizeof out->scene);
    argp_err_exit_status = USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, out);
}
