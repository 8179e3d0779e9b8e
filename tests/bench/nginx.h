/*
 * nginx as a program that the profiler can start in place of an app on the floor "host": the same
 * veth, pinning, client and accounting as nhttpd has. One worker, serving one file, tuned as a
 * person would for this (no log, keep-alive without limit, cached file).
 */
#ifndef BENCH_NGINX_H
#define BENCH_NGINX_H

#include <stddef.h>

struct bench_nginx {
    char dir[64];      /* its temporary folder */
    char program[128]; /* for profiler_paths.sockets; it says "nginx: ready" */
};

/* Makes the folder, with body[bytes] to be served at / and /index.html. 0, or -1 with why. */
int bench_nginx_make(struct bench_nginx *n, const void *body, size_t bytes, char *why,
                     size_t why_bytes);
void bench_nginx_remove(struct bench_nginx *n);

#endif
