/* A thread accepts, and each connection has a thread of its own, which ends with the connection. */
#include "tests/unit/load_server.h"
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct load_server {
    int listener;
    pthread_t acceptor;
    atomic_uint_fast64_t requests, connections;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned open; /* connections' threads */
    bool gate;
    load_server_talk *talk;
    void *context;
};

struct session {
    struct load_server *server;
    int fd;
};

bool load_server_send(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool send_text(int fd, const char *text) {
    return load_server_send(fd, text, strlen(text));
}

static bool send_split(int fd, const char *text) {
    for (; *text != '\0'; text++) {
        if (!load_server_send(fd, text, 1)) {
            return false;
        }
    }
    return true;
}

static bool send_body(int fd, const char *status, size_t n, bool closing) {
    char head[200];
    char *body = malloc(n + 1);
    if (body == NULL) {
        return false;
    }
    memset(body, 'b', n);
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nServer: test\r\ncontent-LENGTH:  %zu \r\n%s\r\n",
             status, n, closing ? "Connection: close\r\n" : "");
    bool sent = send_text(fd, head) && load_server_send(fd, body, n);
    free(body);
    return sent;
}

static void wait_for_end(int fd) {
    char bytes[256];
    while (recv(fd, bytes, sizeof bytes, 0) > 0) {
    }
}

static void wait_for_gate(struct load_server *s) {
    pthread_mutex_lock(&s->lock);
    while (!s->gate) {
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

void load_server_reset(int fd) {
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Answers request `number`; false: the connection is to be closed. */
static bool answer(const struct session *session, const char *path, uint64_t number, bool closing) {
    static const char *const mixed[] = {"/ok", "/503", "/404", "/cut"};
    int fd = session->fd;
    if (strcmp(path, "/mixed") == 0) {
        path = mixed[number % 4];
    }
    if (strcmp(path, "/silent") == 0 || (strcmp(path, "/first") == 0 && number == 0)) {
        wait_for_end(fd);
        return false;
    }
    if (strcmp(path, "/gate") == 0) {
        wait_for_gate(session->server);
    }
    if (strcmp(path, "/split") == 0) {
        return send_split(fd, "HTTP/1.1 200 Fine\r\nContent-Length: 5\r\n\r\nhello") && !closing;
    }
    if (strcmp(path, "/big") == 0) {
        return send_body(fd, "200 OK", LOAD_SERVER_BIG_BYTES, closing) && !closing;
    }
    if (strcmp(path, "/empty") == 0) {
        return send_body(fd, "200 OK", 0, closing) && !closing;
    }
    if (strcmp(path, "/503") == 0) {
        return send_body(fd, "503 Service Unavailable", 3, closing) && !closing;
    }
    if (strcmp(path, "/404") == 0) {
        return send_body(fd, "404 Not Found", 3, closing) && !closing;
    }
    if (strcmp(path, "/cut") == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
        return false;
    }
    if (strcmp(path, "/reset") == 0) {
        load_server_reset(fd);
        return false;
    }
    if (strcmp(path, "/surplus") == 0) {
        return send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more");
    }
    if (strcmp(path, "/nolength") == 0) {
        return send_text(fd, "HTTP/1.1 200 OK\r\n\r\nhello");
    }
    if (strcmp(path, "/chunked") == 0) {
        return send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    }
    if (strcmp(path, "/garbage") == 0) {
        return send_text(fd, "SSH-2.0-OpenSSH_9.2\r\n");
    }
    if (strcmp(path, "/http10") == 0) {
        send_text(fd, "HTTP/1.0 200 OK\nContent-Length: 5\n\nhello");
        return false;
    }
    if (strcmp(path, "/stubborn") == 0) {
        return send_body(fd, "200 OK", 5, false);
    }
    return send_body(fd, "200 OK", 5, closing) && !closing;
}

/* Reads one request's head into `head`, which is NUL-terminated; false: the client is gone. */
static bool read_request(int fd, char *head, size_t room) {
    size_t have = 0;
    head[0] = '\0';
    while (strstr(head, "\r\n\r\n") == NULL) {
        ssize_t n = have + 1 < room ? recv(fd, head + have, room - 1 - have, 0) : 0;
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
        head[have] = '\0';
    }
    return true;
}

static void talk_http(struct load_server *s, int fd, void *context) {
    struct session session = {.server = s, .fd = fd};
    char head[1024], path[64];
    bool more = true;
    (void)context;
    while (more && read_request(fd, head, sizeof head)) {
        bool closing = strstr(head, "\r\nConnection: close\r\n") != NULL;
        uint64_t number = load_server_count(s);
        more = sscanf(head, "GET %63s HTTP/1.1\r\nHost: ", path) == 1 &&
               answer(&session, path, number, closing);
    }
}

static void *serve(void *argument) {
    struct session session = *(struct session *)argument;
    struct load_server *s = session.server;
    free(argument);
    const int on = 1;
    setsockopt(session.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    s->talk(s, session.fd, s->context);
    close(session.fd);
    pthread_mutex_lock(&s->lock);
    s->open--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void *accept_all(void *argument) {
    struct load_server *s = argument;
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        struct session *session = malloc(sizeof *session);
        pthread_t thread;
        atomic_fetch_add(&s->connections, 1);
        if (session == NULL) {
            close(fd);
            continue;
        }
        *session = (struct session){.server = s, .fd = fd};
        pthread_mutex_lock(&s->lock);
        s->open++;
        pthread_mutex_unlock(&s->lock);
        if (pthread_create(&thread, NULL, serve, session) == 0) {
            pthread_detach(thread);
        } else {
            abort();
        }
    }
    return NULL;
}

struct load_server *load_server_start(struct sockaddr_in *address) {
    return load_server_start_with(address, talk_http, NULL);
}

struct load_server *load_server_start_with(struct sockaddr_in *address, load_server_talk *talk,
                                           void *context) {
    struct load_server *s = calloc(1, sizeof *s);
    socklen_t address_bytes = sizeof *address;
    if (s == NULL) {
        return NULL;
    }
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->talk = talk;
    s->context = context;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)address, sizeof *address) != 0 ||
        listen(s->listener, 128) != 0 ||
        getsockname(s->listener, (struct sockaddr *)address, &address_bytes) != 0 ||
        pthread_create(&s->acceptor, NULL, accept_all, s) != 0) {
        close(s->listener);
        free(s);
        return NULL;
    }
    return s;
}

void load_server_open_gate(struct load_server *s) {
    pthread_mutex_lock(&s->lock);
    s->gate = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

uint64_t load_server_count(struct load_server *s) {
    return atomic_fetch_add(&s->requests, 1);
}

uint64_t load_server_requests(const struct load_server *s) {
    return atomic_load(&s->requests);
}

uint64_t load_server_connections(const struct load_server *s) {
    return atomic_load(&s->connections);
}

void load_server_stop(struct load_server *s) {
    load_server_open_gate(s);
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->acceptor, NULL);
    close(s->listener);
    pthread_mutex_lock(&s->lock);
    while (s->open > 0) {
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
