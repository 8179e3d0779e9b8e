/*
 * How connections are made: listening and accepting, connecting to ourselves and to nobody,
 * threads that wait, options, the load, and a thousand that come and go.
 */
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define BACKLOG 8
#define MANY    1000
#define AT_ONCE 50

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static char buffer[200000];

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t bytes = sizeof value;
    long error = posix_sys_getsockopt(fd, level, name, (long)&value, (long)&bytes);
    return error ? (int)error : value;
}

static long set(int fd, int level, int name, int value) {
    return posix_sys_setsockopt(fd, level, name, (long)&value, sizeof value);
}

static int new_socket(int type) {
    int fd = (int)posix_sys_socket(AF_INET, type, 0);
    WORLD_CHECK(fd >= 0);
    return fd;
}

static long connect_to(int fd, const char *address, uint16_t port) {
    struct sockaddr_in a = program_address(address, port);
    return posix_sys_connect(fd, (long)&a, sizeof a);
}

static struct sockaddr_in name_of(int fd, bool peer) {
    struct sockaddr_in a = {0};
    socklen_t bytes = sizeof a;
    WORLD_CHECK(
        (peer ? posix_sys_getpeername : posix_sys_getsockname)(fd, (long)&a, (long)&bytes) == 0);
    WORLD_CHECK(bytes == sizeof a && a.sin_family == AF_INET);
    return a;
}

/* ---- listening ---- */

static unsigned connected(const struct talk *t, unsigned count) {
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        n += t[i].connected && !t[i].failed;
    return n;
}

/* Beyond the backlog requests wait at the client, and get in when there is room. */
static void backlog(const void *in, void *out) {
    static struct talk t[3 * BACKLOG];
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int listener = program_listen(PORT, SOCK_NONBLOCK);
    WORLD_CHECK(posix_sys_listen(listener, BACKLOG) == 0);
    for (unsigned i = 0; i < 3 * BACKLOG; i++)
        talk_start(&t[i], PORT);
    program_run_us(500000);
    WORLD_CHECK(connected(t, 3 * BACKLOG) == BACKLOG);
    for (unsigned i = 0; i < 3 * BACKLOG; i++) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        WORLD_CHECK(posix_sys_poll((long)&p, 1, 60000) == 1);
        WORLD_CHECK(posix_sys_accept4(listener, 0, 0, 0) >= 0);
    }
    WORLD_CHECK(connected(t, 3 * BACKLOG) == 3 * BACKLOG);
}

/* Without a free descriptor a connection waits on. */
static void no_descriptor(const void *in, void *out) {
    static struct talk t;
    long last = 0, fd;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int listener = program_listen(PORT, SOCK_NONBLOCK);
    while ((fd = posix_sys_dup(listener)) >= 0)
        last = fd;
    WORLD_CHECK(fd == -EMFILE && last == POSIX_FILES_MAX - 1);
    talk_start(&t, PORT);
    program_run_us(1000);
    for (int i = 0; i < 3; i++)
        WORLD_CHECK(posix_sys_accept4(listener, 0, 0, 0) == -EMFILE);
    talk_say(&t, "patience", 8);
    WORLD_CHECK(p_close((int)last) == 0);
    WORLD_CHECK(posix_sys_accept4(listener, 0, 0, 0) == last);
    WORLD_CHECK(p_read((int)last, buffer, 9) == 8 && !t.failed);
}

/* A limit that the program sets itself holds for new descriptors, and goes up and down below its
 * maximum. */
static void fewer_descriptors(const void *in, void *out) {
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int first = new_socket(SOCK_STREAM), second = new_socket(SOCK_STREAM);
    struct rlimit limit = {(rlim_t)second, (rlim_t)second + 1};
    WORLD_CHECK(posix_sys_prlimit64(0, RLIMIT_NOFILE, (long)&limit, 0) == 0);
    WORLD_CHECK(posix_sys_socket(AF_INET, SOCK_STREAM, 0) == -EMFILE);
    WORLD_CHECK(posix_sys_dup(first) == -EMFILE && posix_sys_dup2(first, second) == -EBADF);
    WORLD_CHECK(posix_sys_fcntl(first, F_DUPFD, second) == -EINVAL);
    WORLD_CHECK(option(second, SOL_SOCKET, SO_TYPE) == SOCK_STREAM); /* is still there */
    WORLD_CHECK(p_close(first) == 0 && new_socket(SOCK_STREAM) == first);
    WORLD_CHECK(p_close(second) == 0 && posix_sys_dup(first) == -EMFILE);
    limit.rlim_cur = limit.rlim_max;
    WORLD_CHECK(posix_sys_prlimit64(0, RLIMIT_NOFILE, (long)&limit, 0) == 0);
    WORLD_CHECK(posix_sys_dup(first) == second && posix_sys_dup(first) == -EMFILE);
}

/* Nobody accepts: those that wait are reset when the listener closes. */
static void unaccepted(const void *in, void *out) {
    static struct talk t[BACKLOG];
    char byte;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    program_run_us(1000);
    size_t taken = net_pool_taken();
    int listener = program_listen(PORT, 0);
    for (unsigned i = 0; i < BACKLOG; i++)
        talk_start(&t[i], PORT);
    program_run_us(1000);
    talk_say(&t[0], "hello", 5);
    client_abort(t[1].stream); /* accepted nevertheless, and reset when it is read */
    program_run_us(10 * SECOND_US);
    for (unsigned i = 0; i < 2; i++) {
        int fd = (int)posix_sys_accept4(listener, 0, 0, SOCK_NONBLOCK);
        WORLD_CHECK(fd >= 0 && p_read(fd, &byte, 1) == (i == 0 ? 1 : -ECONNRESET));
        WORLD_CHECK(p_close(fd) == 0);
    }
    WORLD_CHECK(p_close(listener) == 0);
    program_run_us(1000);
    for (unsigned i = 2; i < BACKLOG; i++)
        WORLD_CHECK(t[i].failed);
    program_run_us(10 * SECOND_US);
    WORLD_CHECK(net_pool_taken() == taken);
    struct sockaddr_in a = program_address("0.0.0.0", PORT);
    int fd = new_socket(SOCK_STREAM), other = new_socket(SOCK_STREAM);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EADDRINUSE);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == -EINVAL);
    a = program_address("10.0.0.9", 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EADDRNOTAVAIL);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, 4) == -EINVAL);
    a.sin_family = AF_INET6;
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EAFNOSUPPORT);
    WORLD_CHECK(posix_sys_accept4(fd, 0, 0, 0) == -EINVAL);
    WORLD_CHECK(posix_sys_listen(other, 0) == 0 && name_of(other, false).sin_port != 0);
}

/* ---- to ourselves ---- */

/* All the way round through the loop, by either address; bytes each way, more than windows hold. */
static void ourselves(const void *in, void *out) {
    const char *address = in;
    size_t sent = 0, heard = 0;
    char piece[7000];
    (void)out;
    program_start(world_plain(1));
    program_run_us(1000);
    size_t taken = net_pool_taken();
    uint64_t frames = world.server->counters.tx_frames;
    int listener = program_listen(PORT, SOCK_NONBLOCK), fd = new_socket(SOCK_STREAM);
    WORLD_CHECK(connect_to(fd, address, PORT) == 0); /* waits */
    struct sockaddr_in peer = {0};
    socklen_t bytes = sizeof peer;
    int other = (int)posix_sys_accept4(listener, (long)&peer, (long)&bytes, SOCK_NONBLOCK);
    WORLD_CHECK(other >= 0 && bytes == sizeof peer);
    struct sockaddr_in local = name_of(fd, false);
    WORLD_CHECK(local.sin_port == peer.sin_port && local.sin_addr.s_addr == peer.sin_addr.s_addr);
    local = name_of(fd, true);
    WORLD_CHECK(local.sin_port == name_of(other, false).sin_port);
    WORLD_CHECK(posix_sys_fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    for (size_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (char)(i * 13 + i / 257);
    program_run_us(5 * SECOND_US); /* both set aside */
    while (heard < sizeof buffer) {
        long n = sent < sizeof buffer ? p_write(fd, buffer + sent, sizeof buffer - sent) : 0;
        sent += n > 0 ? (size_t)n : 0;
        struct pollfd p = {.fd = other, .events = POLLIN};
        WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 1);
        n = p_read(other, piece, sizeof piece);
        WORLD_CHECK(n > 0 && memcmp(piece, buffer + heard, (size_t)n) == 0);
        heard += (size_t)n;
    }
    WORLD_CHECK(world.server->counters.tx_frames == frames); /* the wire saw nothing of it */
    WORLD_CHECK(p_close(fd) == 0);
    program_run_us(1000);
    WORLD_CHECK(p_read(other, piece, 1) == 0 && p_close(other) == 0 && p_close(listener) == 0);
    program_run_us(10 * SECOND_US);
    WORLD_CHECK(net_pool_taken() == taken);
}

/* Addresses to which there is no way, or behind which there is not one host. */
static void no_way(const void *in, void *out) {
    static const char *const addresses[] = {"10.0.1.1", "224.0.0.1", "239.10.20.30",
                                            "255.255.255.255", "10.0.0.255"};
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        WORLD_CHECK(connect_to(fd, addresses[i], PORT) == -ENETUNREACH);
    WORLD_CHECK(connect_to(fd, "10.0.0.1", PORT) == -EINPROGRESS);
}

static void nobody(const void *in, void *out) {
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) == 1 && p.revents == (POLLOUT | POLLHUP));
    WORLD_CHECK(p_read(fd, buffer, 1) == -ENOTCONN && posix_sys_shutdown(fd, SHUT_WR) == -ENOTCONN);
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EINPROGRESS);
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EALREADY);
    WORLD_CHECK(p_write(fd, "x", 1) == -EAGAIN && p_read(fd, buffer, 1) == -EAGAIN);
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 1 && (p.revents & POLLERR));
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_ERROR) == 0);
    int listener = program_listen(PORT, 0); /* once more, and now there is somebody */
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EINPROGRESS);
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 1 && p.revents == POLLOUT);
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_ERROR) == 0);
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EISCONN);
    WORLD_CHECK(p_close(fd) == 0 && p_close(listener) == 0);
    fd = new_socket(SOCK_STREAM);
    WORLD_CHECK(connect_to(fd, "10.0.0.1", PORT) == -ECONNREFUSED); /* the client does not listen */
    WORLD_CHECK(p_close(fd) == 0);
    fd = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
    WORLD_CHECK(connect_to(fd, "10.0.0.1", PORT) == -EINPROGRESS && p_close(fd) == 0);
}

/* ---- threads that wait ---- */

static int shared;
static long result;

static void reads_and_answers(void *argument) {
    char text[16];
    (void)argument;
    long fd = posix_sys_accept4(shared, 0, 0, 0);
    WORLD_CHECK(fd >= 0);
    long n = posix_sys_recvfrom(fd, (long)text, 10, MSG_WAITALL, 0, 0);
    WORLD_CHECK(n == 10 && memcmp(text, "helloworld", 10) == 0);
    WORLD_CHECK(p_write((int)fd, buffer, sizeof buffer) == (long)sizeof buffer); /* all of it */
    result = p_close((int)fd) + 1;
}

static void threads(const void *in, void *out) {
    static struct talk t;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    shared = program_listen(PORT, 0);
    struct thread *thread = thread_create(reads_and_answers, NULL, 0);
    program_run_us(1000);
    talk_start(&t, PORT);
    program_run_us(1000);
    talk_say(&t, "hello", 5);
    program_run_us(1000);
    talk_say(&t, "world", 5);
    /* While another waits in poll for what never comes. */
    struct pollfd p = {.fd = shared, .events = POLLIN};
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 0);
    WORLD_CHECK(result == 1 && t.bytes == sizeof buffer && t.ended);
    thread_join(thread);
}

static void timeouts(const void *in, void *out) {
    struct timeval tenth = {.tv_usec = 100000}, wrong = {.tv_usec = 1000000}, got;
    static struct talk t;
    socklen_t bytes = sizeof got;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int listener = program_listen(PORT, 0);
    int fd = program_accept(listener, &t, PORT);
    WORLD_CHECK(posix_sys_fcntl(fd, F_SETFL, 0) == 0);
    for (int i = 0; i < 2; i++)
        WORLD_CHECK(posix_sys_setsockopt(i ? fd : listener, SOL_SOCKET, SO_RCVTIMEO, (long)&tenth,
                                         sizeof tenth) == 0);
    WORLD_CHECK(posix_sys_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, (long)&wrong, sizeof wrong) ==
                -EDOM);
    WORLD_CHECK(posix_sys_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, (long)&got, (long)&bytes) == 0);
    WORLD_CHECK(bytes == sizeof got && got.tv_sec == 0 && got.tv_usec == 100000);
    uint64_t start_us = plat_now_us();
    WORLD_CHECK(p_read(fd, buffer, 10) == -EAGAIN && plat_now_us() >= start_us + 100000);
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 10, 0, 0, 0) == -EAGAIN);
    WORLD_CHECK(posix_sys_accept4(listener, 0, 0, 0) == -EAGAIN);
    WORLD_CHECK(plat_now_us() >= start_us + 300000 && plat_now_us() < start_us + 320000);
}

/* ---- options ---- */

static void options(const void *in, void *out) {
    static const int flags[][2] = {{SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_REUSEPORT},
                                   {SOL_SOCKET, SO_KEEPALIVE}, {SOL_SOCKET, SO_BROADCAST},
                                   {IPPROTO_TCP, 1},           {IPPROTO_TCP, 3}};
    static struct talk t;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int fd = new_socket(SOCK_STREAM);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        WORLD_CHECK(option(fd, flags[i][0], flags[i][1]) == 0);
        WORLD_CHECK(set(fd, flags[i][0], flags[i][1], 4) == 0);
        WORLD_CHECK(option(fd, flags[i][0], flags[i][1]) == 1);
    }
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET);
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    WORLD_CHECK(set(fd, SOL_SOCKET, SO_SNDBUF, 4096) == 0);
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_SNDBUF) == 256 * 1024);
    WORLD_CHECK(set(fd, IPPROTO_IP, IP_TOS, 0x10) == 0 && option(fd, IPPROTO_IP, IP_TOS) == 0x10);
    WORLD_CHECK(option(fd, IPPROTO_TCP, 4) == 7200 && set(fd, IPPROTO_TCP, 4, 0) == -EINVAL);
    WORLD_CHECK(set(fd, SOL_SOCKET, SO_TYPE, 1) == -ENOPROTOOPT);
    WORLD_CHECK(set(fd, SOL_SOCKET, 9999, 1) == -ENOPROTOOPT);
    WORLD_CHECK(option(fd, IPPROTO_TCP, 9999) == -ENOPROTOOPT);
    WORLD_CHECK(option(fd, IPPROTO_IPV6, 26) == -ENOPROTOOPT);
    WORLD_CHECK(posix_sys_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (long)buffer, 2) == -EINVAL);
    WORLD_CHECK(set(0, SOL_SOCKET, SO_TYPE, 1) == -EBADF || set(99, 0, 0, 0) == -EBADF);
    WORLD_CHECK(posix_sys_socket(AF_INET6, SOCK_STREAM, 0) == -EAFNOSUPPORT);
    WORLD_CHECK(posix_sys_socket(AF_UNIX, SOCK_STREAM, 0) == -EAFNOSUPPORT);
    WORLD_CHECK(posix_sys_socket(AF_INET, SOCK_RAW, 0) == -ESOCKTNOSUPPORT);
    WORLD_CHECK(posix_sys_socket(AF_INET, SOCK_STREAM, IPPROTO_UDP) == -EPROTONOSUPPORT);
    int epoll = (int)posix_sys_epoll_create1(0);
    WORLD_CHECK(set(epoll, SOL_SOCKET, SO_TYPE, 1) == -ENOTSOCK);
    WORLD_CHECK(posix_sys_listen(epoll, 1) == -ENOTSOCK);
    /* Those of a listener are those of what it accepts. */
    struct sockaddr_in a = program_address("0.0.0.0", PORT);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == 0 && posix_sys_listen(fd, 5) == 0);
    WORLD_CHECK(option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    int accepted = program_accept(fd, &t, PORT);
    WORLD_CHECK(option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1);
    WORLD_CHECK(option(accepted, IPPROTO_TCP, 1) == 1 &&
                option(accepted, IPPROTO_IP, IP_TOS) == 16);
    WORLD_CHECK(option(accepted, IPPROTO_TCP, 2) == 1460);
    /* With SO_REUSEADDR a port can be taken while connections of it are open, and not without. */
    int other = new_socket(SOCK_STREAM);
    WORLD_CHECK(p_close(fd) == 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EADDRINUSE);
    WORLD_CHECK(set(other, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == 0 && posix_sys_listen(other, 5) == 0);
}

/* ---- the load ---- */

static void load(const void *in, void *out) {
    static struct talk t[4];
    struct nom_statistics s = {0};
    int fds[4], epoll;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int listener = program_listen(PORT, SOCK_NONBLOCK);
    epoll = (int)posix_sys_epoll_create1(0);
    for (int i = 0; i < 4; i++) {
        fds[i] = program_accept(listener, &t[i], PORT);
        WORLD_CHECK(p_epoll_add(epoll, fds[i], EPOLLIN) == 0);
    }
    posix_sockets_active();
    WORLD_CHECK(posix_sockets_active() == 0);
    talk_say(&t[1], "a", 1);
    while (p_read(fds[1], buffer, 1) == -EAGAIN)
        posix_turn();
    WORLD_CHECK(p_write(fds[1], "b", 1) == 1 && p_write(fds[1], "c", 1) == 1);
    posix_sockets_statistics(&s);
    WORLD_CHECK(s.requests == 1 && s.connections_open == 4 && s.connections_total == 4);
    /* Not serving, whoever is connected is reset, and so is who comes; then all is as before. */
    posix_sockets_serve(false);
    static struct talk late, later;
    talk_start(&late, PORT);
    program_run_us(100000);
    WORLD_CHECK(t[2].failed && late.failed);
    WORLD_CHECK(posix_sys_accept4(listener, 0, 0, SOCK_NONBLOCK) == -EAGAIN);
    WORLD_CHECK(p_read(fds[2], buffer, 9) == -ECONNRESET && p_read(fds[2], buffer, 9) == 0);
    posix_sockets_statistics(&s);
    WORLD_CHECK(s.connections_open == 0 && s.refused == 5);
    posix_sockets_serve(true);
    fds[0] = program_accept(listener, &later, PORT);
    client_abort(later.stream);
    program_run_us(1000);
    posix_sockets_statistics(&s);
    WORLD_CHECK(s.connections_open == 0 && s.connections_total == 5 && s.refused == 5);
}

/* A program that ends closes its connections, and what it wrote still comes. */
static void end(const void *in, void *out) {
    static struct talk t[2];
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int listener = program_listen(PORT, SOCK_NONBLOCK);
    int fd = program_accept(listener, &t[0], PORT);
    program_accept(listener, &t[1], PORT);
    WORLD_CHECK(p_write(fd, "last", 4) == 4);
    posix_sockets_end();
    world_run_us(1000000);
    WORLD_CHECK(t[0].ended && t[1].ended && t[0].bytes == 4);
}

/* ---- many ---- */

static struct talk talks[AT_ONCE];

static bool all_over(void *context) {
    (void)context;
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (!talks[i].ended && !talks[i].failed)
            return false;
    return true;
}

/* Each says something, is answered, and closed: by the program, by the client, or by a reset. */
static void serve_some(int epoll, int listener, unsigned *left) {
    struct epoll_event e[16];
    long n = posix_sys_epoll_pwait(epoll, (long)e, 16, 10, 0, 8);
    for (long i = 0; i < n; i++) {
        int fd = e[i].data.fd;
        if (fd == listener) {
            fd = (int)posix_sys_accept4(listener, 0, 0, SOCK_NONBLOCK);
            WORLD_CHECK(fd >= 0 && p_epoll_add(epoll, fd, EPOLLIN) == 0);
            continue;
        }
        long got = p_read(fd, buffer, 100);
        WORLD_CHECK(got > 0 && p_write(fd, buffer, (size_t)got) == got && p_close(fd) == 0);
        --*left;
    }
}

static void come_and_go(const void *in, void *out) {
    (void)in;
    (void)out;
    size_t before = 0;
    program_start(world_plain(1));
    int listener = program_listen(PORT, SOCK_NONBLOCK);
    int epoll = (int)posix_sys_epoll_create1(0);
    WORLD_CHECK(p_epoll_add(epoll, listener, EPOLLIN) == 0);
    for (unsigned round = 0; round < MANY / AT_ONCE; round++) {
        unsigned left = AT_ONCE;
        for (unsigned i = 0; i < AT_ONCE; i++)
            talk_start(&talks[i], PORT);
        program_run_us(1000);
        for (unsigned i = 0; i < AT_ONCE; i++)
            talk_say(&talks[i], "come and go", 11);
        while (left > 0)
            serve_some(epoll, listener, &left);
        WORLD_CHECK(program_until(all_over, NULL, SECOND_US));
        for (unsigned i = 0; i < AT_ONCE; i++) {
            WORLD_CHECK(talks[i].bytes == 11);
            if (i % 2)
                talk_close(&talks[i]);
            else
                client_abort(talks[i].stream);
        }
        program_run_us(5 * SECOND_US);
        WORLD_CHECK(tcp_active_pcbs == NULL && tcp_tw_pcbs == NULL);
        if (round == 0)
            before = net_pool_taken();
        WORLD_CHECK(net_pool_taken() == before);
    }
    struct nom_statistics s = {0};
    posix_sockets_statistics(&s);
    WORLD_CHECK(s.requests == MANY && s.connections_open == 0 && s.connections_total == MANY);
}

static void test_listening(void **state) {
    (void)state;
    alone(backlog, NULL);
    alone(no_descriptor, NULL);
    alone(fewer_descriptors, NULL);
    alone(unaccepted, NULL);
}

static void test_ourselves(void **state) {
    (void)state;
    alone(ourselves, "127.0.0.1");
    alone(ourselves, "10.0.0.2");
    alone(nobody, NULL);
    alone(no_way, NULL);
}

static void test_threads(void **state) {
    (void)state;
    alone(threads, NULL);
    alone(timeouts, NULL);
}

static void test_options(void **state) {
    (void)state;
    alone(options, NULL);
}

static void test_load(void **state) {
    (void)state;
    alone(load, NULL);
}

static void test_end(void **state) {
    (void)state;
    alone(end, NULL);
}

static void test_many(void **state) {
    (void)state;
    alone(come_and_go, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listening), cmocka_unit_test(test_ourselves),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_options),
        cmocka_unit_test(test_load),      cmocka_unit_test(test_many),
        cmocka_unit_test(test_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
