/*
 * How connections come and go: a listener's queue, descriptors that run out, the load, the
 * program's end, and a thousand one after the other.
 */
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/pool.h"
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

static void alone(void (*body)(const void *in, void *out)) {
    assert_int_equal(world_alone(body, NULL, NULL, 0), 0);
}

static char buffer[100];

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
    int first = program_socket(SOCK_STREAM), second = program_socket(SOCK_STREAM);
    struct rlimit limit = {(rlim_t)second, (rlim_t)second + 1};
    WORLD_CHECK(posix_sys_prlimit64(0, RLIMIT_NOFILE, (long)&limit, 0) == 0);
    WORLD_CHECK(posix_sys_socket(AF_INET, SOCK_STREAM, 0) == -EMFILE);
    WORLD_CHECK(posix_sys_dup(first) == -EMFILE && posix_sys_dup2(first, second) == -EBADF);
    WORLD_CHECK(posix_sys_fcntl(first, F_DUPFD, second) == -EINVAL);
    WORLD_CHECK(program_option(second, SOL_SOCKET, SO_TYPE) == SOCK_STREAM); /* is still there */
    WORLD_CHECK(p_close(first) == 0 && program_socket(SOCK_STREAM) == first);
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
    int fd = program_socket(SOCK_STREAM), other = program_socket(SOCK_STREAM);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EADDRINUSE);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == -EINVAL);
    a = program_address("10.0.0.9", 0);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EADDRNOTAVAIL);
    WORLD_CHECK(posix_sys_bind(other, (long)&a, 4) == -EINVAL);
    a.sin_family = AF_INET6;
    WORLD_CHECK(posix_sys_bind(other, (long)&a, sizeof a) == -EAFNOSUPPORT);
    WORLD_CHECK(posix_sys_accept4(fd, 0, 0, 0) == -EINVAL);
    WORLD_CHECK(posix_sys_listen(other, 0) == 0 && program_name(other, false).sin_port != 0);
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
    alone(backlog);
    alone(no_descriptor);
    alone(fewer_descriptors);
    alone(unaccepted);
}

static void test_load(void **state) {
    (void)state;
    alone(load);
}

static void test_end(void **state) {
    (void)state;
    alone(end);
}

static void test_many(void **state) {
    (void)state;
    alone(come_and_go);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
