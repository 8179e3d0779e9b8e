/*
 * One connection of the client, from opening to its end and the next opening; its states are in
 * client.h. Events are edge-triggered and registered once.
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

static void close_socket(struct connection *c) {
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
}

void connection_fail(struct client *client, struct connection *c, enum load_error kind,
                     const char *why) {
    uint64_t now_ns = client_clock_ns();
    client->kind = kind;
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

void connection_reopen(struct client *client, struct connection *c) {
    close_socket(c);
    connection_open(client, c);
}

static void connected(struct client *client, struct connection *c) {
    client->busy--; /* that it was CONNECTING; now its requests are */
    client->shared.protocol->begin(&c->reply);
    c->reply_bytes = 0;
    connection_go_on(client, c);
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
        connection_fail(client, c, LOAD_ERROR_SOCKET, strerrordesc_np(errno));
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
        connection_fail(client, c, LOAD_ERROR_SOCKET, strerrordesc_np(errno));
    } else if (refused == 0) {
        connected(client, c);
    }
}

static void finish_connect(struct client *client, struct connection *c, uint32_t events) {
    int error = 0;
    socklen_t error_bytes = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
    if (error != 0) {
        connection_fail(client, c, LOAD_ERROR_CONNECT, strerrordesc_np(error));
    } else if (events & EPOLLOUT) {
        connected(client, c);
    }
}

void connection_event(struct client *client, struct connection *c, uint32_t events) {
    switch (c->state) {
    case CONNECTION_CONNECTING:
        finish_connect(client, c, events);
        break;
    case CONNECTION_BUSY:
        if (events & ~(uint32_t)EPOLLOUT) {
            connection_receive(client, c, (events & PEER_CLOSED) != 0);
        }
        if (c->state == CONNECTION_BUSY && (events & EPOLLOUT) && c->unsent > 0) {
            connection_flush(client, c);
        }
        break;
    case CONNECTION_CLOSING:
        if (events & PEER_CLOSED) {
            connection_reopen(client, c);
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
        connection_fail(client, c, LOAD_ERROR_TIMED_OUT, "timed out");
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
            connection_reopen(client, c);
        }
        break;
    case CONNECTION_IDLE:
        if (requests_may_start(client, c) && c->fd >= 0) {
            connection_go_on(client, c);
        } else if (requests_may_start(client, c)) {
            connection_open(client, c);
        }
        break;
    case CONNECTION_WAITING:
        break;
    }
}
