/*
 * Scenes of the bench that are about many connections. Each starts the app on the floor and
 * accelerator that settings name (profiler_settings_default), drives it with our client, prints its
 * lines, and leaves nothing behind. 0; 1 if it could not be measured or a request was not served,
 * after a line that says so.
 */
#ifndef BENCH_SCENES_H
#define BENCH_SCENES_H

#include "profiler/profiler.h"

/* BENCH_CHURN_RUNS runs of so many requests, each on a connection of its own: the rates, and the
 * last over the first. That repeats times (1 to BENCH_REPEATS_MAX), each from a fresh start: a
 * machine's own speed may change between two runs by more than churn could cost. */
#define BENCH_CHURN_RUNS     10
#define BENCH_CHURN_REQUESTS 20000u
int bench_churn(const struct profiler_paths *paths, const struct trial_settings *settings,
                size_t repeats);

/* The rate of BENCH_IDLE_BUSY connections alone and beside BENCH_IDLE_CONNECTIONS that are open and
 * silent, in turns: the ratio, and its spread over the repeats (1 to BENCH_REPEATS_MAX). */
#define BENCH_IDLE_CONNECTIONS 10000u
#define BENCH_IDLE_BUSY        32u
int bench_idle(const struct profiler_paths *paths, const struct trial_settings *settings,
               size_t repeats);

/* From QEMU's start to the first reply of nhttpd, of nom under each accelerator that works and of
 * Debian's cloud kernel in the same machine where it runs (tools/fetch-linux), in turns; the ratio
 * with its spread over the repeats. Then what nom takes: bytes of the kernel's image, memory in use
 * once it serves, and the least memory of BENCH_BOOT_MEMORY_MIB with which it serves. */
int bench_boot(const struct profiler_paths *paths, size_t repeats);

/* BENCH_PRICE_CHANGES changes of price a repeat, through priced, by turns to the one and the other
 * row of a table of two, while packets leave all the time (tests/guest/apps/push.c): from priced's
 * publication to the first packet under the new W, as the app itself measures it; how much of that
 * is the decision, and what bounds it. */
#define BENCH_PRICE_CHANGES 200u
int bench_price(const struct profiler_paths *paths, const struct trial_settings *settings,
                size_t repeats);

/* What a guest takes of the host's processors when nobody asks anything: nhttpd, and nhttpd beside
 * priced, with what wakes it. 1 if it is BENCH_REST_MAX of a core or more. */
#define BENCH_REST_MAX 0.03
int bench_rest(const struct profiler_paths *paths, const struct trial_settings *settings);

/* memcached at 1, 32 and 64 connections: nom under accel, over a tap and with its rings polled,
 * hosted, and Debian's on this Linux over the same kind of link, interleaved; and the ceiling of
 * both floors of ours, the same requests answered within lwIP's callback: what share sockets and
 * memcached cost. */
int bench_memcached(const char *accel, double seconds, double delay_us, size_t repeats);

/* What Debian's NPtcp reports for messages of so many bytes, against netpipe on nom (over a tap,
 * and with its rings polled) and hosted and against NPtcp itself on this Linux over the same kind
 * of veth, in turns: one way, medians, and Linux's over ours with its spread over the repeats (1 to
 * BENCH_REPEATS_MAX). */
#define BENCH_NETPIPE_BYTES 1024u
int bench_netpipe(const char *accel, double seconds, double delay_us, size_t repeats);

/* Where the time of one message there and back goes, on nom over a tap: client, QEMU (stamped by a
 * library loaded into it) and guest (tests/guest/apps/stages.c) by one clock, stage by stage. 1 if
 * the guest's clock is not the host's. */
int bench_stages(const struct profiler_paths *paths, const struct trial_settings *settings);

/* For scenes: one load on a running target, with the settings' cores, path and time (requests_max
 * and keep_alive as in load.h). Its rate, or -1 after a line that says what went wrong: that is
 * anything but a reply of 200 to each. */
double bench_rate(const struct target *target, uint32_t connections, bool keep_alive,
                  uint64_t requests_max);

#endif
