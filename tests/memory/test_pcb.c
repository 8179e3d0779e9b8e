/*
 * What apps do with their connections (net/pcb.h), at a port of the test's own: what came is kept
 * and used piece by piece, and a connection ends as it should, whatever is under way.
 */
#include "lwip/priv/tcp_priv.h"
#include "runtime/net/net.h"
#include "runtime/net/park.h"
#include "runtime/net/pcb.h"
#include "runtime/net/pool.h"
#include "tests/memory/talk.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SECOND_US  UINT64_C(1000000)
#define PORT       4000u
#define PIECES_MAX 64u
#define SAID_BYTES 20000u /* more than may leave at once */

static struct {
    struct tcp_pcb *pcb;
    struct pbuf *held;
    bool uses; /* at once, what comes */
    size_t used, close_at;
    unsigned refusals, errors;
} server;

static char said[SAID_BYTES];

static void alone(void (*body)(const void *in, void *out)) {
    assert_int_equal(world_alone(body, NULL, NULL, 0), 0);
}

/* Every byte that is held, some at a time. */
static void use(void) {
    while (server.held) {
        size_t n = LWIP_MIN(server.held->len, 1000);
        WORLD_CHECK(memcmp(server.held->payload, said + server.used, n) == 0);
        net_pcb_used(server.pcb, &server.held, n);
        server.used += n;
    }
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)arg;
    (void)err;
    if (!p)
        return ERR_OK;
    if (!net_pcb_hold(&server.held, p)) {
        server.refusals++;
        return ERR_MEM;
    }
    if (server.uses)
        use();
    return server.used == server.close_at ? net_pcb_close(pcb) : ERR_OK;
}

static void on_error(void *arg, err_t err) {
    (void)arg;
    (void)err;
    server.errors++;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    (void)err;
    server.pcb = pcb;
    net_accepted(pcb);
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

static void start(struct talk *t) {
    struct world_settings s = world_plain(1);
    world_start(&s);
    for (size_t i = 0; i < SAID_BYTES; i++)
        said[i] = (char)(i * 13 + i / 257);
    server.close_at = SIZE_MAX;
    WORLD_CHECK(net_pcb_listen(PORT, on_accept) == 0);
    talk_open(t, PORT);
    world_run_us(1000);
    WORLD_CHECK(t->connected && server.pcb);
}

static void port_taken(const void *in, void *out) {
    static struct talk t;
    (void)in;
    (void)out;
    start(&t);
    size_t taken = net_pool_taken();
    WORLD_CHECK(net_pcb_listen(PORT, on_accept) == -1);
    WORLD_CHECK(net_pool_taken() == taken);
}

/* ---- what is held ---- */

/* Pieces without a byte, as the stack makes them of what it had in part, hold nobody up. */
static void empty_pieces(const void *in, void *out) {
    static struct talk t;
    (void)in;
    (void)out;
    start(&t);
    size_t taken = net_pool_taken();
    for (int i = 0; i < 6; i++) {
        struct pbuf *p = pbuf_alloc(PBUF_RAW, i % 3 ? 0 : 3, PBUF_RAM);
        WORLD_CHECK(p && pbuf_take(p, said + i, p->len) == ERR_OK);
        WORLD_CHECK(net_pcb_hold(&server.held, p));
    }
    use();
    WORLD_CHECK(server.used == 6 && net_pool_taken() == taken);
}

/* Many small ones: the stack is left with what is too many, and all comes in the end. */
static void too_many_pieces(const void *in, void *out) {
    static struct talk t;
    (void)in;
    (void)out;
    start(&t);
    for (unsigned i = 0; i < 2 * PIECES_MAX; i++) {
        talk_say(&t, said + i, 1);
        world_run_us(100);
    }
    WORLD_CHECK(pbuf_clen(server.held) == PIECES_MAX && server.refusals > 0);
    server.uses = true;
    use();
    WORLD_CHECK(server.used == PIECES_MAX);
    world_run_us(10 * SECOND_US);
    WORLD_CHECK(server.used == 2 * PIECES_MAX && server.pcb->rcv_wnd == TCP_WND);
}

/* ---- endings ---- */

static bool is_gone(void *context) {
    (void)context;
    return tcp_active_pcbs == NULL && net_parked() == 0;
}

/* The client's end comes with its last bytes, whose callback closes: no reset answers that. */
static void end_with_last_bytes(const void *in, void *out) {
    static struct talk t;
    (void)in;
    (void)out;
    start(&t);
    server.uses = true;
    server.close_at = SAID_BYTES;
    talk_say(&t, said, SAID_BYTES);
    client_end(t.stream);
    WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.ended && !t.failed);
    talk_close(&t);
    WORLD_CHECK(world_until(is_gone, NULL, SECOND_US) && server.errors == 0);
}

static void unused_bytes(const void *in, void *out) {
    static struct talk t;
    (void)in;
    (void)out;
    start(&t);
    talk_say(&t, said, 100);
    world_run_us(1000);
    WORLD_CHECK(server.held && net_pcb_close(server.pcb) == ERR_OK);
    pbuf_free(server.held);
    WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.failed && server.errors == 0);
    WORLD_CHECK(is_gone(NULL));
}

/* Connections that were set aside end like others. */
static void set_aside(bool aborts) {
    static struct talk t;
    start(&t);
    world_run_us(5 * SECOND_US);
    WORLD_CHECK(net_parked() == 1);
    WORLD_CHECK((aborts ? net_pcb_abort : net_pcb_close)(server.pcb) ==
                (aborts ? ERR_ABRT : ERR_OK));
    WORLD_CHECK(net_parked() == 0);
    WORLD_CHECK(talk_end_comes(&t, SECOND_US) && t.failed == aborts && t.ended == !aborts);
    if (!aborts)
        talk_close(&t);
    world_run_us(SECOND_US);
    WORLD_CHECK(is_gone(NULL) && server.errors == 0);
}

static void closed_aside(const void *in, void *out) {
    (void)in;
    (void)out;
    set_aside(false);
}

static void aborted_aside(const void *in, void *out) {
    (void)in;
    (void)out;
    set_aside(true);
}

static void test_listening(void **state) {
    (void)state;
    alone(port_taken);
}

static void test_held(void **state) {
    (void)state;
    alone(empty_pieces);
    alone(too_many_pieces);
}

static void test_endings(void **state) {
    (void)state;
    alone(end_with_last_bytes);
    alone(unused_bytes);
    alone(closed_aside);
    alone(aborted_aside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_endings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
