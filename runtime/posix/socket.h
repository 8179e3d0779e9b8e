/*
 * What kinds of sockets give the calls of socket.c, message.c and options.c. A kind that is a
 * socket has posix_kind.socket, and a struct posix_socket in the place of its struct posix_file.
 */
#ifndef POSIX_SOCKET_H
#define POSIX_SOCKET_H

#include "runtime/posix/posix.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define POSIX_STREAM_SEND_BYTES    (256 * 1024) /* what a stream holds that was not acknowledged */
#define POSIX_STREAM_RECEIVE_BYTES 65535        /* what it holds that was not read */

struct posix_socket {
    struct posix_file file; /* first */
    uint16_t domain, type;
    int error;                    /* SO_ERROR; positive */
    uint64_t receive_us, send_us; /* SO_RCVTIMEO, SO_SNDTIMEO; 0: without end */
    struct linger linger;
    int receive_bytes, send_bytes; /* SO_RCVBUF, SO_SNDBUF */
    uint8_t type_of_service;
    bool reuse_address, reuse_port, keep_alive, broadcast;
};

/* One message, or the next bytes of a stream. */
struct posix_message {
    const struct iovec *parts;
    int count;
    int flags;                  /* MSG_*, of the caller */
    struct sockaddr_in address; /* where to, or where from */
    bool has_address;
    bool cut; /* of the message received there was more than fitted */
};

/* None blocks: -EAGAIN. A NULL is -EOPNOTSUPP. */
struct posix_socket_calls {
    long (*bind)(struct posix_socket *s, const struct sockaddr_in *at);
    long (*listen)(struct posix_socket *s, int backlog);
    /* *accepted: with a reference, the caller's. give_back: it could not be given a descriptor. */
    long (*accept)(struct posix_socket *s, struct posix_socket **accepted);
    void (*give_back)(struct posix_socket *s, struct posix_socket *accepted);
    /* to: NULL ends a connection of datagrams. -EINPROGRESS: EPOLLOUT will come. */
    long (*connect)(struct posix_socket *s, const struct sockaddr_in *to);
    long (*shutdown)(struct posix_socket *s, int how);
    /* Bytes of the address written to *out, or -errno. */
    long (*name)(struct posix_socket *s, bool peer, struct sockaddr_storage *out);
    long (*send)(struct posix_socket *s, const struct posix_message *m);
    long (*receive)(struct posix_socket *s, struct posix_message *m);
    /* The fields of struct posix_socket have changed. */
    void (*options)(struct posix_socket *s);
    /* An option of another level than SOL_SOCKET. set: *value is given; else it is to be filled. */
    long (*option)(struct posix_socket *s, int level, int name, bool set, int *value);
};

/* The socket of a descriptor; NULL and *error = -EBADF or -ENOTSOCK. */
struct posix_socket *posix_socket_of(long descriptor, long *error);
/* Until when a call may wait (SO_RCVTIMEO, SO_SNDTIMEO), counted from now. */
uint64_t posix_socket_deadline(const struct posix_file *f, bool write);
/* SO_ERROR: what went wrong since the last look, negative; 0 for nothing. */
long posix_socket_error(struct posix_socket *s);

struct stat;
long posix_socket_stat(struct posix_file *f, struct stat *out); /* of any kind of socket */

/* A new socket of AF_INET with one reference; NULL without memory. */
struct posix_socket *posix_tcp_new(int flags);
struct posix_socket *posix_udp_new(int flags);

/* load.c. False: nothing is accepted, nothing read; what came meanwhile is told when it is true. */
extern bool posix_serving;
void posix_datagrams_served(void);

/* True if a program may bind there: any address, the loop's or our own. */
bool posix_address_is_ours(uint32_t address_be);
/* lwIP's error as Linux's, negative. */
long posix_error_of(int lwip_error);

#endif
