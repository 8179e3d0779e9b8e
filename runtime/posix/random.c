/*
 * ChaCha20 (RFC 8439) as a generator: each block gives 32 bytes, and with its other half replaces
 * the key, so that what was given cannot be worked out from what is kept.
 */
#include "runtime/posix/random.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/calls.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define KEY_WORDS    8
#define BLOCK_WORDS  16
#define DOUBLE_TURNS 10

static uint32_t key[KEY_WORDS];
static uint8_t ready[KEY_WORDS * 4]; /* given from its end */
static size_t ready_bytes;

static uint32_t rotate(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

static void quarter(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d) {
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

/* Counter and nonce stay 0: no key is used twice. */
static void refill(void) {
    const uint32_t first[BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
                                         key[0],     key[1],     key[2],     key[3],
                                         key[4],     key[5],     key[6],     key[7]};
    uint32_t x[BLOCK_WORDS];
    memcpy(x, first, sizeof x);
    for (int i = 0; i < DOUBLE_TURNS; i++) {
        for (unsigned c = 0; c < 4; c++)
            quarter(x, c, 4 + c, 8 + c, 12 + c);
        for (unsigned c = 0; c < 4; c++)
            quarter(x, c, 4 + (c + 1) % 4, 8 + (c + 2) % 4, 12 + (c + 3) % 4);
    }
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        x[i] += first[i];
    memcpy(key, x, sizeof key);
    memcpy(ready, x + KEY_WORDS, sizeof ready);
    ready_bytes = sizeof ready;
}

void posix_random_start(void) {
    for (unsigned i = 0; i < KEY_WORDS; i += 2) {
        uint64_t word = plat_entropy();
        memcpy(key + i, &word, sizeof word);
    }
    ready_bytes = 0;
}

void posix_random(void *out, size_t bytes) {
    for (uint8_t *to = out; bytes > 0;) {
        if (ready_bytes == 0)
            refill();
        size_t n = bytes < ready_bytes ? bytes : ready_bytes;
        ready_bytes -= n;
        memcpy(to, ready + ready_bytes, n);
        memset(ready + ready_bytes, 0, n);
        to += n;
        bytes -= n;
    }
}

long posix_sys_getrandom(long out, long bytes, long flags) {
    if (flags & ~(long)(GRND_NONBLOCK | GRND_RANDOM) || bytes < 0)
        return -EINVAL;
    posix_random((void *)out, (size_t)bytes);
    return bytes;
}
