/*
 * What link, driver and stack allow: a server that answers get and set of memcached's text protocol
 * within lwIP's receive callback, with the least work there is. No sockets, no epoll, no threads,
 * no memory taken or given back: a table of KEYS values, each kept as the reply that a get sends.
 * The bench (scene memcached) sets memcached beside it: what that is slower by, sockets and
 * memcached cost.
 *
 *   ceiling --ip A.B.C.D/LEN [nhttpd's options of network and control port]
 *
 * Keys are those of our load client: the last digits are the key's number. It serves port 80, as
 * the profiler expects of an app that it does not know. One binary for a guest, one hosted.
 */
#include "runtime/app/loop.h"
#include "runtime/platform/platform.h"
#include "tests/guest/apps/server.h"
#include <stdio.h>
#include <string.h>

#define KEYS          10000u
#define KEY_BYTES     250u
#define VALUE_BYTES   1024u
#define CONNECTIONS   256u
#define REQUEST_BYTES 1500u /* the longest set */
#define REPLY_BYTES   (KEY_BYTES + VALUE_BYTES + 40u)
#define BROKEN        UINT32_MAX

struct value {
    uint16_t bytes; /* of the reply; 0: no value */
    char reply[REPLY_BYTES];
};

struct connection {
    struct connection *next; /* free list */
    uint32_t bytes;          /* of a request that came in pieces */
    char request[REQUEST_BYTES];
};

static struct value *values; /* of the KEYS */
static struct connection connections[CONNECTIONS], *free_connection;
static uint64_t requests, opened;
static uint32_t open_now;

/* ---- the protocol ---- */

static struct value *value_of(const char *key, const char *end) {
    uint32_t number = 0, place = 1;
    while (end > key && end[-1] >= '0' && end[-1] <= '9' && place < KEYS) {
        number += place * (uint32_t)(*--end - '0');
        place *= 10;
    }
    return number < KEYS ? &values[number] : NULL;
}

static bool say(struct tcp_pcb *pcb, const char *text, size_t bytes) {
    requests++;
    return tcp_write(pcb, text, (u16_t)bytes, TCP_WRITE_FLAG_COPY) == ERR_OK;
}

static uint32_t get(struct tcp_pcb *pcb, const char *request, const char *end) {
    static const char missing[] = "END\r\n";
    const struct value *v = value_of(request + 4, end);
    bool said =
        v && v->bytes > 0 ? say(pcb, v->reply, v->bytes) : say(pcb, missing, sizeof missing - 1);
    return said ? (uint32_t)(end - request) + 2 : BROKEN;
}

/* "set KEY 0 0 BYTES", and the value on the next line. */
static uint32_t set(struct tcp_pcb *pcb, const char *request, const char *end, uint32_t bytes) {
    static const char stored[] = "STORED\r\n";
    const char *key = request + 4, *key_end = memchr(key, ' ', (size_t)(end - key)), *at = end;
    uint32_t value_bytes = 0, place = 1;
    while (at[-1] >= '0' && at[-1] <= '9' && place <= VALUE_BYTES) {
        value_bytes += place * (uint32_t)(*--at - '0');
        place *= 10;
    }
    struct value *v = key_end ? value_of(key, key_end) : NULL;
    uint32_t whole = (uint32_t)(end - request) + 2 + value_bytes + 2;
    if (!v || key_end - key > (long)KEY_BYTES || value_bytes > VALUE_BYTES)
        return BROKEN;
    if (bytes < whole)
        return 0;
    int n = snprintf(v->reply, sizeof v->reply, "VALUE %.*s 0 %u\r\n", (int)(key_end - key), key,
                     value_bytes);
    memcpy(v->reply + n, end + 2, value_bytes);
    memcpy(v->reply + n + value_bytes, "\r\nEND\r\n", 7);
    v->bytes = (uint16_t)((uint32_t)n + value_bytes + 7);
    return say(pcb, stored, sizeof stored - 1) ? whole : BROKEN;
}

/* Bytes of the request at the beginning, which is answered; 0 if it is not whole; BROKEN. */
static uint32_t answer(struct tcp_pcb *pcb, const char *request, uint32_t bytes) {
    const char *end = memchr(request, '\r', bytes);
    if (!end || end + 2 > request + bytes)
        return bytes < REQUEST_BYTES ? 0 : BROKEN;
    if (end - request < 8)
        return BROKEN;
    if (memcmp(request, "get ", 4) == 0)
        return get(pcb, request, end);
    return memcmp(request, "set ", 4) == 0 ? set(pcb, request, end, bytes) : BROKEN;
}

/* The whole requests of these bytes; how many bytes are left, or BROKEN. */
static uint32_t answer_all(struct tcp_pcb *pcb, const char *text, uint32_t bytes) {
    uint32_t done = 0, one;
    while (done < bytes && (one = answer(pcb, text + done, bytes - done)) != 0) {
        if (one == BROKEN)
            return BROKEN;
        done += one;
    }
    return bytes - done;
}

/* ---- connections ---- */

static void forget(struct connection *c) {
    open_now--;
    c->bytes = 0;
    c->next = free_connection;
    free_connection = c;
}

static void on_error(void *argument, err_t error) {
    (void)error;
    forget(argument);
}

static err_t drop(struct connection *c, struct tcp_pcb *pcb) {
    forget(c);
    return net_pcb_abort(pcb);
}

/* Where it lies, if no piece of a request waits; otherwise behind that. */
static bool take(struct connection *c, struct tcp_pcb *pcb, const char *text, uint32_t bytes) {
    uint32_t left = bytes;
    if (c->bytes == 0) {
        left = answer_all(pcb, text, bytes);
        if (left == BROKEN || left > REQUEST_BYTES)
            return false;
        memcpy(c->request, text + bytes - left, left);
        c->bytes = left;
        return true;
    }
    while (bytes > 0) {
        uint32_t n = LWIP_MIN(bytes, REQUEST_BYTES - c->bytes);
        memcpy(c->request + c->bytes, text, n);
        c->bytes += n;
        text += n;
        bytes -= n;
        left = answer_all(pcb, c->request, c->bytes);
        if (left == BROKEN || left == REQUEST_BYTES)
            return false;
        memmove(c->request, c->request + c->bytes - left, left);
        c->bytes = left;
    }
    return true;
}

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    struct connection *c = argument;
    (void)error;
    bool good = p != NULL;
    for (const struct pbuf *q = p; q && good; q = q->next)
        good = take(c, pcb, q->payload, q->len);
    if (p) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
    }
    return good ? ERR_OK : drop(c, pcb);
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    struct connection *c = free_connection;
    (void)argument;
    if (error != ERR_OK || !c)
        return ERR_MEM;
    free_connection = c->next;
    opened++;
    open_now++;
    net_accepted(pcb);
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_receive);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

/* ---- the app ---- */

static uint32_t active(void) {
    return open_now;
}

static void statistics(struct nom_statistics *out) {
    out->requests = requests;
    out->connections_open = open_now;
    out->connections_total = opened;
}

static const struct app app = {.name = "ceiling", .active = active, .statistics = statistics};

int plat_main(int argc, char **argv) {
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        connections[i].next = free_connection;
        free_connection = &connections[i];
    }
    values = plat_reserve(KEYS * sizeof *values);
    if (!values) {
        plat_log("ceiling: no memory");
        return 1;
    }
    int status = server_open(&app, on_accept, argc, argv);
    if (status)
        return status;
    while (app_turn(UINT64_MAX)) {
    }
    return app_lost_nic() ? 1 : 0;
}
