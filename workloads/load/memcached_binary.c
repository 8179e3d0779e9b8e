/* memcached's binary protocol: get with its key in the reply (GETK), set, delete. */
#include "workloads/load/memcached_check.h"
#include <arpa/inet.h>
#include <string.h>

#define MAGIC_REQUEST 0x80
#define MAGIC_REPLY   0x81
#define FLAGS_BYTES   4u /* a get's extras */

enum { STATUS_GOOD = 0, STATUS_NOT_FOUND = 1, STATUS_OUT_OF_MEMORY = 0x82 };

/* In network order; without padding. */
struct header {
    uint8_t magic, opcode;
    uint16_t key_bytes;
    uint8_t extras_bytes, data_type;
    uint16_t status; /* of a request: the vbucket, 0 */
    uint32_t body_bytes;
    uint32_t opaque; /* comes back as it went: the key's number */
    uint64_t cas;
};
_Static_assert(sizeof(struct header) == 24, "as memcached sends it");

static const uint8_t opcodes[] = {[LOAD_OP_GET] = 0x0c, [LOAD_OP_SET] = 0x01, [LOAD_OP_DELETE] = 4};

struct head {
    struct header header;
    char extras[8]; /* a set's: flags and expiry, both 0 */
};

static size_t head_of(const struct load_keys *keys, const struct load_request *request,
                      struct head *head) {
    bool set = request->op == LOAD_OP_SET;
    size_t extras = set ? sizeof head->extras : 0, value = 0;
    if (set) {
        value = load_keys_value_bytes(keys, request->key, request->sequence);
    }
    *head =
        (struct head){.header = {.magic = MAGIC_REQUEST,
                                 .opcode = opcodes[request->op],
                                 .key_bytes = htons((uint16_t)keys->key_bytes),
                                 .extras_bytes = (uint8_t)extras,
                                 .body_bytes = htonl((uint32_t)(extras + keys->key_bytes + value)),
                                 .opaque = htonl(request->key)}};
    return sizeof head->header + extras;
}

static uint64_t request_bytes(const struct load_shared *shared,
                              const struct load_request *request) {
    struct head head;
    head_of(shared->keys, request, &head);
    return sizeof head.header + ntohl(head.header.body_bytes);
}

static size_t write_request(const struct load_shared *shared, const struct load_request *request,
                            uint64_t at, char *to, size_t room) {
    struct memcached_writer w = {.skip = at, .to = to, .room = room};
    struct head head;
    char key[LOAD_KEY_BYTES_MAX];
    memcached_put(&w, (const char *)&head, head_of(shared->keys, request, &head));
    load_keys_text(shared->keys, request->key, key);
    memcached_put(&w, key, shared->keys->key_bytes);
    if (request->op == LOAD_OP_SET) {
        memcached_put_value(&w, shared->keys, request);
    }
    return w.bytes;
}

static void begin(struct load_reply_state *reply) {
    reply->closing = false;
    reply->memcached.part = MEMCACHED_LINE;
    reply->memcached.line_bytes = 0;
    reply->memcached.wanted = sizeof(struct header);
}

/* Appends up to `wanted`. Whether that is there. */
static bool gather(struct memcached_reply *reply, const char *bytes, size_t n, size_t *used) {
    size_t left = reply->wanted - reply->line_bytes;
    *used = n < left ? n : left;
    memcpy(reply->line + reply->line_bytes, bytes, *used);
    reply->line_bytes += (uint32_t)*used;
    return *used == left;
}

static enum load_verdict judge(struct load_shared *shared, const struct load_request *request,
                               uint16_t status) {
    switch (status) {
    case STATUS_GOOD:
        return request->op == LOAD_OP_DELETE ? memcached_deleted(shared, request) : LOAD_GOOD;
    case STATUS_OUT_OF_MEMORY:
        return LOAD_REFUSED;
    case STATUS_NOT_FOUND:
        if (request->op != LOAD_OP_SET) {
            return memcached_miss(shared, request);
        }
        break;
    default:
        break;
    }
    return memcached_say(shared, LOAD_BAD, request, "the server says: status 0x%04x", status);
}

static enum load_verdict take_header(struct load_shared *shared, const struct load_request *request,
                                     struct memcached_reply *reply) {
    struct header h;
    memcpy(&h, reply->line, sizeof h);
    uint32_t body = ntohl(h.body_bytes), key = ntohs(h.key_bytes);
    if (h.magic != MAGIC_REPLY || h.opcode != opcodes[request->op] || h.data_type != 0 ||
        key + h.extras_bytes > body) {
        return memcached_say(shared, LOAD_BAD, request, "a malformed reply");
    }
    if (ntohl(h.opaque) != request->key) {
        return memcached_say(shared, LOAD_WRONG, request, "the reply to another request came back");
    }
    reply->status = ntohs(h.status);
    if (reply->status == STATUS_GOOD && request->op == LOAD_OP_GET) {
        if (h.extras_bytes != FLAGS_BYTES || key > LOAD_KEY_BYTES_MAX) {
            return memcached_say(shared, LOAD_BAD, request, "a malformed reply");
        }
        reply->wanted = (uint32_t)sizeof h + FLAGS_BYTES + key;
        reply->value_bytes = body - FLAGS_BYTES - key;
        return LOAD_MORE;
    }
    if (body > MEMCACHED_SKIP_BYTES_MAX) {
        return memcached_say(shared, LOAD_BAD, request, "a malformed reply");
    }
    reply->part = MEMCACHED_SKIP;
    reply->value_bytes = body;
    reply->arrived = 0;
    return body == 0 ? judge(shared, request, reply->status) : LOAD_MORE;
}

/* A header, then, if a value follows, what comes before that. LOAD_MORE: no more of this part, or
 * of the bytes. */
static enum load_verdict take_head(struct load_shared *shared, const struct load_request *request,
                                   struct memcached_reply *reply, const char *bytes, size_t n,
                                   size_t *used) {
    size_t part;
    *used = 0;
    if (reply->wanted == sizeof(struct header)) {
        if (!gather(reply, bytes, n, used)) {
            return LOAD_MORE;
        }
        enum load_verdict verdict = take_header(shared, request, reply);
        if (verdict != LOAD_MORE || reply->part != MEMCACHED_LINE) {
            return verdict;
        }
    }
    bool whole = gather(reply, bytes + *used, n - *used, &part);
    *used += part;
    if (!whole) {
        return LOAD_MORE;
    }
    const size_t before = sizeof(struct header) + FLAGS_BYTES;
    return memcached_hit(shared, request, reply, reply->line + before, reply->wanted - before,
                         reply->value_bytes);
}

static enum load_verdict feed(struct load_shared *shared, const struct load_request *request,
                              struct load_reply_state *state, const char *bytes, size_t n,
                              size_t *used) {
    struct memcached_reply *reply = &state->memcached;
    enum load_verdict verdict = LOAD_MORE;
    size_t part;
    *used = 0;
    if (reply->part == MEMCACHED_LINE) {
        verdict = take_head(shared, request, reply, bytes, n, used);
    }
    if (verdict == LOAD_MORE && reply->part == MEMCACHED_VALUE) {
        verdict = memcached_value(shared, request, reply, bytes + *used, n - *used, &part);
        *used += part;
    } else if (verdict == LOAD_MORE && reply->part == MEMCACHED_SKIP) {
        size_t left = reply->value_bytes - reply->arrived;
        part = n - *used < left ? n - *used : left;
        reply->arrived += (uint32_t)part;
        *used += part;
        verdict = part == left ? judge(shared, request, reply->status) : LOAD_MORE;
    }
    return verdict;
}

const struct load_protocol_table load_memcached_binary = {request_bytes, write_request, begin,
                                                          feed};
