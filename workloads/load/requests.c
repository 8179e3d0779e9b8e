/*
 * Which request is next, and what is counted when it is over. A connection begins with sets of its
 * own keys, one after another; what is lost of those is asked for again.
 */
#include "workloads/load/client.h"

bool requests_may_start(const struct client *client, const struct connection *c) {
    uint64_t max = client->config->requests_max;
    uint32_t here = client->requests_per_connection;
    if (c->under_way == client->pipeline || (here > 0 && c->requests_here >= here)) {
        return false;
    }
    if (client->unset_keys > 0) {
        return c->keys_asked < c->own_keys;
    }
    return max == 0 || client->finished + client->busy < max;
}

static uint64_t next_random(struct connection *c) {
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return c->random * 0x2545f4914f6cdd1du;
}

static enum load_op choose_op(const struct load_config *config, uint32_t random) {
    double share = random * 0x1p-32;
    if (share < config->get_ratio) {
        return LOAD_OP_GET;
    }
    return share < config->get_ratio + config->delete_ratio ? LOAD_OP_DELETE : LOAD_OP_SET;
}

static void choose(struct client *client, struct connection *c, struct load_request *request) {
    uint32_t ordinal;
    request->op = LOAD_OP_SET;
    if (c->keys_asked < c->own_keys) {
        ordinal = c->keys_asked++;
    } else {
        uint64_t random = next_random(c);
        request->op = choose_op(client->config, (uint32_t)random);
        ordinal = (uint32_t)((random >> 32) * c->own_keys >> 32);
    }
    request->key = c->number + ordinal * client->config->connections;
    struct load_key *key = &client->keys.key[request->key];
    if (request->op == LOAD_OP_GET && key->state == LOAD_KEY_UNKNOWN) {
        request->op = LOAD_OP_SET; /* a get could not be judged */
    }
    if (request->op == LOAD_OP_SET) {
        request->sequence = ++key->sets;
    }
}

void requests_start(struct client *client, struct connection *c) {
    uint32_t place = c->first + c->under_way;
    struct load_request *request =
        &c->ring[place < client->pipeline ? place : place - client->pipeline];
    if (client->shared.keys != NULL) {
        choose(client, c, request);
    }
    request->bytes = client->shared.protocol->request_bytes(&client->shared, request);
    c->under_way++;
    c->unsent++;
    c->requests_here++;
    client->busy++;
}

void requests_count(struct client *client, const struct connection *c,
                    const struct load_request *request, enum load_verdict verdict,
                    uint64_t now_ns) {
    struct load_result *result = client->result;
    client->busy--;
    if (now_ns < client->start_ns || now_ns >= client->end_ns) {
        return;
    }
    client->finished++;
    client->finished_last_ns = now_ns;
    switch (verdict) {
    case LOAD_MISS:
        result->misses++;
        /* fall through */
    case LOAD_GOOD:
        result->replies++;
        result->reply_bytes += c->reply_bytes;
        if (request->sent_ns >= client->start_ns) {
            hist_record(&result->latency, now_ns - request->sent_ns);
        }
        break;
    case LOAD_REFUSED:
        result->refused++;
        break;
    case LOAD_MORE:
        result->errors++;
        result->errors_by_kind[client->kind]++;
        break;
    case LOAD_LOST:
    case LOAD_BAD:
    case LOAD_WRONG:
        result->errors++;
        result->errors_by_kind[LOAD_ERROR_REPLY]++;
        break;
    }
}

/* A reply to one of the sets that come before the load. */
static void settle_first_set(struct client *client, struct connection *c, enum load_verdict verdict,
                             uint64_t now_ns) {
    if (verdict == LOAD_BAD && client->fatal == NULL) {
        client->fatal = "the keys cannot be set";
        return;
    }
    c->keys_set++;
    if (--client->unset_keys == 0) {
        client_begin(client, now_ns);
    }
}

void requests_settle(struct client *client, struct connection *c, enum load_verdict verdict,
                     uint64_t now_ns) {
    const struct load_request *request = &c->ring[c->first];
    requests_count(client, c, request, verdict, now_ns);
    if (client->shared.keys != NULL) {
        load_keys_settle(client->shared.keys, request, verdict);
        if (c->keys_set < c->own_keys && verdict != LOAD_MORE) {
            settle_first_set(client, c, verdict, now_ns);
        }
    }
    if (verdict == LOAD_WRONG && client->fatal == NULL) {
        client->fatal = "a wrong value";
    }
    c->first = c->first + 1 < client->pipeline ? c->first + 1 : 0;
    c->under_way--;
    c->reply_bytes = 0;
}
