/*
 * Listening streams. Connections are made by lwIP and wait here for accept. lwIP counts those half
 * open and those told to it to wait, at most 255 a port; so of a longer backlog only the last so
 * many are told to it, and beyond them it drops requests, which peers repeat.
 */
#include "runtime/net/pool.h"
#include "runtime/posix/tcp.h"
#include <errno.h>
#include <sys/epoll.h>

#define LWIP_BACKLOG_MAX 255u
#define BACKLOG_MAX      4096u /* as Linux's somaxconn */

static struct posix_stream *stream_of(struct posix_socket *s) {
    return (struct posix_stream *)(void *)s;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
    struct posix_stream *listener = arg;
    struct posix_stream *s =
        err == ERR_OK && pcb && posix_serving ? posix_stream_new(O_RDWR) : NULL;
    if (!s) {
        posix_load_refused();
        return ERR_MEM; /* lwIP resets it */
    }
    struct posix_socket options = listener->socket;
    options.file = s->socket.file;
    options.error = 0;
    s->socket = options;
    s->no_delay = listener->no_delay;
    s->keep_idle_s = listener->keep_idle_s;
    s->keep_interval_s = listener->keep_interval_s;
    s->keep_count = listener->keep_count;
    s->accepted = true;
    posix_stream_adopt(s, pcb);
    posix_stream_opened(s);
    posix_list_append(&listener->waiting, &s->queued);
    listener->waiting_count++;
    if (listener->waiting_count + LWIP_BACKLOG_MAX > listener->backlog)
        tcp_backlog_delayed(pcb);
    posix_ready(&listener->socket.file, EPOLLIN);
    return ERR_OK;
}

static uint32_t backlog_of(int backlog) {
    if (backlog < 0 || (unsigned)backlog > BACKLOG_MAX)
        return BACKLOG_MAX;
    return backlog == 0 ? 1 : (uint32_t)backlog;
}

long posix_stream_listen(struct posix_socket *socket, int backlog) {
    struct posix_stream *s = stream_of(socket);
    err_t error;
    s->backlog = backlog_of(backlog);
    u8_t told = (u8_t)LWIP_MIN(s->backlog, LWIP_BACKLOG_MAX);
    if (s->state == STREAM_LISTENING) {
        tcp_backlog_set((struct tcp_pcb_listen *)s->pcb, told);
        return 0;
    }
    if (s->state != STREAM_NEW)
        return -EINVAL;
    if (!s->pcb || s->pcb->local_port == 0) {
        const struct sockaddr_in any = {.sin_family = AF_INET};
        long bound = posix_stream_bind(socket, &any);
        if (bound < 0)
            return bound;
    }
    struct tcp_pcb *listening = tcp_listen_with_backlog_and_err(s->pcb, told, &error);
    if (!listening)
        return posix_error_of(error);
    s->pcb = listening;
    s->state = STREAM_LISTENING;
    tcp_accept(listening, on_accept);
    posix_app_ready(listening->local_port);
    return 0;
}

long posix_stream_accept(struct posix_socket *socket, struct posix_socket **accepted) {
    struct posix_stream *listener = stream_of(socket);
    if (listener->state != STREAM_LISTENING)
        return -EINVAL;
    if (posix_list_empty(&listener->waiting))
        return -EAGAIN;
    struct posix_stream *s = POSIX_OF(listener->waiting.next, struct posix_stream, queued);
    posix_list_remove(&s->queued);
    listener->waiting_count--;
    if (s->pcb)
        tcp_backlog_accepted(s->pcb);
    *accepted = &s->socket;
    return 0;
}

void posix_stream_give_back(struct posix_socket *socket, struct posix_socket *accepted) {
    struct posix_stream *listener = stream_of(socket), *s = stream_of(accepted);
    posix_list_append(listener->waiting.next, &s->queued); /* as the first one */
    listener->waiting_count++;
}

void posix_stream_unlisten(struct posix_stream *listener) {
    while (!posix_list_empty(&listener->waiting)) {
        struct posix_stream *s = POSIX_OF(listener->waiting.next, struct posix_stream, queued);
        posix_list_remove(&s->queued);
        s->socket.linger = (struct linger){.l_onoff = 1};
        posix_file_drop(&s->socket.file);
    }
    listener->waiting_count = 0;
    tcp_close(listener->pcb);
    listener->pcb = NULL;
    listener->state = STREAM_OVER;
}
