#include "tests/unit/load_memcached.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define INPUT_BYTES (3u << 20)

struct request {
    char op; /* 'g', 's', 'd' */
    bool binary;
    uint32_t opaque;
    const char *key, *value;
    size_t key_bytes, value_bytes;
};

struct reply {
    char *bytes;
    size_t n;
};

static void add(struct reply *r, const void *bytes, size_t n) {
    if (n == 0) {
        return;
    }
    r->bytes = realloc(r->bytes, r->n + n + 1);
    if (r->bytes == NULL) {
        abort();
    }
    memcpy(r->bytes + r->n, bytes, n);
    r->n += n;
}

static void add_text(struct reply *r, const char *text) {
    add(r, text, strlen(text));
}

static void add_binary(struct reply *r, const struct request *q, uint16_t status, const char *key,
                       size_t key_bytes, const char *value, size_t value_bytes) {
    bool hit = q->op == 'g' && status == 0;
    uint8_t header[24] = {0x81, q->op == 'g' ? 0x0c : q->op == 's' ? 0x01 : 0x04};
    uint16_t status_there = htons(status), key_there = htons((uint16_t)key_bytes);
    uint32_t body = htonl((uint32_t)((hit ? 4 : 0) + key_bytes + value_bytes));
    memcpy(header + 2, &key_there, 2);
    header[4] = hit ? 4 : 0;
    memcpy(header + 6, &status_there, 2);
    memcpy(header + 8, &body, 4);
    memcpy(header + 12, &q->opaque, 4);
    add(r, header, sizeof header);
    add(r, "\0\0\0", hit ? 4 : 0);
    add(r, key, key_bytes);
    add(r, value, value_bytes);
}

static void add_value(struct reply *r, const struct request *q, const char *key, size_t key_bytes,
                      const char *value, size_t value_bytes) {
    char line[300];
    if (q->binary) {
        add_binary(r, q, 0, key, key_bytes, value, value_bytes);
        return;
    }
    snprintf(line, sizeof line, "VALUE %.*s 0 %zu\r\n", (int)key_bytes, key, value_bytes);
    add_text(r, line);
    add(r, value, value_bytes);
    add_text(r, "\r\nEND\r\n");
}

static void add_words(struct reply *r, const struct request *q, uint16_t status, const char *words,
                      const char *line) {
    if (q->binary) {
        add_binary(r, q, status, NULL, 0, words, strlen(words));
    } else {
        add_text(r, line);
    }
}

/* The whole request at the front of n bytes: its length, 0 if it is not whole. */
static size_t read_text(const char *bytes, size_t n, struct request *q) {
    const char *stop = memmem(bytes, n, "\r\n", 2);
    unsigned flags, expiry;
    if (stop == NULL) {
        return 0;
    }
    size_t line = (size_t)(stop - bytes) + 2;
    q->op = bytes[0];
    q->key = memchr(bytes, ' ', line);
    if (q->key == NULL) {
        return 0;
    }
    q->key++;
    q->key_bytes = strcspn(q->key, " \r");
    if (q->op != 's') {
        return line;
    }
    if (sscanf(q->key + q->key_bytes, " %u %u %zu\r\n", &flags, &expiry, &q->value_bytes) != 3) {
        return 0;
    }
    q->value = stop + 2;
    return n < line + q->value_bytes + 2 ? 0 : line + q->value_bytes + 2;
}

static size_t read_binary(const char *bytes, size_t n, struct request *q) {
    uint16_t key_bytes;
    uint32_t body;
    if (n < 24) {
        return 0;
    }
    memcpy(&key_bytes, bytes + 2, 2);
    memcpy(&body, bytes + 8, 4);
    memcpy(&q->opaque, bytes + 12, 4);
    q->op = bytes[1] == 0x0c ? 'g' : bytes[1] == 0x01 ? 's' : 'd';
    q->key_bytes = ntohs(key_bytes);
    q->key = bytes + 24 + bytes[4];
    q->value = q->key + q->key_bytes;
    q->value_bytes = ntohl(body) - (size_t)bytes[4] - q->key_bytes;
    return n < 24 + ntohl(body) ? 0 : 24 + ntohl(body);
}

static void store(struct load_memcached *m, unsigned key, const char *value, size_t bytes) {
    char *copy = malloc(bytes + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, value, bytes);
    free(m->key[key].before);
    m->key[key].before = m->key[key].now;
    m->key[key].before_bytes = m->key[key].now_bytes;
    m->key[key].now = copy;
    m->key[key].now_bytes = bytes;
}

static void drop(struct load_memcached *m, unsigned key) {
    free(m->key[key].now);
    m->key[key].now = NULL;
}

static void answer_get(struct load_memcached *m, const struct request *q, unsigned key,
                       enum load_memcached_trick trick, struct reply *r) {
    size_t bytes = m->key[key].now_bytes;
    char other[LOAD_MEMCACHED_KEYS * 4];
    if (m->key[key].now == NULL || trick == TRICK_MISS) {
        add_words(r, q, 1, "Not found", "END\r\n");
        return;
    }
    switch (trick) {
    case TRICK_STALE:
        add_value(r, q, q->key, q->key_bytes, m->key[key].before, m->key[key].before_bytes);
        break;
    case TRICK_KEY:
        snprintf(other, sizeof other, "%.*s", (int)q->key_bytes, q->key);
        other[q->key_bytes - 1] ^= 1;
        add_value(r, q, other, q->key_bytes, m->key[key].now, bytes);
        break;
    default:
        add_value(r, q, q->key, q->key_bytes, m->key[key].now,
                  bytes - (trick == TRICK_SHORT ? 1 : 0));
        if (trick == TRICK_BYTE) {
            r->bytes[r->n - (q->binary ? 1 : 8)] ^= 1;
        }
        break;
    }
}

static void answer(struct load_memcached *m, const struct request *q,
                   enum load_memcached_trick trick, struct reply *r) {
    unsigned key = 0;
    for (size_t i = 0; i < q->key_bytes; i++) {
        key = q->key[i] == 'k' ? 0 : key * 10 + (unsigned)(q->key[i] - '0');
    }
    if (key >= LOAD_MEMCACHED_KEYS) {
        abort();
    }
    if (trick == TRICK_OUT_OF_MEMORY || (trick == TRICK_NO_SETS && q->op == 's')) {
        add_words(r, q, 0x82, "Out of memory", "SERVER_ERROR out of memory storing object\r\n");
        drop(m, key);
    } else if (trick == TRICK_ERROR) {
        add_words(r, q, 0x81, "Unknown command", "ERROR\r\n");
    } else if (trick == TRICK_GARBAGE) {
        add_text(r, "HTTP/1.1 400 Bad Request, which is longer than a header\r\n\r\n");
    } else if (q->op == 'g') {
        answer_get(m, q, key, trick, r);
    } else if (q->op == 's') {
        store(m, key, q->value, q->value_bytes);
        add_words(r, q, 0, "", "STORED\r\n");
    } else if (m->key[key].now == NULL || trick == TRICK_MISS) {
        add_words(r, q, 1, "Not found", "NOT_FOUND\r\n");
    } else {
        if (trick != TRICK_UNDEAD) {
            drop(m, key);
        }
        add_words(r, q, 0, "", "DELETED\r\n");
    }
}

static void count(struct load_memcached *m, char op) {
    m->gets += op == 'g';
    m->sets += op == 's';
    m->deletes += op == 'd';
}

/* False: the connection is to be closed. */
static bool serve_one(struct load_server *s, int fd, struct load_memcached *m,
                      const struct request *q) {
    struct reply r = {NULL, 0};
    pthread_mutex_lock(&m->lock);
    uint64_t number = load_server_count(s);
    enum load_memcached_trick trick = number >= m->from ? m->trick : TRICK_NONE;
    if (number >= m->from) {
        count(m, q->op);
    }
    bool close_now = trick == TRICK_CLOSE || trick == TRICK_RESET ||
                     (trick == TRICK_ONCE_CLOSED && number == m->from);
    if (!close_now) {
        answer(m, q, trick, &r);
    }
    pthread_mutex_unlock(&m->lock);
    if (trick == TRICK_RESET) {
        load_server_reset(fd);
    }
    if (trick == TRICK_SURPLUS) {
        add_text(&r, "x");
    }
    if (trick == TRICK_CUT) {
        r.n /= 2;
    }
    bool sent = !close_now;
    for (size_t at = 0, step = trick == TRICK_SPLIT ? 1 : r.n; sent && at < r.n; at += step) {
        sent = load_server_send(fd, r.bytes + at, step);
    }
    free(r.bytes);
    return sent && trick != TRICK_CUT;
}

void load_memcached_talk(struct load_server *s, int fd, void *memcached) {
    char *input = malloc(INPUT_BYTES + 1);
    size_t have = 0;
    bool more = input != NULL;
    while (more) {
        ssize_t n = recv(fd, input + have, INPUT_BYTES - have, 0);
        if (n <= 0) {
            break;
        }
        have += (size_t)n;
        input[have] = '\0';
        size_t at = 0, used = 1;
        while (more && at < have && used > 0) {
            struct request q = {.binary = input[at] == (char)0x80};
            used = q.binary ? read_binary(input + at, have - at, &q)
                            : read_text(input + at, have - at, &q);
            if (used > 0) {
                more = serve_one(s, fd, memcached, &q);
                at += used;
            }
        }
        memmove(input, input + at, have - at);
        have -= at;
    }
    free(input);
}

void load_memcached_free(struct load_memcached *m) {
    for (unsigned i = 0; i < LOAD_MEMCACHED_KEYS; i++) {
        free(m->key[i].now);
        free(m->key[i].before);
    }
}
