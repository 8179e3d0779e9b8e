/*
 * What a peer sees of our TCP on the wire; the peer here is frames of this test's own.
 *
 * Selective acknowledgements (RFC 2018): without them a peer that loses several segments learns of
 * one a round trip, and if it has no timestamps either, it doubles its time-out with each
 * retransmission that is lost (RFC 6298, 5.5). Windows: what all peers may send (net/window.h).
 */
#include "lwip/inet_chksum.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "runtime/net/window.h"
#include "tests/memory/world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define OUR_IP      PP_HTONL(0x0a000001)
#define SERVER_IP   PP_HTONL(0x0a000002)
#define OUR_PORT    40000u /* of the first connection */
#define FIRST       1000u  /* our sequence numbers begin there */
#define HEADERS     (SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
#define KIND_SACKOK 4u
#define KIND_SACK   5u

/* The server's last segment. */
static struct {
    uint32_t segments, seq, ack;
    uint16_t flags, window;
    bool sack_permitted;
    uint32_t blocks, left, right; /* how many, the first */
} heard;

static uint16_t port = OUR_PORT; /* of whom say speaks for */
static const struct eth_addr server_mac = {{2, 0, 0, 0, 0, 2}}, our_mac = {{2, 0, 0, 0, 0, 1}};

static uint32_t word(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return lwip_ntohl(value);
}

static void answer_arp(void) {
    uint8_t frame[SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR] = {0};
    struct eth_hdr ethernet = {.dest = server_mac, .src = our_mac, .type = PP_HTONS(ETHTYPE_ARP)};
    struct etharp_hdr arp = {.hwtype = PP_HTONS(1),
                             .proto = PP_HTONS(ETHTYPE_IP),
                             .hwlen = ETH_HWADDR_LEN,
                             .protolen = 4,
                             .opcode = PP_HTONS(2),
                             .shwaddr = our_mac,
                             .dhwaddr = server_mac};
    const uint32_t ours = OUR_IP, server = SERVER_IP;
    memcpy(&arp.sipaddr, &ours, sizeof ours);
    memcpy(&arp.dipaddr, &server, sizeof server);
    memcpy(frame, &ethernet, sizeof ethernet);
    memcpy(frame + SIZEOF_ETH_HDR, &arp, sizeof arp);
    memory_link_send(&world.link, 1, frame, sizeof frame);
}

static void read_options(const uint8_t *at, const uint8_t *end) {
    heard.sack_permitted = false;
    heard.blocks = 0;
    while (at < end && *at != 0) {
        if (*at == 1) {
            at++;
            continue;
        }
        WORLD_CHECK(end - at >= 2 && at[1] >= 2 && at[1] <= end - at);
        if (at[0] == KIND_SACKOK)
            heard.sack_permitted = true;
        if (at[0] == KIND_SACK && at[1] >= 10) {
            heard.blocks = (at[1] - 2u) / 8;
            heard.left = word(at + 2);
            heard.right = word(at + 6);
        }
        at += at[1];
    }
}

static void take(void *context, const void *data, uint32_t bytes, bool damaged) {
    const uint8_t *frame = data, *tcp = frame + SIZEOF_ETH_HDR + IP_HLEN;
    (void)context;
    (void)damaged;
    if (frame[12] == 8 && frame[13] == 6) {
        answer_arp();
        return;
    }
    WORLD_CHECK(bytes >= HEADERS && frame[SIZEOF_ETH_HDR] == 0x45);
    heard.segments++;
    heard.seq = word(tcp + 4);
    heard.ack = word(tcp + 8);
    heard.flags = tcp[13];
    heard.window = (uint16_t)(tcp[14] << 8 | tcp[15]);
    read_options(tcp + TCP_HLEN, tcp + (tcp[12] >> 4) * 4);
}

/* From our sequence number FIRST + at; options: whole words. The NIC vouches for TCP's checksum. */
static void say(uint8_t flags, uint32_t at, const uint8_t *options, uint32_t options_bytes,
                const char *text) {
    uint8_t frame[HEADERS + 40 + 100] = {0};
    uint32_t text_bytes = (uint32_t)strlen(text), tcp_bytes = TCP_HLEN + options_bytes + text_bytes;
    struct eth_hdr ethernet = {.dest = server_mac, .src = our_mac, .type = PP_HTONS(ETHTYPE_IP)};
    struct ip_hdr ip = {._len = lwip_htons((u16_t)(IP_HLEN + tcp_bytes)),
                        ._ttl = 64,
                        ._proto = IP_PROTO_TCP,
                        .src.addr = OUR_IP,
                        .dest.addr = SERVER_IP};
    struct tcp_hdr tcp = {.src = lwip_htons(port),
                          .dest = PP_HTONS(WORLD_PORT),
                          .seqno = lwip_htonl(FIRST + at),
                          .ackno = lwip_htonl(flags & TCP_ACK ? heard.seq + 1 : 0),
                          .wnd = PP_HTONS(60000)};
    IPH_VHL_SET(&ip, 4, IP_HLEN / 4);
    IPH_CHKSUM_SET(&ip, inet_chksum(&ip, IP_HLEN));
    TCPH_HDRLEN_FLAGS_SET(&tcp, (TCP_HLEN + options_bytes) / 4, flags);
    memcpy(frame, &ethernet, sizeof ethernet);
    memcpy(frame + SIZEOF_ETH_HDR, &ip, sizeof ip);
    memcpy(frame + SIZEOF_ETH_HDR + IP_HLEN, &tcp, sizeof tcp);
    if (options_bytes > 0)
        memcpy(frame + HEADERS, options, options_bytes);
    memcpy(frame + HEADERS + options_bytes, text, text_bytes);
    memory_link_send(&world.link, 1, frame, SIZEOF_ETH_HDR + IP_HLEN + tcp_bytes);
}

static bool hears_more(void *context) {
    return heard.segments > *(const uint32_t *)context;
}

static void await_segment(void) {
    uint32_t before = heard.segments;
    WORLD_CHECK(world_until(hears_more, &before, 100000));
}

/* A connection that announces what the options say: the handshake's part of it. */
static void shake_hands(const uint8_t *options, uint32_t options_bytes) {
    struct world_settings s = world_plain(1);
    s.no_client = true;
    s.server_nic.rx_checksum = true;
    world_start(&s);
    memory_link_test(&world.link, 1, take, NULL);
    say(TCP_SYN, 0, options, options_bytes, "");
    await_segment();
    WORLD_CHECK(heard.flags == (TCP_SYN | TCP_ACK) && heard.ack == FIRST + 1);
}

static const uint8_t with[] = {2, 4, 5, 180, 4, 2, 1, 1}, without[] = {2, 4, 5, 180};

static void names_what_came(const void *in, void *out) {
    (void)in;
    (void)out;
    shake_hands(with, sizeof with);
    WORLD_CHECK(heard.sack_permitted);
    uint32_t syn_ack = heard.seq;
    say(TCP_ACK, 1, NULL, 0, "");
    say(TCP_ACK, 1 + 16, NULL, 0, "Host: h\r\n");
    await_segment();
    WORLD_CHECK(heard.ack == FIRST + 1 && heard.blocks == 1);
    WORLD_CHECK(heard.left == FIRST + 1 + 16 && heard.right == FIRST + 1 + 25);
    /* Another hole: the block of what came last stands first. */
    heard.seq = syn_ack;
    say(TCP_ACK, 1 + 27, NULL, 0, "GET");
    await_segment();
    WORLD_CHECK(heard.ack == FIRST + 1 && heard.blocks == 2);
    WORLD_CHECK(heard.left == FIRST + 1 + 27 && heard.right == FIRST + 1 + 30);
    /* The first hole is filled. */
    heard.seq = syn_ack;
    say(TCP_ACK, 1, NULL, 0, "GET / HTTP/1.1\r\n");
    await_segment();
    WORLD_CHECK(heard.ack == FIRST + 1 + 25 && heard.blocks == 1);
    WORLD_CHECK(heard.left == FIRST + 1 + 27 && heard.right == FIRST + 1 + 30);
}

/* Who has not said that it understands them is sent none. */
static void only_who_asked(const void *in, void *out) {
    (void)in;
    (void)out;
    shake_hands(without, sizeof without);
    WORLD_CHECK(!heard.sack_permitted);
    say(TCP_ACK, 1, NULL, 0, "");
    say(TCP_ACK, 1 + 16, NULL, 0, "Host: h\r\n");
    await_segment();
    WORLD_CHECK(heard.ack == FIRST + 1 && heard.blocks == 0);
}

#define PEERS   800u
#define AT_ONCE 20u    /* of them come before the stack counts them again */
#define BEYOND  30000u /* more than the share of so many, within the stack's own window */

/* A new peer's window, where the stack has counted so many before it: together they may send what
 * net/window.h says, or two segments each. */
static void has_its_share(uint32_t peers) {
    uint32_t least = NET_WINDOW_LEAST_SEGMENTS * TCP_MSS, window = heard.window;
    if (window < TCP_WND) {
        WORLD_CHECK(window % TCP_MSS == 0 && window >= least);
        WORLD_CHECK((window + TCP_MSS) * peers > NET_WINDOWS_BYTES);
    }
    WORLD_CHECK(window * peers <= NET_WINDOWS_BYTES || window == least);
}

/* Data on its way beyond its share is taken. What lacks its beginning keeps a peer busy. */
static void windows_have_a_sum(const void *in, void *out) {
    (void)in;
    (void)out;
    shake_hands(with, sizeof with);
    WORLD_CHECK(heard.window == TCP_WND);
    for (uint32_t peers = 0;;) {
        uint32_t syn_ack = heard.seq;
        say(TCP_ACK, 1, NULL, 0, "");
        say(TCP_ACK, 1 + 16, NULL, 0, "Host: h\r\n");
        await_segment();
        heard.seq = syn_ack;
        if (++peers % AT_ONCE == 0)
            world_run_us(60000);
        if (peers == PEERS)
            break;
        port = (uint16_t)(OUR_PORT + peers);
        say(TCP_SYN, 0, with, sizeof with, "");
        await_segment();
        WORLD_CHECK(heard.flags == (TCP_SYN | TCP_ACK) && heard.ack == FIRST + 1);
        if (peers % AT_ONCE == 0)
            has_its_share(peers);
    }
    WORLD_CHECK(heard.window == NET_WINDOW_LEAST_SEGMENTS * TCP_MSS);
    say(TCP_ACK, 1 + BEYOND, NULL, 0, "x");
    await_segment();
    WORLD_CHECK(heard.blocks == 2 && heard.left == FIRST + 1 + BEYOND);
}

static void test_windows_have_a_sum(void **state) {
    (void)state;
    assert_int_equal(world_alone(windows_have_a_sum, NULL, NULL, 0), 0);
}

static void test_names_what_came(void **state) {
    (void)state;
    assert_int_equal(world_alone(names_what_came, NULL, NULL, 0), 0);
}

static void test_only_who_asked(void **state) {
    (void)state;
    assert_int_equal(world_alone(only_who_asked, NULL, NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_what_came),
        cmocka_unit_test(test_only_who_asked),
        cmocka_unit_test(test_windows_have_a_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
