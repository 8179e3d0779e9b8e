/*
 * Streams as a program sees them, with a client on another stack at the other end: bytes, full
 * windows, ends and resets.
 */
#include "lwip/def.h"
#include "lwip/opt.h"
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static int listener;
static struct talk t;
static char buffer[1 << 20];

static int start_one(void) {
    program_start(world_plain(1));
    listener = program_listen(PORT, SOCK_NONBLOCK);
    return program_accept(listener, &t, PORT);
}

static uint32_t bits(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) >= 0);
    return (uint32_t)p.revents;
}

static int error_of(int fd) {
    int error = -1;
    socklen_t bytes = sizeof error;
    WORLD_CHECK(posix_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, (long)&error, (long)&bytes) == 0);
    return error;
}

/* ---- bytes ---- */

static void bytes(const void *in, void *out) {
    int left;
    (void)in;
    (void)out;
    int fd = start_one();
    WORLD_CHECK(program.ready_port == PORT);
    WORLD_CHECK(posix_sys_accept4(listener, 0, 0, 0) == -EAGAIN);
    WORLD_CHECK(p_read(fd, buffer, 10) == -EAGAIN && bits(fd) == POLLOUT);
    talk_say(&t, "hello", 5);
    program_run_us(1000);
    WORLD_CHECK(bits(fd) == (POLLIN | POLLOUT));
    WORLD_CHECK(posix_sys_ioctl(fd, FIONREAD, (long)&left) == 0 && left == 5);
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 3, MSG_PEEK, 0, 0) == 3);
    WORLD_CHECK(p_read(fd, buffer, 2) == 2 && memcmp(buffer, "he", 2) == 0);
    struct iovec parts[] = {{buffer, 1}, {buffer + 50, 0}, {buffer + 100, 10}};
    WORLD_CHECK(posix_sys_readv(fd, (long)parts, 3) == 3);
    WORLD_CHECK(buffer[0] == 'l' && memcmp(buffer + 100, "lo", 2) == 0);
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 10, MSG_DONTWAIT, 0, 0) == -EAGAIN);
    WORLD_CHECK(p_write(fd, "wo", 2) == 2);
    struct iovec words[] = {{"rl", 2}, {NULL, 0}, {"d", 1}};
    struct msghdr m = {.msg_iov = words, .msg_iovlen = 3};
    uint64_t frames = world.server->counters.tx_frames;
    WORLD_CHECK(posix_sys_sendmsg(fd, (long)&m, 0) == 3);
    WORLD_CHECK(t.bytes == 0 && world.server->counters.tx_frames == frames);
    program_run_us(1000);
    WORLD_CHECK(t.bytes == 5 && memcmp(t.heard, "world", 5) == 0);
    WORLD_CHECK(world.server->counters.tx_frames == frames + 1); /* two writes, one segment */
    WORLD_CHECK(p_close(fd) == 0 && p_read(fd, buffer, 1) == -EBADF);
    program_run_us(1000);
    WORLD_CHECK(t.ended && !t.failed);
    talk_close(&t);
    program_run_us(10 * SECOND_US);
}

/* ---- full ---- */

static uint64_t sum; /* of what the client heard: position times byte */

static void sum_received(void *context, const void *data, size_t count) {
    struct talk *talk = context;
    for (size_t i = 0; i < count; i++)
        sum += (uint64_t)(talk->bytes + i) * ((const unsigned char *)data)[i];
    talk->bytes += count;
}

static void nothing(void *context) {
    (void)context;
}

static void connected(void *context) {
    ((struct talk *)context)->connected = true;
}

static void failed(void *context) {
    ((struct talk *)context)->failed = true;
}

static const struct client_calls summing = {
    .connected = connected, .received = sum_received, .ended = nothing, .failed = failed};

static unsigned char byte_at(size_t i) {
    return (unsigned char)(i * 7 + i / 251);
}

static bool is_connected(void *context) {
    return ((struct talk *)context)->connected;
}

static void lose(double loss) {
    struct memory_link_settings link = world.link.settings;
    link.loss = loss;
    memory_link_change(&world.link, &link);
}

/* A connection of the client that sums, accepted; from then on the wire loses so many frames. */
static int start_summing(uint64_t seed, double loss) {
    program_start(world_plain(seed));
    listener = program_listen(PORT, SOCK_NONBLOCK);
    t.stream = client_connect(PORT, &summing, &t);
    WORLD_CHECK(program_until(is_connected, &t, SECOND_US));
    program_run_us(1000);
    int fd = (int)posix_sys_accept4(listener, 0, 0, SOCK_NONBLOCK);
    WORLD_CHECK(fd >= 0);
    lose(loss);
    return fd;
}

/* The client does not read: a writer is told, and told again when there is room. */
static void peer_full(const void *in, void *out) {
    const double *loss = in;
    uint64_t right = 0;
    size_t sent = 0, all = sizeof buffer;
    unsigned waits = 0;
    (void)out;
    int fd = start_summing(2, *loss);
    int epoll = (int)posix_sys_epoll_create1(0);
    WORLD_CHECK(p_epoll_add(epoll, fd, EPOLLOUT | EPOLLET) == 0);
    WORLD_CHECK(p_event(epoll, fd, 0) == EPOLLOUT && p_event(epoll, fd, 0) == 0);
    client_reads(t.stream, false);
    for (size_t i = 0; i < all; i++) {
        buffer[i] = (char)byte_at(i);
        right += (uint64_t)i * byte_at(i);
    }
    while (sent < all) {
        long n = p_write(fd, buffer + sent, all - sent);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        WORLD_CHECK(n == -EAGAIN && (bits(fd) & POLLOUT) == 0);
        if (waits++ == 0)
            client_reads(t.stream, true);
        WORLD_CHECK(p_event(epoll, fd, 60000) == EPOLLOUT);
    }
    WORLD_CHECK(waits > 1);
    WORLD_CHECK(p_close(fd) == 0); /* what is queued goes out */
    program_run_us(60 * SECOND_US);
    WORLD_CHECK(t.bytes == all && sum == right && !t.failed);
}

/* The program does not read: the client has to stop, and all arrives. */
static void program_full(const void *in, void *out) {
    const double *loss = in;
    size_t sent = 0, heard = 0, all = sizeof buffer;
    (void)out;
    int fd = start_summing(3, *loss), left;
    for (size_t i = 0; i < all; i++)
        buffer[i] = (char)byte_at(i);
    for (int i = 0; i < 200; i++) {
        sent += client_send(t.stream, buffer + sent, all - sent);
        program_run_us(*loss > 0 ? SECOND_US : 1000);
    }
    WORLD_CHECK(sent < all);
    WORLD_CHECK(posix_sys_ioctl(fd, FIONREAD, (long)&left) == 0);
    WORLD_CHECK(left > 60000 && left <= 65535);
    while (heard < all) {
        char piece[5000];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        WORLD_CHECK(posix_sys_poll((long)&p, 1, 60000) == 1);
        long n = p_read(fd, piece, sizeof piece);
        WORLD_CHECK(n > 0);
        for (long i = 0; i < n; i++)
            WORLD_CHECK((unsigned char)piece[i] == byte_at(heard + (size_t)i));
        heard += (size_t)n;
        if (sent < all)
            sent += client_send(t.stream, buffer + sent, all - sent);
    }
}

#define STREAMS 60
#define EACH    150000

static bool has_all(void *context) {
    return ((struct talk *)context)->bytes == EACH;
}

/* Packet memory is short and nobody reads for a while: who finds none is told when there is some,
 * and all get what is theirs. */
static void memory_short(const void *in, void *out) {
    static struct talk talks[STREAMS];
    static size_t sent[STREAMS];
    struct world_settings s = world_plain(4);
    struct epoll_event e[16];
    unsigned left = STREAMS, starved = 0;
    int fds[STREAMS];
    (void)in;
    (void)out;
    s.server_nic.rx_size = 32;
    s.dma_bytes_max = 1 << 20;
    program_start(s);
    listener = program_listen(PORT, SOCK_NONBLOCK);
    int epoll = (int)posix_sys_epoll_create1(0);
    for (unsigned i = 0; i < STREAMS; i++) {
        fds[i] = program_accept(listener, &talks[i], PORT);
        client_reads(talks[i].stream, false);
        e[0] = (struct epoll_event){.events = EPOLLOUT | EPOLLET, .data.u32 = i};
        WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], (long)e) == 0);
    }
    uint64_t reads_us = plat_now_us() + 2 * SECOND_US;
    while (left > 0) {
        long n = posix_sys_epoll_pwait(epoll, (long)e, 16, 100, 0, 8);
        for (long k = 0; k < n; k++) {
            unsigned i = e[k].data.u32;
            long put = 1;
            while (sent[i] < EACH && put > 0) {
                put = p_write(fds[i], buffer, EACH - sent[i]);
                sent[i] += put > 0 ? (size_t)put : 0;
                starved += put == -EAGAIN;
            }
            if (sent[i] == EACH && put > 0) {
                WORLD_CHECK(p_close(fds[i]) == 0);
                left--;
            }
        }
        for (unsigned i = 0; i < STREAMS && plat_now_us() >= reads_us; i++)
            if (talks[i].stream)
                client_reads(talks[i].stream, true);
    }
    for (unsigned i = 0; i < STREAMS; i++)
        WORLD_CHECK(program_until(has_all, &talks[i], 600 * SECOND_US));
    WORLD_CHECK(starved > STREAMS);
}

/* Packet memory is short, and all of it could hold segments that wait for a lost one: they give way
 * to it. */
static void out_of_order(const void *in, void *out) {
    static struct talk talks[STREAMS];
    static size_t sent[STREAMS];
    struct world_settings s = world_plain(5);
    struct epoll_event e[STREAMS];
    size_t left = (size_t)STREAMS * EACH;
    (void)in;
    (void)out;
    s.server_nic.rx_size = 32;
    s.dma_bytes_max = 1 << 20;
    program_start(s);
    listener = program_listen(PORT, SOCK_NONBLOCK);
    int epoll = (int)posix_sys_epoll_create1(0);
    for (unsigned i = 0; i < STREAMS; i++) {
        int fd = program_accept(listener, &talks[i], PORT);
        e[0] = (struct epoll_event){.events = EPOLLIN, .data.u32 = (uint32_t)fd};
        WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, (long)e) == 0);
    }
    lose(0.05);
    uint64_t start_us = plat_now_us();
    while (left > 0) {
        for (unsigned i = 0; i < STREAMS; i++)
            sent[i] += client_send(talks[i].stream, buffer, EACH - sent[i]);
        long n = posix_sys_epoll_pwait(epoll, (long)e, STREAMS, 10, 0, 8);
        for (long k = 0; k < n; k++) {
            long got = p_read((int)e[k].data.u32, buffer, sizeof buffer);
            WORLD_CHECK(got > 0);
            left -= (size_t)got;
        }
    }
    WORLD_CHECK(plat_now_us() - start_us < 20 * SECOND_US); /* 53 s, if they do not */
    WORLD_CHECK(world_counters().rx_dropped == 0);
}

/* All packet memory that may be is taken by what waits for peers that do not read; what they send
 * comes in. */
static void room_to_receive(const void *in, void *out) {
    enum { ROUNDS = 4, EACH_SENDS = 20000 };
    static struct talk talks[STREAMS];
    struct world_settings s = world_plain(6);
    int fds[STREAMS];
    size_t written = 0;
    long n;
    (void)in;
    (void)out;
    s.server_nic.rx_size = 32;
    program_start(s);
    listener = program_listen(PORT, SOCK_NONBLOCK);
    for (unsigned i = 0; i < STREAMS; i++) {
        fds[i] = program_accept(listener, &talks[i], PORT);
        client_reads(talks[i].stream, false);
    }
    for (unsigned round = 0; round < ROUNDS; round++) { /* until their windows are full, too */
        for (unsigned i = 0; i < STREAMS; i++)
            while ((n = p_write(fds[i], buffer, sizeof buffer)) > 0)
                written += (size_t)n;
        program_run_us(SECOND_US / 10);
    }
    WORLD_CHECK(written < (size_t)STREAMS * (TCP_SND_BUF + TCP_WND)); /* memory was the limit */
    for (unsigned i = 0; i < STREAMS; i++)
        WORLD_CHECK(client_send(talks[i].stream, buffer, EACH_SENDS) == EACH_SENDS);
    program_run_us(SECOND_US);
    WORLD_CHECK(world_counters().rx_dropped == 0);
    for (unsigned i = 0; i < STREAMS; i++)
        for (size_t got = 0; got < EACH_SENDS; got += (size_t)n) {
            n = p_read(fds[i], buffer, sizeof buffer);
            WORLD_CHECK(n > 0);
        }
}

/* ---- ends ---- */

static void peer_ends(const void *in, void *out) {
    (void)in;
    (void)out;
    int fd = start_one();
    int epoll = (int)posix_sys_epoll_create1(0);
    WORLD_CHECK(p_epoll_add(epoll, fd, EPOLLIN | EPOLLRDHUP) == 0);
    talk_say(&t, "last", 4);
    client_end(t.stream);
    WORLD_CHECK(p_event(epoll, fd, 1000) & EPOLLIN);
    program_run_us(1000);
    WORLD_CHECK(p_event(epoll, fd, 0) == (EPOLLIN | EPOLLRDHUP));
    WORLD_CHECK(p_read(fd, buffer, 100) == 4 && p_read(fd, buffer, 100) == 0);
    WORLD_CHECK(p_write(fd, "answer", 6) == 6); /* the other way is open */
    program_run_us(1000);
    WORLD_CHECK(t.bytes == 6 && !t.ended);
    WORLD_CHECK(posix_sys_shutdown(fd, SHUT_WR) == 0);
    program_run_us(1000);
    WORLD_CHECK(t.ended && (p_event(epoll, fd, 0) & EPOLLHUP));
    WORLD_CHECK(p_write(fd, "x", 1) == -EPIPE && program.signals == 1 && program.signal == SIGPIPE);
    WORLD_CHECK(posix_sys_sendto(fd, (long)"x", 1, MSG_NOSIGNAL, 0, 0) == -EPIPE);
    WORLD_CHECK(program.signals == 1 && p_close(fd) == 0);
    talk_close(&t);
    program_run_us(10 * SECOND_US);
}

static void program_ends(const void *in, void *out) {
    const uint64_t *wait_us = in;
    (void)out;
    int fd = start_one();
    WORLD_CHECK(p_write(fd, "bye", 3) == 3 && posix_sys_shutdown(fd, SHUT_WR) == 0);
    program_run_us(1000);
    WORLD_CHECK(t.bytes == 3 && t.ended && bits(fd) == POLLOUT);
    talk_say(&t, "wait", 4);
    program_run_us(*wait_us);
    WORLD_CHECK(bits(fd) == (POLLIN | POLLOUT));
    WORLD_CHECK(p_read(fd, buffer, 100) == 4 && p_read(fd, buffer, 100) == -EAGAIN);
    talk_say(&t, "end", 3);
    client_close(t.stream);
    program_run_us(*wait_us); /* the connection is over, and forgotten by the stack */
    WORLD_CHECK(bits(fd) == (POLLIN | POLLOUT | POLLRDHUP | POLLHUP));
    WORLD_CHECK(p_read(fd, buffer, 100) == 3 && p_read(fd, buffer, 100) == 0);
    WORLD_CHECK(error_of(fd) == 0 && p_close(fd) == 0);
}

static void peer_resets(const void *in, void *out) {
    (void)in;
    (void)out;
    int fd = start_one();
    talk_say(&t, "some", 4);
    program_run_us(1000);
    client_abort(t.stream);
    program_run_us(1000);
    WORLD_CHECK(bits(fd) == (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP));
    WORLD_CHECK(p_read(fd, buffer, 100) == 4); /* what came before */
    WORLD_CHECK(p_read(fd, buffer, 100) == -ECONNRESET && p_read(fd, buffer, 100) == 0);
    WORLD_CHECK(p_write(fd, "x", 1) == -EPIPE && program.signals == 1);
    WORLD_CHECK(p_close(fd) == 0);

    fd = program_accept(listener, &t, PORT);
    client_abort(t.stream);
    program_run_us(1000);
    WORLD_CHECK(p_write(fd, "x", 1) == -ECONNRESET && p_write(fd, "x", 1) == -EPIPE);
    WORLD_CHECK(p_close(fd) == 0);

    fd = program_accept(listener, &t, PORT);
    client_abort(t.stream);
    program_run_us(1000);
    WORLD_CHECK(error_of(fd) == ECONNRESET && error_of(fd) == 0 && p_close(fd) == 0);
}

/* Unread bytes, or a linger time of 0: the peer is reset. */
static void program_resets(const void *in, void *out) {
    struct linger linger = {.l_onoff = 1};
    (void)in;
    (void)out;
    int fd = start_one();
    talk_say(&t, "unread", 6);
    program_run_us(1000);
    WORLD_CHECK(p_read(fd, buffer, 2) == 2 && p_close(fd) == 0);
    program_run_us(1000);
    WORLD_CHECK(t.failed);

    fd = program_accept(listener, &t, PORT);
    talk_say(&t, "read", 4);
    program_run_us(1000);
    WORLD_CHECK(p_read(fd, buffer, 10) == 4);
    WORLD_CHECK(posix_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, (long)&linger, sizeof linger) == 0);
    WORLD_CHECK(p_close(fd) == 0);
    program_run_us(1000);
    WORLD_CHECK(t.failed);

    fd = program_accept(listener, &t, PORT); /* closed in the usual way, then data still comes */
    WORLD_CHECK(p_close(fd) == 0);
    program_run_us(1000);
    WORLD_CHECK(t.ended && !t.failed);
    talk_say(&t, "late", 4);
    program_run_us(1000);
    WORLD_CHECK(t.failed);
}

/* ---- silence ---- */

/* Silent for long it is set aside by the stack (net/park.h), and comes back for either side; with
 * SO_KEEPALIVE it is looked after meanwhile. */
static void silent(const void *in, void *out) {
    int on = 1, idle_s = 2, count = 3, interval_s = 1;
    (void)in;
    (void)out;
    int fd = start_one();
    program_run_us(5 * SECOND_US);
    WORLD_CHECK(p_write(fd, "one", 3) == 3);
    program_run_us(5 * SECOND_US);
    WORLD_CHECK(t.bytes == 3);
    talk_say(&t, "two", 3);
    program_run_us(5 * SECOND_US);
    WORLD_CHECK(p_read(fd, buffer, 10) == 3);
    program_run_us(5 * SECOND_US);
    WORLD_CHECK(posix_sys_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, (long)&on, sizeof on) == 0);
    WORLD_CHECK(posix_sys_setsockopt(fd, IPPROTO_TCP, 4, (long)&idle_s, sizeof on) == 0);
    WORLD_CHECK(posix_sys_setsockopt(fd, IPPROTO_TCP, 5, (long)&interval_s, sizeof on) == 0);
    WORLD_CHECK(posix_sys_setsockopt(fd, IPPROTO_TCP, 6, (long)&count, sizeof on) == 0);
    uint64_t frames = world.server->counters.tx_frames;
    program_run_us(30 * SECOND_US);
    uint64_t probes = world.server->counters.tx_frames - frames;
    WORLD_CHECK(probes >= 5 && probes <= 20 && (bits(fd) & POLLERR) == 0);
    lose(1);
    program_run_us(10 * SECOND_US);
    WORLD_CHECK(p_read(fd, buffer, 10) == -ETIMEDOUT && p_close(fd) == 0);
}

static void test_bytes(void **state) {
    (void)state;
    alone(bytes, NULL);
}

static void test_full(void **state) {
    static const double losses[] = {0, 0.02};
    (void)state;
    for (int i = 0; i < 2; i++) {
        alone(peer_full, &losses[i]);
        alone(program_full, &losses[i]);
    }
    alone(memory_short, NULL);
    alone(out_of_order, NULL);
    alone(room_to_receive, NULL);
}

static void test_ends(void **state) {
    static const uint64_t waits_us[] = {1000, 8 * SECOND_US};
    (void)state;
    alone(peer_ends, NULL);
    alone(program_ends, &waits_us[0]);
    alone(program_ends, &waits_us[1]);
}

static void test_resets(void **state) {
    (void)state;
    alone(peer_resets, NULL);
    alone(program_resets, NULL);
}

static void test_silent(void **state) {
    (void)state;
    alone(silent, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),  cmocka_unit_test(test_full),   cmocka_unit_test(test_ends),
        cmocka_unit_test(test_resets), cmocka_unit_test(test_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
