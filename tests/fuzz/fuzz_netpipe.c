/*
 * netpipe's protocol.h under any bytes, cut anywhere, sent in any amounts. For each input:
 *
 * 1. What is said in answer to bytes given in pieces and sent in pieces is what is said to bytes
 *    given whole.
 * 2. No more is sent than came, but for the words and one message where both send at once.
 * 3. Once it is over or wrong it takes all further bytes and, what was due sent, says no more.
 * 4. Its memory comes back.
 *
 * Decisions: start, perturbation, both; then, for each piece, its length and what is sent after it.
 */
#include "tests/fuzz/fuzz.h"
#include "workloads/netpipe/protocol.h"

#define OUTPUT_BYTES (1u << 20)
#define CHUNKS       4
#define UPPER        2000u

static struct np_chunk chunks[CHUNKS], *free_chunks;
static int taken;

static struct np_chunk *take(void) {
    struct np_chunk *chunk = free_chunks;
    if (chunk) {
        free_chunks = chunk->next;
        taken++;
    }
    return chunk;
}

static void give(struct np_chunk *chunk) {
    chunk->next = free_chunks;
    free_chunks = chunk;
    taken--;
}

static const struct np_memory memory = {take, give};

struct run {
    struct np_run np;
    size_t bytes;
    char sent[OUTPUT_BYTES];
};

static bool send_some(struct run *r, size_t most) {
    const void *data;
    bool stable;
    size_t n = np_output(&r->np, &data, &stable);
    n = n < most ? n : most;
    if (n == 0)
        return false;
    FUZZ_CHECK(r->bytes + n <= sizeof r->sent);
    memcpy(r->sent + r->bytes, data, n);
    r->bytes += n;
    np_sent(&r->np, n);
    return true;
}

static void send_all(struct run *r) {
    while (send_some(r, OUTPUT_BYTES))
        ;
    np_acknowledged(&r->np, OUTPUT_BYTES);
}

static void feed_whole(struct run *r, const struct fuzz_input *in) {
    char *copy = fuzz_copy(in->bytes, in->size);
    for (size_t at = 0; at < in->size;) {
        size_t used = np_input(&r->np, copy + at, in->size - at);
        FUZZ_CHECK(used <= in->size - at);
        at += used;
        send_all(r);
    }
    free(copy);
}

static void feed_pieces(struct run *r, struct fuzz_input *in) {
    for (size_t at = 0; at < in->size;) {
        size_t part = fuzz_piece(in, in->size - at);
        uint8_t how = fuzz_decide(in);
        char *copy = fuzz_copy(in->bytes + at, part);
        size_t used = np_input(&r->np, copy, part);
        free(copy);
        FUZZ_CHECK(used <= part);
        at += used;
        size_t before = r->bytes;
        send_some(r, 1 + how);
        np_acknowledged(&r->np, how % 2 ? r->bytes - before : 0);
        if (used == 0)
            send_all(r);
    }
    send_all(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run whole, pieces;
    struct fuzz_input in = fuzz_input(data, size);
    struct np_settings settings = {.start = fuzz_decide(&in) % 32 + 1u, .upper = UPPER};
    settings.perturbation = fuzz_decide(&in) % 8;
    settings.both = fuzz_decide(&in) % 2;
    free_chunks = NULL;
    taken = CHUNKS;
    for (size_t i = 0; i < CHUNKS; i++)
        give(&chunks[i]);
    whole.bytes = pieces.bytes = 0;

    np_begin(&whole.np, &settings, &memory);
    feed_whole(&whole, &in);
    np_begin(&pieces.np, &settings, &memory);
    feed_pieces(&pieces, &in);
    FUZZ_CHECK(whole.np.state == pieces.np.state && whole.np.answered == pieces.np.answered);
    FUZZ_CHECK(whole.bytes == pieces.bytes && memcmp(whole.sent, pieces.sent, whole.bytes) == 0);
    FUZZ_CHECK(whole.bytes <= (settings.both ? in.size + 2 * UPPER * in.size / 6 : in.size) + 6);
    if (whole.np.state == NP_OVER || whole.np.state == NP_WRONG) {
        FUZZ_CHECK(np_input(&whole.np, "SyncMe", 6) == 6 && !send_some(&whole, 1));
        FUZZ_CHECK(whole.np.state == NP_OVER || whole.np.why[0] != '\0');
    }
    np_end(&whole.np);
    np_end(&pieces.np);
    FUZZ_CHECK(taken == 0);
    return 0;
}
