/*
 * Thread-local variables of a program built with nom-cc: each thread has its own, as they are
 * written when it starts, whichever file they are of. Prints "holds: " and the number of threads,
 * or "broken: FILE:LINE", and exits with 3.
 */
#include "local.h"
#include "check.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 60
#define AT_ONCE 20
#define TURNS   5

static __thread struct {
    char name[3];
    double value;
} mine = {"ab", 1.5};
static __thread uint8_t line[64] __attribute__((aligned(64)));
static pthread_barrier_t all_there;

/* The address is the thread's own, and stays so while others run. */
static void own(long number, const char *first_text) {
    long *own_shared = &shared;
    CHECK(shared == 7 && next_hidden() == 41 && strcmp(mine.name, "ab") == 0 && mine.value == 1.5);
    CHECK((uintptr_t)line % sizeof line == 0 && text != first_text);
    for (size_t i = 0; i < sizeof text; i++)
        CHECK(text[i] == 0);
    for (long turn = 1; turn <= TURNS; turn++) {
        memset(text, (int)number, sizeof text);
        line[63] = (uint8_t)number;
        mine.value += (double)number;
        CHECK(add_to_shared(number) == 7 + turn * number);
        pthread_barrier_wait(&all_there);
        CHECK(text[0] == (char)number && text[4095] == (char)number && line[63] == (uint8_t)number);
        CHECK(mine.value == 1.5 + (double)(turn * number) && next_hidden() == 41 + turn);
        CHECK(&shared == own_shared && *own_shared == 7 + turn * number);
    }
}

static const char *first_text;
static void *thread(void *argument) {
    own((long)(intptr_t)argument, first_text);
    return &shared;
}

int main(void) {
    pthread_t threads[AT_ONCE];
    void *where;
    first_text = text;
    strcpy(text, "the first thread's");
    shared = 1;
    for (long number = 0; number < THREADS; number += AT_ONCE) {
        CHECK(pthread_barrier_init(&all_there, NULL, AT_ONCE) == 0);
        for (long i = 0; i < AT_ONCE; i++)
            CHECK(pthread_create(&threads[i], NULL, thread, (void *)(intptr_t)(number + i)) == 0);
        for (long i = 0; i < AT_ONCE; i++)
            CHECK(pthread_join(threads[i], &where) == 0 && where != &shared);
        pthread_barrier_destroy(&all_there);
    }
    CHECK(shared == 1 && next_hidden() == 41 && strcmp(text, "the first thread's") == 0);
    printf("holds: %d threads\n", THREADS);
    return 3;
}
