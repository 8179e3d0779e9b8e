/*
 * netpipe's protocol: the sizes are NPtcp's, what is said and when depends on the bytes and not on
 * how they were cut, messages come back as they were, and any bytes at all are survived.
 */
#include "tests/unit/seeded.h"
#include "workloads/netpipe/protocol.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- sizes ---- */

static void sizes_are(struct np_settings s, size_t n, const uint32_t *expected) {
    struct np_sizes sizes;
    uint32_t bytes;
    np_sizes_begin(&sizes, &s);
    for (size_t i = 0; i < n; i++) {
        assert_true(np_sizes_next(&sizes, &bytes));
        assert_int_equal(bytes, expected[i]);
    }
}

static size_t last_size(struct np_settings s, uint32_t *last) {
    struct np_sizes sizes;
    size_t n = 0;
    np_sizes_begin(&sizes, &s);
    while (np_sizes_next(&sizes, last)) {
        assert_true(*last >= 1 && *last <= s.upper + s.perturbation);
        n++;
    }
    assert_false(np_sizes_next(&sizes, last));
    return n;
}

/* As NPtcp 3.7.2 printed them. */
static void test_sizes(void **state) {
    static const uint32_t small[] = {1,  2,  3,  4,  6,  8,  12, 13, 16, 19, 21,
                                     24, 27, 29, 32, 35, 45, 48, 51, 61, 64, 67};
    static const uint32_t thousand[] = {1000, 1500, 2000, 3000, 4000, 6000, 8000};
    static const uint32_t around[] = {993, 1000, 1007, 1493, 1500, 1507, 1993, 2000, 2007};
    uint32_t last;
    (void)state;
    sizes_are((struct np_settings){1, 64, 3, false}, 22, small);
    sizes_are((struct np_settings){1000, 8000, 0, false}, 7, thousand);
    sizes_are((struct np_settings){1000, 2000, 7, false}, 9, around);
    assert_int_equal(last_size((struct np_settings){1000, 8000, 0, false}, &last), 7);
    assert_int_equal(last_size((struct np_settings){1, NP_UPPER_DEFAULT, 3, false}, &last), 124);
    assert_int_equal(last, 8388611);
    assert_int_equal(last_size((struct np_settings){7, 7, 0, false}, &last), 1);
    for (uint32_t start = 1; start < 5000; start = start * 2 + 1)
        for (uint32_t perturbation = 0; perturbation <= NP_PERTURB_MAX; perturbation += 37)
            last_size((struct np_settings){start, NP_MESSAGE_MAX, perturbation, false}, &last);
}

/* ---- a run ---- */

static size_t taken, taken_max;

static struct np_chunk *take(void) {
    struct np_chunk *chunk = taken < taken_max ? malloc(sizeof *chunk) : NULL;
    if (chunk) {
        memset(chunk, 0xa5, sizeof *chunk);
        taken++;
    }
    return chunk;
}

static void give(struct np_chunk *chunk) {
    taken--;
    free(chunk);
}

static const struct np_memory memory = {take, give};

static struct server {
    struct np_settings settings;
    struct np_run run;
    char *sent;
    size_t sent_bytes;
} server;
#define SENT_MAX (4u << 20)

static void begin(uint32_t start, uint32_t upper, bool both) {
    free(server.sent);
    server.settings = (struct np_settings){start, upper, 0, both};
    server.sent = malloc(SENT_MAX);
    server.sent_bytes = 0;
    assert_non_null(server.sent);
    taken_max = 100;
    np_begin(&server.run, &server.settings, &memory);
}

static void end(void) {
    np_end(&server.run);
    assert_int_equal(taken, 0);
    free(server.sent);
    server.sent = NULL;
}

/* Sends up to `most` bytes of what there is. */
static bool send_some(size_t most, bool acknowledge) {
    const void *data;
    bool stable;
    size_t n = np_output(&server.run, &data, &stable);
    n = n < most ? n : most;
    if (n == 0)
        return false;
    assert_true(server.sent_bytes + n <= SENT_MAX);
    memcpy(server.sent + server.sent_bytes, data, n);
    server.sent_bytes += n;
    np_sent(&server.run, n);
    if (acknowledge)
        np_acknowledged(&server.run, n);
    return true;
}

/* What the client says, in pieces, and that of the server's answer nothing else is left. */
static void talk(const void *says, size_t bytes, size_t piece) {
    const char *at = says;
    while (bytes > 0) {
        size_t n = piece < bytes ? piece : bytes;
        size_t used = np_input(&server.run, at, n);
        assert_true(used <= n);
        while (send_some(piece, true)) {
        }
        at += used;
        bytes -= used;
    }
}

static void hears(const void *expected, size_t bytes) {
    assert_int_equal(server.sent_bytes, bytes);
    assert_memory_equal(server.sent, expected, bytes);
    server.sent_bytes = 0;
}

static void sync_with(size_t piece) {
    talk("SyncMe", 6, piece);
    hears("SyncMe", 6);
}

static void trial(uint32_t count, uint32_t bytes, size_t piece, struct seeded *random) {
    char *message = malloc(bytes);
    assert_non_null(message);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t b = 0; b < bytes; b++)
            message[b] = (char)seeded_next(random);
        if (bytes > 1 && i == 0) { /* not before it is whole */
            talk(message, bytes - 1, piece);
            hears("", 0);
            talk(message + bytes - 1, 1, piece);
        } else {
            talk(message, bytes, piece);
        }
        hears(message, bytes);
    }
    free(message);
}

static void whole_run(uint32_t start, uint32_t upper, size_t piece) {
    struct np_sizes sizes;
    uint32_t bytes;
    struct seeded random = {7};
    begin(start, upper, false);
    np_sizes_begin(&sizes, &server.settings);
    sync_with(piece);
    trial(NP_FIRST_MESSAGES, start, piece, &random);
    sync_with(piece);
    while (np_sizes_next(&sizes, &bytes)) {
        sync_with(piece);
        talk("\0\0\0\2", 4, piece);
        for (unsigned t = 0; t < NP_TRIALS; t++) {
            sync_with(piece);
            trial(2, bytes, piece, &random);
        }
    }
    talk("QUIT", 5, piece);
    hears("QUIT", 5);
    assert_int_equal(server.run.state, NP_OVER);
    assert_int_equal(np_input(&server.run, "more", 4), 4);
    assert_false(send_some(1, true));
    end();
}

static void test_runs(void **state) {
    (void)state;
    whole_run(1, 100, 1);
    whole_run(1, 100, 7);
    whole_run(1000, 9000, 1460);
    whole_run(NP_CHUNK_BYTES - 3, 3 * NP_CHUNK_BYTES, 50000); /* at chunks' ends, too */
    whole_run(NP_CHUNK_BYTES, 2 * NP_CHUNK_BYTES, SIZE_MAX);
}

/* The first words and messages of a run whose sizes begin with start, up to the first trial. */
static void up_to_trial(uint32_t start, const char *count) {
    struct seeded random = {1};
    sync_with(6);
    trial(NP_FIRST_MESSAGES, start, 1000, &random);
    sync_with(6);
    sync_with(6);
    talk(count, 4, 4);
}

/* Both at once: ours goes out with the word, the next when one has come. */
static void test_both(void **state) {
    char ours[6 + 10 + 1];
    (void)state;
    begin(10, 10, true);
    up_to_trial(10, "\0\0\0\3");
    for (unsigned t = 0; t < NP_TRIALS; t++) {
        memset(ours, 'a', sizeof ours);
        memcpy(ours, "SyncMe", 6);
        talk("SyncMe", 6, 3);
        hears(ours, 16);
        talk("012345678", 9, 100);
        hears("", 0);
        talk("9", 1, 1);
        hears(ours + 6, 10);
        talk("0123456789", 10, 100);
        hears(ours + 6, 10);
        talk("0123456789", 10, 100);
        hears("", 0);
    }
    talk("QUIT", 5, 5);
    hears("QUIT", 5);
    end();
    /* A client that does not read is heard all the same. */
    begin(10, 10, true);
    up_to_trial(10, "\0\0\0\3");
    assert_int_equal(np_input(&server.run, "SyncMe", 6), 6);
    assert_int_equal(np_input(&server.run, "012345678901234567890123456789SyncMe", 36), 30);
    while (send_some(3, false)) {
    }
    assert_int_equal(server.sent_bytes, 36);
    assert_int_equal(np_input(&server.run, "SyncMe", 6), 0);
    np_acknowledged(&server.run, 36);
    assert_int_equal(np_input(&server.run, "SyncMe", 6), 6);
    end();
}

/* What is being sent, or may have to be sent again, is not written over. */
static void test_waits(void **state) {
    (void)state;
    begin(4, 4, false);
    assert_int_equal(np_input(&server.run, "SyncMe1234", 10), 6);
    assert_int_equal(np_input(&server.run, "1234", 4), 0);
    while (send_some(100, true)) {
    }
    assert_int_equal(np_input(&server.run, "12345678", 8), 4);
    while (send_some(1, false))
        assert_int_equal(np_input(&server.run, "5678", 4), 0);
    np_acknowledged(&server.run, 3);
    assert_int_equal(np_input(&server.run, "5678", 4), 0);
    np_acknowledged(&server.run, 1);
    assert_int_equal(np_input(&server.run, "5678", 4), 4);
    end();
}

static void wrong(const char *why) {
    assert_int_equal(server.run.state, NP_WRONG);
    if (!strstr(server.run.why, why))
        fail_msg("no '%s' in: %s", why, server.run.why);
    assert_int_equal(np_input(&server.run, "SyncMe", 6), 6);
    assert_false(send_some(1, true));
    end();
}

static void test_wrong(void **state) {
    struct seeded random = {1};
    (void)state;
    begin(1, 1, false);
    talk("SyncMx", 6, 6);
    wrong("\"SyncMe\" expected, \"SyncMx\" heard");
    begin(1, 1, false);
    talk("\x01\"", 2, 1);
    wrong("\"\\x01\" heard");
    begin(1, 1, false);
    talk("QUIT", 5, 5); /* not yet */
    wrong("\"Q\" heard");
    begin(1, 1, false);
    up_to_trial(1, "\0\0\0\0");
    wrong("0 messages of 1 bytes announced");
    begin(1, 1, false);
    up_to_trial(1, "\0\0\0\1");
    for (unsigned t = 0; t < NP_TRIALS; t++) {
        sync_with(6);
        trial(1, 1, 1, &random);
    }
    talk("SyncMe", 6, 6);
    wrong("goes on after the last size up to 1 bytes");
    begin(50 * NP_CHUNK_BYTES, 50 * NP_CHUNK_BYTES, true);
    taken_max = 99;
    talk("SyncMe", 6, 6);
    wrong("no memory left for messages of 3212000 bytes");
}

static void test_describe(void **state) {
    char text[100];
    (void)state;
    begin(8, 8, false);
    np_describe(&server.run, text, sizeof text);
    assert_string_equal(text, "before SyncMe");
    talk("SyncMe12345", 11, 11);
    np_describe(&server.run, text, sizeof text);
    assert_string_equal(text, "after 5 of 8 bytes of a message");
    end();
}

/* Words and messages in any order, bytes changed at random: nothing breaks, memory comes back. */
static void test_any_bytes(void **state) {
    static const char *const says[] = {"SyncMe", "SyncM", "QUIT", "aaaaaaaab", "e"};
    struct seeded random = {20};
    (void)state;
    for (int round = 0; round < 2000; round++) {
        begin(1 + (uint32_t)seeded_below(&random, 9), 100, seeded_below(&random, 2));
        for (int i = 0; i < 300 && server.run.state != NP_WRONG; i++) {
            const char *words = says[seeded_below(&random, 10) < 8 ? 0 : seeded_below(&random, 5)];
            talk(words, strlen(words), 1 + seeded_below(&random, 6));
        }
        end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_runs),
        cmocka_unit_test(test_both),      cmocka_unit_test(test_waits),
        cmocka_unit_test(test_wrong),     cmocka_unit_test(test_describe),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
