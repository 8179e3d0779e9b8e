/*
 * `make bench`: what nom is worth beside others, each comparison interleaved in one run. The scenes
 * are those of options.h; `nom-bench --help` says what each is.
 */
#include "tests/bench/options.h"
#include "tests/bench/scenes.h"

#include <stdio.h>
#include <string.h>

/* How many scenes failed. */
static int one_guest(const struct bench_options *o, const struct profiler_paths *paths) {
    struct trial_settings s;
    int failed = 0;
    if (o->scene[BENCH_BOOT])
        failed += bench_boot(paths, o->settings.repeats);
    profiler_settings_default(paths, "nhttpd", profiler_floor_find("nom"), o->settings.accel, &s);
    if (o->scene[BENCH_STAGES])
        failed += bench_stages(paths, &s);
    if (o->scene[BENCH_PRICE])
        failed += bench_price(paths, &s, o->settings.repeats);
    if (o->scene[BENCH_REST]) {
        failed += bench_rest(paths, &s);
        profiler_settings_default(paths, "nhttpd", profiler_floor_find("nom"), "tcg", &s);
        if (strcmp(o->settings.accel, "tcg") != 0)
            failed += bench_rest(paths, &s);
    }
    return failed;
}

/* How many scenes failed. */
static int many_connections(const struct bench_options *o, const struct profiler_paths *paths) {
    static const char *const floors[] = {"nom", "hosted"};
    int failed = 0;
    for (size_t i = 0; i < 2; i++) {
        struct trial_settings s;
        profiler_settings_default(paths, "nhttpd", profiler_floor_find(floors[i]),
                                  o->settings.accel, &s);
        s.seconds = o->settings.seconds;
        s.delay_us = o->settings.delay_us;
        if (o->scene[BENCH_CHURN])
            failed += bench_churn(paths, &s, o->settings.repeats);
        if (o->scene[BENCH_IDLE])
            failed += bench_idle(paths, &s, o->settings.repeats);
    }
    return failed;
}

/* How many trials failed. */
static int systems(const struct bench_options *o, const struct profiler_paths *paths,
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
    struct bench_options o;
    char why[256];
    int exit_code, failed = 0;
    bench_options(argc, argv, &o);
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
    if (o.scene[BENCH_SYSTEMS])
        failed += systems(&o, &paths, &session);
    if (o.scene[BENCH_MEMCACHED])
        failed += bench_memcached(o.settings.accel, o.settings.seconds, o.settings.delay_us,
                                  o.settings.repeats);
    failed += many_connections(&o, &paths);
    if (o.scene[BENCH_NETPIPE])
        failed += bench_netpipe(o.settings.accel, o.settings.seconds, o.settings.delay_us,
                                o.settings.repeats);
    failed += one_guest(&o, &paths);
    return failed == 0 ? 0 : 1;
}
