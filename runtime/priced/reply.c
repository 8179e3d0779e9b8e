/* A reply's lines and bytes, in the order of enum priced_reply_state. */
#include "runtime/priced/http.h"
#include <string.h>
#include <strings.h>

#define INFORMATIONAL 200u /* statuses below come before the real one */

void priced_reply_init(struct priced_reply *r, char *body, size_t body_max) {
    *r = (struct priced_reply){.body = body, .body_max = body_max};
}

static void fail(struct priced_reply *r, enum priced_failure failure, const char *what) {
    priced_trouble(&r->trouble, failure, "%s", what);
    r->state = REPLY_FAILED;
}

static void too_large(struct priced_reply *r) {
    priced_trouble(&r->trouble, PRICED_TOO_LARGE, "a body of more than %zu bytes", r->body_max);
    r->state = REPLY_FAILED;
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* "HTTP/1.x 200 reason" */
static void status_line(struct priced_reply *r) {
    const char *s = r->line;
    if (r->line_bytes < 12 || strncmp(s, "HTTP/1.", 7) != 0 || digit(s[7]) < 0 || s[8] != ' ' ||
        digit(s[9]) < 1 || digit(s[10]) < 0 || digit(s[11]) < 0 ||
        (s[12] != ' ' && s[12] != '\0')) {
        fail(r, PRICED_NONSENSE, "a reply that is no HTTP");
        return;
    }
    r->status = (unsigned)(digit(s[9]) * 100 + digit(s[10]) * 10 + digit(s[11]));
    r->chunked = r->has_length = false;
    r->left = 0;
    r->state = REPLY_FIELD;
}

/* Digits in a base of 10 or 16, all of the text up to end; -1: none, others, or too many. */
static int64_t number(const char *text, const char *end, int base) {
    int64_t value = 0;
    if (text == end || end - text > 10)
        return -1;
    for (; text < end; text++) {
        int d = digit(*text);
        if (d < 0 && base == 16 && (*text | 32) >= 'a' && (*text | 32) <= 'f')
            d = (*text | 32) - 'a' + 10;
        if (d < 0)
            return -1;
        value = value * base + d;
    }
    return value;
}

static void field(struct priced_reply *r) {
    char *colon = strchr(r->line, ':'), *end = r->line + r->line_bytes;
    if (!colon || colon == r->line) {
        fail(r, PRICED_NONSENSE, "a reply with a broken head");
        return;
    }
    *colon = '\0';
    const char *value = colon + 1;
    while (*value == ' ' || *value == '\t')
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (strcasecmp(r->line, "content-length") == 0) {
        int64_t length = number(value, end, 10);
        if (length < 0 || (r->has_length && (uint64_t)length != r->left)) {
            fail(r, PRICED_NONSENSE, "a reply with a broken Content-Length");
            return;
        }
        r->has_length = true;
        r->left = (uint64_t)length;
    } else if (strcasecmp(r->line, "transfer-encoding") == 0) {
        if (end - value != 7 || strncasecmp(value, "chunked", 7) != 0) {
            fail(r, PRICED_NONSENSE, "a reply in an encoding that was not asked for");
            return;
        }
        r->chunked = true;
    } else if (strcasecmp(r->line, "content-encoding") == 0 &&
               (end - value != 8 || strncasecmp(value, "identity", 8) != 0)) {
        fail(r, PRICED_NONSENSE, "a reply in an encoding that was not asked for");
    }
}

static void head_is_over(struct priced_reply *r) {
    if (r->status < INFORMATIONAL) {
        r->state = REPLY_STATUS;
    } else if (r->status != 200) {
        priced_trouble(&r->trouble, PRICED_STATUS, "the provider answers status %u", r->status);
        r->state = REPLY_FAILED;
    } else if (r->chunked) {
        r->state = REPLY_CHUNK_SIZE;
    } else if (r->has_length && r->left > r->body_max) {
        too_large(r);
    } else {
        r->state = r->has_length && r->left == 0 ? REPLY_DONE : REPLY_BODY;
    }
}

static void chunk_size(struct priced_reply *r) {
    int64_t bytes = number(r->line, r->line + strcspn(r->line, "; \t"), 16);
    if (bytes < 0)
        fail(r, PRICED_NONSENSE, "a reply with a broken chunk");
    else if ((uint64_t)bytes > r->body_max - r->body_bytes)
        too_large(r);
    else if (bytes == 0)
        r->state = REPLY_TRAILER;
    else
        r->state = REPLY_CHUNK;
    r->left = bytes > 0 ? (uint64_t)bytes : 0;
}

static void line(struct priced_reply *r) {
    switch (r->state) {
    case REPLY_STATUS:
        status_line(r);
        break;
    case REPLY_FIELD:
        if (r->line_bytes == 0)
            head_is_over(r);
        else
            field(r);
        break;
    case REPLY_CHUNK_SIZE:
        chunk_size(r);
        break;
    case REPLY_CHUNK_END:
        if (r->line_bytes == 0)
            r->state = REPLY_CHUNK_SIZE;
        else
            fail(r, PRICED_NONSENSE, "a reply with a broken chunk");
        break;
    default: /* TRAILER */
        if (r->line_bytes == 0)
            r->state = REPLY_DONE;
    }
}

/* One byte of a line; lines end in LF, a CR before it is not theirs. */
static void line_byte(struct priced_reply *r, char c) {
    if (r->state != REPLY_CHUNK_SIZE && r->state != REPLY_CHUNK_END &&
        ++r->head_bytes > PRICED_HEAD_BYTES) {
        fail(r, PRICED_TOO_LARGE, "a reply whose head does not end");
        return;
    }
    if (c == '\n') {
        if (r->line_bytes > 0 && r->line[r->line_bytes - 1] == '\r')
            r->line_bytes--;
        r->line[r->line_bytes] = '\0';
        line(r);
        r->line_bytes = 0;
        return;
    }
    if (r->line_bytes + 1 == sizeof r->line || c == '\0') {
        fail(r, PRICED_NONSENSE, "a reply that is no HTTP");
        return;
    }
    r->line[r->line_bytes++] = c;
}

/* Up to n bytes of the body; how many. */
static size_t body(struct priced_reply *r, const char *bytes, size_t n) {
    bool bounded = r->chunked || r->has_length;
    if (bounded && n > r->left)
        n = (size_t)r->left;
    if (n > r->body_max - r->body_bytes) {
        too_large(r);
        return n;
    }
    memcpy(r->body + r->body_bytes, bytes, n);
    r->body_bytes += n;
    if (bounded && (r->left -= n) == 0)
        r->state = r->chunked ? REPLY_CHUNK_END : REPLY_DONE;
    return n;
}

void priced_reply_input(struct priced_reply *r, const void *bytes, size_t n) {
    const char *at = bytes, *end = at + n;
    while (at < end && r->state < REPLY_DONE) {
        if (r->state == REPLY_BODY || r->state == REPLY_CHUNK)
            at += body(r, at, (size_t)(end - at));
        else
            line_byte(r, *at++);
    }
}

void priced_reply_end(struct priced_reply *r) {
    if (r->state >= REPLY_DONE)
        return;
    if (r->state == REPLY_BODY && !r->has_length)
        r->state = REPLY_DONE;
    else if (r->state == REPLY_STATUS && r->head_bytes == 0)
        fail(r, PRICED_UNREACHED, "the provider closed the connection without a reply");
    else
        fail(r, PRICED_UNREACHED, "the provider closed the connection amid its reply");
}
