/*
 * The whole app side but its main: net, lwIP, nhttpd and the control port on the floor in memory,
 * fed by a program of steps that an input spells. For each input:
 *
 * 1. No step trips a sanitizer, an assertion of lwIP, or the NIC, which holds the stack to nic.h.
 * 2. Every frame that leaves is well-formed.
 * 3. When all connections have been reset and the wire is silent, nothing is left: no pcb, no block
 *    of a pool, no element of lwIP's, no lent buffer, no connection of nhttpd's.
 *
 * A step is a byte: its low four bits choose from `steps`, its highest says that no time passes
 * after it, so that frames arrive together. What follows is the step's own. An input that ends
 * early ends in zeros. Time goes on from input to input, but each begins at a whole second, in the
 * same state.
 */
#include "lwip/etharp.h"
#include "lwip/ip4_frag.h"
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/control_port.h"
#include "runtime/net/net.h"
#include "runtime/net/park.h"
#include "runtime/net/pool.h"
#include "runtime/platform/memory/floor.h"
#include "runtime/platform/platform.h"
#include "tests/fuzz/fuzz_stack_peer.h"
#include "workloads/nhttpd/serve.h"
#include "workloads/nhttpd/site.h"

#define MS_NS       1000000u
#define STEPS_MAX   256u
#define TIME_MAX_MS 40000u /* an input's: silent control sessions end before */
#define CONNECTIONS 24u    /* nhttpd's: few, so that there are too many */
#define RING        32u
#define OPENED_MAX  64u

static struct http_site site;
static struct adapt adapt;
static uint64_t next_ms_tsc, ms_passed, ms_of_input;
static uint8_t opened[OPENED_MAX][ETHERNET + IP_BYTES + TCP_BYTES]; /* heads of SYNs sent */
static size_t opened_count;

/* ---- the input ---- */

static const uint8_t *input;
static size_t input_left;

static uint8_t take8(void) {
    if (input_left == 0)
        return 0;
    input_left--;
    return *input++;
}

static uint16_t take16(void) {
    uint16_t high = take8();
    return (uint16_t)(high << 8 | take8());
}

/* Near 0, or far. */
static int32_t take_offset(void) {
    int8_t offset = (int8_t)take8();
    return offset == INT8_MIN ? (int16_t)take16() * 16 : offset;
}

/* A length byte, then as many bytes, or what is left; lengths from 0xf0 stand for long ones. */
static const uint8_t *take_bytes(size_t *bytes) {
    size_t n = take8();
    const uint8_t *at = input;
    if (n >= 0xf0)
        n = (n - 0xef) * 95;
    *bytes = n < input_left ? n : input_left;
    input += *bytes;
    input_left -= *bytes;
    return at;
}

static struct peer *take_peer(void) {
    return &peers[take8() % PEERS];
}

/* ---- the app ---- */

static void apply(void *context, const struct adapt_decision *d) {
    (void)context;
    net_set_batching(d->delay_us, d->kick);
    site.refusing = !d->serving;
}

static void statistics(void *context, struct nom_statistics *out) {
    (void)context;
    net_counters(&out->net);
}

static void app_turn(void) {
    net_poll();
    if (memory_now_tsc < next_ms_tsc)
        return;
    next_ms_tsc += MS_NS;
    ms_passed++;
    ms_of_input++;
    serve_tick();
    uint32_t load = serve_active();
    if (adapt_tick(&adapt, plat_now_us(), load))
        apply(NULL, &adapt.now);
}

/* Time passes: never past a whole millisecond or an arrival without a poll. */
static void pass(uint64_t ns) {
    uint64_t end_tsc = memory_now_tsc + ns;
    for (;;) {
        memory_link_run(&wire);
        app_turn();
        memory_link_run(&wire);
        if (memory_now_tsc >= end_tsc)
            return;
        uint64_t next = memory_link_next_tsc(&wire);
        if (memory_nic_holds(memory_nic()))
            next = LWIP_MIN(next, memory_now_tsc + 1000);
        next = LWIP_MIN(next, LWIP_MIN(next_ms_tsc, end_tsc));
        if (next > memory_now_tsc)
            memory_now_tsc = next;
    }
}

/* ---- steps ---- */

static void remember(const struct peer *p) {
    uint8_t *frame = opened[opened_count++ % OPENED_MAX];
    frame[ETHERNET] = 0x45;
    frame[ETHERNET + 9] = 6;
    put32(frame + ETHERNET + 12, OUR_IP);
    put16(frame + ETHERNET + IP_BYTES, p->port);
    put16(frame + ETHERNET + IP_BYTES + 2, p->server_port);
}

static void step_raw(void) {
    size_t n;
    const uint8_t *bytes = take_bytes(&n);
    memory_link_send(&wire, 1, bytes, (uint32_t)n);
}

/* Any segment at all, relative to where the connection stands. */
static void step_segment(void) {
    struct peer *p = take_peer();
    struct segment s = {.flags = take8()};
    s.seq = take_offset();
    s.ack = take_offset();
    p->window = take16();
    s.options = take_bytes(&s.options_bytes);
    s.options_bytes %= 41;
    s.data = take_bytes(&s.bytes);
    send_segment(p, &s);
}

static void step_time(void) {
    static const uint64_t unit_ns[] = {1000, 100000, MS_NS, 50 * MS_NS, 1000 * (uint64_t)MS_NS};
    uint64_t ns = unit_ns[take8() % 5] * (1u + take8() % 64);
    if (ms_of_input + ns / MS_NS < TIME_MAX_MS)
        pass(ns);
}

static void say(struct peer *p, uint8_t flags, const void *data, size_t bytes) {
    send_segment(p, &(struct segment){.flags = flags, .data = data, .bytes = bytes});
}

/* A connection to port 80, the control port, or one where nobody listens. */
static void step_open(void) {
    static const uint8_t options[] = {2, 4, 5, 0xb4, 1, 3, 3, 7};
    struct peer *p = take_peer();
    uint8_t how = take8();
    unsigned i = (unsigned)(p - peers);
    p->port = (uint16_t)(1024 + i + PEERS * p->opened++);
    p->server_port = how % 4 < 2 ? 80 : how % 4 == 2 ? 81 : 82;
    p->snd = 0x10000000u * (how >> 4);
    p->window = how & 8 ? 0xffff : 1000;
    remember(p);
    send_segment(p, &(struct segment){.flags = SYN,
                                      .options = options,
                                      .options_bytes = how & 4 ? sizeof options : 0});
    pass(5000);
    say(p, ACK, NULL, 0);
}

/* The input's bytes, in order. */
static void step_data(void) {
    size_t n;
    struct peer *p = take_peer();
    const uint8_t *data = take_bytes(&n);
    say(p, ACK | PSH, data, n);
}

static void step_text(void) {
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /bytes/1000000 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /bytes/700 HTTP/1.1\r\nHost: h\r\n\r\nGET /bytes/3000 HTTP/1.1\r\nHost: h\r\n\r\n",
        "HEAD /none HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "GET /bytes/100000 HTTP/1.1\r\nHo",
        "st: h\r\n\r\n",
    };
    static const struct nom_control_header ask = {NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION,
                                                  NOM_CONTROL_STATISTICS, 0, 0};
    static const struct {
        struct nom_control_header header;
        struct nom_control_delay delay;
    } set = {{NOM_CONTROL_MAGIC, NOM_CONTROL_VERSION, NOM_CONTROL_DELAY,
              sizeof(struct nom_control_delay), 0},
             {20, NOM_KICK_NATURAL, 0}};
    struct peer *p = take_peer();
    uint8_t which = take8(), times = take8() % 8;
    do {
        const char *text = texts[which % 8];
        if (p->server_port == 80)
            say(p, ACK | PSH, text, strlen(text));
        else
            say(p, ACK | PSH, which % 2 ? (const void *)&set : &ask,
                which % 2 ? sizeof set : sizeof ask);
    } while (times-- > 0);
}

/* Takes what came; opens or closes the window. */
static void step_ack(void) {
    struct peer *p = take_peer();
    p->window = take16();
    say(p, ACK, NULL, 0);
}

/* Takes what comes, over and over. */
static void step_read(void) {
    struct peer *p = take_peer();
    uint8_t times = take8();
    p->window = 0xffff;
    while (times-- > 0) {
        say(p, ACK, NULL, 0);
        pass(4000);
    }
}

static void step_fin(void) {
    say(take_peer(), FIN | ACK, NULL, 0);
}

static void step_reset(void) {
    say(take_peer(), RST | ACK, NULL, 0);
}

static void step_faults(void) {
    struct memory_link_settings s = wire.settings;
    s.loss = take8() / 512.0;
    s.duplicate = take8() / 256.0;
    s.reorder = take8() / 256.0;
    s.corrupt = take8() / 256.0;
    s.ps_per_byte = take8() * UINT64_C(1000);
    memory_link_change(&wire, &s);
}

static void step_batching(void) {
    uint8_t how = take8();
    net_set_batching(how >> 1, how & 1 ? NOM_KICK_STRICT : NOM_KICK_NATURAL);
}

static void step_arp(void) {
    uint8_t how = take8(), from = take8();
    answers_arp = how & 4;
    send_arp(how & 3, 0x0a000000u | from, how & 8 ? OUR_IP : SERVER_IP);
}

/* Any IPv4 payload, with a checksum at the front that fits ICMP. */
static void step_ip(void) {
    uint8_t frame[NIC_FRAME_BYTES_MAX], protocol = take8() % 20;
    uint32_t fragment = take16() & (take8() & 1 ? 0xffffu : 0);
    size_t n;
    const uint8_t *bytes = take_bytes(&n);
    uint8_t *payload = frame + ETHERNET + IP_BYTES;
    n = LWIP_MIN(n, sizeof frame - ETHERNET - IP_BYTES);
    memcpy(payload, bytes, n);
    if (n >= 4) {
        put16(payload + 2, 0);
        put16(payload + 2, ~fold(add_up(payload, n, 0)));
    }
    send_ip(frame, protocol, fragment, (uint32_t)n);
}

static void (*const steps[16])(void) = {
    step_raw, step_segment, step_time,   step_open,     step_data, step_text, step_ack,  step_read,
    step_fin, step_reset,   step_faults, step_batching, step_arp,  step_ip,   step_time, step_text};

/* ---- before and after ---- */

static const struct memory_link_settings quiet = {.seed = 1, .delay_ns = 1000, .reorder_ns = 20000};
static size_t taken;

static void start(void) {
    static const char page[] = "<p>";
    static const struct memory_file file = {"www/index.html", page, sizeof page - 1};
    static const struct control_app control = {
        .adapt = &adapt, .apply = apply, .statistics = statistics};
    struct memory_settings floor = {.seed = 1, .files = &file, .file_count = 1};
    const struct net_config config = {.address_be = lwip_htonl(SERVER_IP),
                                      .netmask_be = lwip_htonl(0xffffff00)};
    char why[200];
    memcpy(floor.nic.mac, server_mac, sizeof server_mac);
    floor.nic.tx_checksum = true;
    floor.nic.rx_size = floor.nic.tx_size = RING;
    FUZZ_CHECK(memory_start(&floor) == 0 && site_open(&site, why, sizeof why) == 0);
    FUZZ_CHECK(net_open(&config, why, sizeof why) == 0);
    FUZZ_CHECK(serve_open(80, CONNECTIONS, &site, why, sizeof why) == 0);
    FUZZ_CHECK(control_port_open(81, &control) == 0);
    next_ms_tsc = memory_now_tsc + MS_NS;
    memory_link_open(&wire, &quiet);
    memory_link_nic(&wire, 0, memory_nic());
    memory_link_test(&wire, 1, heard, NULL);
    pass(MS_NS);
    taken = net_pool_taken();
}

/* A fresh wire: what was on its way is lost. */
static void rewire(void) {
    memory_link_close(&wire);
    memory_link_open(&wire, &quiet);
    memory_link_nic(&wire, 0, memory_nic());
    memory_link_test(&wire, 1, heard, NULL);
}

static void begin(void) {
    rewire();
    memset(peers, 0, sizeof peers);
    adapt_init(&adapt, "nhttpd", 0, NOM_KICK_NATURAL);
    apply(NULL, &adapt.now);
    answers_arp = true;
    opened_count = ms_of_input = 0;
}

/* Resets what is left, and looks whether anything remains. */
static void end(void) {
    struct serve_counters c;
    rewire();
    adapt_init(&adapt, "nhttpd", 0, NOM_KICK_NATURAL);
    apply(NULL, &adapt.now);
    pass(MS_NS);
    for (size_t i = 0; i < LWIP_MIN(opened_count, OPENED_MAX); i++)
        net_park_packet(opened[i] + ETHERNET, sizeof opened[i] - ETHERNET);
    while (net_parked() > 0) /* opened by a frame that was raw: nhttpd closes it some time */
        pass(1000 * (uint64_t)MS_NS);
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    for (unsigned i = 0; i <= IP_REASS_MAXAGE; i++) /* fragments that the rest of never comes */
        ip_reass_tmr();
    etharp_cleanup_netif(netif_default);
    answers_arp = false;
    while (ms_passed % 1000 != 0 || memory_nic_holds(memory_nic()) || memory_nic()->descriptors)
        pass(MS_NS);
    etharp_cleanup_netif(netif_default);
    serve_counters(&c);
    FUZZ_CHECK(c.connections_open == 0);
    FUZZ_CHECK(!tcp_active_pcbs && !tcp_tw_pcbs && !tcp_bound_pcbs);
    FUZZ_CHECK(memory_nic()->lent_count == 0 && memory_nic()->ready_count == 0);
    FUZZ_CHECK(net_pool_taken() == taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool started;
    if (!started)
        start();
    started = true;
    begin();
    input = data;
    input_left = size;
    for (unsigned i = 0; i < STEPS_MAX && input_left > 0; i++) {
        uint8_t step = take8();
        steps[step & 15]();
        if (!(step & 0x80))
            pass(5000);
    }
    end();
    return 0;
}
