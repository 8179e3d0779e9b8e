/*
 * nginx on the host's own kernel, behind a veth pair: what nom is compared with. One worker,
 * pinned, serving one file, tuned as a person would for this (no log, keep-alive without limit,
 * cached file).
 */
#ifndef BENCH_NGINX_H
#define BENCH_NGINX_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/types.h>

struct bench_nginx {
    pid_t pid;
    char dir[64]; /* its temporary folder */
    struct sockaddr_in address;
};

/* Enters a fresh network namespace, with a veth pair into a second one where nginx runs, pinned to
 * `core`, serving body[bytes] at /index.html. nginx dies with this process. 0, or -1 with why. */
int bench_nginx_start(struct bench_nginx *n, int core, const void *body, size_t bytes, char *why,
                      size_t why_bytes);
void bench_nginx_stop(struct bench_nginx *n);

#endif
