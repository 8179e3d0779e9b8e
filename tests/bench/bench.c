/*
 * `make bench`: what nom is worth beside others, each comparison interleaved in one run.
 *
 *   nom-bench [--scene systems|memcached|churn|idle|netpipe|stages|boot|price|rest|
 *              all]
 *             [--repeats 5] [--seconds 2] [--delay-us 0] [--accel auto] [--db FILE]
 *
 *   systems  nhttpd on nom and hosted, and nginx (systems.h); every trial is stored in the database
 *            named, as session "bench"
 *   memcached  the ported one on nom and hosted, Debian's on this Linux, and what link and stack
 *            would allow (scenes.h)
 *   churn    a connection a request, for long, on nom and hosted (scenes.h)
 *   idle     busy connections beside thousands of idle ones, on nom and hosted (scenes.h)
 *   netpipe  NPtcp's messages of 1 KiB, on nom, hosted, and Linux (scenes.h)
 *   stages   where the time of a message there and back goes, on nom under --accel (scenes.h)
 *   boot     QEMU's start to the first reply, nom and a Linux guest; memory that nom takes
 *   price    a change of price to the first packet under the W it brings, 200 changes a repeat
 *   rest     what an idle guest takes of a host core, under --accel and under TCG
 */
#include "tests/bench/scenes.h"
#include "tests/bench/systems.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct bench_settings settings;
    const char *db, *scene;
};

static int usage(void) {
    fprintf(stderr,
            "bench: --scene systems|memcached|churn|idle|netpipe|stages|boot|price|rest|all, "
            "--repeats 1..%u, "
            "--seconds above 0, --delay-us, --accel, --db FILE\n",
            BENCH_REPEATS_MAX);
    return 2;
}

static int parse(int argc, char **argv, struct options *o) {
    static const struct option options[] = {{"repeats", required_argument, NULL, 'r'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"delay-us", required_argument, NULL, 'w'},
                                            {"accel", required_argument, NULL, 'a'},
                                            {"db", required_argument, NULL, 'd'},
                                            {"scene", required_argument, NULL, 'n'},
                                            {0}};
    struct bench_settings *s = &o->settings;
    *o =
        (struct options){.settings = {.accel = "auto", .seconds = 2, .repeats = 5}, .scene = "all"};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r')
            s->repeats = strtoul(optarg, NULL, 10);
        else if (c == 's')
            s->seconds = strtod(optarg, NULL);
        else if (c == 'w')
            s->delay_us = strtod(optarg, NULL);
        else if (c == 'a')
            s->accel = optarg;
        else if (c == 'd')
            o->db = optarg;
        else if (c == 'n')
            o->scene = optarg;
        else
            return usage();
    }
    if (optind < argc || s->repeats < 1 || s->repeats > BENCH_REPEATS_MAX || !(s->seconds > 0))
        return usage();
    return 0;
}

static bool wants(const struct options *o, const char *scene) {
    return strcmp(o->scene, scene) == 0 || strcmp(o->scene, "all") == 0;
}

static bool is_scene(const char *name) {
    static const char *const scenes[] = {"all",     "systems", "memcached", "churn", "idle",
                                         "netpipe", "stages",  "boot",      "price", "rest"};
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (strcmp(scenes[i], name) == 0)
            return true;
    return false;
}

/* How many scenes failed. */
static int one_guest(const struct options *o, const struct profiler_paths *paths) {
    struct trial_settings s;
    int failed = 0;
    if (wants(o, "boot"))
        failed += bench_boot(paths, o->settings.repeats);
    profiler_settings_default(paths, "nhttpd", profiler_floor_find("nom"), o->settings.accel, &s);
    if (wants(o, "stages"))
        failed += bench_stages(paths, &s);
    if (wants(o, "price"))
        failed += bench_price(paths, &s, o->settings.repeats);
    if (wants(o, "rest")) {
        failed += bench_rest(paths, &s);
        profiler_settings_default(paths, "nhttpd", profiler_floor_find("nom"), "tcg", &s);
        if (strcmp(o->settings.accel, "tcg") != 0)
            failed += bench_rest(paths, &s);
    }
    return failed;
}

/* How many scenes failed. */
static int many_connections(const struct options *o, const struct profiler_paths *paths) {
    static const char *const floors[] = {"nom", "hosted"};
    int failed = 0;
    for (size_t i = 0; i < 2; i++) {
        struct trial_settings s;
        profiler_settings_default(paths, "nhttpd", profiler_floor_find(floors[i]),
                                  o->settings.accel, &s);
        s.seconds = o->settings.seconds;
        s.delay_us = o->settings.delay_us;
        if (wants(o, "churn"))
            failed += bench_churn(paths, &s, o->settings.repeats);
        if (wants(o, "idle"))
            failed += bench_idle(paths, &s, o->settings.repeats);
    }
    return failed;
}

/* How many trials failed. */
static int systems(const struct options *o, const struct profiler_paths *paths,
                   struct store_session *session) {
    struct store *store = NULL;
    char why[256];
    if (o->db != NULL &&
        (store_open(o->db, STORE_WRITE, &store) != 0 || store_session_begin(store, session) != 0)) {
        fprintf(stderr, "bench: %s\n", store_error_text(store));
        return 1;
    }
    int failed = bench_systems(paths, &o->settings, store, session->id, why, sizeof why);
    if (failed < 0)
        fprintf(stderr, "bench: %s\n", why);
    if (store != NULL) {
        store_session_end(store, session->id);
        store_close(store);
        printf("\nstored as session %lld of %s\n", (long long)session->id, o->db);
    }
    return failed != 0;
}

int main(int argc, char **argv) {
    static struct profiler_paths paths;
    static struct store_session session = {.command = "bench", .app = "nhttpd", .target = "nom"};
    struct options o;
    char why[256];
    int exit_code, failed = parse(argc, argv, &o);
    if (failed)
        return failed;
    if (!is_scene(o.scene))
        return usage();
    if (profiler_session(&exit_code) == 1)
        return exit_code;
    if (profiler_paths("nhttpd", &paths, why, sizeof why) != 0 ||
        profiler_accel_choose(&paths, o.settings.accel, session.accel, session.accel_reason,
                              sizeof session.accel_reason, why, sizeof why) != 0) {
        fprintf(stderr, "bench: %s\n", why);
        return 1;
    }
    o.settings.accel = session.accel;
    profiler_machine(session.machine, sizeof session.machine);
    printf("%s\n%s\n", session.machine, session.accel_reason);
    if (wants(&o, "systems"))
        failed += systems(&o, &paths, &session);
    if (wants(&o, "memcached"))
        failed += bench_memcached(o.settings.accel, o.settings.seconds, o.settings.delay_us,
                                  o.settings.repeats);
    failed += many_connections(&o, &paths);
    if (wants(&o, "netpipe"))
        failed += bench_netpipe(o.settings.accel, o.settings.seconds, o.settings.delay_us,
                                o.settings.repeats);
    failed += one_guest(&o, &paths);
    return failed == 0 ? 0 : 1;
}
