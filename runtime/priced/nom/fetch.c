/*
 * A GET over the app's own stack (lwIP, raw API): a connection a fetch.
 *
 *   IDLE --fetch_begin--> CONNECTING --on_connected--> READING --settle--> SETTLED --fetch_poll-->
 * IDLE
 *
 * settle comes from whichever is first: the reply's end, the connection's, or a time-out; pcb is
 * NULL from then on.
 */
#include "runtime/net/net.h"
#include "runtime/net/pcb.h"
#include "runtime/platform/platform.h"
#include "runtime/priced/floor.h"
#include "runtime/priced/http.h"
#include "runtime/priced/nom/nom.h"
#include <stdio.h>
#include <string.h>

#define REQUEST_BYTES (PRICED_URL_BYTES + 200u)

static struct {
    struct fetch_settings settings;
    struct priced_url url;
    uint32_t address_be;
    enum { IDLE, CONNECTING, READING, SETTLED } state;
    uint64_t begun_us;
    struct tcp_pcb *pcb;
    struct priced_reply reply;
} fetch;

bool fetch_is_open(void) {
    return fetch.state != IDLE;
}

int fetch_open(const struct fetch_settings *settings, char *why, uint32_t why_bytes) {
    uint32_t mask;
    fetch.settings = *settings;
    if (!floor_has_network()) {
        snprintf(why, why_bytes, "--ip A.B.C.D/LEN is needed, to reach the provider from");
        return -1;
    }
    if (priced_url_parse(settings->url, &fetch.url) != 0 || strchr(fetch.url.host, '/') ||
        net_parse_cidr(fetch.url.host, &fetch.address_be, &mask) != 0) {
        snprintf(why, why_bytes, "--url is http://A.B.C.D[:PORT]/PATH in a guest, not %.80s",
                 settings->url);
        return -1;
    }
    return 0;
}

static void fail(enum priced_failure failure, const char *what) {
    if (fetch.reply.state >= REPLY_DONE)
        return;
    priced_trouble(&fetch.reply.trouble, failure, "%s", what);
    fetch.reply.state = REPLY_FAILED;
}

/* The connection is done with. Of a callback the return value. */
static err_t settle(void) {
    struct tcp_pcb *pcb = fetch.pcb;
    fetch.pcb = NULL;
    fetch.state = SETTLED;
    if (!pcb)
        return ERR_OK;
    return fetch.reply.state == REPLY_DONE ? net_pcb_close(pcb) : net_pcb_abort(pcb);
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)arg;
    (void)err;
    if (!p) {
        priced_reply_end(&fetch.reply);
        return settle();
    }
    for (const struct pbuf *part = p; part; part = part->next)
        priced_reply_input(&fetch.reply, part->payload, part->len);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return fetch.reply.state >= REPLY_DONE ? settle() : ERR_OK;
}

static void on_error(void *arg, err_t err) {
    (void)arg;
    fetch.pcb = NULL; /* the stack has let go of it */
    fail(PRICED_UNREACHED, fetch.state == CONNECTING ? "the provider refuses the connection"
                           : err == ERR_RST          ? "the provider reset the connection"
                                                     : "the connection broke");
    settle();
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
    char request[REQUEST_BYTES], port[8] = "";
    (void)arg;
    (void)err;
    if (fetch.url.port != 80)
        snprintf(port, sizeof port, ":%u", fetch.url.port);
    int bytes = snprintf(request, sizeof request,
                         "GET %s HTTP/1.1\r\nHost: %s%s\r\nUser-Agent: nom-priced\r\n"
                         "Accept: application/json\r\nConnection: close\r\n\r\n",
                         fetch.url.path, fetch.url.host, port);
    fetch.state = READING;
    if (tcp_write(pcb, request, (u16_t)bytes, TCP_WRITE_FLAG_COPY) == ERR_OK &&
        tcp_output(pcb) == ERR_OK)
        return ERR_OK;
    fail(PRICED_UNREACHED, "no memory for the request");
    return settle();
}

void fetch_begin(void) {
    const ip4_addr_t address = {.addr = fetch.address_be};
    priced_reply_init(&fetch.reply, fetch.settings.body, fetch.settings.body_max);
    fetch.begun_us = plat_now_us();
    fetch.state = CONNECTING;
    fetch.pcb = tcp_new();
    if (fetch.pcb) {
        net_accepted(fetch.pcb);
        tcp_recv(fetch.pcb, on_receive);
        tcp_err(fetch.pcb, on_error);
        if (tcp_connect(fetch.pcb, &address, fetch.url.port, on_connected) == ERR_OK)
            return;
    }
    fail(PRICED_UNREACHED, "there is no way to the provider");
    settle();
}

static void look_at_clock(void) {
    uint64_t passed_us = plat_now_us() - fetch.begun_us;
    if (fetch.state == CONNECTING && passed_us > fetch.settings.connect_us)
        fail(PRICED_LATE, "no connection to the provider in time");
    else if (passed_us > fetch.settings.total_us)
        fail(PRICED_LATE, "no answer of the provider in time");
    else
        return;
    settle();
}

enum fetch_state fetch_poll(size_t *bytes, struct priced_trouble *t) {
    if (fetch.state == CONNECTING || fetch.state == READING)
        look_at_clock();
    if (fetch.state != SETTLED)
        return FETCH_PENDING;
    fetch.state = IDLE;
    if (fetch.reply.state == REPLY_DONE) {
        *bytes = fetch.reply.body_bytes;
        return FETCH_DONE;
    }
    *t = fetch.reply.trouble;
    return FETCH_FAILED;
}
