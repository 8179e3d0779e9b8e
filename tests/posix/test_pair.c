/* Pairs of sockets: streams and datagrams, their ends, and who waits for them. */
#include "tests/posix/world.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static int a, b;

static void open_pair(int type) {
    int fds[2];
    assert_int_equal(CALL(socketpair, AF_UNIX, type | SOCK_NONBLOCK, 0, (long)fds), 0);
    a = fds[0];
    b = fds[1];
}

static void close_pair(void) {
    CALL(close, a);
    CALL(close, b);
}

static uint32_t ready(int fd) {
    return posix_readiness(posix_file_of(fd));
}

static long receive(int fd, char *to, long bytes, int flags) {
    return CALL(recvfrom, fd, (long)to, bytes, flags, 0, 0);
}

static long send_to(int fd, const char *text, long bytes, int flags) {
    return CALL(sendto, fd, TEXT(text), bytes, flags, 0, 0);
}

static void a_stream_goes_both_ways(void **state) {
    (void)state;
    char text[16] = {0};
    open_pair(SOCK_STREAM);
    assert_int_equal(ready(a), EPOLLOUT);
    assert_int_equal(receive(a, text, 8, 0), -EAGAIN);
    assert_int_equal(CALL(write, a, TEXT("to b"), 4), 4);
    assert_int_equal(send_to(b, "to", 2, 0), 2);
    assert_int_equal(send_to(b, " a!", 3, MSG_NOSIGNAL), 3);
    assert_int_equal(ready(b), EPOLLIN | EPOLLOUT);
    assert_int_equal(receive(a, text, 4, MSG_PEEK), 4);
    assert_int_equal(receive(a, text, sizeof text, 0), 5); /* no boundaries */
    assert_memory_equal(text, "to a!", 5);
    assert_int_equal(CALL(read, b, TEXT(text), 2), 2);
    assert_int_equal(CALL(read, b, TEXT(text), 9), 2);
    assert_memory_equal(text, " b", 2);
    close_pair();
}

static void datagrams_keep_their_bounds(void **state) {
    (void)state;
    static char big[65536];
    char text[16];
    int there;
    open_pair(SOCK_DGRAM);
    assert_int_equal(send_to(a, "first", 5, 0), 5);
    assert_int_equal(send_to(a, "", 0, 0), 0);
    assert_int_equal(send_to(a, "third", 5, 0), 5);
    assert_int_equal(CALL(ioctl, b, FIONREAD, (long)&there), 0);
    assert_int_equal(there, 5);
    assert_int_equal(receive(b, text, 3, MSG_PEEK | MSG_TRUNC), 5);
    assert_int_equal(receive(b, text, 3, 0), 3); /* the rest is lost */
    assert_int_equal(receive(b, text, 3, 0), 0);
    struct iovec part = {text, 4};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    assert_int_equal(CALL(recvmsg, b, (long)&m, 0), 4);
    assert_true(m.msg_flags & MSG_TRUNC);
    assert_int_equal(receive(b, text, 3, 0), -EAGAIN);
    assert_int_equal(send_to(a, big, sizeof big, 0), -EMSGSIZE);
    long sent = 0;
    while (send_to(a, big, 1000, 0) == 1000)
        sent++;
    assert_true(sent > 32);
    assert_false(ready(a) & EPOLLOUT);
    while (!(ready(a) & EPOLLOUT))
        assert_int_equal(receive(b, big, sizeof big, 0), 1000);
    assert_int_equal(send_to(a, big, 32000, 0), 32000);
    CALL(close, b);
    assert_int_equal(send_to(a, big, 1, 0), -ECONNREFUSED);
    CALL(close, a);
}

static void what_has_been_shut_down_ends(void **state) {
    (void)state;
    char text[16];
    open_pair(SOCK_STREAM);
    send_to(a, "last", 4, 0);
    assert_int_equal(CALL(shutdown, a, SHUT_WR), 0);
    assert_int_equal(send_to(a, "more", 4, MSG_NOSIGNAL), -EPIPE);
    assert_int_equal(ready(b), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    assert_int_equal(receive(b, text, sizeof text, 0), 4);
    assert_int_equal(receive(b, text, sizeof text, 0), 0);
    assert_int_equal(send_to(b, "back", 4, 0), 4);
    assert_int_equal(receive(a, text, sizeof text, 0), 4);
    close_pair();
    open_pair(SOCK_STREAM);
    send_to(a, "left", 4, 0);
    CALL(close, a);
    assert_true(ready(b) & EPOLLHUP);
    assert_int_equal(receive(b, text, sizeof text, 0), 4);
    assert_int_equal(receive(b, text, sizeof text, 0), 0);
    assert_int_equal(send_to(b, "x", 1, MSG_NOSIGNAL), -EPIPE);
    CALL(close, b);
}

static void names_and_kinds(void **state) {
    (void)state;
    int fds[2], value;
    struct sockaddr_un name;
    socklen_t bytes = sizeof name, value_bytes = sizeof value;
    open_pair(SOCK_STREAM);
    assert_int_equal(CALL(getsockname, a, (long)&name, (long)&bytes), 0);
    assert_int_equal(bytes, 2);
    assert_int_equal(name.sun_family, AF_UNIX);
    assert_int_equal(CALL(getsockopt, a, SOL_SOCKET, SO_TYPE, (long)&value, (long)&value_bytes), 0);
    assert_int_equal(value, SOCK_STREAM);
    assert_int_equal(CALL(listen, a, 5), -EOPNOTSUPP);
    assert_int_equal(CALL(getsockopt, 1, SOL_SOCKET, SO_TYPE, (long)&value, (long)&value_bytes),
                     -ENOTSOCK);
    close_pair();
    assert_int_equal(CALL(socketpair, AF_INET, SOCK_STREAM, 0, (long)fds), -EOPNOTSUPP);
    assert_int_equal(CALL(socketpair, AF_UNIX, SOCK_RAW, 0, (long)fds), -EPROTONOSUPPORT);
}

#define MANY 300000

static void sends_many(void *fd) {
    static char bytes[MANY];
    for (int i = 0; i < MANY; i++)
        bytes[i] = (char)(i % 253);
    assert_int_equal(send_to(*(int *)fd, bytes, MANY, 0), MANY);
    CALL(shutdown, *(int *)fd, SHUT_WR);
}

static void threads_wait_for_each_other(void **state) {
    (void)state;
    int fds[2];
    char bytes[5000];
    long at = 0, got;
    CALL(socketpair, AF_UNIX, SOCK_STREAM, 0, (long)fds);
    world_thread(sends_many, &fds[0]);
    while ((got = receive(fds[1], bytes, sizeof bytes, MSG_WAITALL)) > 0)
        for (long i = 0; i < got; i++, at++)
            assert_int_equal(bytes[i], (char)(at % 253));
    assert_int_equal(got, 0);
    assert_int_equal(at, MANY);
    CALL(close, fds[0]);
    CALL(close, fds[1]);
}

static void epoll_hears_each_end(void **state) {
    (void)state;
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.fd = 7}, got;
    long set = CALL(epoll_create1, 0);
    char text[4];
    open_pair(SOCK_STREAM);
    assert_int_equal(CALL(epoll_ctl, set, EPOLL_CTL_ADD, b, (long)&e), 0);
    assert_int_equal(CALL(epoll_pwait, set, (long)&got, 1, 0, 0, 8), 0);
    send_to(a, "x", 1, 0);
    assert_int_equal(CALL(epoll_pwait, set, (long)&got, 1, -1, 0, 8), 1);
    assert_int_equal(got.events, EPOLLIN);
    assert_int_equal(CALL(epoll_pwait, set, (long)&got, 1, 0, 0, 8), 0);
    send_to(a, "y", 1, 0); /* anew */
    assert_int_equal(CALL(epoll_pwait, set, (long)&got, 1, -1, 0, 8), 1);
    receive(b, text, 4, 0);
    CALL(close, a);
    assert_int_equal(CALL(epoll_pwait, set, (long)&got, 1, -1, 0, 8), 1);
    assert_int_equal(got.events, EPOLLIN | EPOLLHUP);
    CALL(close, b);
    CALL(close, set);
}

int world_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_goes_both_ways),
        cmocka_unit_test(datagrams_keep_their_bounds),
        cmocka_unit_test(what_has_been_shut_down_ends),
        cmocka_unit_test(names_and_kinds),
        cmocka_unit_test(threads_wait_for_each_other),
        cmocka_unit_test(epoll_hears_each_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
