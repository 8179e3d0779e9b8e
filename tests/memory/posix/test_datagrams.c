/*
 * Datagrams, over the wire and to ourselves; and frames off the wire that say they come from
 * ourselves.
 */
#include "lwip/def.h"
#include "lwip/inet_chksum.h"
#include "runtime/net/net.h"
#include "runtime/net/pool.h"
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define MOST 1472 /* that one frame holds */

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static char buffer[2000], heard[2000];
static size_t heard_bytes;
static unsigned heard_count;
static uint16_t heard_port;

static void received(uint16_t port, const void *data, size_t bytes) {
    heard_port = port;
    heard_bytes = bytes;
    heard_count++;
    memcpy(heard, data, bytes);
}

static int bound(const char *address, uint16_t port) {
    struct sockaddr_in a = program_address(address, port);
    int fd = program_socket(SOCK_DGRAM | SOCK_NONBLOCK);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == 0);
    return fd;
}

/* There and back, with and without the NIC's sums at either end; damaged ones do not arrive. */
static void wire(const void *in, void *out) {
    const bool *sums = in;
    struct sockaddr_in from;
    socklen_t from_bytes = sizeof from;
    (void)out;
    struct world_settings s = world_plain(1);
    s.server_nic.tx_checksum = s.client_nic.tx_checksum = *sums;
    s.server_nic.rx_checksum = s.client_nic.rx_checksum = *sums;
    program_start(s);
    program_run_us(1000);
    size_t taken = net_pool_taken();
    int fd = bound("0.0.0.0", PORT), left;
    client_datagrams(received);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 10, 0, 0, 0) == -EAGAIN);
    for (size_t bytes = 0; bytes <= MOST; bytes += 368) {
        for (size_t i = 0; i < bytes; i++)
            buffer[i] = (char)(i * 3);
        WORLD_CHECK(client_datagram(5000, PORT, buffer, bytes));
        WORLD_CHECK(posix_sys_poll((long)&p, 1, 1000) == 1 && p.revents == POLLIN);
        WORLD_CHECK(posix_sys_ioctl(fd, FIONREAD, (long)&left) == 0 && left == (int)bytes);
        WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, sizeof buffer, 0, (long)&from,
                                       (long)&from_bytes) == (long)bytes);
        WORLD_CHECK(from_bytes == sizeof from && lwip_ntohs(from.sin_port) == 5000);
        WORLD_CHECK(from.sin_addr.s_addr == lwip_htonl(0x0a000001));
        struct iovec parts[] = {{buffer, bytes / 2}, {buffer + bytes / 2, bytes - bytes / 2}};
        struct msghdr m = {
            .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = parts, .msg_iovlen = 2};
        unsigned count = heard_count;
        WORLD_CHECK(posix_sys_sendmsg(fd, (long)&m, 0) == (long)bytes);
        program_run_us(1000);
        WORLD_CHECK(heard_count == count + 1 && heard_bytes == bytes && heard_port == 5000);
        WORLD_CHECK(memcmp(heard, buffer, bytes) == 0);
    }
    struct memory_link_settings link = world.link.settings;
    link.corrupt = 1;
    memory_link_change(&world.link, &link);
    for (int i = 0; i < 50; i++)
        client_datagram(5000, PORT, buffer, 100);
    program_run_us(1000);
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 10, 0, 0, 0) == -EAGAIN);
    WORLD_CHECK(p_close(fd) == 0);
    program_run_us(2 * SECOND_US);
    WORLD_CHECK(net_pool_taken() == taken);
}

/* Several in one call; and none is read while the program does not serve. */
static void several(const void *in, void *out) {
    struct sockaddr_in to = program_address("127.0.0.1", PORT);
    struct iovec parts[4];
    struct mmsghdr m[4] = {0};
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int fd = bound("127.0.0.1", PORT), other = bound("0.0.0.0", 0);
    for (int i = 0; i < 4; i++) {
        parts[i] = (struct iovec){buffer + 10 * i, 5 + (size_t)i};
        m[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        if (i < 3) /* the last has no address */
            m[i].msg_hdr.msg_name = &to;
        m[i].msg_hdr.msg_namelen = sizeof to;
    }
    WORLD_CHECK(posix_sys_sendmmsg(other, (long)m, 4, 0) == 3 && m[2].msg_len == 7);
    posix_sockets_serve(false);
    program_run_us(10);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) == 0 && p_read(fd, buffer, 9) == -EAGAIN);
    posix_sockets_serve(true);
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) == 1);
    WORLD_CHECK(posix_sys_recvmmsg(fd, (long)m, 4, 0, 0) == 3);
    WORLD_CHECK(m[0].msg_len == 5 && m[1].msg_len == 6 && m[2].msg_len == 7);
    WORLD_CHECK(posix_sys_recvmmsg(fd, (long)m, 4, 0, 0) == -EAGAIN);
}

static void ourselves(const void *in, void *out) {
    struct sockaddr_in to = program_address("127.0.0.1", PORT), name;
    socklen_t bytes = sizeof name;
    (void)in;
    (void)out;
    program_start(world_plain(1));
    program_run_us(1000);
    size_t taken = net_pool_taken();
    int fd = bound("127.0.0.1", PORT), other = bound("0.0.0.0", 0);
    WORLD_CHECK(p_write(other, "x", 1) == -EDESTADDRREQ);
    WORLD_CHECK(posix_sys_sendto(other, (long)"whole", 5, 0, (long)&to, sizeof to) == 5);
    program_run_us(10);
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 9, MSG_PEEK, 0, 0) == 5);
    struct iovec part = {buffer, 2};
    struct msghdr m = {
        .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1};
    WORLD_CHECK(posix_sys_recvmsg(fd, (long)&m, 0) == 2 && m.msg_flags == MSG_TRUNC);
    WORLD_CHECK(posix_sys_recvfrom(fd, (long)buffer, 9, 0, 0, 0) == -EAGAIN); /* the rest is lost */
    WORLD_CHECK(posix_sys_connect(fd, (long)&name, sizeof name) == 0);
    WORLD_CHECK(posix_sys_getpeername(fd, (long)&name, (long)&bytes) == 0);
    WORLD_CHECK(p_write(fd, "back", 4) == 4);
    program_run_us(10);
    WORLD_CHECK(posix_sys_recvfrom(other, (long)buffer, 2, MSG_TRUNC, 0, 0) == 4);
    WORLD_CHECK(posix_sys_sendto(other, (long)buffer, MOST + 1, 0, (long)&to, sizeof to) ==
                -EMSGSIZE);
    /* More than SO_RCVBUF is dropped. */
    int room = 4000;
    WORLD_CHECK(posix_sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, (long)&room, sizeof room) == 0);
    WORLD_CHECK(posix_sys_getsockopt(fd, SOL_SOCKET, SO_RCVBUF, (long)&room, (long)&bytes) == 0);
    WORLD_CHECK(room == 8000);
    int got = 0;
    for (int i = 0; i < 20; i++) {
        WORLD_CHECK(posix_sys_sendto(other, (long)buffer, 1000, 0, (long)&to, sizeof to) == 1000);
        program_run_us(10);
    }
    while (p_read(fd, buffer, sizeof buffer) == 1000)
        got++;
    WORLD_CHECK(got == 7);
    name.sin_family = AF_UNSPEC;
    WORLD_CHECK(posix_sys_connect(fd, (long)&name, sizeof name) == 0);
    WORLD_CHECK(posix_sys_getpeername(fd, (long)&name, (long)&bytes) == -ENOTCONN);
    WORLD_CHECK(posix_sys_listen(fd, 1) == -EOPNOTSUPP);
    WORLD_CHECK(posix_sys_accept4(fd, 0, 0, 0) == -EOPNOTSUPP);
    WORLD_CHECK(p_close(fd) == 0 && p_close(other) == 0);
    program_run_us(1000);
    WORLD_CHECK(net_pool_taken() == taken);
}

/* ---- martians ---- */

/* A datagram to us, summed as it should be, of that source and destination. */
static void from_the_wire(const struct memory_nic *server, uint32_t source, uint32_t destination) {
    unsigned char frame[14 + 20 + 8 + 4] = {0};
    memcpy(frame, server->nic.mac, 6);
    frame[12] = 8;
    unsigned char *ip = frame + 14, *udp = ip + 20;
    const unsigned char header[] = {0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17};
    memcpy(ip, header, sizeof header);
    source = lwip_htonl(source);
    destination = lwip_htonl(destination);
    memcpy(ip + 12, &source, 4);
    memcpy(ip + 16, &destination, 4);
    uint16_t sum = inet_chksum(ip, 20);
    memcpy(ip + 10, &sum, 2);
    const unsigned char ports[] = {0x13, 0x88, PORT >> 8, PORT & 0xff, 0,   12,
                                   0,    0,    'm',       'a',         'r', 's'};
    memcpy(udp, ports, sizeof ports);
    memory_link_send(&world.link, 1, frame, sizeof frame);
}

static void martians(const void *in, void *out) {
    static const struct {
        uint32_t source, destination;
        bool arrives;
    } cases[] = {{0x0a000001, 0x0a000002, true},
                 {0x0a000002, 0x0a000002, false},
                 {0x7f000001, 0x0a000002, false},
                 {0x0a000001, 0x7f000001, false},
                 {0x7f000001, 0x7f000001, false}};
    struct world_settings s = world_plain(1);
    (void)in;
    (void)out;
    s.no_client = true;
    program_start(s);
    memory_link_test(&world.link, 1, NULL, NULL);
    int fd = bound("0.0.0.0", PORT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t dropped = world_counters().rx_dropped;
        from_the_wire(world.server, cases[i].source, cases[i].destination);
        program_run_us(1000);
        WORLD_CHECK(p_read(fd, buffer, 9) == (cases[i].arrives ? 4 : -EAGAIN));
        WORLD_CHECK(world_counters().rx_dropped == dropped + !cases[i].arrives);
    }
    WORLD_CHECK(world.server->lent_count == 0);
}

static void test_wire(void **state) {
    static const bool sums[] = {true, false};
    (void)state;
    for (int i = 0; i < 2; i++)
        alone(wire, &sums[i]);
}

static void test_ourselves(void **state) {
    (void)state;
    alone(ourselves, NULL);
    alone(several, NULL);
}

static void test_martians(void **state) {
    (void)state;
    alone(martians, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire),
        cmocka_unit_test(test_ourselves),
        cmocka_unit_test(test_martians),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
