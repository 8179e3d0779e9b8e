/*
 * Works line by line, in place where a line arrived whole; of a line that was split, the first
 * LOAD_REPLY_LINE_BYTES are put together in line[]. What a line says never depends on where it was
 * split: of longer lines, no more than that is looked at in either case.
 */
#include "workloads/load/reply.h"
#include <string.h>
#include <strings.h>

enum { STATUS, FIELDS, BODY };

void load_reply_begin(struct load_reply *r) {
    r->state = STATUS;
    r->status = 0;
    r->closing = false;
    r->has_length = false;
    r->length = 0;
    r->body_left = 0;
    r->head_bytes = 0;
    r->line_bytes = 0;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "HTTP/1.x NNN" and then nothing or a space. */
static bool take_status(struct load_reply *r, const char *line, size_t n) {
    if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ' ||
        line[9] < '1' || !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
        (n > 12 && line[12] != ' ')) {
        return false;
    }
    r->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    r->closing = line[7] == '0'; /* unless it says keep-alive */
    return true;
}

/* If the line is field `name` (lower case, with its colon): its value without white space around
 * it, and the value's length. NULL if it is another field. */
static const char *value_of(const char *line, size_t n, const char *name, size_t *value_bytes) {
    size_t k = strlen(name);
    if (n < k || strncasecmp(line, name, k) != 0) {
        return NULL;
    }
    while (k < n && (line[k] == ' ' || line[k] == '\t')) {
        k++;
    }
    while (n > k && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
        n--;
    }
    *value_bytes = n - k;
    return line + k;
}

static bool take_length(struct load_reply *r, const char *value, size_t n) {
    uint64_t length = 0;
    if (n == 0 || n > 18) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(value[i])) {
            return false;
        }
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (r->has_length && r->length != length) {
        return false;
    }
    r->has_length = true;
    r->length = length;
    return true;
}

static bool take_field(struct load_reply *r, const char *line, size_t n) {
    const char *value;
    size_t value_bytes;
    switch (line[0]) {
    case 'C':
    case 'c':
        value = value_of(line, n, "content-length:", &value_bytes);
        if (value != NULL) {
            return n < LOAD_REPLY_LINE_BYTES && take_length(r, value, value_bytes);
        }
        value = value_of(line, n, "connection:", &value_bytes);
        if (value != NULL && value_bytes == 5 && strncasecmp(value, "close", 5) == 0) {
            r->closing = true;
        } else if (value != NULL && value_bytes == 10 &&
                   strncasecmp(value, "keep-alive", 10) == 0) {
            r->closing = false;
        }
        return true;
    case 'T':
    case 't':
        return value_of(line, n, "transfer-encoding:", &value_bytes) == NULL;
    default:
        return true;
    }
}

/* A line without its end. False: malformed. */
static bool take_line(struct load_reply *r, const char *line, size_t n) {
    if (n > 0 && line[n - 1] == '\r') {
        n--;
    }
    if (r->state == STATUS) {
        r->state = FIELDS;
        return take_status(r, line, n);
    }
    if (n > 0) {
        return take_field(r, line, n);
    }
    r->state = BODY;
    r->body_left = r->length;
    return r->has_length;
}

/* Appends to the unfinished line what is looked at of it. */
static void keep(struct load_reply *r, const char *bytes, size_t n) {
    size_t room = LOAD_REPLY_LINE_BYTES - r->line_bytes;
    size_t part = n < room ? n : room;
    memcpy(r->line + r->line_bytes, bytes, part);
    r->line_bytes += (uint32_t)part;
}

enum load_reply_progress load_reply_feed(struct load_reply *r, const char *bytes, size_t n,
                                         size_t *used) {
    const char *at = bytes, *end = bytes + n;
    *used = n;
    while (r->state != BODY) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t piece = (size_t)((stop != NULL ? stop : end) - at);
        r->head_bytes += piece + (stop != NULL);
        if (r->head_bytes > LOAD_REPLY_HEAD_BYTES_MAX) {
            return LOAD_REPLY_MALFORMED;
        }
        if (stop == NULL) {
            keep(r, at, piece);
            return LOAD_REPLY_MORE;
        }
        bool good;
        if (r->line_bytes > 0) {
            keep(r, at, piece);
            good = take_line(r, r->line, r->line_bytes);
            r->line_bytes = 0;
        } else {
            good = take_line(r, at, piece < sizeof r->line ? piece : sizeof r->line);
        }
        if (!good) {
            return LOAD_REPLY_MALFORMED;
        }
        at = stop + 1;
    }
    uint64_t here = (uint64_t)(end - at);
    if (here < r->body_left) {
        r->body_left -= here;
        return LOAD_REPLY_MORE;
    }
    *used = (size_t)(at - bytes) + (size_t)r->body_left;
    r->body_left = 0;
    return LOAD_REPLY_WHOLE;
}
