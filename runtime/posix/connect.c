/* How a stream comes to be connected, and how it ends. */
#include "lwip/netif.h"
#include "runtime/net/park.h"
#include "runtime/posix/tcp.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

static struct posix_stream *stream_of(struct posix_socket *s) {
    return (struct posix_stream *)(void *)s;
}

bool posix_address_is_ours(uint32_t address_be) {
    const struct netif *interface;
    if (address_be == INADDR_ANY)
        return true;
    NETIF_FOREACH(interface) {
        if (ip4_addr_get_u32(netif_ip4_addr(interface)) == address_be)
            return true;
    }
    return false;
}

long posix_error_of(int lwip_error) {
    switch (lwip_error) {
    case ERR_OK:
        return 0;
    case ERR_USE:
        return -EADDRINUSE;
    case ERR_RTE:
        return -ENETUNREACH;
    case ERR_BUF:
        return -EADDRNOTAVAIL; /* no port is left */
    case ERR_MEM:
        return -ENOBUFS;
    default:
        return -EINVAL;
    }
}

static bool give_pcb(struct posix_stream *s) {
    if (s->pcb)
        return true;
    struct tcp_pcb *pcb = tcp_new();
    if (!pcb)
        return false;
    s->state = STREAM_NEW;
    s->ended = s->write_shut = false;
    posix_stream_adopt(s, pcb);
    return true;
}

long posix_stream_bind(struct posix_socket *socket, const struct sockaddr_in *at) {
    struct posix_stream *s = stream_of(socket);
    ip_addr_t address = {at->sin_addr.s_addr};
    if (s->state != STREAM_NEW || (s->pcb && s->pcb->local_port != 0))
        return -EINVAL;
    if (!posix_address_is_ours(at->sin_addr.s_addr))
        return -EADDRNOTAVAIL;
    if (!give_pcb(s))
        return -ENOBUFS;
    err_t error = tcp_bind(s->pcb, &address, lwip_ntohs(at->sin_port));
    return error == ERR_BUF ? -EADDRINUSE : posix_error_of(error);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
    struct posix_stream *s = arg;
    (void)pcb;
    (void)err; /* never anything else than ERR_OK */
    posix_stream_opened(s);
    posix_ready(&s->socket.file, EPOLLOUT);
    return ERR_OK;
}

/* An address of one host, to which there is a way: the interface's network, or a gateway. lwIP
 * would ask for it again and again. */
static bool reachable(const ip4_addr_t *to) {
    const struct netif *interface = ip4_route(to);
    if (!interface || ip4_addr_ismulticast(to) || ip4_addr_isbroadcast(to, interface))
        return false;
    return posix_address_is_ours(to->addr) || !ip4_addr_isany(netif_ip4_gw(interface)) ||
           ip4_addr_netcmp(to, netif_ip4_addr(interface), netif_ip4_netmask(interface));
}

long posix_stream_connect(struct posix_socket *socket, const struct sockaddr_in *to) {
    struct posix_stream *s = stream_of(socket);
    if (!to)
        return -EAFNOSUPPORT;
    ip_addr_t address = {to->sin_addr.s_addr};
    if (address.addr == INADDR_ANY)
        address.addr = PP_HTONL(INADDR_LOOPBACK);
    if (s->state == STREAM_CONNECTING)
        return -EALREADY;
    if (s->state == STREAM_OPEN || s->state == STREAM_LISTENING || s->connected_once)
        return -EISCONN;
    long failed = posix_socket_error(socket);
    if (failed)
        return failed;
    if (!reachable(&address))
        return -ENETUNREACH;
    if (!give_pcb(s))
        return -ENOBUFS;
    err_t error = tcp_connect(s->pcb, &address, lwip_ntohs(to->sin_port), on_connected);
    if (error != ERR_OK)
        return posix_error_of(error);
    s->state = STREAM_CONNECTING;
    return -EINPROGRESS;
}

long posix_stream_shutdown(struct posix_socket *socket, int how) {
    struct posix_stream *s = stream_of(socket);
    bool reads = how != SHUT_WR, writes = how != SHUT_RD;
    if (s->state == STREAM_LISTENING && reads) {
        posix_stream_unlisten(s);
        posix_ready(&socket->file, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
        return 0;
    }
    if (s->state != STREAM_OPEN)
        return -ENOTCONN;
    if (reads)
        s->read_shut = true;
    if (writes && !s->write_shut) {
        s->write_shut = true;
        net_unpark(s->pcb);
        tcp_shutdown(s->pcb, 0, 1);
        posix_list_remove(&s->unsent); /* it has been sent */
        posix_stream_part(s);
    }
    posix_ready(&socket->file, posix_stream_ready(s));
    return 0;
}

static long put_address(struct sockaddr_storage *out, uint32_t address_be, uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = address_be, .sin_port = lwip_htons(port)};
    memcpy(out, &address, sizeof address);
    return sizeof address;
}

long posix_stream_name(struct posix_socket *socket, bool peer, struct sockaddr_storage *out) {
    const struct posix_stream *s = stream_of(socket);
    if (peer && s->state != STREAM_OPEN)
        return -ENOTCONN;
    if (peer)
        return put_address(out, s->peer_be, s->peer_port);
    if (s->connected_once || !s->pcb)
        return put_address(out, s->local_be, s->local_port);
    return put_address(out, ip4_addr_get_u32(&s->pcb->local_ip), s->pcb->local_port);
}

long posix_stream_control(struct posix_file *f, unsigned long request, void *argument) {
    const struct posix_stream *s = (struct posix_stream *)(void *)f;
    switch (request) {
    case FIONREAD:
        *(int *)argument = (int)s->unread;
        return s->state == STREAM_LISTENING ? -EINVAL : 0;
    case TIOCOUTQ:
        *(int *)argument = s->state == STREAM_OPEN ? (int)(TCP_SND_BUF - tcp_sndbuf(s->pcb)) : 0;
        return 0;
    default:
        return -ENOTTY;
    }
}

/* What was received and not read, or a linger time of 0, ends it with a reset; else lwIP sends what
 * it holds, and then ends it. */
void posix_stream_close(struct posix_file *f) {
    struct posix_stream *s = (struct posix_stream *)(void *)f;
    if (s->state == STREAM_LISTENING)
        posix_stream_unlisten(s);
    if (s->pcb) {
        bool opened = s->state == STREAM_OPEN || s->state == STREAM_CONNECTING;
        bool reset = opened && s->socket.linger.l_onoff && s->socket.linger.l_linger == 0;
        struct tcp_pcb *pcb = posix_stream_release(s);
        if (reset || tcp_close(pcb) != ERR_OK)
            tcp_abort(pcb);
    }
    posix_stream_free(s);
}
