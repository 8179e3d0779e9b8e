/*
 * The bytes of a connection: requests go out, replies are taken.
 *
 * A request costs one send and one recv, and its part of an epoll_wait; requests that become due
 * together share them. A recv that did not fill the buffer has emptied the socket, so none is made
 * to be told EAGAIN; whatever comes later is a new edge. Likewise a socket that did not take all
 * tells with an edge when there is room.
 */
#include "workloads/load/client.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The request that is i places behind the first. */
static struct load_request *request_at(const struct client *client, const struct connection *c,
                                       uint32_t i) {
    uint32_t place = c->first + i;
    return &c->ring[place < client->pipeline ? place : place - client->pipeline];
}

/* What is unsent, as much as output[] holds; returns how many bytes. */
static size_t gather(struct client *client, const struct connection *c, uint64_t now_ns) {
    size_t bytes = 0;
    uint64_t at = c->written;
    for (uint32_t i = c->under_way - c->unsent; i < c->under_way && bytes < sizeof client->output;
         i++) {
        struct load_request *request = request_at(client, c, i);
        if (at == 0) {
            request->sent_ns = now_ns;
        }
        bytes += client->shared.protocol->write(
            &client->shared, request, at, client->output + bytes, sizeof client->output - bytes);
        at = 0;
    }
    return bytes;
}

static void note_sent(const struct client *client, struct connection *c, uint64_t n) {
    while (n > 0) {
        uint64_t left = request_at(client, c, c->under_way - c->unsent)->bytes - c->written;
        if (n < left) {
            c->written += n;
            return;
        }
        n -= left;
        c->written = 0;
        c->unsent--;
    }
}

void connection_flush(struct client *client, struct connection *c) {
    while (c->unsent > 0) {
        size_t bytes = gather(client, c, client_clock_ns());
        ssize_t sent = send(c->fd, client->output, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            return;
        }
        if (sent < 0 && errno != EINTR) {
            connection_fail(client, c, LOAD_ERROR_SOCKET, strerrordesc_np(errno));
            return;
        }
        note_sent(client, c, sent < 0 ? 0 : (uint64_t)sent);
    }
}

void connection_go_on(struct client *client, struct connection *c) {
    while (requests_may_start(client, c)) {
        requests_start(client, c);
    }
    if (c->under_way > 0) {
        c->state = CONNECTION_BUSY;
        connection_flush(client, c);
    } else if (client->requests_per_connection > 0 && c->requests_here > 0) {
        connection_reopen(client, c);
    } else {
        c->state = CONNECTION_IDLE;
    }
}

static void note_bad_reply(struct client *client, const char *why) {
    char *first = client->result->bad_reply;
    if (first[0] == '\0') {
        snprintf(first, LOAD_ERROR_BYTES, "%s", why);
    }
}

/* What came is not a right reply. */
static void fail_reply(struct client *client, struct connection *c, const char *why) {
    note_bad_reply(client, why);
    connection_fail(client, c, LOAD_ERROR_REPLY, why);
}

/* The first request's reply is whole. Whether the connection goes on. */
static bool take_reply(struct client *client, struct connection *c, enum load_verdict verdict,
                       bool peer_closed, uint64_t now_ns) {
    client->reply_last_ns = now_ns;
    client->replies_ever++;
    requests_settle(client, c, verdict, now_ns);
    if (verdict == LOAD_LOST) {
        client->failure = client->shared.why;
        note_bad_reply(client, client->shared.why);
    } else if (verdict == LOAD_BAD || verdict == LOAD_WRONG) {
        fail_reply(client, c, client->shared.why);
        return false;
    }
    c->backoff_ns = 0;
    if (!c->reply.closing) {
        client->shared.protocol->begin(&c->reply);
        return true;
    }
    if (peer_closed) {
        connection_reopen(client, c);
    } else {
        c->state = CONNECTION_CLOSING;
        c->since_ns = now_ns;
    }
    return false;
}

/* Takes what arrived. Whether the connection goes on. */
static bool take(struct client *client, struct connection *c, size_t n, bool peer_closed) {
    const char *at = client->buffer, *end = at + n;
    uint64_t now_ns = client_clock_ns();
    while (at < end) {
        size_t used;
        uint32_t sent = c->under_way - c->unsent;
        if (sent == 0) {
            fail_reply(client, c, "more came than was asked for");
            return false;
        }
        enum load_verdict verdict = client->shared.protocol->feed(
            &client->shared, &c->ring[c->first], &c->reply, at, (size_t)(end - at), &used);
        if (verdict == LOAD_MORE) {
            c->reply_bytes += (uint64_t)(end - at);
            return true;
        }
        if (verdict != LOAD_BAD && verdict != LOAD_WRONG) {
            at += used;
            c->reply_bytes += used;
            if (at < end && sent == 1) {
                fail_reply(client, c, "more came than was asked for");
                return false;
            }
        }
        if (!take_reply(client, c, verdict, peer_closed, now_ns)) {
            return false;
        }
    }
    return true;
}

void connection_receive(struct client *client, struct connection *c, bool peer_closed) {
    for (;;) {
        ssize_t n = recv(c->fd, client->buffer, sizeof client->buffer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n == 0 && c->under_way == 0) {
            connection_reopen(client, c);
            return;
        }
        if (n <= 0) {
            connection_fail(client, c, n < 0 ? LOAD_ERROR_SOCKET : LOAD_ERROR_CLOSED,
                            n < 0 ? strerrordesc_np(errno) : "closed before the reply was whole");
            return;
        }
        if (!take(client, c, (size_t)n, peer_closed)) {
            return;
        }
        if (peer_closed && c->under_way == 0) {
            connection_reopen(client, c);
            return;
        }
        if ((size_t)n < sizeof client->buffer && !peer_closed) {
            break;
        }
    }
    connection_go_on(client, c);
}
