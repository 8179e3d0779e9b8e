/*
 * One conversation with the world's server over a stream: what it says is kept, to be waited for
 * and looked at.
 */
#ifndef TESTS_MEMORY_TALK_H
#define TESTS_MEMORY_TALK_H

#include "tests/memory/world.h"

#define TALK_BYTES_MAX (64u << 10)

struct talk {
    struct client_stream *stream;
    bool connected, ended, failed;
    size_t bytes; /* heard; the first TALK_BYTES_MAX are kept, with a NUL after them */
    char heard[TALK_BYTES_MAX + 1];
    uint64_t heard_us; /* when the last of them came */
    size_t wanted;
};

/* Opens a stream to the port and waits until it is connected, refused, or a second has passed. */
void talk_open(struct talk *t, uint16_t port);
/* The same without waiting. */
void talk_start(struct talk *t, uint16_t port);
/* The stack must take it whole. */
void talk_say(struct talk *t, const void *data, size_t bytes);
/* Forgets what was heard. */
void talk_forget(struct talk *t);
/* Waits until so many bytes were heard, or the stream ended or failed; whether they were. */
bool talk_hear(struct talk *t, size_t bytes, uint64_t most_us);
/* Waits until the server has ended or reset the stream; whether it has. */
bool talk_end_comes(struct talk *t, uint64_t most_us);
void talk_close(struct talk *t);

/* A control message and its reply: the error in the reply's status, or -1 if there was none.
 * statistics may be NULL. */
int talk_control(struct talk *t, enum nom_control_type type, const void *payload, uint32_t bytes,
                 struct nom_statistics *statistics);

#endif
