/*
 * What a running app says of itself over its control port, on one line of names and values; NaN and
 * "inf" as printf has them. Before that it may be told a delay, or a price of outbound traffic.
 *
 *   statistics ADDRESS PORT [delay_us W | price USD_PER_GBIT]
 */
#include "profiler/profiler.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S 20

/* 0, or -1 with why. */
static int tell(int fd, const char *what, double value, char *why, size_t why_bytes) {
    return strcmp(what, "price") == 0 ? control_price(fd, value, why, why_bytes)
                                      : control_delay(fd, value, NOM_KICK_NATURAL, why, why_bytes);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct nom_statistics s;
    char why[200] = "";
    bool tells = argc == 5 && (strcmp(argv[3], "delay_us") == 0 || strcmp(argv[3], "price") == 0);
    if ((argc != 3 && !tells) || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) {
        fprintf(stderr, "usage: statistics ADDRESS PORT [delay_us W | price USD_PER_GBIT]\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[2]));
    int fd = control_connect(&address, TIMEOUT_S, why, sizeof why);
    if (fd < 0 || (tells && tell(fd, argv[3], atof(argv[4]), why, sizeof why) != 0) ||
        control_statistics(fd, &s, why, sizeof why) != 0) {
        fprintf(stderr, "statistics: %s:%s: %s\n", argv[1], argv[2], why);
        return 1;
    }
    close(fd);
    printf("price %.10g row %u delay_us %g serving %u adapting %u changes %llu refused %llu "
           "requests %llu open %llu opened %llu used_bytes %llu rx_packets %llu rx_dropped %llu "
           "device_errors %llu\n",
           s.price_usd[NOM_USE_GBIT_OUT_PER_S - 1], s.row, s.delay_us, s.serving, s.adapting,
           (unsigned long long)s.changes, (unsigned long long)s.refused,
           (unsigned long long)s.requests, (unsigned long long)s.connections_open,
           (unsigned long long)s.connections_total,
           (unsigned long long)(s.memory_bytes - s.memory_free_bytes),
           (unsigned long long)s.net.rx_packets, (unsigned long long)s.net.rx_dropped,
           (unsigned long long)s.net.device_errors);
    return 0;
}
