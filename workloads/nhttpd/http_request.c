/*
 * Reads a request line by line, each line once, and remembers only what the reply depends on: so
 * nothing needs to be kept of a line once it was read, and a request that arrived whole is never
 * copied.
 *
 * Two kinds of error. After the first the rest of the stream has no known meaning (malformed
 * line): http_request_line and http_request_header return its status, and the connection ends at
 * once. The second kind leaves the request's end known (404, 405, 501, no Host): it waits for the
 * empty line, and the connection may live on, unless the request has a body, which is never read.
 */
#include "workloads/nhttpd/http_parts.h"
#include <string.h>

enum {
    TOKEN = 1,  /* in a method or header name */
    VALUE = 2,  /* in a header's value */
    TARGET = 4, /* in a request target */
    PLAIN = 8,  /* in a path, standing for itself */
};

static const uint8_t class[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | VALUE | TARGET | PLAIN,
    ['"'] = VALUE | TARGET | PLAIN,
    ['#'] = TOKEN | VALUE,
    ['$'] = TOKEN | VALUE | TARGET | PLAIN,
    ['%'] = TOKEN | VALUE | TARGET,
    ['&' ... '\''] = TOKEN | VALUE | TARGET | PLAIN,
    ['(' ... ')'] = VALUE | TARGET | PLAIN,
    ['*' ... '+'] = TOKEN | VALUE | TARGET | PLAIN,
    [','] = VALUE | TARGET | PLAIN,
    ['-' ... '.'] = TOKEN | VALUE | TARGET | PLAIN,
    ['/'] = VALUE | TARGET,
    ['0' ... '9'] = TOKEN | VALUE | TARGET | PLAIN,
    [':' ... '>'] = VALUE | TARGET | PLAIN,
    ['?'] = VALUE | TARGET,
    ['@'] = VALUE | TARGET | PLAIN,
    ['A' ... 'Z'] = TOKEN | VALUE | TARGET | PLAIN,
    ['[' ... ']'] = VALUE | TARGET | PLAIN,
    ['^' ... 'z'] = TOKEN | VALUE | TARGET | PLAIN,
    ['{'] = VALUE | TARGET | PLAIN,
    ['|'] = TOKEN | VALUE | TARGET | PLAIN,
    ['}'] = VALUE | TARGET | PLAIN,
    ['~'] = TOKEN | VALUE | TARGET | PLAIN,
    [0x80 ... 0xff] = VALUE,
};

static size_t span_of(const char *s, size_t n, uint8_t kind) {
    size_t i = 0;
    while (i < n && class[(unsigned char)s[i]] & kind)
        i++;
    return i;
}

/* word is in small letters. */
static bool same(const char *s, const char *word, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != word[i])
            return false;
    }
    return true;
}

#define IS(s, n, word) ((n) == sizeof(word) - 1 && same(s, word, sizeof(word) - 1))

static int hex(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#define INDEX          "index.html"
#define PATH_BYTES_MAX (HTTP_REQUEST_LINE_MAX + sizeof INDEX)

/* Decodes the path of a target that starts with '/' (n > 0) up to its end or query: percent
 * escapes, then empty, "." and ".." segments, so that an escaped dot or slash cannot climb. 0, or
 * -1 if it is malformed or climbs above "/". out has PATH_BYTES_MAX bytes and never holds more
 * than was read, but for the index's name. */
static int decode_path(const char *s, size_t n, char *out) {
    size_t i = 1, o = 1, segment = 1; /* where the current segment starts in out */
    out[0] = '/';
    for (bool end = false; !end;) {
        size_t plain = span_of(s + i, n - i, PLAIN);
        memcpy(out + o, s + i, plain);
        i += plain;
        o += plain;
        end = i == n || s[i] == '?';
        if (!end && s[i] == '%') {
            int high = n - i > 2 ? hex(s[i + 1]) : -1, low = n - i > 2 ? hex(s[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return -1;
            i += 3;
            char c = (char)(high << 4 | low);
            if (c != '/') {
                out[o++] = c;
                continue;
            }
        } else if (!end && s[i++] != '/') {
            return -1;
        }
        size_t bytes = o - segment;
        if (bytes == 1 && out[segment] == '.') {
            o = segment;
        } else if (bytes == 2 && out[segment] == '.' && out[segment + 1] == '.') {
            if (segment == 1)
                return -1;
            for (o = segment - 1; out[o - 1] != '/';)
                o--;
            segment = o;
        } else if (bytes > 0 && !end) {
            out[o++] = '/';
            segment = o;
        }
    }
    if (out[o - 1] == '/') {
        memcpy(out + o, INDEX, sizeof INDEX - 1);
        o += sizeof INDEX - 1;
    }
    out[o] = '\0';
    return 0;
}

static const char *content_type(const char *path) {
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {"html", "text/html"},        {"css", "text/css"},        {"js", "text/javascript"},
        {"json", "application/json"}, {"txt", "text/plain"},      {"svg", "image/svg+xml"},
        {"png", "image/png"},         {"jpg", "image/jpeg"},      {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},         {"ico", "image/x-icon"},    {"webp", "image/webp"},
        {"xml", "application/xml"},   {"pdf", "application/pdf"}, {"woff2", "font/woff2"},
        {"wasm", "application/wasm"}, {"htm", "text/html"},
    };
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name, '.');
    if (dot)
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (strcmp(dot + 1, types[i].suffix) == 0)
                return types[i].type;
    return "application/octet-stream";
}

/* GET or HEAD of a target: its file, or the error that waits for the request's end. */
static unsigned find_target(struct http_request *r, const struct http_site *site, const char *s,
                            size_t n) {
    char path[PATH_BYTES_MAX];
    if (n >= 7 && same(s, "http://", 7)) { /* absolute form: the authority is skipped */
        size_t i = 7;
        while (i < n && s[i] != '/' && s[i] != '?')
            i++;
        if (i == 7)
            return 400;
        s += i;
        n -= i;
        if (n == 0 || *s == '?') {
            s = "/";
            n = 1;
        }
    }
    if (n == 0 || *s != '/' || decode_path(s, n, path) != 0)
        return 400;
    if (site->find(site->context, path, &r->file) != 0) {
        r->status = 404;
        return 0;
    }
    r->type = content_type(path);
    return 0;
}

unsigned http_request_line(struct http_request *r, const struct http_site *site, const char *line,
                           size_t n) {
    static const char *const known[] = {"POST",  "PUT",   "DELETE", "OPTIONS",
                                        "PATCH", "TRACE", "CONNECT"};
    *r = (struct http_request){.status = 200};
    size_t method = span_of(line, n, TOKEN);
    if (method == 0 || method == n || line[method] != ' ')
        return 400;
    const char *target = line + method + 1;
    size_t left = n - method - 1, bytes = span_of(target, left, TARGET);
    const char *version = target + bytes;
    left -= bytes;
    if (bytes == 0 || left != sizeof " HTTP/1.1" - 1 || memcmp(version, " HTTP/1.", 8) != 0)
        return 400;
    if (version[8] != '1' && version[8] != '0')
        return 400;
    r->http_1_0 = version[8] == '0';
    if (method == 3 && memcmp(line, "GET", 3) == 0)
        return find_target(r, site, target, bytes);
    if (method == 4 && memcmp(line, "HEAD", 4) == 0) {
        r->head_only = true;
        return find_target(r, site, target, bytes);
    }
    r->status = 501;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == method && memcmp(line, known[i], method) == 0)
            r->status = 405;
    return 0;
}

static void connection_tokens(struct http_request *r, const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t bytes = span_of(s + i, n - i, TOKEN);
        if (IS(s + i, bytes, "close"))
            r->close = true;
        else if (IS(s + i, bytes, "keep-alive"))
            r->keep_alive = true;
        i += bytes ? bytes : 1;
    }
}

unsigned http_request_header(struct http_request *r, const char *line, size_t n) {
    size_t name = span_of(line, n, TOKEN);
    if (name == 0 || name == n || line[name] != ':')
        return 400;
    const char *value = line + name + 1;
    size_t bytes = n - name - 1;
    if (span_of(value, bytes, VALUE) != bytes)
        return 400;
    while (bytes > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        bytes--;
    }
    while (bytes > 0 && (value[bytes - 1] == ' ' || value[bytes - 1] == '\t'))
        bytes--;
    if (IS(line, name, "host")) {
        if (r->host || memchr(value, ' ', bytes) || memchr(value, ',', bytes))
            return 400;
        r->host = true;
    } else if (IS(line, name, "connection")) {
        connection_tokens(r, value, bytes);
    } else if (IS(line, name, "content-length")) {
        if (r->content_length || bytes == 0)
            return 400;
        r->content_length = true;
        for (size_t i = 0; i < bytes; i++) {
            if (value[i] < '0' || value[i] > '9')
                return 400;
            r->body |= value[i] != '0';
        }
    } else if (IS(line, name, "transfer-encoding")) {
        r->encoded = true;
    }
    return 0;
}

unsigned http_request_end(const struct http_request *r, bool *close, bool *broken) {
    unsigned status = r->status;
    *broken = r->body || r->encoded; /* what follows is a body, which is not read */
    if (status == 200 || status == 404) {
        if (!r->host && !r->http_1_0)
            status = 400;
        else if (r->encoded)
            status = 501;
        else if (r->body)
            status = 400;
    }
    *close = *broken || r->close || (r->http_1_0 && !r->keep_alive);
    return status;
}
