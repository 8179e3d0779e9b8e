/*
 * A connection's life:
 *
 *   free --accepted--> open --reply that closes was sent--> free
 *                       |---the client ended its side and nothing is left to send--> free
 *                       |---idle for SERVE_IDLE_S or SERVE_HOLD_S, error of the socket--> free
 *                       '---closed for an error, or unread--> lingering
 *   free --accepted, none left to serve with--> beyond --its request came: 503--> lingering
 *   beyond, lingering --the client's end, or SERVE_LINGER_S--> free
 *
 * Lingering: our side is ended, what still comes is read and dropped; closing at once would answer
 * it with a reset, which can destroy the reply before the client has read it.
 *
 * A request costs two calls, read and send, and a share of an epoll_wait: replies are sent at once,
 * and only a socket that had no room for one is watched for room. A connection with replies that
 * wait is not read, so a client that sends faster than it reads is stopped by its window.
 *
 * Invariants: `watched` is what epoll watches of a slot's socket: EPOLLIN, EPOLLOUT, or nothing,
 * while it waits for a work area (http.h); `starved` counts those. Bytes read that http_input did
 * not take are kept only while the socket has no room or no work area is free; until they are taken
 * nothing is read.
 */
#include "runtime/platform/platform.h"
#include "workloads/nhttpd/http_parts.h"
#include "workloads/nhttpd/sockets/sockets.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOTS       (SERVE_CONNECTIONS_MAX + SOCKETS_BEYOND_MAX)
#define INPUT_BYTES 16384u
#define SPANS       (2 * HTTP_PIPELINE_MAX + 1)

enum state { OPEN, BEYOND, LINGERING };

struct conn {
    int fd; /* -1: free */
    enum state state;
    uint32_t watched;
    bool client_ended;
    bool unread; /* the last read may have left something */
    uint32_t idle_s;
    unsigned char *held; /* read, not taken by http_input yet; malloc'd */
    size_t held_bytes;
    struct conn *next_free;
    struct http_connection http; /* all zero for one beyond */
};

static struct conn conns[SLOTS];
static struct http_work works[SERVE_WORKS_MAX];
static uint32_t served_max; /* slots from here on are for connections beyond */
static struct conn *first_free, *first_free_beyond;
static uint32_t slots_used; /* none from here on was ever used */
static uint32_t starved;
static struct http_reply beyond; /* what a connection beyond is told */
static struct http_site *served;
static int epoll;

static struct conn **free_list(const struct conn *c) {
    return c < &conns[served_max] ? &first_free : &first_free_beyond;
}

static void release(struct conn *c) {
    http_end(&c->http);
    if (c->watched == 0)
        starved--;
    close(c->fd); /* and epoll forgets it */
    free(c->held);
    c->held = NULL;
    c->fd = -1;
    c->next_free = *free_list(c);
    *free_list(c) = c;
}

/* Closes without waiting for the client to take what it never took. */
static void reset(struct conn *c) {
    struct linger hard = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    release(c);
}

/* The slot may be free afterwards. */
static void watch(struct conn *c, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (c->watched == events)
        return;
    starved = starved - (c->watched == 0) + (events == 0);
    c->watched = events;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) != 0)
        release(c);
}

static void linger(struct conn *c) {
    if (c->client_ended || shutdown(c->fd, SHUT_WR) != 0) {
        release(c);
        return;
    }
    c->state = LINGERING;
    c->idle_s = 0;
    watch(c, EPOLLIN);
}

enum progress { DONE, NO_ROOM, NO_WORK, BROKEN };

/* Sends the replies that wait, as far as the socket takes them. */
static enum progress send_replies(struct conn *c) {
    struct http_span spans[SPANS];
    struct iovec parts[SPANS];
    size_t n;
    while ((n = http_output(&c->http, spans, SPANS)) > 0) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
        size_t all = 0;
        for (size_t i = 0; i < n; i++) {
            parts[i] = (struct iovec){(void *)(uintptr_t)spans[i].data, spans[i].bytes};
            all += spans[i].bytes;
        }
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR ? NO_ROOM : BROKEN;
        c->idle_s = 0;
        http_sent(&c->http, (size_t)sent);
        if ((size_t)sent < all)
            return NO_ROOM;
    }
    return DONE;
}

/* Keeps bytes[n], and nothing else, until they can be taken; false if there is no memory. They may
 * lie in what is kept already. */
static bool hold(struct conn *c, const unsigned char *bytes, size_t n) {
    if (n == 0) {
        free(c->held);
        c->held = NULL;
        return true;
    }
    unsigned char *room = c->held ? c->held : malloc(n);
    if (!room)
        return false;
    memmove(room, bytes, n);
    c->held = room;
    c->held_bytes = n;
    return true;
}

/* Feeds bytes[n] and answers, as far as both go. The slot may be free afterwards. */
static void advance(struct conn *c, const unsigned char *bytes, size_t n) {
    enum progress progress;
    do {
        uint64_t answered = served->requests + served->refused + served->errors;
        size_t used = n > 0 ? http_input(&c->http, bytes, n) : 0;
        if (served->requests + served->refused + served->errors != answered)
            c->idle_s = 0;
        if (n > 0 && used == 0 && !http_pending(&c->http)) {
            progress = NO_WORK;
            break;
        }
        bytes += used;
        n -= used;
        progress = send_replies(c);
    } while (progress == DONE && n > 0);
    if (progress == BROKEN || !hold(c, bytes, n))
        release(c);
    else if (progress != DONE)
        watch(c, progress == NO_ROOM ? EPOLLOUT : 0);
    else if (http_finished(&c->http) && (c->http.broken || c->unread))
        linger(c);
    else if (c->client_ended || http_finished(&c->http))
        release(c);
    else
        watch(c, EPOLLIN);
}

static void advance_held(struct conn *c) {
    advance(c, c->held, c->held ? c->held_bytes : 0);
}

/* Something came, or the end of it. */
static void on_input(struct conn *c) {
    static unsigned char input[INPUT_BYTES];
    ssize_t n = recv(c->fd, input, sizeof input, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            release(c);
        return;
    }
    c->client_ended = n == 0;
    c->unread = n == sizeof input;
    if (c->state == OPEN) {
        advance(c, input, (size_t)n);
    } else if (n == 0) {
        release(c);
    } else if (c->state == BEYOND) {
        /* A fresh connection has room for so little; if not, it learns as much from the end. */
        (void)!send(c->fd, beyond.head, beyond.head_bytes, MSG_NOSIGNAL);
        linger(c);
    }
}

void sockets_connection_event(struct conn *c, uint32_t events) {
    if (c->watched == EPOLLIN)
        on_input(c);
    else if (c->watched == EPOLLOUT && events & (EPOLLERR | EPOLLOUT))
        advance_held(c);
    else if (events & (EPOLLERR | EPOLLHUP))
        release(c);
}

void sockets_connection_open(int fd) {
    struct conn **list = first_free ? &first_free : &first_free_beyond, *c = *list;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    *list = c->next_free;
    if ((uint32_t)(c - conns) >= slots_used)
        slots_used = (uint32_t)(c - conns) + 1;
    *c = (struct conn){.fd = fd, .state = BEYOND, .watched = EPOLLIN};
    if (free_list(c) == &first_free) {
        c->state = OPEN;
        http_init(&c->http, served);
    }
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        release(c);
}

bool sockets_pool_free(void) {
    return first_free || first_free_beyond;
}

/* Those that wait for a work area, in turn. */
void sockets_pool_feed(void) {
    static uint32_t turn;
    for (uint32_t i = 0; i < slots_used && starved > 0 && http_work_free(served); i++) {
        struct conn *c = &conns[turn++ % slots_used];
        if (c->fd >= 0 && c->watched == 0)
            advance_held(c);
    }
}

void sockets_pool_second(void) {
    for (uint32_t i = 0; i < slots_used; i++) {
        struct conn *c = &conns[i];
        uint32_t most_s = c->state != OPEN ? SERVE_LINGER_S
                          : c->http.work   ? SERVE_HOLD_S
                                           : SERVE_IDLE_S;
        if (c->fd < 0 || ++c->idle_s < most_s)
            continue;
        if (c->watched == EPOLLIN)
            release(c);
        else
            reset(c);
    }
}

void sockets_pool_open(int epoll_fd, uint32_t connections, struct http_site *site) {
    epoll = epoll_fd;
    served = site;
    served_max = connections;
    http_reply_status(&beyond, &(struct http_request){0}, 503, true);
    http_work_add(site, works, connections < SERVE_WORKS_MAX ? connections : SERVE_WORKS_MAX);
    for (uint32_t i = connections + SOCKETS_BEYOND_MAX; i-- > 0;) {
        struct conn *c = &conns[i];
        c->fd = -1;
        c->next_free = *free_list(c);
        *free_list(c) = c;
    }
}
