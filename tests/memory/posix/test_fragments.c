/*
 * A datagram that comes in fragments, from a test at the other end of the wire: put together
 * whatever their order, dropped where they make nothing whole. What waits for the rest is bounded,
 * holds no buffer of the NIC, and is given up in time.
 */
#include "lwip/def.h"
#include "lwip/inet_chksum.h"
#include "runtime/net/pool.h"
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define HEADERS  (14 + 20)
#define MORE     0x2000u
#define MOST     1480u  /* that a frame holds behind the header of IP */
#define GREATEST 65515u /* that a packet holds */
#define UDP      17
#define GIVEN_UP (UINT64_C(30) * SECOND_US) /* and so is the answer, which nobody hears */

static unsigned char packet[GREATEST]; /* behind the header of IP: UDP's, then data */
static char got[GREATEST];
static uint32_t packet_bytes;
static unsigned protocol = UDP;

static void put16(unsigned char *at, uint32_t value) {
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

static void addresses(unsigned char *at) {
    const unsigned char both[] = {10, 0, 0, 1, 10, 0, 0, 2};
    memcpy(at, both, sizeof both);
}

/* Makes `packet` of so many bytes of data that depend on id. */
static void make(uint32_t id, uint32_t bytes) {
    static unsigned char summed[12 + GREATEST + 1];
    packet_bytes = 8 + bytes;
    memset(packet, 0, 8);
    put16(packet, 5000);
    put16(packet + 2, PORT);
    put16(packet + 4, packet_bytes);
    for (uint32_t i = 0; i < bytes; i++)
        packet[8 + i] = (unsigned char)(i * 7 + i / 251 + id);
    memset(summed, 0, sizeof summed);
    addresses(summed);
    summed[9] = UDP;
    put16(summed + 10, packet_bytes);
    memcpy(summed + 12, packet, packet_bytes);
    uint16_t sum = inet_chksum(summed, (u16_t)(12 + packet_bytes));
    memcpy(packet + 6, &sum, sizeof sum);
}

/* A frame with these bytes of `packet`, `place` as in the header of IP, which says `length`. */
static void frame(uint32_t id, uint32_t from, uint32_t bytes, uint32_t place, uint32_t length) {
    unsigned char f[HEADERS + MOST] = {0};
    memcpy(f, world.server->nic.mac, 6);
    f[12] = 8;
    unsigned char *ip = f + 14;
    ip[0] = 0x45;
    put16(ip + 2, length);
    put16(ip + 4, id);
    put16(ip + 6, place);
    ip[8] = 64;
    ip[9] = (unsigned char)protocol;
    addresses(ip + 12);
    uint16_t sum = inet_chksum(ip, 20);
    memcpy(ip + 10, &sum, sizeof sum);
    memcpy(f + HEADERS, packet + from, bytes);
    memory_link_send(&world.link, 1, f, HEADERS + bytes);
    program_run_us(50);
}

static void send_part(uint32_t id, uint32_t from, uint32_t bytes) {
    frame(id, from, bytes, (from / 8) | (from + bytes < packet_bytes ? MORE : 0), 20 + bytes);
}

/* The n-th of the packet's fragments as Linux cuts it. */
static void send_nth(uint32_t id, uint32_t n) {
    uint32_t from = n * MOST;
    send_part(id, from, LWIP_MIN(MOST, packet_bytes - from));
}

static int start(void) {
    struct sockaddr_in at = program_address("0.0.0.0", PORT);
    struct world_settings s = world_plain(1);
    s.no_client = true;
    s.server_nic.rx_checksum = true;
    program_start(s);
    memory_link_test(&world.link, 1, NULL, NULL);
    program_run_us(3 * SECOND_US); /* what the start itself took is given back */
    int fd = program_socket(SOCK_DGRAM | SOCK_NONBLOCK);
    WORLD_CHECK(posix_sys_bind(fd, (long)&at, sizeof at) == 0);
    return fd;
}

static void nothing_comes(int fd) {
    WORLD_CHECK(p_read(fd, got, sizeof got) == -EAGAIN);
    WORLD_CHECK(world.server->lent_count == 0);
}

static void it_comes(int fd) {
    long bytes = (long)packet_bytes - 8;
    int left = 0;
    WORLD_CHECK(posix_sys_ioctl(fd, FIONREAD, (long)&left) == 0 && left == (int)bytes);
    memset(got, 0, sizeof got);
    WORLD_CHECK(p_read(fd, got, sizeof got) == bytes);
    WORLD_CHECK(memcmp(got, packet + 8, (size_t)bytes) == 0);
    nothing_comes(fd);
}

/* All orders of four, once each; then each fragment twice. */
static void orders(const void *in, void *out) {
    uint32_t id = 1;
    (void)in;
    (void)out;
    int fd = start();
    size_t taken = net_pool_taken();
    for (uint32_t code = 0; code < 4 * 4 * 4 * 4; code++) {
        uint32_t order[] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6}, seen = 0;
        for (int i = 0; i < 4; i++)
            seen |= 1u << order[i];
        if (seen != 15)
            continue;
        make(++id, 3 * MOST + 100);
        for (int i = 0; i < 4; i++) {
            nothing_comes(fd);
            send_nth(id, order[i]);
        }
        it_comes(fd);
        WORLD_CHECK(net_pool_taken() == taken);
    }
    WORLD_CHECK(id == 1 + 24);
    make(++id, 3 * MOST);
    for (uint32_t i = 0; i < 6; i++)
        send_nth(id, i / 2);
    nothing_comes(fd);
    send_nth(id, 3);
    it_comes(fd);
}

/* Of every size up to the greatest; into parts; what has no room is cut. */
static void sizes(const void *in, void *out) {
    uint32_t id = 0;
    struct msghdr m = {0};
    struct iovec parts[] = {{got, 3}, {got + 3, 0}, {got + 3, 2000}, {got + 2003, 100}};
    (void)in;
    (void)out;
    int fd = start();
    size_t taken = net_pool_taken();
    for (uint32_t bytes = MOST - 8 + 1; bytes <= GREATEST - 8; bytes += 1067) {
        make(++id, bytes);
        for (uint32_t n = 0; n * MOST < packet_bytes; n++)
            send_nth(id, n);
        it_comes(fd);
    }
    make(++id, GREATEST - 8);
    for (uint32_t n = 0; n * MOST < packet_bytes; n++)
        send_nth(id, n);
    it_comes(fd);
    /* A header alone in the first; two of them wait at a time. */
    for (int i = 0; i < 2; i++) {
        make(++id, 4000);
        send_part(id, 0, 8);
        send_part(id, 8, 1000);
        send_part(id, 1008, 1480);
        send_part(id, 2488, 800);
        send_part(id, 3288, packet_bytes - 3288);
    }
    m.msg_iov = parts;
    m.msg_iovlen = sizeof parts / sizeof *parts;
    WORLD_CHECK(posix_sys_recvmsg(fd, (long)&m, MSG_PEEK | MSG_TRUNC) == 4000);
    WORLD_CHECK(posix_sys_recvmsg(fd, (long)&m, 0) == 2103 && m.msg_flags == MSG_TRUNC);
    make(id - 1, 4000);
    WORLD_CHECK(memcmp(got, packet + 8, 2103) == 0);
    make(id, 4000);
    it_comes(fd);
    WORLD_CHECK(net_pool_taken() == taken);
}

/* Fragments that overlap, are damaged, or lie: nothing comes of them, and nothing stays. */
static void unsound(const void *in, void *out) {
    (void)in;
    (void)out;
    int fd = start();
    size_t taken = net_pool_taken();
    make(1, 4000);
    send_part(1, 0, 1480);
    send_part(1, 1472, 1480); /* overlaps what came before it */
    send_part(1, 2960, packet_bytes - 2960);
    nothing_comes(fd);
    send_part(1, 1480, 1480); /* what belongs there still may come */
    it_comes(fd);
    send_part(2, 1480, 1480);
    send_part(2, 0, 1480);
    send_part(2, 800, 1480); /* overlaps both */
    nothing_comes(fd);
    send_part(2, 2960, packet_bytes - 2960);
    it_comes(fd);
    make(3, 4000);
    for (uint32_t n = 0; n < 3; n++) {
        packet[2000] ^= n == 1; /* the NIC vouches for it */
        send_nth(3, n);
    }
    nothing_comes(fd);
    uint64_t dropped = world_counters().rx_dropped;
    frame(4, 0, 0, MORE, 20);           /* of nothing */
    frame(4, 0, 1476, MORE, 20 + 1476); /* not of units */
    frame(4, 0, 1480, MORE, 21 + 1480); /* says that it is longer */
    frame(4, 0, 8, 8191 | MORE, 28);    /* beyond what a packet may be */
    frame(4, 0, 8, GREATEST / 8, 28);   /* as the last */
    protocol = 6;
    frame(4, 0, 40, MORE, 60);
    protocol = UDP;
    WORLD_CHECK(world_counters().rx_dropped == dropped + 6);
    WORLD_CHECK(net_pool_taken() == taken);
    /* More after what says it is the last. */
    make(5, 4000);
    send_nth(5, 1);
    send_nth(5, 2);
    frame(5, 0, 800, ((packet_bytes + 7) / 8 + 1) | MORE, 820);
    send_nth(5, 0);
    program_run_us(GIVEN_UP);
    while (p_read(fd, got, sizeof got) >= 0) {
    }
    WORLD_CHECK(net_pool_taken() == taken);
}

static uint32_t answers;

static void answered(void *context, const void *data, uint32_t bytes, bool damaged) {
    (void)context;
    (void)data;
    (void)bytes;
    (void)damaged;
    answers++;
}

/* Firsts without an end, a thousand: whole ones go on, so does one in fragments, and memory is
 * bounded meanwhile and free in the end. */
static void never_completed(const void *in, void *out) {
    (void)in;
    (void)out;
    int fd = start();
    memory_link_test(&world.link, 1, answered, NULL);
    size_t taken = net_pool_taken(), most = 0;
    for (uint32_t id = 1; id <= 1000; id++) {
        make(id, 4000);
        send_nth(id, id % 3);
        if (id % 100 == 0) {
            make(id + 10000, 3000);
            send_nth(id + 10000, 2);
            send_nth(id + 10000, 0);
            send_nth(id + 10000, 1);
            it_comes(fd);
            make(id, 100);
            frame(id, 0, packet_bytes, 0, 20 + packet_bytes);
            WORLD_CHECK(p_read(fd, got, sizeof got) == 100);
        }
        most = LWIP_MAX(most, net_pool_taken());
    }
    print_message("# %zu blocks at most, %u frames in answer\n", most - taken, answers);
    WORLD_CHECK(most > taken && most - taken <= 200);
    nothing_comes(fd);
    program_run_us(GIVEN_UP);
    WORLD_CHECK(net_pool_taken() == taken);
    make(2000, 4000); /* one at a time, more than lwIP holds: no packet is so long */
    for (uint32_t from = 0; from < 4000; from += 16)
        send_part(2000, from, 8);
    program_run_us(GIVEN_UP);
    WORLD_CHECK(net_pool_taken() == taken);
    for (uint32_t n = 0; n < 3; n++)
        send_nth(2001, n);
    it_comes(fd);
}

static void alone(void (*body)(const void *in, void *out)) {
    assert_int_equal(world_alone(body, NULL, NULL, 0), 0);
}

static void test_orders(void **state) {
    (void)state;
    alone(orders);
}

static void test_sizes(void **state) {
    (void)state;
    alone(sizes);
}

static void test_unsound(void **state) {
    (void)state;
    alone(unsound);
}

static void test_never_completed(void **state) {
    (void)state;
    alone(never_completed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_unsound),
        cmocka_unit_test(test_never_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
