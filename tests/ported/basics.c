/*
 * A program for a POSIX system, built with nom-cc: what a C library promises, on our floors. Prints
 * a line for each part that holds, "broken: FILE:LINE" for what does not, and exits with 3.
 */
#define _GNU_SOURCE
#include "check.h"
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

static int constructed;
__attribute__((constructor(200))) static void second(void) {
    constructed = constructed * 10 + 2;
}
__attribute__((constructor(101))) static void first(void) {
    constructed = constructed * 10 + 1;
}
__attribute__((weak)) int nowhere(void);
/* A name of the floor's own, and of the C library below it. */
int plat_log(int x);
int plat_log(int x) {
    return x + 1;
}

static void start(int argc, char **argv) {
    int option, width = 0;
    const char *name = NULL;
    while ((option = getopt(argc, argv, "w:n:")) != -1) {
        if (option == 'w')
            width = atoi(optarg);
        else if (option == 'n')
            name = optarg;
    }
    CHECK(width == 12 && name && strcmp(name, "some") == 0);
    CHECK(optind == argc - 1 && strcmp(argv[optind], "last") == 0);
    CHECK(constructed == 12 && nowhere == NULL && plat_log(1) == 2);
    CHECK(strcmp(getenv("HOME"), "/tmp") == 0 && getenv("NONE") == NULL);
    CHECK(setenv("NONE", "some", 1) == 0 && strcmp(getenv("NONE"), "some") == 0);
    CHECK(getauxval(AT_PAGESZ) == 4096 && sysconf(_SC_PAGESIZE) == 4096);
    CHECK(strncmp(program_invocation_short_name, "basics", 6) == 0);
    puts("holds: start");
}

static int by_value(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void pure(void) {
    char text[100];
    int values[1000];
    for (int i = 0; i < 1000; i++)
        values[i] = i * 7919 % 1000;
    qsort(values, 1000, sizeof *values, by_value);
    for (int i = 0; i < 1000; i++)
        CHECK(values[i] == i);
    snprintf(text, sizeof text, "%.3f|%g|%a|%08x|%-5s|%zu|%Lf", 3.14159, 1e-300, 1.0, 0xbeefu, "ab",
             sizeof text, 2.5L);
    CHECK(strcmp(text, "3.142|1e-300|0x1p+0|0000beef|ab   |100|2.500000") == 0);
    CHECK(strtod("0x1.8p1", NULL) == 3.0 && strtod("1e400", NULL) == HUGE_VAL && errno == ERANGE);
    CHECK(strtoull("18446744073709551615", NULL, 10) == UINT64_MAX);
    errno = 0;
    CHECK(lseek(77, 0, SEEK_SET) == -1 && errno == EBADF);
    CHECK(strcmp(strerror(EBADF), "Bad file descriptor") == 0);
    CHECK(setlocale(LC_ALL, "") != NULL);
    jmp_buf back;
    volatile int jumped = 0;
    if (setjmp(back) == 0) {
        jumped = 1;
        longjmp(back, 1);
    }
    CHECK(jumped == 1);
    puts("holds: pure");
}

static void memory(void) {
    enum { BLOCKS = 150 };
    unsigned char *block[BLOCKS];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t bytes = i * i * 20 + 1; /* to 450 kB */
            CHECK((block[i] = malloc(bytes)) != NULL);
            memset(block[i], (int)i, bytes);
        }
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t bytes = i * i * 20 + 1;
            CHECK((block[i] = realloc(block[i], bytes * 2)) != NULL);
            CHECK(block[i][0] == i % 256 && block[i][bytes - 1] == i % 256);
            free(block[i]);
        }
    }
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 65536, 100) == 0 && (uintptr_t)aligned % 65536 == 0);
    free(aligned);
    aligned = realloc(NULL, (size_t)1 << 62);
    CHECK(aligned == NULL);
#ifndef __SANITIZE_ADDRESS__ /* which sets another C library's */
    CHECK(errno == ENOMEM);
#endif
    puts("holds: memory");
}

#define COPY_MAX 300
#define ROOM     (COPY_MAX + 64)

/* Each size and some alignments, against copying byte by byte; moves that overlap both ways. */
static void copies(void) {
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    void *(*volatile move)(void *, const void *, size_t) = memmove;
    int (*volatile compare)(const void *, const void *, size_t) = memcmp;
    static unsigned char from[ROOM], to[ROOM], expected[ROOM];
    for (size_t bytes = 0; bytes <= COPY_MAX; bytes++) {
        for (size_t at = 0; at < 40; at += 3) {
            size_t source = (at * 7 + bytes) % 32;
            for (size_t i = 0; i < ROOM; i++) {
                from[i] = (unsigned char)(i * 31 + bytes + (i >> 3));
                expected[i] = to[i] = (unsigned char)(i ^ 0x5a);
            }
            for (size_t i = 0; i < bytes; i++)
                expected[at + i] = from[source + i];
            CHECK(copy(to + at, from + source, bytes) == to + at);
            CHECK(compare(to, expected, ROOM) == 0);
            for (size_t i = 0; i < ROOM; i++)
                CHECK(to[i] == expected[i]);
            for (size_t i = 0; i < bytes; i++)
                expected[i] = from[source + i];
            move(from + at, from + source, bytes); /* below, above, or the same place */
            for (size_t i = 0; i < bytes; i++)
                CHECK(from[at + i] == expected[i]);
            if (bytes > 0) {
                size_t changed = (at * 13) % bytes;
                to[at + changed] = (unsigned char)(expected[changed] ^ 0x80);
                int order = to[at + changed] > expected[changed] ? 1 : -1;
                CHECK(compare(to + at, expected, bytes) * order > 0);
                CHECK(compare(expected, to + at, bytes) * order < 0);
            }
        }
    }
    puts("holds: copies");
}

static void files(void) {
    char line[100];
    FILE *f = fopen("/tmp/some", "w+");
    CHECK(f && fprintf(f, "%s %d\nsecond\n", "first", 1) == 15 && fseek(f, 8, SEEK_SET) == 0);
    CHECK(fgets(line, sizeof line, f) && strcmp(line, "second\n") == 0 && fclose(f) == 0);
    CHECK(unlink("/tmp/some") == 0 && (f = fopen("/tmp/some", "r")) == NULL && errno == ENOENT);
    struct timespec before, after;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && usleep(2000) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec >= 2000000);
    puts("holds: files");
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static int turn, destroyed;

static void destroy(void *value) {
    destroyed += *(int *)value;
    free(value);
}

/* Three threads take turns. */
static void *take_turns(void *argument) {
    int mine = (int)(intptr_t)argument;
    int *value = malloc(sizeof *value);
    CHECK(value);
    *value = mine + 1;
    pthread_setspecific(key, value);
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&lock);
        while (turn % 3 != mine)
            pthread_cond_wait(&turned, &lock);
        turn++;
        errno = mine;
        pthread_cond_broadcast(&turned);
        pthread_mutex_unlock(&lock);
        CHECK(errno == mine);
    }
    return value;
}

static void threads(void) {
    pthread_t thread[3];
    CHECK(pthread_key_create(&key, destroy) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&thread[i], NULL, take_turns, (void *)(intptr_t)i) == 0);
    CHECK(pthread_cancel(thread[0]) == ENOSYS);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(thread[i], NULL) == 0);
    CHECK(turn == 300 && destroyed == 6);
    puts("holds: threads");
}

static void at_exit(void) {
    puts("holds: exit");
}

int main(int argc, char **argv) {
    start(argc, argv);
    pure();
    memory();
    copies();
    files();
    threads();
    atexit(at_exit);
    fputs("a line without its end", stdout);
    fprintf(stderr, "on stderr\n");
    puts("");
    return 3;
}
