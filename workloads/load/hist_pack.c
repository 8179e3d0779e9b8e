/*
 * The histogram as the store keeps it: struct packed, then `pairs` pairs, nothing after them. A
 * blob is accepted only if it is what hist_pack makes: magic and version ours, length exact, CRC-32
 * right, buckets in rising order and none empty, totals in agreement with the buckets.
 */
#include "runtime/econ/econ.h"
#include "workloads/load/hist.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PACKED_MAGIC   0x54534948u /* "HIST" */
#define PACKED_VERSION 1u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the packed form is little-endian");

struct packed {
    uint32_t magic;
    uint32_t version;
    uint32_t crc32; /* of the whole blob with crc32 = 0 */
    uint32_t pairs;
    uint64_t count, max_ns, min_ns, over;
    double sum_ns, sum_squares_ns2;
};
_Static_assert(sizeof(struct packed) == 64, "layout of struct packed");

struct pair {
    uint32_t bucket;
    uint32_t count;
};
_Static_assert(sizeof(struct pair) == 8, "layout of struct pair");

static uint32_t blob_crc32(const struct packed *head, const void *pairs, size_t pairs_bytes) {
    struct packed blank = *head;
    blank.crc32 = 0;
    return econ_crc32(econ_crc32(0, &blank, sizeof blank), pairs, pairs_bytes);
}

void *hist_pack(const struct hist *h, size_t *bytes) {
    uint32_t pairs = 0;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
        pairs += h->bucket[i] != 0;
    }
    size_t pairs_bytes = pairs * sizeof(struct pair);
    struct packed *head = malloc(sizeof *head + pairs_bytes);
    if (head == NULL) {
        return NULL;
    }
    struct pair *out = (struct pair *)(head + 1);
    for (uint32_t i = 0, n = 0; i < HIST_BUCKETS; i++) {
        if (h->bucket[i] != 0) {
            out[n++] = (struct pair){.bucket = i, .count = h->bucket[i]};
        }
    }
    *head = (struct packed){.magic = PACKED_MAGIC,
                            .version = PACKED_VERSION,
                            .pairs = pairs,
                            .count = h->count,
                            .max_ns = h->max_ns,
                            .min_ns = h->min_ns,
                            .over = h->over,
                            .sum_ns = h->sum_ns,
                            .sum_squares_ns2 = h->sum_squares_ns2};
    head->crc32 = blob_crc32(head, out, pairs_bytes);
    *bytes = sizeof *head + pairs_bytes;
    return head;
}

static int totals_agree(const struct packed *head, uint64_t count) {
    if (head->count != count || head->over > count || head->min_ns > head->max_ns ||
        head->max_ns > HIST_MAX_NS || (head->over > 0 && head->max_ns != HIST_MAX_NS)) {
        return 0;
    }
    /* Sums of doubles carry rounding. */
    double n = (double)count, slack = 1e-6;
    double least = n * (double)head->min_ns, most = n * (double)head->max_ns;
    return isfinite(head->sum_ns) && isfinite(head->sum_squares_ns2) &&
           head->sum_ns >= least * (1 - slack) && head->sum_ns <= most * (1 + slack) &&
           head->sum_squares_ns2 >= least * (double)head->min_ns * (1 - slack) &&
           head->sum_squares_ns2 <= most * (double)head->max_ns * (1 + slack);
}

int hist_unpack(struct hist *h, const void *blob, size_t bytes) {
    struct packed head;
    if (bytes < sizeof head) {
        return -1;
    }
    memcpy(&head, blob, sizeof head);
    const char *pairs = (const char *)blob + sizeof head;
    size_t pairs_bytes = bytes - sizeof head;
    if (head.magic != PACKED_MAGIC || head.version != PACKED_VERSION || head.pairs > HIST_BUCKETS ||
        pairs_bytes != head.pairs * sizeof(struct pair) ||
        head.crc32 != blob_crc32(&head, pairs, pairs_bytes)) {
        return -1;
    }
    uint64_t count = 0;
    uint32_t next = 0; /* the least bucket that may follow */
    for (uint32_t i = 0; i < head.pairs; i++) {
        struct pair p;
        memcpy(&p, pairs + i * sizeof p, sizeof p);
        if (p.bucket < next || p.bucket >= HIST_BUCKETS || p.count == 0) {
            return -1;
        }
        next = p.bucket + 1;
        count += p.count;
    }
    if (!totals_agree(&head, count)) {
        return -1;
    }
    hist_init(h);
    h->count = head.count;
    h->max_ns = head.max_ns;
    h->min_ns = head.min_ns;
    h->over = head.over;
    h->sum_ns = head.sum_ns;
    h->sum_squares_ns2 = head.sum_squares_ns2;
    for (uint32_t i = 0; i < head.pairs; i++) {
        struct pair p;
        memcpy(&p, pairs + i * sizeof p, sizeof p);
        h->bucket[p.bucket] = p.count;
    }
    return 0;
}
