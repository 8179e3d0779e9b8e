/*
 * What memcached's clients of the load make of any bytes in place of a reply, in text and binary.
 * For each input:
 *
 * 1. A reply given in pieces ends as the same given whole, and after as many bytes.
 * 2. Nothing past a reply's end is taken; all is while more is to come.
 * 3. A get of a key that holds a value is good only if those very bytes came; of one that was
 *    deleted, never if what came begins as a value does.
 *
 * Decision 0: bit 0 binary, bits 1 and 2 the request, 3 and 4 what is known of its key, 5 that keys
 * may be evicted. Then the pieces.
 */
#include "tests/fuzz/fuzz.h"
#include "workloads/load/keys.h"
#include "workloads/load/protocol.h"

#define VALUE_BYTES 12u
#define KEY         7u /* "kk7" */
#define SETS        3u

static struct load_keys keys;

struct outcome {
    enum load_verdict verdict;
    size_t used;
};

static struct outcome feed(struct load_shared *shared, const struct load_request *request,
                           const struct fuzz_input *in, struct fuzz_input *cuts) {
    struct load_reply_state reply;
    struct outcome o = {LOAD_MORE, 0};
    memset(&reply, 0x5a, sizeof reply);
    shared->protocol->begin(&reply);
    while (o.verdict == LOAD_MORE && o.used < in->size) {
        size_t left = in->size - o.used, used = 0;
        size_t part = cuts != NULL ? fuzz_piece(cuts, left) : left;
        char *copy = fuzz_copy(in->bytes + o.used, part);
        o.verdict = shared->protocol->feed(shared, request, &reply, copy, part, &used);
        free(copy);
        if (o.verdict == LOAD_BAD || o.verdict == LOAD_WRONG) {
            FUZZ_CHECK(shared->why[0] != '\0');
            return (struct outcome){o.verdict, 0};
        }
        FUZZ_CHECK(used <= part && (o.verdict != LOAD_MORE || used == part));
        o.used += used;
    }
    return o;
}

static void check_get(const struct fuzz_input *in, const struct outcome *o) {
    char value[VALUE_BYTES];
    const struct load_key *key = &keys.key[KEY];
    load_keys_value(&keys, KEY, key->held, 0, value, sizeof value);
    /* Status 0 of the binary protocol's header. */
    bool begins = o->used > 8 && (memcmp(in->bytes, "VALUE", 5) == 0 ||
                                  (in->bytes[0] == 0x81 && memcmp(in->bytes + 6, "\0\0", 2) == 0));
    FUZZ_CHECK(key->state != LOAD_KEY_DELETED || o->verdict != LOAD_GOOD || !begins);
    bool came = memmem(in->bytes, o->used, value, sizeof value) != NULL;
    FUZZ_CHECK(key->state != LOAD_KEY_HELD || o->verdict != LOAD_GOOD || came);
    FUZZ_CHECK(o->verdict != LOAD_MISS || (keys.may_evict && key->state == LOAD_KEY_HELD));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct load_config config = {
        .connections = 1, .keys = 10, .key_bytes = 3, .value_bytes = VALUE_BYTES};
    if (keys.count == 0) {
        FUZZ_CHECK(load_keys_init(&keys, &config) == 0);
    }
    struct fuzz_input in = fuzz_input(data, size);
    uint8_t how = fuzz_decide(&in);
    struct load_shared shared = {
        .protocol = how & 1 ? &load_memcached_binary : &load_memcached_text, .keys = &keys};
    struct load_request request = {
        .op = (enum load_op)(how / 2 % 4 % 3), .key = KEY, .sequence = SETS + 1};
    keys.may_evict = how / 32 % 2;
    keys.key[KEY] = (struct load_key){
        .sets = SETS, .held = SETS, .state = (enum load_key_state)(how / 8 % 4 % 3)};

    struct outcome whole = feed(&shared, &request, &in, NULL);
    struct outcome pieces = feed(&shared, &request, &in, &in);
    FUZZ_CHECK(whole.verdict == pieces.verdict && whole.used == pieces.used);
    FUZZ_CHECK(whole.verdict != LOAD_MORE || whole.used == in.size);
    if (request.op == LOAD_OP_GET && whole.verdict != LOAD_MORE) {
        check_get(&in, &whole);
    }
    return 0;
}
