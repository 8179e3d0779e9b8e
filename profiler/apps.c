/*
 * The apps: what is peculiar to each, in one place. Everything else of the profiler asks here.
 *
 * Three kinds of command line:
 *   ours, with our stack      --ip A/24 --delay-us W ... [own words]
 *   ported, with our stack    --ip A/24 --delay-us W ... -- own words
 *   a baseline                on Linux's sockets: own words alone
 *
 * An app that is not listed is taken for one of ours that speaks HTTP: so a test or a benchmark can
 * put a program of its own in nhttpd's place.
 */
#include "profiler/internal.h"
#include <stdio.h>
#include <string.h>

#define MEMCACHED_PORT 11211
#define NETPIPE_PORT   5002

/* As large as the client's keys and values need, in what a small guest has (memory_mib). */
#define MEMCACHED_WORDS "-p 11211 -U 0 -t 1 -m 256 -c 4096"

/* Debian's memcached wants to be told whom it runs as where it runs as root, and becomes it.
 * Another user than it is already would free it from dying with this process (prctl(2),
 * PR_SET_PDEATHSIG), and in a user namespace there is no other. */
static void memcached_words(const struct trial_traffic *traffic, const char *ip, char *text,
                            size_t bytes) {
    (void)traffic;
    snprintf(text, bytes, MEMCACHED_WORDS " -u root -l %s", ip);
}

/* NetPIPE's sides do not tell each other what they will send. The same size without perturbation is
 * the only one then. Ours understands the same letters. */
static void nptcp_words(const struct trial_traffic *traffic, const char *ip, char *text,
                        size_t bytes) {
    (void)ip;
    snprintf(text, bytes, "-l %u -u %u -p 0%s", traffic->message_bytes, traffic->message_bytes,
             traffic->bidirectional ? " -2" : "");
}

const struct profiler_app profiler_apps[] = {
    {.name = "nhttpd",
     .summary = "web server of this project",
     .traffic = {.protocol = "http", .path = "/"},
     .client = "nom",
     .loads = "single,many",
     .connections_max = LOAD_CONNECTIONS_MAX,
     .service_port = PROFILER_HTTP_PORT,
     .memory_mib = 128,
     .own_words = ""},
    {.name = "memcached",
     .summary = "Debian's key-value store, ported",
     .traffic = {.protocol = "memcached-text",
                 .get_ratio = LOAD_DEFAULT_GET_RATIO,
                 .keys = LOAD_DEFAULT_KEYS,
                 .key_bytes = LOAD_DEFAULT_KEY_BYTES,
                 .value_bytes = LOAD_DEFAULT_VALUE_BYTES,
                 .pipeline = LOAD_DEFAULT_PIPELINE},
     .client = "nom",
     .loads = "single,many",
     .connections_max = LOAD_CONNECTIONS_MAX,
     .service_port = MEMCACHED_PORT,
     .memory_mib = 512,
     .ported = true,
     .own_words = MEMCACHED_WORDS,
     .baseline = {.program = "memcached", .package = "memcached", .words = memcached_words}},
    {.name = "netpipe",
     .summary = "answers NetPIPE, which times one message there and back",
     .traffic = {.protocol = "netpipe", .message_bytes = LOAD_DEFAULT_MESSAGE_BYTES},
     .client = "nptcp",
     .loads = "single",
     .connections_max = 1,
     .service_port = NETPIPE_PORT,
     .memory_mib = 128,
     .own_words = "--port 5002",
     .traffic_words = nptcp_words,
     .baseline =
         {.program = "NPtcp", .package = "netpipe-tcp", .words = nptcp_words, .serves_once = true}},
};
const size_t profiler_app_count = sizeof profiler_apps / sizeof profiler_apps[0];

const struct profiler_app *profiler_app_find(const char *name) {
    for (size_t i = 0; i < profiler_app_count; i++)
        if (strcmp(profiler_apps[i].name, name) == 0)
            return &profiler_apps[i];
    return NULL;
}

const struct profiler_app *profiler_app_of(const char *name) {
    const struct profiler_app *app = profiler_app_find(name);

    return app ? app : &profiler_apps[0];
}

void profiler_app_words(const struct trial_settings *s, const char *ip, const char *gateway,
                        char *text, size_t bytes) {
    const struct profiler_app *app = profiler_app_of(s->app);
    size_t used;

    snprintf(text, bytes,
             "--ip %s/24%s%s --delay-us %.3f --kick %s --poll-us %.0f --control-port %d%s%s", ip,
             gateway ? " --gateway " : "", gateway ? gateway : "", s->delay_us,
             s->kick == NOM_KICK_STRICT ? "strict" : "natural", s->poll_us, PROFILER_CONTROL_PORT,
             app->ported         ? " -- "
             : app->own_words[0] ? " "
                                 : "",
             app->own_words);
    used = strlen(text);
    if (app->traffic_words && used + 1 < bytes) {
        text[used++] = ' ';
        app->traffic_words(&s->traffic, ip, text + used, bytes - used);
    }
}

void profiler_baseline_words(const struct trial_settings *s, const char *ip, const char *initrd,
                             char *text, size_t bytes) {
    const struct profiler_app *app = profiler_app_of(s->app);

    if (app->baseline.program)
        app->baseline.words(&s->traffic, ip, text, bytes);
    else
        snprintf(text, bytes, "--initrd %s -- --ip %s --port %d", initrd, ip, app->service_port);
}
