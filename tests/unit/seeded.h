/*
 * Random values for property tests: the same sequence on every machine, from a seed the test names.
 * Sequence: splitmix64.
 */
#ifndef TESTS_SEEDED_H
#define TESTS_SEEDED_H

#include <math.h>
#include <stdint.h>

struct seeded {
    uint64_t state;
};

static inline uint64_t seeded_next(struct seeded *s) {
    uint64_t z = s->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 to n - 1 (n far below 2^64). */
static inline uint64_t seeded_below(struct seeded *s, uint64_t n) {
    return seeded_next(s) % n;
}

/* In [0, 1). */
static inline double seeded_unit(struct seeded *s) {
    return (double)(seeded_next(s) >> 11) * 0x1p-53;
}

static inline double seeded_between(struct seeded *s, double low, double high) {
    return low + (high - low) * seeded_unit(s);
}

/* Of any magnitude between low and high, both > 0. */
static inline double seeded_magnitude(struct seeded *s, double low, double high) {
    return low * pow(high / low, seeded_unit(s));
}

#endif
