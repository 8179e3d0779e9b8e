/*
 * A program on the calls of posix, at the world's server end (10.0.0.2): the test's body is its
 * first thread. The world goes on whenever the program waits or makes a turn.
 */
#ifndef TESTS_MEMORY_POSIX_PROGRAM_H
#define TESTS_MEMORY_POSIX_PROGRAM_H

#include "runtime/posix/calls.h"
#include "runtime/posix/posix.h"
#include "tests/memory/talk.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define SECOND_US UINT64_C(1000000)
#define PORT      7000

struct program {
    unsigned signals;    /* SIGPIPE, as a handler counts it */
    int signal;          /* the last */
    uint16_t ready_port; /* as posix_app_ready was told */
    uint64_t give_up_us; /* the world's time at which a test has hung */
};

extern struct program program;

/* Starts the world like this, and the program in it. */
void program_start(struct world_settings s);
/* Turns, until done(context) or so much time has passed; whether it is done. */
bool program_until(bool (*done)(void *context), void *context, uint64_t most_us);
void program_run_us(uint64_t us);

/* A new socket; an option of whole numbers, or the error; its name, or its peer's. */
int program_socket(int type);
int program_option(int fd, int level, int name);
struct sockaddr_in program_name(int fd, bool peer);
/* A listening socket; a connection from the client, accepted: its descriptor. */
int program_listen(uint16_t port, int type_flags);
int program_accept(int listener, struct talk *t, uint16_t port);
struct sockaddr_in program_address(const char *text, uint16_t port);

/* The calls, as programs write them. */
long p_read(int fd, void *to, size_t bytes);
long p_write(int fd, const void *from, size_t bytes);
long p_close(int fd);
long p_epoll_add(int epoll, int fd, uint32_t events);
/* The only event of an epoll_wait of at most so long, of descriptor fd; 0: there was none. */
uint32_t p_event(int epoll, int fd, int timeout_ms);

#endif
