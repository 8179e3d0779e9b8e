/*
 * One connection of the client; its states are in client.h.
 *
 * Events are edge-triggered and registered once: a request costs one send and one recv, and its
 * part of an epoll_wait; requests that become due together share them. A recv that did not fill the
 * buffer has emptied the socket, so none is made to be told EAGAIN; whatever comes later is a new
 * edge. Likewise a socket that did not take all tells with an edge when there is room.
 */
#include "workloads/load/client.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKOFF_FIRST_NS 1000000u
#define BACKOFF_MAX_NS   128000000u
#define CLOSING_MAX_NS   1000000000u
#define PEER_CLOSED      (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

static void close_socket(struct connection *c) {
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

static void note_bad_reply(struct client *client, const char *why) {
    char *first = client->result->bad_reply;
    if (first[0] == '\0') {
        snprintf(first, LOAD_ERROR_BYTES, "%s", why);
    }
}

/* Each request under way is an error; so is a connect. */
static void fail(struct client *client, struct connection *c, enum load_error kind,
                 const char *why) {
    uint64_t now_ns = client_clock_ns();
    client->kind = kind;
    if (kind == LOAD_ERROR_REPLY) {
        note_bad_reply(client, why);
    }
    if (c->state == CONNECTION_CONNECTING) {
        client->kind = LOAD_ERROR_CONNECT;
        requests_count(client, c, NULL, LOAD_MORE, now_ns);
    }
    while (c->under_way > 0) {
        requests_settle(client, c, LOAD_MORE, now_ns);
    }
    c->unsent = 0;
    c->written = 0;
    c->keys_asked = c->keys_set;
    close_socket(c);
    client->failure = why;
    c->backoff_ns = c->backoff_ns == 0 ? BACKOFF_FIRST_NS : c->backoff_ns * 2;
    if (c->backoff_ns > BACKOFF_MAX_NS) {
        c->backoff_ns = BACKOFF_MAX_NS;
    }
    c->state = CONNECTION_WAITING;
    c->retry_ns = now_ns + c->backoff_ns;
    if (c->retry_ns < client->next_retry_ns) {
        client->next_retry_ns = c->retry_ns;
    }
}

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

static void flush(struct client *client, struct connection *c) {
    while (c->unsent > 0) {
        size_t bytes = gather(client, c, client_clock_ns());
        ssize_t sent = send(c->fd, client->output, bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            return;
        }
        if (sent < 0 && errno != EINTR) {
            fail(client, c, LOAD_ERROR_SOCKET, strerrordesc_np(errno));
            return;
        }
        note_sent(client, c, sent < 0 ? 0 : (uint64_t)sent);
    }
}

static void reopen(struct client *client, struct connection *c) {
    close_socket(c);
    connection_open(client, c);
}

/* Sends what may be sent. */
static void go_on(struct client *client, struct connection *c) {
    while (requests_may_start(client, c)) {
        requests_start(client, c);
    }
    if (c->under_way > 0) {
        c->state = CONNECTION_BUSY;
        flush(client, c);
    } else if (client->requests_per_connection > 0 && c->requests_here > 0) {
        reopen(client, c);
    } else {
        c->state = CONNECTION_IDLE;
    }
}

static void connected(struct client *client, struct connection *c) {
    client->busy--; /* that it was CONNECTING; now its requests are */
    client->shared.protocol->begin(&c->reply);
    c->reply_bytes = 0;
    go_on(client, c);
}

void connection_open(struct client *client, struct connection *c) {
    c->requests_here = 0;
    if (!requests_may_start(client, c)) {
        c->state = CONNECTION_IDLE;
        return;
    }
    client->busy++;
    c->state = CONNECTION_CONNECTING;
    c->since_ns = client_clock_ns();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        fail(client, c, LOAD_ERROR_SOCKET, strerrordesc_np(errno));
        return;
    }
    const int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr_in *server = &client->config->server;
    int refused = connect(c->fd, (const struct sockaddr *)server, sizeof *server);
    struct epoll_event events = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = c};
    if ((refused != 0 && errno != EINPROGRESS) ||
        epoll_ctl(client->epoll, EPOLL_CTL_ADD, c->fd, &events) != 0) {
        fail(client, c, LOAD_ERROR_SOCKET, strerrordesc_np(errno));
    } else if (refused == 0) {
        connected(client, c);
    }
}

static void finish_connect(struct client *client, struct connection *c, uint32_t events) {
    int error = 0;
    socklen_t error_bytes = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
    if (error != 0) {
        fail(client, c, LOAD_ERROR_CONNECT, strerrordesc_np(error));
    } else if (events & EPOLLOUT) {
        connected(client, c);
    }
}

/* The first request's reply is whole. Whether the connection goes on. */
static bool take_reply(struct client *client, struct connection *c, enum load_verdict verdict,
                       uint32_t events, uint64_t now_ns) {
    client->reply_last_ns = now_ns;
    client->replies_ever++;
    requests_settle(client, c, verdict, now_ns);
    if (verdict == LOAD_LOST) {
        client->failure = client->shared.why;
        note_bad_reply(client, client->shared.why);
    } else if (verdict == LOAD_BAD || verdict == LOAD_WRONG) {
        fail(client, c, LOAD_ERROR_REPLY, client->shared.why);
        return false;
    }
    c->backoff_ns = 0;
    if (!c->reply.closing) {
        client->shared.protocol->begin(&c->reply);
        return true;
    }
    if (events & PEER_CLOSED) {
        reopen(client, c);
    } else {
        c->state = CONNECTION_CLOSING;
        c->since_ns = now_ns;
    }
    return false;
}

/* Takes what arrived. Whether the connection goes on. */
static bool take(struct client *client, struct connection *c, size_t n, uint32_t events) {
    const char *at = client->buffer, *end = at + n;
    uint64_t now_ns = client_clock_ns();
    while (at < end) {
        size_t used;
        uint32_t sent = c->under_way - c->unsent;
        if (sent == 0) {
            fail(client, c, LOAD_ERROR_REPLY, "more came than was asked for");
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
                fail(client, c, LOAD_ERROR_REPLY, "more came than was asked for");
                return false;
            }
        }
        if (!take_reply(client, c, verdict, events, now_ns)) {
            return false;
        }
    }
    return true;
}

static void receive(struct client *client, struct connection *c, uint32_t events) {
    for (;;) {
        ssize_t n = recv(c->fd, client->buffer, sizeof client->buffer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n == 0 && c->under_way == 0) {
            reopen(client, c);
            return;
        }
        if (n <= 0) {
            fail(client, c, n < 0 ? LOAD_ERROR_SOCKET : LOAD_ERROR_CLOSED,
                 n < 0 ? strerrordesc_np(errno) : "closed before the reply was whole");
            return;
        }
        if (!take(client, c, (size_t)n, events)) {
            return;
        }
        if ((events & PEER_CLOSED) && c->under_way == 0) {
            reopen(client, c);
            return;
        }
        if ((size_t)n < sizeof client->buffer && !(events & PEER_CLOSED)) {
            break;
        }
    }
    go_on(client, c);
}

void connection_event(struct client *client, struct connection *c, uint32_t events) {
    switch (c->state) {
    case CONNECTION_CONNECTING:
        finish_connect(client, c, events);
        break;
    case CONNECTION_BUSY:
        if (events & ~(uint32_t)EPOLLOUT) {
            receive(client, c, events);
        }
        if (c->state == CONNECTION_BUSY && (events & EPOLLOUT) && c->unsent > 0) {
            flush(client, c);
        }
        break;
    case CONNECTION_CLOSING:
        if (events & PEER_CLOSED) {
            reopen(client, c);
        }
        break;
    case CONNECTION_IDLE:
        if (events & PEER_CLOSED) {
            close_socket(c);
        }
        break;
    case CONNECTION_WAITING:
        break;
    }
}

static void check_busy(struct client *client, struct connection *c, uint64_t since_ns,
                       uint64_t now_ns) {
    uint64_t age_ns = now_ns > since_ns ? now_ns - since_ns : 0;
    if ((double)age_ns >= client->config->timeout_seconds * 1e9) {
        fail(client, c, LOAD_ERROR_TIMED_OUT, "timed out");
    }
}

void connection_check(struct client *client, struct connection *c, uint64_t now_ns) {
    switch (c->state) {
    case CONNECTION_CONNECTING:
        check_busy(client, c, c->since_ns, now_ns);
        break;
    case CONNECTION_BUSY:
        check_busy(client, c, c->ring[c->first].sent_ns, now_ns);
        break;
    case CONNECTION_CLOSING:
        if (now_ns > c->since_ns + CLOSING_MAX_NS) {
            reopen(client, c);
        }
        break;
    case CONNECTION_IDLE:
        if (requests_may_start(client, c) && c->fd >= 0) {
            go_on(client, c);
        } else if (requests_may_start(client, c)) {
            connection_open(client, c);
        }
        break;
    case CONNECTION_WAITING:
        break;
    }
}
