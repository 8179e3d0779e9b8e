/*
 * Options of sockets. What Linux knows and this library does not is -ENOPROTOOPT, as what Linux
 * does not know. Of two it is told and does nothing:
 *   TCP_NODELAY: no stream waits for acknowledgements before it sends what it has (Nagle); the
 *     writes of one turn leave together in any case.
 *   TCP_CORK: for the same reason.
 * A stream's buffers have the stack's sizes, whatever SO_SNDBUF and SO_RCVBUF ask for, and that is
 * what getsockopt says, as on Linux where a limit is below what was asked for.
 */
#include "runtime/posix/calls.h"
#include "runtime/posix/tcp.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/time.h>

/* Linux's numbers (tcp(7)): its header and lwIP's have names in common. */
#define TCP_NODELAY   1
#define TCP_MAXSEG    2
#define TCP_CORK      3
#define TCP_KEEPIDLE  4
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT   6

#define DATAGRAM_BUFFER_MAX   (2 * 212992)
#define DATAGRAM_BUFFER_LEAST 2304
#define KEEP_IDLE_S           7200
#define KEEP_INTERVAL_S       75
#define KEEP_COUNT            9

/* ---- of TCP and IP ---- */

void posix_stream_options(struct posix_socket *socket) {
    struct posix_stream *s = (struct posix_stream *)(void *)socket;
    struct tcp_pcb *pcb = s->pcb;
    if (!s->keep_idle_s) {
        s->keep_idle_s = KEEP_IDLE_S;
        s->keep_interval_s = KEEP_INTERVAL_S;
        s->keep_count = KEEP_COUNT;
    }
    if (!pcb)
        return;
    if (socket->reuse_address || socket->reuse_port)
        ip_set_option(pcb, SOF_REUSEADDR);
    else
        ip_reset_option(pcb, SOF_REUSEADDR);
    pcb->tos = socket->type_of_service;
    if (s->state == STREAM_LISTENING)
        return; /* lwIP's listening structure ends here */
    pcb->keep_idle = s->keep_idle_s * 1000;
    pcb->keep_intvl = s->keep_interval_s * 1000;
    pcb->keep_cnt = s->keep_count;
    if (!socket->keep_alive)
        ip_reset_option(pcb, SOF_KEEPALIVE); /* keep_alive.c sets it */
}

static long set_or_get(uint32_t *field, bool set, int *value, int most) {
    if (!set)
        *value = (int)*field;
    else if (*value < 1 || *value > most)
        return -EINVAL;
    else
        *field = (uint32_t)*value;
    return 0;
}

static long flag(bool *field, bool set, int *value) {
    if (set)
        *field = *value != 0;
    else
        *value = *field;
    return 0;
}

long posix_stream_option(struct posix_socket *socket, int level, int name, bool set, int *value) {
    struct posix_stream *s = (struct posix_stream *)(void *)socket;
    if (level != IPPROTO_TCP)
        return -ENOPROTOOPT;
    posix_stream_options(socket);
    switch (name) {
    case TCP_NODELAY:
        return flag(&s->no_delay, set, value);
    case TCP_CORK:
        return flag(&s->cork, set, value);
    case TCP_KEEPIDLE:
        return set_or_get(&s->keep_idle_s, set, value, 32767);
    case TCP_KEEPINTVL:
        return set_or_get(&s->keep_interval_s, set, value, 32767);
    case TCP_KEEPCNT:
        return set_or_get(&s->keep_count, set, value, 127);
    case TCP_MAXSEG:
        if (set)
            return -ENOPROTOOPT;
        *value = s->pcb && s->state == STREAM_OPEN ? tcp_mss(s->pcb) : TCP_MSS;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static long ip_option(struct posix_socket *s, int name, bool set, int *value) {
    if (name != IP_TOS)
        return -ENOPROTOOPT;
    if (set)
        s->type_of_service = (uint8_t)*value;
    else
        *value = s->type_of_service;
    return 0;
}

/* ---- of sockets ---- */

static int clamp(int value) {
    if (value > DATAGRAM_BUFFER_MAX / 2)
        return DATAGRAM_BUFFER_MAX;
    return value < DATAGRAM_BUFFER_LEAST / 2 ? DATAGRAM_BUFFER_LEAST : 2 * value;
}

/* Linux doubles what is asked for. */
static long buffer_bytes(const struct posix_socket *s, int *field, bool set, int *value) {
    if (!set)
        *value = *field;
    else if (s->type == SOCK_DGRAM)
        *field = clamp(*value);
    return 0;
}

static long socket_option(struct posix_socket *s, int name, bool set, int *value) {
    switch (name) {
    case SO_REUSEADDR:
        return flag(&s->reuse_address, set, value);
    case SO_REUSEPORT:
        return flag(&s->reuse_port, set, value);
    case SO_KEEPALIVE:
        return flag(&s->keep_alive, set, value);
    case SO_BROADCAST:
        return flag(&s->broadcast, set, value);
    case SO_SNDBUF:
        return buffer_bytes(s, &s->send_bytes, set, value);
    case SO_RCVBUF:
        return buffer_bytes(s, &s->receive_bytes, set, value);
    default:
        break;
    }
    if (set)
        return -ENOPROTOOPT;
    switch (name) {
    case SO_ERROR:
        *value = (int)-posix_socket_error(s);
        return 0;
    case SO_TYPE:
        *value = s->type;
        return 0;
    case SO_DOMAIN:
        *value = s->domain;
        return 0;
    case SO_PROTOCOL:
        *value = s->domain != AF_INET ? 0 : s->type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
        return 0;
    case SO_ACCEPTCONN:
        *value = s->file.kind == &posix_tcp_kind &&
                 ((const struct posix_stream *)(const void *)s)->state == STREAM_LISTENING;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static long int_option(struct posix_socket *s, int level, int name, bool set, int *value) {
    if (level == SOL_SOCKET)
        return socket_option(s, name, set, value);
    if (level == IPPROTO_IP && s->domain == AF_INET)
        return ip_option(s, name, set, value);
    const struct posix_socket_calls *calls = s->file.kind->socket;
    return calls->option ? calls->option(s, level, name, set, value) : -ENOPROTOOPT;
}

/* ---- options that are more than an int ---- */

static uint64_t *timeout_of(struct posix_socket *s, long level, long name) {
    if (level != SOL_SOCKET)
        return NULL;
    return name == SO_RCVTIMEO ? &s->receive_us : name == SO_SNDTIMEO ? &s->send_us : NULL;
}

static long set_timeout(uint64_t *us, const void *value, long bytes) {
    struct timeval t;
    if (bytes < (long)sizeof t)
        return -EINVAL;
    memcpy(&t, value, sizeof t);
    if (t.tv_usec < 0 || t.tv_usec >= 1000000)
        return -EDOM;
    *us = t.tv_sec < 0 ? 1 : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
    return 0;
}

static long set_linger(struct posix_socket *s, const void *value, long bytes) {
    if (bytes < (long)sizeof s->linger)
        return -EINVAL;
    memcpy(&s->linger, value, sizeof s->linger);
    return 0;
}

long posix_sys_setsockopt(long descriptor, long level, long name, long value, long bytes) {
    long error;
    int number;
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    if (!value)
        return -EFAULT;
    uint64_t *timeout = timeout_of(s, level, name);
    if (timeout)
        return set_timeout(timeout, (const void *)value, bytes);
    if (level == SOL_SOCKET && name == SO_LINGER)
        return set_linger(s, (const void *)value, bytes);
    if (bytes < (long)sizeof number)
        return -EINVAL;
    memcpy(&number, (const void *)value, sizeof number);
    error = int_option(s, (int)level, (int)name, true, &number);
    if (!error && s->file.kind->socket->options)
        s->file.kind->socket->options(s);
    return error;
}

static long give(const void *from, size_t have, long to, long bytes) {
    socklen_t *room = (socklen_t *)bytes;
    if ((int)*room < 0)
        return -EINVAL;
    *room = *room < have ? *room : (socklen_t)have;
    memcpy((void *)to, from, *room);
    return 0;
}

long posix_sys_getsockopt(long descriptor, long level, long name, long value, long bytes) {
    long error;
    int number = 0;
    struct posix_socket *s = posix_socket_of(descriptor, &error);
    if (!s)
        return error;
    if (!value || !bytes)
        return -EFAULT;
    const uint64_t *timeout = timeout_of(s, level, name);
    if (timeout) {
        const struct timeval t = {(time_t)(*timeout / 1000000), (suseconds_t)(*timeout % 1000000)};
        return give(&t, sizeof t, value, bytes);
    }
    if (level == SOL_SOCKET && name == SO_LINGER)
        return give(&s->linger, sizeof s->linger, value, bytes);
    error = int_option(s, (int)level, (int)name, false, &number);
    return error ? error : give(&number, sizeof number, value, bytes);
}
