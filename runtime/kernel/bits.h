/*
 * Arrays of bits, 64 to a word, the first bit of all the lowest of the first word. A search takes
 * as long as the array is, however its bits lie: an app decides how fragmented its memory is.
 */
#ifndef NK_BITS_H
#define NK_BITS_H

#include <stdint.h>

#define NK_BITS_NONE (~0u)

/* Not by a builtin: compilers make tzcnt of it, which an interpreter of ring 0 may lack. */
static inline unsigned nk_bits_lowest(uint64_t word) {
    uint64_t index;
    __asm__("bsfq %1, %0" : "=r"(index) : "r"(word) : "cc");
    return (unsigned)index;
}

static inline void nk_bits_set(uint64_t *bits, unsigned first, unsigned count, int value) {
    while (count > 0) {
        unsigned at = first % 64, n = 64 - at < count ? 64 - at : count;
        uint64_t mask = (n == 64 ? ~0ULL : (1ULL << n) - 1) << at;
        if (value)
            bits[first / 64] |= mask;
        else
            bits[first / 64] &= ~mask;
        first += n;
        count -= n;
    }
}

/* The first bit that is set, from `from` on. */
static inline unsigned nk_bits_next(const uint64_t *bits, unsigned words, unsigned from) {
    uint64_t mask = ~0ULL << from % 64;
    for (unsigned i = from / 64; i < words; i++, mask = ~0ULL)
        if (bits[i] & mask)
            return i * 64 + nk_bits_lowest(bits[i] & mask);
    return NK_BITS_NONE;
}

/* Where the first run of count set bits (1 or more) begins. scratch has as many words as bits. */
static inline unsigned nk_bits_run(const uint64_t *bits, unsigned words, unsigned count,
                                   uint64_t *scratch) {
    for (unsigned i = 0; i < words; i++)
        scratch[i] = bits[i];
    /* A bit of scratch stands for a run of `have` that begins there. */
    for (unsigned have = 1, by; have < count; have += by) {
        by = have < count - have ? have : count - have;
        unsigned far = by / 64, shift = by % 64;
        for (unsigned i = 0; i < words; i++) {
            uint64_t low = i + far < words ? scratch[i + far] >> shift : 0;
            if (shift > 0 && i + far + 1 < words)
                low |= scratch[i + far + 1] << (64 - shift);
            scratch[i] &= low;
        }
    }
    return nk_bits_next(scratch, words, 0);
}

#endif
