/*
 * Fetches bodies of random size from the world's nhttpd over several connections at once, and looks
 * at every byte. A connection asks for a few, one after the other, then closes and is opened anew.
 */
#ifndef TESTS_MEMORY_FETCH_H
#define TESTS_MEMORY_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define FETCH_CONNECTIONS_MAX 512u

struct fetch_plan {
    uint64_t seed;
    uint32_t connections, replies;
    uint32_t replies_per_connection; /* at most; 1: Connection: close */
    size_t bytes_max;  /* half the sizes are uniform up to this, half of any magnitude */
    size_t bytes_each; /* if not 0: all of this size instead */
    uint64_t stall_us; /* so long nobody reads more than his window */
    uint64_t most_us;  /* of the world's time */
};

struct fetch_result {
    uint32_t replies;     /* whole and right */
    uint32_t wrong;       /* with a wrong head or byte, or too long */
    uint32_t broken;      /* connections that failed before their replies were whole */
    uint32_t connections; /* opened */
    uint64_t bytes;       /* of bodies */
    uint64_t us;          /* of the world's time */
};

/* Steps the world until all is fetched, something is wrong or broken, or time is up. */
struct fetch_result fetch_run(const struct fetch_plan *plan);

#endif
