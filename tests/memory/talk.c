/*
 * talk.h.
 */
#include "tests/memory/talk.h"
#include "runtime/platform/platform.h"
#include <string.h>

static void connected(void *context) {
    struct talk *t = context;
    t->connected = true;
}

static void received(void *context, const void *data, size_t bytes) {
    struct talk *t = context;
    if (t->bytes < TALK_BYTES_MAX) {
        size_t room = TALK_BYTES_MAX - t->bytes, kept = bytes < room ? bytes : room;
        memcpy(t->heard + t->bytes, data, kept);
        t->heard[t->bytes + kept] = '\0';
    }
    t->bytes += bytes;
    t->heard_us = plat_now_us();
}

static void ended(void *context) {
    struct talk *t = context;
    t->ended = true;
}

static void failed(void *context) {
    struct talk *t = context;
    t->failed = true;
    t->stream = NULL;
}

static const struct client_calls calls = {
    .connected = connected, .received = received, .ended = ended, .failed = failed};

static bool is_open(void *context) {
    const struct talk *t = context;
    return t->connected || t->failed;
}

void talk_start(struct talk *t, uint16_t port) {
    *t = (struct talk){0};
    t->stream = client_connect(port, &calls, t);
    WORLD_CHECK(t->stream);
}

void talk_open(struct talk *t, uint16_t port) {
    talk_start(t, port);
    world_until(is_open, t, 1000000);
}

void talk_say(struct talk *t, const void *data, size_t bytes) {
    WORLD_CHECK(t->stream && client_send(t->stream, data, bytes) == bytes);
}

void talk_forget(struct talk *t) {
    t->bytes = 0;
    t->heard[0] = '\0';
}

static bool is_over(void *context) {
    const struct talk *t = context;
    return t->ended || t->failed;
}

static bool has_heard(void *context) {
    const struct talk *t = context;
    return t->bytes >= t->wanted || t->ended || t->failed;
}

bool talk_hear(struct talk *t, size_t bytes, uint64_t most_us) {
    t->wanted = bytes;
    world_until(has_heard, t, most_us);
    return t->bytes >= bytes;
}

bool talk_end_comes(struct talk *t, uint64_t most_us) {
    return world_until(is_over, t, most_us);
}

void talk_close(struct talk *t) {
    if (t->stream)
        client_close(t->stream);
    t->stream = NULL;
}

int talk_control(struct talk *t, enum nom_control_type type, const void *payload, uint32_t bytes,
                 struct nom_statistics *statistics) {
    struct {
        struct nom_control_header header;
        struct nom_control_status status;
    } reply;
    static uint32_t tag;
    tag++;
    const struct nom_control_header header = {.magic = NOM_CONTROL_MAGIC,
                                              .version = NOM_CONTROL_VERSION,
                                              .type = (uint16_t)type,
                                              .payload_bytes = bytes,
                                              .tag = tag};
    talk_forget(t);
    talk_say(t, &header, sizeof header);
    if (bytes > 0)
        talk_say(t, payload, bytes);
    if (!talk_hear(t, sizeof reply, 1000000))
        return -1;
    memcpy(&reply, t->heard, sizeof reply);
    WORLD_CHECK(reply.header.tag == tag && reply.header.type == (type | NOM_CONTROL_REPLY));
    WORLD_CHECK(talk_hear(t, sizeof reply.header + reply.header.payload_bytes, 1000000));
    if (statistics)
        memcpy(statistics, t->heard + sizeof reply, sizeof *statistics);
    return (int)reply.status.error;
}
