/*
 * The fuzzer's end of the wire: frames whose lengths and checksums are right, so that what a fuzzer
 * invents gets past the first look; and what it knows of its connections, learnt from the frames
 * the stack sends, so that sequence numbers can be named relative to the live ones.
 *
 * Every frame that comes from the stack is held to its own form: lengths that fit, checksums that
 * are right.
 */
#ifndef TESTS_FUZZ_STACK_PEER_H
#define TESTS_FUZZ_STACK_PEER_H

#include "runtime/platform/memory/link.h"
#include "tests/fuzz/fuzz.h"

#define PEERS     6u
#define SERVER_IP 0x0a000002u
#define OUR_IP    0x0a000001u
#define ETHERNET  14u
#define IP_BYTES  20u
#define TCP_BYTES 20u

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 2}, our_mac[6] = {2, 0, 0, 0, 0, 1};

struct peer {
    uint16_t port, server_port;
    uint16_t window;
    uint16_t opened; /* times */
    uint32_t snd;    /* next sequence number of ours */
    uint32_t rcv;    /* next one of the stack's that has not come */
};

static struct memory_link wire; /* end 0 the stack, end 1 the fuzzer */
static struct peer peers[PEERS];
static bool answers_arp;

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) << 16 | get16(at + 2);
}

/* The Internet's sum, eight bytes at a time: it does not mind the order of bytes until the end. */
static uint32_t add_up(const uint8_t *bytes, size_t n, uint32_t sum) {
    uint64_t total = 0, word = 0;
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        memcpy(&word, bytes + i, 8);
        total += (word & 0xffffffff) + (word >> 32);
    }
    word = 0;
    memcpy(&word, bytes + i, n - i);
    total += (word & 0xffffffff) + (word >> 32);
    while (total >> 16)
        total = (total >> 16) + (total & 0xffff);
    return sum + __builtin_bswap16((uint16_t)total);
}

static uint32_t fold(uint32_t sum) {
    sum = (sum >> 16) + (sum & 0xffff);
    return (sum >> 16) + (sum & 0xffff);
}

/* The sum of a TCP segment with its pseudo-header: 0xffff if the checksum in it is right. */
static uint32_t tcp_sum(const uint8_t *ip, uint32_t header_bytes, uint32_t bytes) {
    return fold(add_up(ip + header_bytes, bytes, add_up(ip + 12, 8, 6 + bytes)));
}

/* ---- to the stack ---- */

/* Ethernet and IPv4 headers before what stands at frame + 34, and sends it. */
static void send_ip(uint8_t *frame, uint8_t protocol, uint32_t fragment, uint32_t bytes) {
    uint8_t *ip = frame + ETHERNET;
    memcpy(frame, server_mac, 6);
    memcpy(frame + 6, our_mac, 6);
    put16(frame + 12, 0x0800);
    memset(ip, 0, IP_BYTES);
    ip[0] = 0x45;
    put16(ip + 2, IP_BYTES + bytes);
    put16(ip + 6, fragment);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, OUR_IP);
    put32(ip + 16, SERVER_IP);
    put16(ip + 10, ~fold(add_up(ip, IP_BYTES, 0)));
    memory_link_send(&wire, 1, frame, ETHERNET + IP_BYTES + bytes);
}

struct segment {
    uint8_t flags;
    int32_t seq, ack; /* from where the connection stands */
    const uint8_t *options, *data;
    size_t options_bytes, bytes;
};

/* One that stands where the connection does moves it on. */
static void send_segment(struct peer *p, const struct segment *s) {
    uint8_t frame[NIC_FRAME_BYTES_MAX] = {0}, *tcp = frame + ETHERNET + IP_BYTES;
    uint32_t header = TCP_BYTES + (uint32_t)(s->options_bytes + 3) / 4 * 4;
    uint32_t room = NIC_FRAME_BYTES_MAX - ETHERNET - IP_BYTES - header;
    uint32_t bytes = s->bytes < room ? (uint32_t)s->bytes : room;
    put16(tcp, p->port);
    put16(tcp + 2, p->server_port);
    put32(tcp + 4, p->snd + (uint32_t)s->seq);
    put32(tcp + 8, p->rcv + (uint32_t)s->ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = s->flags;
    put16(tcp + 14, p->window);
    if (s->options_bytes > 0)
        memcpy(tcp + TCP_BYTES, s->options, s->options_bytes);
    if (bytes > 0)
        memcpy(tcp + header, s->data, bytes);
    put32(frame + ETHERNET + 12, OUR_IP);
    put32(frame + ETHERNET + 16, SERVER_IP);
    put16(tcp + 16, ~tcp_sum(frame + ETHERNET, IP_BYTES, header + bytes));
    if (s->seq == 0)
        p->snd += bytes + (s->flags & SYN ? 1 : 0) + (s->flags & FIN ? 1 : 0);
    send_ip(frame, 6, 0, header + bytes);
}

static void send_arp(uint32_t operation, uint32_t from_ip, uint32_t to_ip) {
    uint8_t frame[ETHERNET + 28] = {0}, *arp = frame + ETHERNET;
    memcpy(frame, server_mac, 6);
    memcpy(frame + 6, our_mac, 6);
    put16(frame + 12, 0x0806);
    put16(arp, 1);
    put16(arp + 2, 0x0800);
    arp[4] = 6;
    arp[5] = 4;
    put16(arp + 6, operation);
    memcpy(arp + 8, our_mac, 6);
    put32(arp + 14, from_ip);
    memcpy(arp + 18, server_mac, 6);
    put32(arp + 24, to_ip);
    memory_link_send(&wire, 1, frame, sizeof frame);
}

/* ---- from the stack ---- */

static void learn(const uint8_t *tcp, uint32_t bytes) {
    uint32_t header = (uint32_t)(tcp[12] >> 4) * 4, seq = get32(tcp + 4);
    FUZZ_CHECK(header >= TCP_BYTES && header <= bytes);
    for (struct peer *p = peers; p < peers + PEERS; p++) {
        if (p->server_port != get16(tcp) || p->port != get16(tcp + 2))
            continue;
        if (tcp[13] & SYN)
            p->rcv = seq + 1;
        else if (seq == p->rcv)
            p->rcv += bytes - header + (tcp[13] & FIN ? 1 : 0);
    }
}

static void heard(void *context, const void *data, uint32_t bytes, bool damaged) {
    const uint8_t *frame = data, *ip = frame + ETHERNET;
    (void)context;
    if (damaged)
        return;
    FUZZ_CHECK(bytes >= ETHERNET && memcmp(frame + 6, server_mac, 6) == 0);
    if (get16(frame + 12) == 0x0806) {
        FUZZ_CHECK(bytes >= ETHERNET + 28);
        if (answers_arp && get16(ip + 6) == 1 && get32(ip + 24) == OUR_IP)
            send_arp(2, OUR_IP, SERVER_IP);
        return;
    }
    FUZZ_CHECK(get16(frame + 12) == 0x0800 && bytes >= ETHERNET + IP_BYTES);
    uint32_t header = (ip[0] & 15u) * 4, total = get16(ip + 2);
    FUZZ_CHECK(ip[0] >> 4 == 4 && header >= IP_BYTES && total >= header);
    FUZZ_CHECK(total <= bytes - ETHERNET && fold(add_up(ip, header, 0)) == 0xffff);
    if (ip[9] != 6)
        return;
    FUZZ_CHECK(total >= header + TCP_BYTES && tcp_sum(ip, header, total - header) == 0xffff);
    learn(ip + header, total - header);
}

#endif
