/*
 * The receiving side of NetPIPE over TCP as NPtcp 3.7 speaks it: a machine fed with bytes that says
 * what to send. Pure: no stack, no clock, memory from its caller.
 *
 *   client                          server
 *   "SyncMe"                        "SyncMe"
 *   100 messages of `start` bytes,  each sent back when it is whole
 *   "SyncMe"                        "SyncMe"
 *   for each size
 *     "SyncMe"                      "SyncMe"
 *     repeat count, big endian
 *     NP_TRIALS times
 *       "SyncMe"                    "SyncMe"
 *       count messages,             each sent back, or (both) one of its own for each at once
 *   "QUIT\0"                        "QUIT\0"
 *
 * Sizes are never sent: both sides compute the same ones from the same settings. The client ends
 * when it likes, so a client of a lower upper bound is served as well.
 */
#ifndef NETPIPE_PROTOCOL_H
#define NETPIPE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NP_PORT            5002u
#define NP_UPPER_DEFAULT   10000000u
#define NP_MESSAGE_MAX     (64u << 20) /* of start and upper; a perturbation may add to it */
#define NP_PERTURB_DEFAULT 3u
#define NP_PERTURB_MAX     1000u
#define NP_FIRST_MESSAGES  100u
#define NP_TRIALS          3u
#define NP_SIZES_MAX       7997u /* beyond so many no length is begun */
#define NP_WHY_BYTES       160u

struct np_settings {
    uint32_t start, upper, perturbation; /* -l -u -p of NPtcp; 1 <= start <= upper */
    bool both;                           /* -2: both sides send at once */
};

/* The sizes of messages, in their order. */
struct np_sizes {
    struct np_settings settings;
    uint32_t length, step, turn, count;
    int64_t off; /* of the next size, from length */
};
void np_sizes_begin(struct np_sizes *s, const struct np_settings *settings);
/* False: there are no more. */
bool np_sizes_next(struct np_sizes *s, uint32_t *bytes);

/* Memory of messages: many whole segments, fewer than one write to the stack may have. */
#define NP_CHUNK_BYTES 64240u
struct np_chunk {
    struct np_chunk *next;
    unsigned char data[NP_CHUNK_BYTES];
};
struct np_memory {
    struct np_chunk *(*take)(void); /* NULL: none is left */
    void (*give)(struct np_chunk *chunk);
};

/* A message's memory, and how far in it somebody is. */
struct np_area {
    struct np_chunk *first, *last, *at;
    uint32_t chunks, at_used;
};

enum np_state { NP_WORD, NP_COUNT, NP_MESSAGES, NP_OVER, NP_WRONG };
enum np_step { NP_STEP_FIRST, NP_STEP_TRIED, NP_STEP_SIZE, NP_STEP_TRIAL }; /* a word leads to */

struct np_run {
    const struct np_settings *settings;
    const struct np_memory *memory;
    enum np_state state;
    enum np_step step;
    struct np_sizes sizes;
    uint32_t message_bytes, repeat, trials_left;
    uint32_t messages_left;  /* to come before the next word */
    uint32_t message_used;   /* bytes of the present one that came */
    struct np_area in, sent; /* where it is kept; what is being sent of that, or of `out` */
    struct np_area out;      /* our own messages, with both */
    uint32_t due, due_used;  /* messages to be sent, bytes of the first that were */
    const char *text;        /* to be sent before them */
    uint32_t text_bytes;
    uint64_t unacknowledged; /* bytes sent that the client may still ask for */
    uint64_t answered;       /* messages, for the caller to read */
    unsigned char word[6];
    uint32_t word_used;
    char why[NP_WHY_BYTES]; /* in NP_WRONG: one line */
};

/* Both outlive it. */
void np_begin(struct np_run *r, const struct np_settings *settings, const struct np_memory *memory);
/* Gives its memory back. */
void np_end(struct np_run *r);

/* Takes bytes from the client, and returns how many: fewer while what is to be sent has not been
 * sent and acknowledged (the memory is the same), all of them once it is over or wrong. */
size_t np_input(struct np_run *r, const void *data, size_t bytes);

/* The next bytes to send, contiguous; 0: none. *stable: they lie in a chunk, and stay as they are
 * until they have been acknowledged. */
size_t np_output(const struct np_run *r, const void **data, bool *stable);
void np_sent(struct np_run *r, size_t bytes); /* of those, they were handed over */
void np_acknowledged(struct np_run *r, size_t bytes);

/* What it waits for, for a line about a client that went: "byte 10 of a message of 1024 bytes". */
void np_describe(const struct np_run *r, char *text, size_t bytes);

#endif
