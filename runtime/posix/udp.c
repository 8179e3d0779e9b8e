/*
 * Datagrams. What comes stays in the pbuf it came in, or in the chain of those of its fragments;
 * what comes after it and where it came from is written over the headers of IP and UDP, which lie
 * before it and have had their use.
 *
 * A datagram that is sent fits one frame: lwIP does not make fragments (-EMSGSIZE).
 */
#include "lwip/udp.h"
#include "lwip/netif.h"
#include "runtime/net/pool.h"
#include "runtime/posix/list.h"
#include "runtime/posix/socket.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#define DATAGRAM_BYTES_MAX 1472u /* 1500 less the headers of IP and UDP */
#define SOCKETS_MAX        1024
#define RECEIVE_BYTES      212992 /* of SO_RCVBUF, as Linux has it */

struct datagrams {
    struct posix_socket socket; /* first */
    struct udp_pcb *pcb;
    struct pbuf *first, *last;
    uint32_t bytes; /* of those, with what pbufs cost */
    bool read_shut, write_shut;
    struct posix_link all; /* of all such sockets */
};

/* In the place of the headers. */
struct envelope {
    struct pbuf *next;
    uint32_t address_be;
    uint16_t port;
};
_Static_assert(sizeof(struct envelope) <= UDP_HLEN + IP_HLEN, "room for it before a datagram");

static struct net_pool pool = {.block_bytes = (sizeof(struct datagrams) + 63) / 64 * 64,
                               .blocks_max = SOCKETS_MAX};

static struct posix_link all = POSIX_LIST(all);

static struct datagrams *of(void *f) {
    return f;
}

static uint32_t cost(const struct pbuf *p) {
    return p->tot_len + pbuf_clen(p) * (uint32_t)sizeof *p;
}

static void *envelope_of(const struct pbuf *p) {
    return (char *)p->payload - sizeof(struct envelope);
}

/* ---- receiving ---- */

static void on_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port) {
    struct datagrams *d = arg;
    const struct envelope envelope = {NULL, ip4_addr_get_u32(from), port};
    (void)pcb;
    if (d->read_shut || d->bytes + cost(p) > (uint32_t)d->socket.receive_bytes) {
        pbuf_free(p);
        return;
    }
    memcpy(envelope_of(p), &envelope, sizeof envelope);
    if (d->last)
        memcpy(envelope_of(d->last), &p, sizeof p);
    else
        d->first = p;
    d->last = p;
    d->bytes += cost(p);
    if (posix_serving)
        posix_ready(&d->socket.file, EPOLLIN);
}

void posix_datagrams_served(void) {
    for (struct posix_link *l = all.next; l != &all; l = l->next) {
        struct datagrams *d = POSIX_OF(l, struct datagrams, all);
        if (d->first)
            posix_ready(&d->socket.file, EPOLLIN);
    }
}

static void drop_first(struct datagrams *d) {
    struct pbuf *p = d->first;
    memcpy(&d->first, envelope_of(p), sizeof d->first);
    if (!d->first)
        d->last = NULL;
    d->bytes -= cost(p);
    pbuf_free(p);
}

/* How many bytes of the datagram found room in the message's parts. */
static size_t copy_out(const struct pbuf *p, const struct posix_message *m) {
    size_t done = 0, from = 0; /* from: in p, of its fragments */
    for (int i = 0; i < m->count; i++) {
        for (size_t room = m->parts[i].iov_len; room > 0 && p;) {
            size_t n = LWIP_MIN(room, p->len - from);
            memcpy((char *)m->parts[i].iov_base + (m->parts[i].iov_len - room),
                   (const char *)p->payload + from, n);
            room -= n;
            done += n;
            from += n;
            if (from == p->len) {
                p = p->next;
                from = 0;
            }
        }
    }
    return done;
}

static long receive(struct posix_socket *s, struct posix_message *m) {
    struct datagrams *d = of(s);
    const struct pbuf *p = d->first;
    struct envelope envelope;
    if (!p) {
        long error = posix_socket_error(s);
        return error ? error : d->read_shut ? 0 : -EAGAIN;
    }
    if (!posix_serving)
        return -EAGAIN;
    size_t done = copy_out(p, m);
    memcpy(&envelope, envelope_of(p), sizeof envelope);
    m->has_address = true;
    m->address = (struct sockaddr_in){.sin_family = AF_INET,
                                      .sin_addr.s_addr = envelope.address_be,
                                      .sin_port = lwip_htons(envelope.port)};
    m->cut = done < p->tot_len;
    if (m->flags & MSG_TRUNC)
        done = p->tot_len;
    if (!(m->flags & MSG_PEEK))
        drop_first(d);
    return (long)done;
}

static long read_parts(struct posix_file *f, const struct iovec *parts, int count, int64_t offset) {
    struct posix_message m = {.parts = parts, .count = count};
    (void)offset;
    return receive(&of(f)->socket, &m);
}

/* ---- sending ---- */

static long datagrams_send(struct posix_socket *s, const struct posix_message *m) {
    struct datagrams *d = of(s);
    size_t bytes = posix_parts_bytes(m->parts, m->count), done = 0;
    long error = posix_socket_error(s);
    if (error)
        return error;
    if (d->write_shut)
        return -EPIPE;
    if (!m->has_address && !(d->pcb->flags & UDP_FLAGS_CONNECTED))
        return -EDESTADDRREQ;
    if (bytes > DATAGRAM_BYTES_MAX)
        return -EMSGSIZE;
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)bytes, PBUF_RAM);
    if (!p)
        return -ENOBUFS;
    for (int i = 0; i < m->count; i++) {
        memcpy((char *)p->payload + done, m->parts[i].iov_base, m->parts[i].iov_len);
        done += m->parts[i].iov_len;
    }
    ip_addr_t to = {m->address.sin_addr.s_addr};
    if (m->has_address && to.addr == INADDR_ANY)
        to.addr = PP_HTONL(INADDR_LOOPBACK);
    err_t sent = m->has_address ? udp_sendto(d->pcb, p, &to, lwip_ntohs(m->address.sin_port))
                                : udp_send(d->pcb, p);
    pbuf_free(p);
    /* As on Linux what the device has no room for is lost. */
    return sent == ERR_OK || sent == ERR_MEM || sent == ERR_BUF ? (long)bytes
                                                                : posix_error_of(sent);
}

static long write_parts(struct posix_file *f, const struct iovec *parts, int count,
                        int64_t offset) {
    const struct posix_message m = {.parts = parts, .count = count};
    (void)offset;
    return datagrams_send(&of(f)->socket, &m);
}

/* ---- the other calls ---- */

static long datagrams_bind(struct posix_socket *s, const struct sockaddr_in *at) {
    struct datagrams *d = of(s);
    ip_addr_t address = {at->sin_addr.s_addr};
    if (d->pcb->local_port != 0)
        return -EINVAL;
    if (!posix_address_is_ours(at->sin_addr.s_addr))
        return -EADDRNOTAVAIL;
    return posix_error_of(udp_bind(d->pcb, &address, lwip_ntohs(at->sin_port)));
}

static long datagrams_connect(struct posix_socket *s, const struct sockaddr_in *to) {
    struct datagrams *d = of(s);
    if (!to) {
        udp_disconnect(d->pcb);
        return 0;
    }
    ip_addr_t address = {to->sin_addr.s_addr};
    if (address.addr == INADDR_ANY)
        address.addr = PP_HTONL(INADDR_LOOPBACK);
    return posix_error_of(udp_connect(d->pcb, &address, lwip_ntohs(to->sin_port)));
}

static long datagrams_shutdown(struct posix_socket *s, int how) {
    struct datagrams *d = of(s);
    if (!(d->pcb->flags & UDP_FLAGS_CONNECTED))
        return -ENOTCONN;
    d->read_shut |= how != SHUT_WR;
    d->write_shut |= how != SHUT_RD;
    posix_ready(&s->file, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    return 0;
}

static long name(struct posix_socket *s, bool peer, struct sockaddr_storage *out) {
    const struct udp_pcb *pcb = of(s)->pcb;
    if (peer && !(pcb->flags & UDP_FLAGS_CONNECTED))
        return -ENOTCONN;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = ip4_addr_get_u32(peer ? &pcb->remote_ip : &pcb->local_ip),
        .sin_port = lwip_htons(peer ? pcb->remote_port : pcb->local_port)};
    memcpy(out, &address, sizeof address);
    return sizeof address;
}

static void options(struct posix_socket *s) {
    struct udp_pcb *pcb = of(s)->pcb;
    pcb->tos = s->type_of_service;
    if (s->reuse_address || s->reuse_port)
        ip_set_option(pcb, SOF_REUSEADDR);
    else
        ip_reset_option(pcb, SOF_REUSEADDR);
    if (s->broadcast)
        ip_set_option(pcb, SOF_BROADCAST);
    else
        ip_reset_option(pcb, SOF_BROADCAST);
}

static uint32_t ready(struct posix_file *f) {
    const struct datagrams *d = of(f);
    bool readable = (d->first && posix_serving) || d->read_shut;
    return EPOLLOUT | (readable ? EPOLLIN : 0) | (d->read_shut ? EPOLLRDHUP : 0) |
           (d->read_shut && d->write_shut ? EPOLLHUP : 0) | (d->socket.error ? EPOLLERR : 0);
}

static long control(struct posix_file *f, unsigned long request, void *argument) {
    const struct datagrams *d = of(f);
    if (request != FIONREAD)
        return -ENOTTY;
    *(int *)argument = d->first ? d->first->tot_len : 0;
    return 0;
}

static void datagrams_close(struct posix_file *f) {
    struct datagrams *d = of(f);
    while (d->first)
        drop_first(d);
    udp_remove(d->pcb);
    posix_list_remove(&d->all);
    net_pool_give(d);
}

static const struct posix_socket_calls calls = {.bind = datagrams_bind,
                                                .connect = datagrams_connect,
                                                .shutdown = datagrams_shutdown,
                                                .name = name,
                                                .send = datagrams_send,
                                                .receive = receive,
                                                .options = options};

static const struct posix_kind kind = {.name = "udp",
                                       .read = read_parts,
                                       .write = write_parts,
                                       .ready = ready,
                                       .stat = posix_socket_stat,
                                       .control = control,
                                       .close = datagrams_close,
                                       .socket = &calls};

struct posix_socket *posix_udp_new(int flags) {
    struct datagrams *d = net_pool_take(&pool, sizeof *d);
    if (!d)
        return NULL;
    *d = (struct datagrams){.socket = {.domain = AF_INET,
                                       .type = SOCK_DGRAM,
                                       .receive_bytes = RECEIVE_BYTES,
                                       .send_bytes = RECEIVE_BYTES},
                            .pcb = udp_new()};
    if (!d->pcb) {
        net_pool_give(d);
        return NULL;
    }
    udp_recv(d->pcb, on_received, d);
    posix_list_append(&all, &d->all);
    posix_file_init(&d->socket.file, &kind, flags);
    return &d->socket;
}
