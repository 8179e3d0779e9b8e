/*
 * A mixed load of memcached: connections that come and go, values of 1 B to 1 MiB, gets, sets and
 * deletes; each value that comes back must be the one that was last written.
 *
 *   mixed ADDRESS PORT [--seconds S] [--warmup S] [--connections N] [--protocol text|binary]
 *         [--keys N] [--key-bytes N] [--value-bytes N] [--value-bytes-max N] [--gets RATIO]
 *         [--deletes RATIO] [--requests-per-connection N] [--pipeline N] [--core N] [--may-evict]
 *         [--timeout S]
 *
 * memcached must be started with -I 2m for values of 1 MiB. Prints a line of counts, errors by
 * kind (workloads/load/load.h) at its end, and what the first bad reply was. Exit status: 0, 1 if
 * anything was wrong (without
 * --may-evict a refusal for want of memory is, too), 2 if the load could not be started.
 */
#include "workloads/load/load.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
                                        {"warmup", required_argument, NULL, 'w'},
                                        {"connections", required_argument, NULL, 'c'},
                                        {"protocol", required_argument, NULL, 'p'},
                                        {"keys", required_argument, NULL, 'k'},
                                        {"key-bytes", required_argument, NULL, 'K'},
                                        {"value-bytes", required_argument, NULL, 'v'},
                                        {"value-bytes-max", required_argument, NULL, 'V'},
                                        {"gets", required_argument, NULL, 'g'},
                                        {"deletes", required_argument, NULL, 'd'},
                                        {"requests-per-connection", required_argument, NULL, 'r'},
                                        {"pipeline", required_argument, NULL, 'P'},
                                        {"core", required_argument, NULL, 'C'},
                                        {"may-evict", no_argument, NULL, 'e'},
                                        {"timeout", required_argument, NULL, 't'},
                                        {NULL, 0, NULL, 0}};

static _Noreturn void bad(const char *what, const char *value) {
    fprintf(stderr, "mixed: %s '%s'\n", what, value);
    exit(2);
}

static double number(const char *text, double least, double most) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) {
        bad("not a number, or out of range:", text);
    }
    return value;
}

static uint32_t count(const char *text) {
    return (uint32_t)number(text, 0, UINT32_MAX);
}

static enum load_protocol protocol(const char *text) {
    if (strcmp(text, "text") != 0 && strcmp(text, "binary") != 0) {
        bad("neither text nor binary:", text);
    }
    return strcmp(text, "text") == 0 ? LOAD_MEMCACHED_TEXT : LOAD_MEMCACHED_BINARY;
}

static void take_option(struct load_config *config, int option) {
    switch (option) {
    case 's':
        config->seconds = number(optarg, 0, 1e6);
        break;
    case 'w':
        config->warmup_seconds = number(optarg, 0, 1e6);
        break;
    case 'c':
        config->connections = count(optarg);
        break;
    case 'p':
        config->protocol = protocol(optarg);
        break;
    case 'k':
        config->keys = count(optarg);
        break;
    case 'K':
        config->key_bytes = count(optarg);
        break;
    case 'v':
        config->value_bytes = count(optarg);
        break;
    case 'V':
        config->value_bytes_max = count(optarg);
        break;
    case 'g':
        config->get_ratio = number(optarg, 0, 1);
        break;
    case 'd':
        config->delete_ratio = number(optarg, 0, 1);
        break;
    case 'r':
        config->requests_per_connection = count(optarg);
        break;
    case 'P':
        config->pipeline = count(optarg);
        break;
    case 'C':
        config->core = (int)number(optarg, 0, 4096);
        break;
    case 't':
        config->timeout_seconds = number(optarg, 1, 1e6);
        break;
    case 'e':
        config->may_evict = true;
        break;
    default:
        exit(2); /* getopt has said why */
    }
}

static struct load_config read_arguments(int argc, char **argv) {
    struct load_config config = {.server.sin_family = AF_INET,
                                 .connections = 1000,
                                 .seconds = 10,
                                 .core = -1,
                                 .timeout_seconds = 60};
    int option;
    load_defaults(&config);
    config.protocol = LOAD_MEMCACHED_TEXT;
    config.get_ratio = 0.6;
    config.delete_ratio = 0.1;
    config.keys = 4000;
    config.value_bytes = 1;
    config.value_bytes_max = LOAD_VALUE_BYTES_MAX;
    config.requests_per_connection = 100;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        take_option(&config, option);
    }
    if (argc - optind != 2) {
        fprintf(stderr, "usage: mixed ADDRESS PORT [OPTION...]\n");
        exit(2);
    }
    if (inet_pton(AF_INET, argv[optind], &config.server.sin_addr) != 1) {
        bad("no IPv4 address:", argv[optind]);
    }
    config.server.sin_port = htons((uint16_t)number(argv[optind + 1], 1, 65535));
    return config;
}

int main(int argc, char **argv) {
    static const int never_stop;
    struct load_config config = read_arguments(argc, argv);
    struct load load;
    int error = load_start(&load, LOAD_CLIENT_NOM, &config);
    if (error != 0) {
        fprintf(stderr, "mixed: cannot start: %s\n", strerror(-error));
        return 2;
    }
    load_wait(&load, &never_stop);
    const struct load_result *r = load.result;
    printf("%llu replies, %llu misses, %llu refused, %llu errors in %.2f s, %.0f a second, "
           "p50 %.1f us, p99 %.1f us, client used %.2f s, %llu reply bytes; "
           "errors: %llu timed out, %llu connects, %llu resets, %llu closed, %llu bad replies\n",
           (unsigned long long)r->replies, (unsigned long long)r->misses,
           (unsigned long long)r->refused, (unsigned long long)r->errors, r->seconds,
           r->throughput_ops, r->latency_p50_us, r->latency_p99_us, r->client_cpu_seconds,
           (unsigned long long)r->reply_bytes,
           (unsigned long long)r->errors_by_kind[LOAD_ERROR_TIMED_OUT],
           (unsigned long long)r->errors_by_kind[LOAD_ERROR_CONNECT],
           (unsigned long long)r->errors_by_kind[LOAD_ERROR_SOCKET],
           (unsigned long long)r->errors_by_kind[LOAD_ERROR_CLOSED],
           (unsigned long long)r->errors_by_kind[LOAD_ERROR_REPLY]);
    if (r->bad_reply[0] != '\0') {
        printf("the first bad reply: %s\n", r->bad_reply);
    }
    if (!r->done) {
        fprintf(stderr, "mixed: %s\n", r->error);
    }
    bool good = r->done && r->errors == 0 && (config.may_evict || r->refused == 0);
    load_free(&load);
    return good ? 0 : 1;
}
