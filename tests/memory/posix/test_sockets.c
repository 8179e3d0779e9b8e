/*
 * A program's sockets: connecting to itself and to nobody, threads and time-outs that wait, and
 * options.
 */
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static char buffer[200000];

static long set(int fd, int level, int name, int value) {
    return posix_sys_setsockopt(fd, level, name, (long)&value, sizeof value);
}

static long connect_to(int fd, const char *address, uint16_t port) {
    struct sockaddr_in a = program_address(address, port);
    return posix_sys_connect(fd, (long)&a, sizeof a);
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
    int listener = program_listen(PORT, SOCK_NONBLOCK), fd = program_socket(SOCK_STREAM);
    WORLD_CHECK(connect_to(fd, address, PORT) == 0); /* waits */
    struct sockaddr_in peer = {0};
    socklen_t bytes = sizeof peer;
    int other = (int)posix_sys_accept4(listener, (long)&peer, (long)&bytes, SOCK_NONBLOCK);
    WORLD_CHECK(other >= 0 && bytes == sizeof peer);
    struct sockaddr_in local = program_name(fd, false);
    WORLD_CHECK(local.sin_port == peer.sin_port && local.sin_addr.s_addr == peer.sin_addr.s_addr);
    local = program_name(fd, true);
    WORLD_CHECK(local.sin_port == program_name(other, false).sin_port);
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
    int fd = program_socket(SOCK_STREAM | SOCK_NONBLOCK);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        WORLD_CHECK(connect_to(fd, addresses[i], PORT) == -ENETUNREACH);
    WORLD_CHECK(connect_to(fd, "10.0.0.1", PORT) == -EINPROGRESS);
}

static void nobody(const void *in, void *out) {
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int fd = program_socket(SOCK_STREAM | SOCK_NONBLOCK);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) == 1 && p.revents == (POLLOUT | POLLHUP));
    WORLD_CHECK(p_read(fd, buffer, 1) == -ENOTCONN && posix_sys_shutdown(fd, SHUT_WR) == -ENOTCONN);
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EINPROGRESS);
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EALREADY);
    WORLD_CHECK(p_write(fd, "x", 1) == -EAGAIN && p_read(fd, buffer, 1) == -EAGAIN);
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 1 && (p.revents & POLLERR));
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_ERROR) == 0);
    int listener = program_listen(PORT, 0); /* once more, and now there is somebody */
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EINPROGRESS);
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 1 && p.revents == POLLOUT);
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_ERROR) == 0);
    WORLD_CHECK(connect_to(fd, "127.0.0.1", PORT) == -EISCONN);
    WORLD_CHECK(p_close(fd) == 0 && p_close(listener) == 0);
    fd = program_socket(SOCK_STREAM);
    WORLD_CHECK(connect_to(fd, "10.0.0.1", PORT) == -ECONNREFUSED); /* the client does not listen */
    WORLD_CHECK(p_close(fd) == 0);
    fd = program_socket(SOCK_STREAM | SOCK_NONBLOCK);
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
    int fd = program_socket(SOCK_STREAM);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        WORLD_CHECK(program_option(fd, flags[i][0], flags[i][1]) == 0);
        WORLD_CHECK(set(fd, flags[i][0], flags[i][1], 4) == 0);
        WORLD_CHECK(program_option(fd, flags[i][0], flags[i][1]) == 1);
    }
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET);
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    WORLD_CHECK(set(fd, SOL_SOCKET, SO_SNDBUF, 4096) == 0);
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_SNDBUF) == 256 * 1024);
    WORLD_CHECK(set(fd, IPPROTO_IP, IP_TOS, 0x10) == 0 &&
                program_option(fd, IPPROTO_IP, IP_TOS) == 0x10);
    WORLD_CHECK(program_option(fd, IPPROTO_TCP, 4) == 7200 &&
                set(fd, IPPROTO_TCP, 4, 0) == -EINVAL);
    WORLD_CHECK(set(fd, SOL_SOCKET, SO_TYPE, 1) == -ENOPROTOOPT);
    WORLD_CHECK(set(fd, SOL_SOCKET, 9999, 1) == -ENOPROTOOPT);
    WORLD_CHECK(program_option(fd, IPPROTO_TCP, 9999) == -ENOPROTOOPT);
    WORLD_CHECK(program_option(fd, IPPROTO_IPV6, 26) == -ENOPROTOOPT);
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
    WORLD_CHECK(program_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    int accepted = program_accept(fd, &t, PORT);
    WORLD_CHECK(program_option(accepted, SOL_SOCKET, SO_KEEPALIVE) == 1);
    WORLD_CHECK(program_option(accepted, IPPROTO_TCP, 1) == 1 &&
                program_option(accepted, IPPROTO_IP, IP_TOS) == 16);
    WORLD_CHECK(program_option(accepted, IPPROTO_TCP, 2) == 1460);
    /* With SO_REUSEADDR a port can be taken while connections of it are open, and not without. */
    int other = program_socket(SOCK_STREAM);
    WORLD_CHECK(p_close(fd) == 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EADDRINUSE);
    WORLD_CHECK(set(other, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == 0 && posix_sys_listen(other, 5) == 0);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ourselves),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
