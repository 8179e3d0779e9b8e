/* Streams, between the files that carry them: tcp.c, connect.c, listener.c, load.c. */
#ifndef POSIX_TCP_H
#define POSIX_TCP_H

#include "lwip/tcp.h"
#include "runtime/posix/list.h"
#include "runtime/posix/socket.h"

/*
 *   NEW --connect--> CONNECTING --> OPEN --reset, timed out, both ends closed--> OVER
 *    |                  '-----------refused---------------------------------------^
 *    '---listen--> LISTENING --accept--> (another stream, OPEN)
 *
 * pcb: in NEW after bind, in CONNECTING, OPEN and LISTENING (lwIP's listening one). In OVER there
 * is none, and what was received before can still be read.
 */
enum posix_stream_state {
    STREAM_NEW,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_LISTENING,
    STREAM_OVER
};

struct posix_stream {
    struct posix_socket socket; /* first */
    struct tcp_pcb *pcb;
    enum posix_stream_state state;
    bool read_shut, write_shut; /* by shutdown; the latter also where nothing can be sent */
    bool ended;                 /* the peer sends no more */
    bool full;                  /* a writer found too little room: say when there is more */
    bool asked;                 /* received since it last sent: the next sending is an answer */
    bool no_delay, cork;        /* as set; see options.c */
    bool connected_once;
    bool accepted; /* of a listener, not by connect */
    uint32_t turn; /* of the load, in which it last moved (load.c) */

    struct pbuf *first, *last; /* received and not read, linked by next; tot_len means nothing */
    uint16_t offset;           /* read of the first */
    uint32_t unread;

    struct posix_link all;     /* of all streams */
    struct posix_link unsent;  /* wrote since the last flush */
    struct posix_link starved; /* found no packet memory */

    uint32_t local_be, peer_be; /* once connected */
    uint16_t local_port, peer_port;
    uint32_t keep_idle_s, keep_interval_s, keep_count;

    struct posix_link queued;  /* of those its listener has not accepted */
    struct posix_link waiting; /* LISTENING: those */
    uint32_t waiting_count, backlog;
};

extern const struct posix_kind posix_tcp_kind;
extern struct posix_link posix_streams; /* all */
extern uint32_t posix_stream_count;
extern bool posix_serving; /* load.c */

/* A stream in NEW, or NULL. */
struct posix_stream *posix_stream_new(int flags);
void posix_stream_free(struct posix_stream *s);
/* pcb carries s from now on, as an open connection or one that is being opened. */
void posix_stream_adopt(struct posix_stream *s, struct tcp_pcb *pcb);
/* pcb calls s no more, and s has none. */
struct tcp_pcb *posix_stream_release(struct posix_stream *s);
/* It is connected: addresses are noted, it counts. */
void posix_stream_opened(struct posix_stream *s);
uint32_t posix_stream_ready(struct posix_stream *s);
/* Resets an open one: the program finds ECONNRESET, and it counts as refused. */
void posix_stream_refuse(struct posix_stream *s);
/* What both ends have closed is left to lwIP. */
void posix_stream_part(struct posix_stream *s);

/* tcp_data.c. Room enough that a writer is worth waking; a chain that came; reading and writing,
 * with MSG_*. */
static inline bool posix_stream_has_room(const struct tcp_pcb *pcb) {
    return tcp_sndbuf(pcb) > TCP_SNDLOWAT && tcp_sndqueuelen(pcb) < TCP_SNDQUEUELOWAT;
}
void posix_stream_append(struct posix_stream *s, struct pbuf *p);
void posix_stream_drop_unread(struct posix_stream *s);
long posix_stream_send(struct posix_stream *s, const struct iovec *parts, int count, int flags);
long posix_stream_receive(struct posix_stream *s, const struct iovec *parts, int count, int flags);
long posix_stream_read(struct posix_file *f, const struct iovec *parts, int count, int64_t offset);
long posix_stream_write(struct posix_file *f, const struct iovec *parts, int count, int64_t offset);
/* Each millisecond: those that found no packet memory to write into hear that there may be some. */
void posix_streams_feed(void);

/* connect.c, listener.c: the calls. */
long posix_stream_bind(struct posix_socket *s, const struct sockaddr_in *at);
long posix_stream_connect(struct posix_socket *s, const struct sockaddr_in *to);
long posix_stream_shutdown(struct posix_socket *s, int how);
long posix_stream_name(struct posix_socket *s, bool peer, struct sockaddr_storage *out);
long posix_stream_control(struct posix_file *f, unsigned long request, void *argument);
void posix_stream_close(struct posix_file *f);
long posix_stream_listen(struct posix_socket *s, int backlog);
long posix_stream_accept(struct posix_socket *s, struct posix_socket **accepted);
void posix_stream_give_back(struct posix_socket *s, struct posix_socket *accepted);
/* Its listening end is closed: those not accepted are reset. */
void posix_stream_unlisten(struct posix_stream *s);
/* options.c: s's options to its pcb; those of TCP and IP. */
void posix_stream_options(struct posix_socket *s);
long posix_stream_option(struct posix_socket *s, int level, int name, bool set, int *value);

/* keep_alive.c: a few of all streams each time, so that each has its turn in about a second. */
void posix_streams_keep_alive(void);

/* load.c: it received, or sent; what it counts. */
void posix_load_received(struct posix_stream *s);
void posix_load_sent(struct posix_stream *s);
void posix_load_opened(void);
void posix_load_closed(void);
void posix_load_refused(void);

#endif
