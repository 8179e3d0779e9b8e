/*
 * What the chooser and the control port learn of a program's connections: how many moved lately,
 * how many requests were answered. A request is a turn of a connection from receiving to sending.
 */
#include "runtime/abi/control.h"
#include "runtime/posix/tcp.h"

bool posix_serving = true;

static uint32_t turn = 1, moved;
static uint64_t requests, refused, opened, open_now;

static void note(struct posix_stream *s) {
    if (s->turn != turn) {
        s->turn = turn;
        moved++;
    }
}

void posix_load_received(struct posix_stream *s) {
    s->asked = true;
    note(s);
}

void posix_load_sent(struct posix_stream *s) {
    if (s->asked) {
        s->asked = false;
        requests++;
    }
    note(s);
}

void posix_load_opened(void) {
    opened++;
    open_now++;
}

void posix_load_closed(void) {
    open_now--;
}

void posix_load_refused(void) {
    refused++;
}

uint32_t posix_sockets_active(void) {
    uint32_t active = moved;
    moved = 0;
    turn++;
    return active;
}

void posix_sockets_statistics(struct nom_statistics *out) {
    out->requests = requests;
    out->refused = refused;
    out->connections_open = open_now;
    out->connections_total = opened;
}

void posix_sockets_tick(void) {
    posix_streams_feed();
    posix_streams_keep_alive();
}

/* Who is not to be served hears so at once: its connection is reset, as that of a server that is
 * gone, and it can go elsewhere. What the program itself connected to stays. */
void posix_sockets_serve(bool serving) {
    if (serving == posix_serving)
        return;
    posix_serving = serving;
    if (serving)
        posix_datagrams_served();
    for (struct posix_link *l = posix_streams.next; !serving && l != &posix_streams; l = l->next) {
        struct posix_stream *s = POSIX_OF(l, struct posix_stream, all);
        if (s->accepted && s->state == STREAM_OPEN)
            posix_stream_refuse(s);
    }
}
