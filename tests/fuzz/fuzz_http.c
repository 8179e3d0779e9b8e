/*
 * http.h under any bytes, pipelined, cut anywhere, sent in any amounts. For each input:
 *
 * 1. The replies to bytes given in pieces and sent in pieces are those to bytes given whole; also
 *    where another connection holds the only work area now and then.
 * 2. What is sent is a sequence of whole replies, as many of each kind as the site has counted; a
 *    reply that announces the end is the last.
 * 3. After that the connection is finished, takes all further bytes, and sends no more.
 * 4. A work area is held only while a request is half read or replies wait, and comes back.
 *
 * Decision 0: bit 0 has the site refuse all. Then, for each piece: its length, and what is sent
 * after it.
 */
#include "tests/fuzz/fuzz.h"
#include "workloads/nhttpd/http.h"

#define SPANS_MAX    40u
#define OUTPUT_BYTES (1u << 22)

static const struct {
    const char *path, *body;
} files[] = {{"/index.html", "<p>nom</p>"},
             {"/e.txt", ""},
             {"/a/b.css", "p{}"},
             {"/ /.js", "0123456789abcdef"}};

static int find(void *context, const char *path, struct http_file *file) {
    (void)context;
    FUZZ_CHECK(path[0] == '/' && strstr(path, "/../") == NULL && strstr(path, "//") == NULL);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(path, files[i].path) == 0) {
            *file = (struct http_file){files[i].body, strlen(files[i].body)};
            return 0;
        }
    return -1;
}

struct run {
    struct http_work work; /* the only one */
    struct http_site site;
    struct http_connection c;
    size_t bytes;
    char sent[OUTPUT_BYTES];
};

static void begin(struct run *r, bool refusing) {
    r->site = (struct http_site){.find = find, .refusing = refusing};
    r->bytes = 0;
    http_work_add(&r->site, &r->work, 1);
    http_init(&r->c, &r->site);
}

/* Sends up to `most` bytes of what is ready, looked at through n spans. */
static size_t send_some(struct run *r, size_t n, size_t most) {
    struct http_span spans[SPANS_MAX];
    size_t sent = 0, count = http_output(&r->c, spans, n);
    FUZZ_CHECK(count <= n && (count > 0) == http_pending(&r->c));
    FUZZ_CHECK(count == 0 || http_busy(&r->c));
    for (size_t i = 0; i < count && sent < most; i++) {
        size_t part = spans[i].bytes < most - sent ? spans[i].bytes : most - sent;
        FUZZ_CHECK(spans[i].bytes > 0 && r->bytes + part <= sizeof r->sent);
        memcpy(r->sent + r->bytes, spans[i].data, part);
        r->bytes += part;
        sent += part;
    }
    http_sent(&r->c, sent);
    FUZZ_CHECK(http_work_free(&r->site) || http_busy(&r->c));
    return sent;
}

static void send_all(struct run *r) {
    while (send_some(r, SPANS_MAX, OUTPUT_BYTES) > 0)
        ;
}

static void feed_whole(struct run *r, const struct fuzz_input *in) {
    char *copy = fuzz_copy(in->bytes, in->size);
    for (size_t at = 0; at < in->size;) {
        size_t used = http_input(&r->c, copy + at, in->size - at);
        FUZZ_CHECK(used <= in->size - at && (used == in->size - at || http_pending(&r->c)));
        send_all(r);
        at += used;
    }
    free(copy);
}

/* The same while another connection holds the work area, if it is to be had. */
static size_t feed_beside_another(struct run *r, const char *bytes, size_t n) {
    struct http_connection other;
    http_init(&other, &r->site);
    bool lent = http_input(&other, "G", 1) == 1;
    size_t used = http_input(&r->c, bytes, n);
    FUZZ_CHECK(!lent || used == 0 || r->c.closing);
    http_end(&other);
    return used;
}

static void feed_pieces(struct run *r, struct fuzz_input *in) {
    for (size_t at = 0, refused = 0; at < in->size;) {
        size_t part = fuzz_piece(in, in->size - at);
        uint8_t how = fuzz_decide(in);
        char *copy = fuzz_copy(in->bytes + at, part);
        size_t used = how % 8 == 7 && refused < 3 ? feed_beside_another(r, copy, part)
                                                  : http_input(&r->c, copy, part);
        free(copy); /* replies never refer to what was given */
        FUZZ_CHECK(used <= part);
        refused = used == 0 ? refused + 1 : 0;
        at += used;
        if (used < part || how % 4 != 0)
            send_some(r, 1 + how / 4 % SPANS_MAX, used < part ? 600 : 1 + how * 3u);
    }
    send_all(r);
}

/* Reads the replies back: what the site should have counted, and whether the last one closes. */
static void read_replies(const struct run *r, struct http_site *counted, bool *close) {
    const char *at = r->sent, *end = at + r->bytes;
    *close = false;
    while (at < end) {
        unsigned status;
        size_t length;
        FUZZ_CHECK(!*close);
        const char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        FUZZ_CHECK(blank != NULL && blank - at < (ptrdiff_t)HTTP_REPLY_HEAD_MAX);
        char head[HTTP_REPLY_HEAD_MAX] = {0};
        memcpy(head, at, (size_t)(blank - at));
        const char *field = strstr(head, "\r\nContent-Length: ");
        FUZZ_CHECK(sscanf(head, "HTTP/1.1 %3u ", &status) == 1);
        FUZZ_CHECK(field && sscanf(field + 18, "%zu", &length) == 1);
        if (status == 200)
            counted->requests++;
        else if (status == 503)
            counted->refused++;
        else
            counted->errors++;
        *close = strstr(head, "\r\nConnection: close") != NULL;
        at = blank + 4;
        /* Only HEAD's replies leave the body out, and no body begins like a reply. */
        if (at < end && (end - at < 9 || memcmp(at, "HTTP/1.1 ", 9) != 0)) {
            FUZZ_CHECK(length <= (size_t)(end - at));
            at += length;
        }
    }
}

static bool same_counts(const struct http_site *a, const struct http_site *b) {
    return a->requests == b->requests && a->refused == b->refused && a->errors == b->errors;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct run whole, pieces;
    struct fuzz_input in = fuzz_input(data, size);
    struct http_site counted = {0};
    bool refusing = fuzz_decide(&in) & 1, close;

    begin(&whole, refusing);
    feed_whole(&whole, &in);
    read_replies(&whole, &counted, &close);
    FUZZ_CHECK(same_counts(&whole.site, &counted));
    FUZZ_CHECK(http_finished(&whole.c) == close);
    if (close) {
        FUZZ_CHECK(http_input(&whole.c, "GET /e.txt HTTP/1.0\r\n\r\n", 23) == 23);
        FUZZ_CHECK(send_some(&whole, 1, 1) == 0 && http_finished(&whole.c));
    }
    http_end(&whole.c);
    FUZZ_CHECK(http_work_free(&whole.site));

    begin(&pieces, refusing);
    feed_pieces(&pieces, &in);
    FUZZ_CHECK(pieces.bytes == whole.bytes && memcmp(pieces.sent, whole.sent, whole.bytes) == 0);
    FUZZ_CHECK(same_counts(&pieces.site, &whole.site));
    http_end(&pieces.c);
    FUZZ_CHECK(http_work_free(&pieces.site));
    return 0;
}
