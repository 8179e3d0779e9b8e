/*
 * What lwIP asks of its platform: a millisecond clock, assertions, random numbers, initial sequence
 * numbers. The key of the latter is drawn once, from the floor's entropy and its clock.
 */
#include "lwip/sys.h"
#include "runtime/platform/platform.h"
#include <string.h>

u32_t sys_now(void) {
    return (u32_t)(plat_now_us() / 1000);
}

void net_port_assert(const char *message, const char *file, int line) {
    const char *name = strrchr(file, '/');
    plat_log("lwIP: %s (%s:%d)", message, name == NULL ? file : name + 1, line);
    plat_exit(NOM_EXIT_STATUS_MAX);
}

/* splitmix64's finaliser: every bit of the input moves every bit of the output. */
static uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint32_t net_port_random(void) {
    static uint64_t state;
    if (state == 0) {
        state = mix(plat_now_tsc()) ^ plat_entropy();
    }
    state += 0x9e3779b97f4a7c15u;
    return (uint32_t)(mix(state ^ plat_now_tsc()) >> 32);
}

static uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

/* SipHash-2-4 of two 64-bit words (its paper, section 2), as a keyed hash. */
static void sip_rounds(uint64_t v[4], int n) {
    for (int i = 0; i < n; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static uint64_t sip_hash(const uint64_t key[2], uint64_t first, uint64_t second) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    const uint64_t words[3] = {first, second, UINT64_C(16) << 56};
    for (int i = 0; i < 3; i++) {
        v[3] ^= words[i];
        sip_rounds(v, 2);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint32_t net_port_isn(uint32_t local, uint16_t local_port, uint32_t remote, uint16_t remote_port) {
    static uint64_t key[2];
    if (key[0] == 0) {
        for (int i = 0; i < 4; i++) {
            key[i / 2] = key[i / 2] << 32 | net_port_random();
        }
    }
    uint64_t hash =
        sip_hash(key, (uint64_t)local << 32 | remote, (uint64_t)local_port << 16 | remote_port);
    return (uint32_t)hash + (uint32_t)(plat_now_us() / 4);
}
