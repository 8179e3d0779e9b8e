/*
 * One HTTP/1.x reply, taken in pieces as they arrive; the body is counted, never kept. Private to
 * this folder.
 *
 * States: STATUS --status line--> FIELDS --blank line--> BODY; feeding ends with a whole reply, or
 * with a malformed one, after which load_reply_begin must come first.
 *
 * A reply is whole when its Content-Length is in. One without Content-Length (or with
 * Transfer-Encoding, which this client never asks for) is malformed: its end could not be told from
 * a connection that broke.
 */
#ifndef LOAD_REPLY_H
#define LOAD_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_REPLY_LINE_BYTES     96u    /* of a line, as much as is looked at */
#define LOAD_REPLY_HEAD_BYTES_MAX 65536u /* a longer head is malformed */

enum load_reply_progress {
    LOAD_REPLY_MORE = 0,
    LOAD_REPLY_WHOLE = 1,
    LOAD_REPLY_MALFORMED = 2,
};

struct load_reply {
    int state;
    int status;   /* 100..999 */
    bool closing; /* the server closes after this reply */
    bool has_length;
    uint64_t length;    /* of the body */
    uint64_t body_left; /* not arrived yet */
    uint64_t head_bytes;
    uint32_t line_bytes; /* of an unfinished line, in line[] */
    char line[LOAD_REPLY_LINE_BYTES];
};

void load_reply_begin(struct load_reply *r);
/* Takes the next n bytes. *used of them belong to this reply (all of them if more is to come). */
enum load_reply_progress load_reply_feed(struct load_reply *r, const char *bytes, size_t n,
                                         size_t *used);

#endif
