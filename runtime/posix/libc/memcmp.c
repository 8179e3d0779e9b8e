/* memcmp, eight bytes at a time where musl's goes byte by byte: servers compare keys with it. */
#include <stdint.h>
#include <string.h>

#define WORD_BYTES sizeof(uint64_t)

static inline uint64_t word_at(const unsigned char *p) {
    uint64_t word;
    __builtin_memcpy(&word, p, WORD_BYTES);
    return word;
}

static inline int order(uint64_t a, uint64_t b) {
    a = __builtin_bswap64(a);
    b = __builtin_bswap64(b);
    return a < b ? -1 : 1;
}

int memcmp(const void *left, const void *right, size_t bytes) {
    const unsigned char *l = left, *r = right;
    if (bytes < WORD_BYTES) {
        for (; bytes && *l == *r; bytes--, l++, r++) {
        }
        return bytes ? *l - *r : 0;
    }
    for (; bytes > WORD_BYTES; bytes -= WORD_BYTES, l += WORD_BYTES, r += WORD_BYTES)
        if (word_at(l) != word_at(r))
            return order(word_at(l), word_at(r));
    /* The last word overlaps what was the same. */
    l -= WORD_BYTES - bytes;
    r -= WORD_BYTES - bytes;
    return word_at(l) == word_at(r) ? 0 : order(word_at(l), word_at(r));
}
