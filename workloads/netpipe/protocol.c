/*
 * protocol.h. Between two messages, and before each word, everything sent has been acknowledged: a
 * client that keeps the rules says something only after it has heard all of that, and what it says
 * carries the acknowledgement. So one memory a message suffices, without a copy on the way out.
 * Where both send at once there are two, and nothing waits.
 */
#include "workloads/netpipe/protocol.h"
#include <stdio.h>
#include <string.h>

#define SYNC        "SyncMe"
#define SYNC_BYTES  6u
#define QUIT        "QUIT" /* with its NUL */
#define QUIT_BYTES  5u
#define COUNT_BYTES 4u
#define FILL        'a'

void np_begin(struct np_run *r, const struct np_settings *settings,
              const struct np_memory *memory) {
    *r = (struct np_run){.settings = settings, .memory = memory};
    np_sizes_begin(&r->sizes, settings);
}

/* ---- memory ---- */

static void give_back(struct np_run *r, struct np_area *a) {
    while (a->first) {
        struct np_chunk *chunk = a->first;
        a->first = chunk->next;
        r->memory->give(chunk);
    }
    *a = (struct np_area){0};
}

void np_end(struct np_run *r) {
    give_back(r, &r->in);
    give_back(r, &r->out);
}

static bool grow(struct np_run *r, struct np_area *a, bool fill) {
    uint32_t wanted = (r->message_bytes + NP_CHUNK_BYTES - 1) / NP_CHUNK_BYTES;
    for (; a->chunks < wanted; a->chunks++) {
        struct np_chunk *chunk = r->memory->take();
        if (!chunk)
            return false;
        if (fill)
            memset(chunk->data, FILL, sizeof chunk->data);
        chunk->next = NULL;
        *(a->last ? &a->last->next : &a->first) = chunk;
        a->last = chunk;
    }
    return true;
}

static void rewind_area(struct np_area *a) {
    a->at = a->first;
    a->at_used = 0;
}

static void forward(struct np_area *a, uint32_t bytes) {
    a->at_used += bytes;
    if (a->at_used == NP_CHUNK_BYTES) {
        a->at = a->at->next;
        a->at_used = 0;
    }
}

/* ---- what comes ---- */

static void say(struct np_run *r, const char *text, uint32_t bytes) {
    r->text = text;
    r->text_bytes = bytes;
}

static bool both_now(const struct np_run *r) {
    return r->settings->both && r->step == NP_STEP_TRIAL;
}

static void is_due(struct np_run *r) {
    if (r->due++ > 0)
        return;
    r->due_used = 0;
    r->sent = both_now(r) ? r->out : r->in;
    rewind_area(&r->sent);
}

static void expect_word(struct np_run *r, enum np_step step) {
    r->state = NP_WORD;
    r->step = step;
    r->word_used = 0;
}

static void expect_messages(struct np_run *r, uint32_t count) {
    r->state = NP_MESSAGES;
    r->messages_left = count;
    r->message_used = 0;
    rewind_area(&r->in);
    if (both_now(r))
        is_due(r);
}

/* A size's messages have their memory, or the run is wrong. */
static bool take_size(struct np_run *r, uint32_t bytes) {
    r->message_bytes = bytes;
    if (grow(r, &r->in, false) && (!r->settings->both || grow(r, &r->out, true)))
        return true;
    r->state = NP_WRONG;
    snprintf(r->why, sizeof r->why, "no memory left for messages of %u bytes", bytes);
    return false;
}

/* "SyncMe" was heard. */
static void synchronized(struct np_run *r) {
    uint32_t bytes;
    switch (r->step) {
    case NP_STEP_FIRST:
        if (take_size(r, r->settings->start))
            expect_messages(r, NP_FIRST_MESSAGES);
        break;
    case NP_STEP_TRIED:
        expect_word(r, NP_STEP_SIZE);
        break;
    case NP_STEP_SIZE:
        if (!np_sizes_next(&r->sizes, &bytes)) {
            r->state = NP_WRONG;
            snprintf(r->why, sizeof r->why, "it goes on after the last size up to %u bytes",
                     r->settings->upper);
        } else if (take_size(r, bytes)) {
            r->state = NP_COUNT;
            r->word_used = 0;
        }
        break;
    case NP_STEP_TRIAL:
        expect_messages(r, r->repeat);
        break;
    }
    if (r->state != NP_WRONG)
        say(r, SYNC, SYNC_BYTES);
}

static void end_of_messages(struct np_run *r) {
    if (r->step == NP_STEP_FIRST)
        expect_word(r, NP_STEP_TRIED);
    else if (--r->trials_left > 0)
        expect_word(r, NP_STEP_TRIAL);
    else
        expect_word(r, NP_STEP_SIZE);
}

static void unexpected(struct np_run *r) {
    char heard[4 * sizeof r->word + 1] = "", *end = heard;
    for (uint32_t i = 0; i < r->word_used; i++) {
        unsigned char c = r->word[i];
        end += snprintf(end, 5, c >= ' ' && c < 127 && c != '\\' ? "%c" : "\\x%02x", c);
    }
    r->state = NP_WRONG;
    snprintf(r->why, sizeof r->why,
             "\"" SYNC "\" expected, \"%s\" heard: has NPtcp the same -l, -p and -2 as this?",
             heard);
}

static size_t take_word(struct np_run *r, const unsigned char *data) {
    r->word[r->word_used++] = data[0];
    if (r->step == NP_STEP_SIZE && r->word_used <= QUIT_BYTES &&
        memcmp(r->word, QUIT, r->word_used) == 0) {
        if (r->word_used == QUIT_BYTES) {
            r->state = NP_OVER;
            say(r, QUIT, QUIT_BYTES);
        }
    } else if (memcmp(r->word, SYNC, r->word_used) != 0) {
        unexpected(r);
    } else if (r->word_used == SYNC_BYTES) {
        synchronized(r);
    }
    return 1;
}

static size_t take_count(struct np_run *r, const unsigned char *data) {
    const unsigned char *w = r->word;
    r->word[r->word_used++] = data[0];
    if (r->word_used < COUNT_BYTES)
        return 1;
    r->repeat = (uint32_t)w[0] << 24 | (uint32_t)w[1] << 16 | (uint32_t)w[2] << 8 | w[3];
    if (r->repeat == 0) {
        r->state = NP_WRONG;
        snprintf(r->why, sizeof r->why, "0 messages of %u bytes announced", r->message_bytes);
    } else {
        r->trials_left = NP_TRIALS;
        expect_word(r, NP_STEP_TRIAL);
    }
    return 1;
}

static void whole_message(struct np_run *r) {
    r->answered++;
    r->message_used = 0;
    rewind_area(&r->in);
    r->messages_left--;
    if (!both_now(r) || r->messages_left > 0)
        is_due(r);
    if (r->messages_left == 0)
        end_of_messages(r);
}

static size_t take_message(struct np_run *r, const unsigned char *data, size_t bytes) {
    uint32_t room = NP_CHUNK_BYTES - r->in.at_used, left = r->message_bytes - r->message_used;
    uint32_t n = left < room ? left : room;
    if (n > bytes)
        n = (uint32_t)bytes;
    memcpy(r->in.at->data + r->in.at_used, data, n);
    forward(&r->in, n);
    r->message_used += n;
    if (r->message_used == r->message_bytes)
        whole_message(r);
    return n;
}

static bool must_wait(const struct np_run *r) {
    if (r->state == NP_MESSAGES && both_now(r))
        return false;
    return r->text_bytes > 0 || r->due > 0 || r->unacknowledged > 0;
}

size_t np_input(struct np_run *r, const void *data, size_t bytes) {
    const unsigned char *at = data;
    size_t used = 0;
    while (used < bytes && r->state != NP_OVER && r->state != NP_WRONG && !must_wait(r)) {
        if (r->state == NP_WORD)
            used += take_word(r, at + used);
        else if (r->state == NP_COUNT)
            used += take_count(r, at + used);
        else
            used += take_message(r, at + used, bytes - used);
    }
    return r->state == NP_OVER || r->state == NP_WRONG ? bytes : used;
}

/* ---- what is sent ---- */

size_t np_output(const struct np_run *r, const void **data, bool *stable) {
    *stable = r->text_bytes == 0;
    if (r->text_bytes > 0) {
        *data = r->text;
        return r->text_bytes;
    }
    if (r->due == 0)
        return 0;
    uint32_t left = r->message_bytes - r->due_used, there = NP_CHUNK_BYTES - r->sent.at_used;
    *data = r->sent.at->data + r->sent.at_used;
    return left < there ? left : there;
}

void np_sent(struct np_run *r, size_t bytes) {
    uint32_t n = (uint32_t)bytes;
    r->unacknowledged += n;
    if (r->text_bytes > 0) {
        r->text += n;
        r->text_bytes -= n;
        return;
    }
    r->due_used += n;
    forward(&r->sent, n);
    if (r->due_used == r->message_bytes) {
        r->due--;
        r->due_used = 0;
        rewind_area(&r->sent);
    }
}

void np_acknowledged(struct np_run *r, size_t bytes) {
    r->unacknowledged -= bytes < r->unacknowledged ? bytes : r->unacknowledged;
}

void np_describe(const struct np_run *r, char *text, size_t bytes) {
    if (r->state == NP_MESSAGES)
        snprintf(text, bytes, "after %u of %u bytes of a message", r->message_used,
                 r->message_bytes);
    else
        snprintf(text, bytes, "before %s", r->state == NP_COUNT ? "a repeat count" : SYNC);
}
