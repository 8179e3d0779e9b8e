/*
 * What fuzzers share: the input's form, and what ends a run.
 *
 * An input is what the code under test reads, then decisions of the test about it (where to cut,
 * which price), then one byte whose low five bits say how many bytes of decisions there are: so a
 * seed is a plain file, ending in "@" (none), "A" (one), "P" (16). Decisions are read over and
 * over; without any they are 0.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of the code under test does not hold: a finding. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct fuzz_input {
    const uint8_t *bytes; /* for the code under test */
    size_t size;
    const uint8_t *decision;
    size_t decisions, at;
};

static inline struct fuzz_input fuzz_input(const uint8_t *data, size_t size) {
    if (size == 0)
        return (struct fuzz_input){.bytes = data};
    size_t decisions = data[size - 1] % 32;
    if (decisions > size - 1)
        decisions = size - 1;
    return (struct fuzz_input){.bytes = data,
                               .size = size - 1 - decisions,
                               .decision = data + size - 1 - decisions,
                               .decisions = decisions};
}

static inline uint8_t fuzz_decide(struct fuzz_input *in) {
    return in->decisions == 0 ? 0 : in->decision[in->at++ % in->decisions];
}

/* A piece of what is left, 1 to `left` bytes; all of it without decisions. */
static inline size_t fuzz_piece(struct fuzz_input *in, size_t left) {
    size_t n = fuzz_decide(in);
    if (n >= 0xc0)
        n = (n - 0xbf) * 97;
    return n == 0 || n > left ? left : n;
}

/* bytes[n] where the sanitizer sees a step past either end; 8-byte aligned. Freed by the caller. */
static inline void *fuzz_copy(const void *bytes, size_t n) {
    void *copy = malloc(n ? n : 1);
    FUZZ_CHECK(copy != NULL);
    if (n > 0)
        memcpy(copy, bytes, n);
    return copy;
}

#endif
