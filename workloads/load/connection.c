/*
 * One connection of the client; its states are in client.h.
 *
 * Events are edge-triggered and registered once: a request costs one send and one recv, and its
 * part of an epoll_wait. A recv that did not fill the buffer has emptied the socket, so none is
 * made to be told EAGAIN; whatever comes later is a new edge.
 */
#include "workloads/load/client.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKOFF_FIRST_NS 1000000u
#define BACKOFF_MAX_NS   128000000u
#define CLOSING_MAX_NS   1000000000u
#define PEER_CLOSED      (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

enum outcome { OUTCOME_REPLY, OUTCOME_REFUSED, OUTCOME_ERROR };

/* The request of a CONNECTING or BUSY connection is over. */
static void settle(struct client *client, const struct connection *c, enum outcome outcome,
                   uint64_t now_ns) {
    struct load_result *result = client->result;
    client->busy--;
    if (now_ns < client->start_ns || now_ns >= client->end_ns) {
        return;
    }
    client->finished++;
    client->finished_last_ns = now_ns;
    switch (outcome) {
    case OUTCOME_REPLY:
        result->replies++;
        result->reply_bytes += c->reply_bytes;
        if (c->since_ns >= client->start_ns) {
            hist_record(&result->latency, now_ns - c->since_ns);
        }
        break;
    case OUTCOME_REFUSED:
        result->refused++;
        break;
    case OUTCOME_ERROR:
        result->errors++;
        break;
    }
}

static void close_socket(struct connection *c) {
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

static void fail(struct client *client, struct connection *c, const char *why) {
    uint64_t now_ns = client_clock_ns();
    settle(client, c, OUTCOME_ERROR, now_ns);
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

static bool may_start(const struct client *client) {
    uint64_t max = client->config->requests_max;
    return max == 0 || client->finished + client->busy < max;
}

static void send_request(struct client *client, struct connection *c) {
    load_reply_begin(&c->reply);
    c->reply_bytes = 0;
    c->state = CONNECTION_BUSY;
    c->since_ns = client_clock_ns();
    ssize_t sent = send(c->fd, client->request, client->request_bytes, MSG_NOSIGNAL);
    if (sent != (ssize_t)client->request_bytes) {
        fail(client, c, sent < 0 ? strerrordesc_np(errno) : "no room for a request");
    }
}

void connection_open(struct client *client, struct connection *c) {
    if (!may_start(client)) {
        c->state = CONNECTION_IDLE;
        return;
    }
    client->busy++;
    c->state = CONNECTION_CONNECTING;
    c->since_ns = client_clock_ns();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        fail(client, c, strerrordesc_np(errno));
        return;
    }
    const int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr_in *server = &client->config->server;
    int connected = connect(c->fd, (const struct sockaddr *)server, sizeof *server);
    struct epoll_event events = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = c};
    if ((connected != 0 && errno != EINPROGRESS) ||
        epoll_ctl(client->epoll, EPOLL_CTL_ADD, c->fd, &events) != 0) {
        fail(client, c, strerrordesc_np(errno));
    } else if (connected == 0) {
        send_request(client, c);
    }
}

static void reopen(struct client *client, struct connection *c) {
    close_socket(c);
    connection_open(client, c);
}

static void finish_connect(struct client *client, struct connection *c, uint32_t events) {
    int error = 0;
    socklen_t error_bytes = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
    if (error != 0) {
        fail(client, c, strerrordesc_np(error));
    } else if (events & EPOLLOUT) {
        send_request(client, c);
    }
}

static void take_reply(struct client *client, struct connection *c, uint32_t events) {
    uint64_t now_ns = client_clock_ns();
    client->reply_last_ns = now_ns;
    client->replies_ever++;
    if (c->reply.status != 200 && c->reply.status != 503) {
        fail(client, c, "a status other than 200 and 503");
        return;
    }
    settle(client, c, c->reply.status == 200 ? OUTCOME_REPLY : OUTCOME_REFUSED, now_ns);
    c->backoff_ns = 0;
    if ((events & PEER_CLOSED) || (!c->reply.closing && !client->config->keep_alive)) {
        reopen(client, c);
    } else if (c->reply.closing) {
        c->state = CONNECTION_CLOSING;
        c->since_ns = now_ns;
    } else if (may_start(client)) {
        client->busy++;
        send_request(client, c);
    } else {
        c->state = CONNECTION_IDLE;
    }
}

static void receive(struct client *client, struct connection *c, uint32_t events) {
    for (;;) {
        ssize_t n = recv(c->fd, client->buffer, sizeof client->buffer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            fail(client, c, n < 0 ? strerrordesc_np(errno) : "closed before the reply was whole");
            return;
        }
        size_t used;
        enum load_reply_progress progress =
            load_reply_feed(&c->reply, client->buffer, (size_t)n, &used);
        c->reply_bytes += used;
        if (progress == LOAD_REPLY_MALFORMED || used != (size_t)n) {
            fail(client, c, "a malformed reply");
            return;
        }
        if (progress == LOAD_REPLY_WHOLE) {
            take_reply(client, c, events);
            return;
        }
        if ((size_t)n < sizeof client->buffer && !(events & PEER_CLOSED)) {
            return;
        }
    }
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

void connection_check(struct client *client, struct connection *c, uint64_t now_ns) {
    uint64_t age_ns = now_ns > c->since_ns ? now_ns - c->since_ns : 0;
    if (c->state == CONNECTION_CLOSING && age_ns > CLOSING_MAX_NS) {
        reopen(client, c);
    } else if ((c->state == CONNECTION_CONNECTING || c->state == CONNECTION_BUSY) &&
               (double)age_ns >= client->config->timeout_seconds * 1e9) {
        fail(client, c, "timed out");
    }
}
