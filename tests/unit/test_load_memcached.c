/*
 * The memcached client against a server of this process that does one thing wrong. Counts are
 * exact: runs end by requests_max. Everything is tried with both protocols, with one request under
 * way and with several.
 */
#include "tests/unit/load_memcached.h"
#include "workloads/load/keys.h"
#include "workloads/load/load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 24u

static const int never_stop;
static struct load_result result;    /* of the last run */
static struct load_memcached server; /* what served it */
static uint64_t accepted, served;

static struct load_config config_of(enum load_protocol protocol, uint32_t pipeline) {
    struct load_config c = {.connections = 3,
                            .seconds = 100,
                            .keep_alive = true,
                            .requests_max = 60,
                            .core = -1,
                            .timeout_seconds = 50};
    load_defaults(&c);
    c.protocol = protocol;
    c.keys = KEYS;
    c.pipeline = pipeline;
    c.get_ratio = 0.6;
    c.value_bytes = 100;
    return c;
}

static void run(struct load_config *config, enum load_memcached_trick trick, uint64_t from) {
    struct sockaddr_in address;
    struct load load;
    server = (struct load_memcached){.trick = trick, .from = from};
    pthread_mutex_init(&server.lock, NULL);
    struct load_server *s = load_server_start_with(&address, load_memcached_talk, &server);
    assert_non_null(s);
    config->server = address;
    assert_int_equal(load_start(&load, LOAD_CLIENT_NOM, config), 0);
    load_wait(&load, &never_stop);
    memcpy(&result, load.result, sizeof result);
    load_free(&load);
    accepted = load_server_connections(s);
    served = load_server_requests(s);
    load_server_stop(s);
    load_memcached_free(&server);
    pthread_mutex_destroy(&server.lock);
    assert_int_equal(result.phase, LOAD_PHASE_ENDED);
    assert_int_equal(result.done, result.error[0] == '\0');
    assert_true(result.latency.count <= result.replies);
}

#define FOR_ALL_WAYS(config)                                                                       \
    for (int way_ = 0; way_ < 4; way_++)                                                           \
        for (struct load_config config = config_of(                                                \
                 way_ % 2 ? LOAD_MEMCACHED_BINARY : LOAD_MEMCACHED_TEXT, way_ < 2 ? 1 : 5);        \
             config.connections > 0; config.connections = 0)

static void every_reply_is_counted_once(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        config.requests_max = 3001;
        config.delete_ratio = 0.1;
        run(&config, TRICK_NONE, KEYS);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, 3001);
        assert_int_equal(result.errors + result.refused + result.misses, 0);
        assert_string_equal(result.bad_reply, "");
        assert_int_equal(served, 3001 + KEYS);
        assert_int_equal(accepted, 3);
        assert_int_equal(result.latency.count, 3001);
        assert_true(server.gets > 1500 && server.gets < 2100);
        assert_true(server.deletes > 150 && server.deletes < 450);
        assert_true(server.sets > 600 && server.sets < 1500);
        assert_true(result.reply_bytes > server.gets / 2 * 100);
    }
}

static void bits_of_replies_are_counted(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        config.get_ratio = 1;
        run(&config, TRICK_NONE, KEYS);
        /* Text: VALUE, key, flags and length; END. Binary: header, flags, key. */
        uint64_t around = config.protocol == LOAD_MEMCACHED_TEXT ? 6 + 32 + 8 + 7 : 24 + 4 + 32;
        assert_int_equal(result.reply_bytes, 60 * (100 + around));
    }
}

static void replies_in_pieces_are_whole(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        run(&config, TRICK_SPLIT, 0);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, 60);
    }
}

static void values_of_all_sizes(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        config.value_bytes = 1;
        config.value_bytes_max = LOAD_VALUE_BYTES_MAX;
        config.requests_max = 300;
        run(&config, TRICK_NONE, KEYS);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, 300);
        config.value_bytes = config.value_bytes_max = LOAD_VALUE_BYTES_MAX;
        config.requests_max = 40;
        run(&config, TRICK_NONE, KEYS);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, 40);
        assert_true(result.reply_bytes > server.gets * LOAD_VALUE_BYTES_MAX);
    }
}

static void connections_come_and_go(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        config.requests_per_connection = 7;
        config.delete_ratio = 0.2;
        config.requests_max = 700;
        run(&config, TRICK_NONE, KEYS);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, 700);
        assert_int_equal(result.errors, 0);
        assert_true(accepted >= 700 / 7);
    }
}

static void wrong_values_end_the_load(void **state) {
    (void)state;
    static const struct {
        enum load_memcached_trick trick;
        const char *words;
    } cases[] = {{TRICK_BYTE, "are not what set number"},
                 {TRICK_STALE, "are not what set number"},
                 {TRICK_KEY, "another key came back"},
                 {TRICK_SHORT, "a value of 99 bytes, set number"},
                 {TRICK_UNDEAD, "is there"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FOR_ALL_WAYS(config) {
            config.requests_max = 0;
            config.delete_ratio = cases[i].trick == TRICK_UNDEAD ? 0.4 : 0;
            /* Later, so that keys were set more than once. */
            run(&config, cases[i].trick, cases[i].trick == TRICK_STALE ? KEYS + 2000 : KEYS);
            assert_false(result.done);
            assert_non_null(strstr(result.error, "a wrong value: "));
            assert_non_null(strstr(result.error, " of key "));
            assert_non_null(strstr(result.error, cases[i].words));
            assert_true(result.errors >= 1);
        }
    }
}

static void bad_replies_are_errors(void **state) {
    (void)state;
    static const enum load_memcached_trick tricks[] = {TRICK_ERROR, TRICK_GARBAGE, TRICK_CUT,
                                                       TRICK_CLOSE, TRICK_RESET,   TRICK_SURPLUS};
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        FOR_ALL_WAYS(config) {
            config.requests_max = 30;
            run(&config, tricks[i], KEYS);
            assert_string_equal(result.error, "");
            assert_int_equal(result.refused, 0);
            /* Behind a surplus byte, the next reply is what is malformed. */
            assert_int_equal(result.replies + result.errors, 30);
            assert_int_equal(result.bad_reply[0] != '\0',
                             result.errors_by_kind[LOAD_ERROR_REPLY] > 0);
            assert_true(tricks[i] == TRICK_SURPLUS ? result.errors > 0 : result.errors == 30);
            assert_true(accepted > 3);
        }
    }
}

static void misses_are_errors_unless_keys_may_be_evicted(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        config.get_ratio = 1;
        config.requests_max = KEYS;
        run(&config, TRICK_MISS, KEYS);
        /* A second get of a key, under way when the first one's miss came, is none. */
        bool one = config.pipeline == 1;
        assert_true(one ? result.errors == server.gets : result.errors <= server.gets);
        assert_true(result.errors > 0);
        assert_int_equal(result.errors_by_kind[LOAD_ERROR_REPLY], result.errors);
        assert_non_null(strstr(result.bad_reply, "it was set, and is gone"));
        assert_int_equal(result.misses, 0);
        assert_int_equal(result.replies + result.errors, KEYS);
        assert_int_equal(accepted, 3); /* their connections are sound */
        assert_true(server.sets > 0);  /* a key that was lost is set anew */
        config.may_evict = true;
        run(&config, TRICK_MISS, KEYS);
        assert_int_equal(result.errors, 0);
        assert_true(one ? result.misses == server.gets : result.misses <= server.gets);
        assert_true(result.misses > 0);
        assert_int_equal(result.replies, KEYS);
    }
}

static void refusals_are_not_errors(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        run(&config, TRICK_OUT_OF_MEMORY, KEYS);
        assert_string_equal(result.error, "");
        assert_int_equal(result.refused, 60);
        assert_int_equal(result.errors, 0);
        assert_int_equal(accepted, 3);
        /* What a refused set may have dropped is no miss; also before the load. */
        for (uint64_t from = 0; from <= KEYS; from += KEYS) {
            config.requests_max = 400;
            run(&config, TRICK_NO_SETS, from);
            assert_string_equal(result.error, "");
            assert_true(result.refused > 0);
            assert_int_equal(result.errors, 0);
            assert_int_equal(result.replies + result.refused, 400);
        }
    }
}

static void keys_that_cannot_be_set_end_the_load(void **state) {
    (void)state;
    static const enum load_memcached_trick tricks[] = {TRICK_ERROR, TRICK_GARBAGE};
    for (size_t i = 0; i < 2; i++) {
        FOR_ALL_WAYS(config) {
            run(&config, tricks[i], 5);
            assert_false(result.done);
            assert_non_null(strstr(result.error, "the keys cannot be set: set of key "));
            assert_int_equal(result.replies + result.errors, 0);
        }
    }
}

static void a_connection_lost_while_keys_are_set_is_opened_again(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        run(&config, TRICK_ONCE_CLOSED, 4);
        assert_string_equal(result.error, "");
        assert_int_equal(result.replies, 60);
        assert_int_equal(result.errors, 0);
        assert_int_equal(accepted, 4);
    }
}

static void a_connection_lost_later_is_as_many_errors_as_it_had_requests(void **state) {
    (void)state;
    FOR_ALL_WAYS(config) {
        config.connections = 1;
        config.requests_max = 200;
        run(&config, TRICK_ONCE_CLOSED, KEYS + 50);
        assert_string_equal(result.error, "");
        assert_true(result.errors >= 1 && result.errors <= config.pipeline);
        assert_int_equal(result.replies + result.errors, 200);
        assert_int_equal(accepted, 2);
    }
}

/* The server may carry such a set out after all, whenever it likes. */
static void what_was_never_answered_leaves_its_key_unknown(void **state) {
    (void)state;
    struct load_key key = {0};
    struct load_keys keys = {.count = 1, .key = &key};
    struct load_request set = {.op = LOAD_OP_SET, .sequence = 1};
    const struct load_request delete = {.op = LOAD_OP_DELETE};
    load_keys_settle(&keys, &set, LOAD_GOOD);
    assert_int_equal(key.state, LOAD_KEY_HELD);
    set.sequence++;
    load_keys_settle(&keys, &set, LOAD_REFUSED);
    assert_int_equal(key.state, LOAD_KEY_UNKNOWN);
    set.sequence++;
    load_keys_settle(&keys, &set, LOAD_GOOD);
    assert_int_equal(key.state, LOAD_KEY_HELD);
    set.sequence++;
    load_keys_settle(&keys, &set, LOAD_MORE);
    set.sequence++;
    load_keys_settle(&keys, &set, LOAD_GOOD);
    assert_int_equal(key.state, LOAD_KEY_UNKNOWN);
    load_keys_settle(&keys, &delete, LOAD_GOOD);
    assert_int_equal(key.state, LOAD_KEY_UNKNOWN);
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    for (int kind = 0; kind < 17; kind++) {
        struct load_config c = config_of(LOAD_MEMCACHED_TEXT, 1);
        enum load_client client = LOAD_CLIENT_NOM;
        struct load load;
        c.server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)};
        switch (kind) {
        case 0:
            c.get_ratio = NAN;
            break;
        case 1:
            c.get_ratio = 0.9;
            c.delete_ratio = 0.2;
            break;
        case 2:
            c.delete_ratio = -0.1;
            break;
        case 3:
            c.keys = c.connections - 1;
            break;
        case 4:
            c.keys = LOAD_KEYS_MAX + 1;
            break;
        case 5:
            c.key_bytes = 1;
            break;
        case 6:
            c.key_bytes = LOAD_KEY_BYTES_MAX + 1;
            break;
        case 7:
            c.value_bytes = 0;
            break;
        case 8:
            c.value_bytes = LOAD_VALUE_BYTES_MAX + 1;
            break;
        case 9:
            c.value_bytes_max = c.value_bytes - 1;
            break;
        case 10:
            c.pipeline = 0;
            break;
        case 11:
            c.pipeline = LOAD_PIPELINE_MAX + 1;
            break;
        case 12:
            c.protocol = LOAD_NETPIPE;
            break;
        case 13:
            client = LOAD_CLIENT_WRK;
            c.requests_max = 0;
            break;
        case 14:
            client = LOAD_CLIENT_NPTCP;
            c.requests_max = 0;
            break;
        case 15:
            client = LOAD_CLIENT_MEMASLAP; /* cannot stop after requests_max */
            break;
        default:
            c.protocol = (enum load_protocol)4;
            break;
        }
        assert_int_equal(load_start(&load, client, &c), -EINVAL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reply_is_counted_once),
        cmocka_unit_test(bits_of_replies_are_counted),
        cmocka_unit_test(replies_in_pieces_are_whole),
        cmocka_unit_test(values_of_all_sizes),
        cmocka_unit_test(connections_come_and_go),
        cmocka_unit_test(wrong_values_end_the_load),
        cmocka_unit_test(bad_replies_are_errors),
        cmocka_unit_test(misses_are_errors_unless_keys_may_be_evicted),
        cmocka_unit_test(refusals_are_not_errors),
        cmocka_unit_test(keys_that_cannot_be_set_end_the_load),
        cmocka_unit_test(a_connection_lost_while_keys_are_set_is_opened_again),
        cmocka_unit_test(a_connection_lost_later_is_as_many_errors_as_it_had_requests),
        cmocka_unit_test(what_was_never_answered_leaves_its_key_unknown),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
