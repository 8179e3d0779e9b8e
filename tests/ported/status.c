/*
 * A program for a POSIX system that ends as it is told: with an exit status, or by a signal.
 *
 *   status -exit N | -signal N | -abort
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    int number = argc > 2 ? atoi(argv[2]) : 0;
    if (argc < 2)
        return 2;
    printf("ends by %s", argv[1] + 1); /* without a newline */
    fflush(stdout);
    if (strcmp(argv[1], "-abort") == 0)
        abort();
    if (strcmp(argv[1], "-signal") == 0)
        raise(number);
    exit(number);
}
