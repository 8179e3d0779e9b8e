/*
 * Control sessions under any bytes, cut anywhere. For each input:
 *
 * 1. Every reply has the form that abi/control.h names, and answers the request it belongs to.
 * 2. After every reply the app is in a state that some message could ask for, and what was applied
 *    is what is in force.
 * 3. Bytes in pieces give the replies that the same bytes give whole.
 *
 * Few random bytes are a message, so the first decision may have the harness mend the stream: bit 0
 * puts magic, version and a length that fits into each header, bit 1 seals each table.
 */
#include "runtime/lib/control.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_table_parts.h"
#include <math.h>

#define REPLIES_BYTES (1u << 20)

static const struct {
    uint16_t type;
    uint32_t bytes;
} lengths[] = {{NOM_CONTROL_STATISTICS, 0},
               {NOM_CONTROL_DELAY, sizeof(struct nom_control_delay)},
               {NOM_CONTROL_PRICE, sizeof(struct nom_control_price)},
               {NOM_CONTROL_UTILITY, sizeof(struct nom_utility)}};

static void mend(unsigned char *stream, size_t n, bool tables) {
    for (size_t at = 0; n - at >= sizeof(struct nom_control_header);) {
        struct nom_control_header h;
        memcpy(&h, stream + at, sizeof h);
        size_t left = n - at - sizeof h;
        h.magic = NOM_CONTROL_MAGIC;
        h.version = NOM_CONTROL_VERSION;
        h.type %= 8;
        h.payload_bytes %= NOM_CONTROL_PAYLOAD_MAX;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            if (h.type == lengths[i].type)
                h.payload_bytes = lengths[i].bytes;
        if (h.payload_bytes > left && h.type == NOM_CONTROL_TABLE)
            h.payload_bytes = (uint32_t)left;
        memcpy(stream + at, &h, sizeof h);
        at += sizeof h;
        if (h.payload_bytes > left)
            return;
        if (tables && h.type == NOM_CONTROL_TABLE)
            fuzz_table_mend(stream + at, h.payload_bytes);
        at += h.payload_bytes;
    }
}

struct run {
    struct adapt adapt;
    struct adapt_decision applied;
    uint64_t applications;
    uint64_t now_us;
    size_t reply_bytes;
    unsigned char replies[REPLIES_BYTES];
};

static void apply(void *context, const struct adapt_decision *decision) {
    struct run *run = context;
    run->applied = *decision;
    run->applications++;
}

static void statistics(void *context, struct nom_statistics *out) {
    out->uptime_us = ((const struct run *)context)->now_us;
}

static bool same_decision(const struct adapt_decision *a, const struct adapt_decision *b) {
    return a->delay_us == b->delay_us && a->kick == b->kick && a->serving == b->serving;
}

static void check_app(const struct run *run) {
    const struct adapt *a = &run->adapt;
    FUZZ_CHECK(a->now.delay_us >= 0.0 && a->now.delay_us <= NOM_DELAY_US_MAX);
    FUZZ_CHECK(a->now.kick == NOM_KICK_NATURAL || a->now.kick == NOM_KICK_STRICT);
    FUZZ_CHECK(same_decision(&a->now, &run->applied));
    FUZZ_CHECK(a->load >= 0.0 && a->changes >= run->applications);
    for (size_t i = 0; i < NOM_USES_MAX; i++)
        FUZZ_CHECK(isfinite(a->price_usd[i]) && a->price_usd[i] >= 0.0);
    if (a->adapting)
        fuzz_table_check_choice(a);
    else
        FUZZ_CHECK(a->now.serving);
}

static void check_reply(const struct run *run, const struct control_session *s, size_t bytes,
                        int result) {
    struct nom_control_header head;
    struct nom_control_status status;
    const unsigned char *at = run->replies + run->reply_bytes;
    (void)s;
    FUZZ_CHECK(bytes >= sizeof head + sizeof status && bytes <= CONTROL_REPLY_BYTES_MAX);
    memcpy(&head, at, sizeof head);
    memcpy(&status, at + sizeof head, sizeof status);
    FUZZ_CHECK(head.magic == NOM_CONTROL_MAGIC && head.version == NOM_CONTROL_VERSION);
    FUZZ_CHECK(head.type & NOM_CONTROL_REPLY && head.payload_bytes == bytes - sizeof head);
    FUZZ_CHECK(status.error <= NOM_CONTROL_ENOTABLE && status.reserved == 0);
    FUZZ_CHECK(memchr(status.text, '\0', sizeof status.text) != NULL);
    FUZZ_CHECK((status.error == NOM_CONTROL_OK) == (status.text[0] == '\0'));
    FUZZ_CHECK((result == -1) == (status.error == NOM_CONTROL_EFORMAT) && result >= -1);
    bool full = bytes == CONTROL_REPLY_BYTES_MAX;
    FUZZ_CHECK(full || bytes == sizeof head + sizeof status);
    FUZZ_CHECK(full == (head.type == (NOM_CONTROL_STATISTICS | NOM_CONTROL_REPLY) &&
                        status.error == NOM_CONTROL_OK));
}

/* Feeds stream[n], in pieces if `in` is given, until it ends or the session does. */
static void feed(struct run *run, const unsigned char *stream, size_t n, struct fuzz_input *in) {
    static struct control_session session;
    const struct control_app app = {&run->adapt, apply, statistics, run};
    adapt_init(&run->adapt, "nhttpd", 0.0, NOM_KICK_NATURAL);
    run->applied = run->adapt.now;
    run->applications = run->now_us = run->reply_bytes = 0;
    control_session_init(&session);
    for (size_t at = 0; at < n;) {
        size_t part = in ? fuzz_piece(in, n - at) : n - at, used, bytes;
        unsigned char *copy = fuzz_copy(stream + at, part);
        FUZZ_CHECK(run->reply_bytes + CONTROL_REPLY_BYTES_MAX <= sizeof run->replies);
        unsigned char *reply = malloc(CONTROL_REPLY_BYTES_MAX);
        FUZZ_CHECK(reply != NULL);
        int result = control_input(&session, &app, copy, part, &used, reply, &bytes);
        FUZZ_CHECK(used <= part && bytes <= CONTROL_REPLY_BYTES_MAX);
        memcpy(run->replies + run->reply_bytes, reply, bytes);
        free(reply);
        free(copy);
        at += used;
        if (bytes == 0) {
            FUZZ_CHECK(used == part && result == 0);
            continue;
        }
        check_reply(run, &session, bytes, result);
        run->reply_bytes += bytes;
        check_app(run);
        /* Time passes, and the load is what this reply's length and place make of it. */
        run->now_us += 30000;
        if (adapt_tick(&run->adapt, run->now_us, (uint32_t)(run->reply_bytes * 7 % 200)))
            run->applied = run->adapt.now;
        check_app(run);
        if (result != 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run whole, pieces;
    struct fuzz_input in = fuzz_input(data, size);
    uint8_t how = fuzz_decide(&in);
    unsigned char *stream = fuzz_copy(in.bytes, in.size);
    if (how & 1)
        mend(stream, in.size, how & 2);
    feed(&whole, stream, in.size, NULL);
    feed(&pieces, stream, in.size, &in);
    free(stream);
    FUZZ_CHECK(whole.reply_bytes == pieces.reply_bytes &&
               memcmp(whole.replies, pieces.replies, whole.reply_bytes) == 0);
    FUZZ_CHECK(whole.applications == pieces.applications);
    return 0;
}
