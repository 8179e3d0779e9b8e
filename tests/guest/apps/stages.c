/*
 * Sends back each message of MESSAGE_BYTES once it is whole; the first bytes of the reply say when,
 * by this machine's TSC, the message before it was seen, was in the app's hands, and its reply's
 * doorbell began and was over (tests/bench/stages.h). The bench (scene stages) sets that beside
 * what the host's side stamped.
 *
 *   stages --ip A.B.C.D/LEN [nhttpd's options of network and control port]
 *
 * It serves port 80, as the profiler expects of an app that it does not know, one connection.
 */
#include "tests/bench/stages.h"
#include "runtime/app/loop.h"
#include "runtime/platform/platform.h"
#include "tests/guest/apps/server.h"
#include <string.h>

static struct {
    struct stages_guest now, before;
    char reply[STAGES_MESSAGE_BYTES];
    uint32_t bytes; /* of a message */
    bool answered;  /* in this turn */
    uint64_t turn_tsc, requests, opened;
} stages;

static err_t on_receive(void *argument, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    (void)argument;
    (void)error;
    if (!p) {
        tcp_close(pcb);
        return ERR_OK;
    }
    stages.bytes += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    if (stages.bytes < STAGES_MESSAGE_BYTES)
        return ERR_OK;
    stages.bytes = 0;
    stages.now.seen_tsc = stages.turn_tsc;
    stages.now.taken_tsc = plat_now_tsc();
    memcpy(stages.reply, &stages.before, sizeof stages.before);
    stages.answered = tcp_write(pcb, stages.reply, sizeof stages.reply, TCP_WRITE_FLAG_COPY) == 0;
    stages.requests++;
    net_await_sent();
    return ERR_OK;
}

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    (void)argument;
    if (error != ERR_OK)
        return ERR_VAL;
    stages.opened++;
    stages.bytes = 0;
    net_accepted(pcb);
    tcp_recv(pcb, on_receive);
    return ERR_OK;
}

static uint32_t active(void) {
    return 1;
}

static void statistics(struct nom_statistics *out) {
    out->requests = stages.requests;
    out->connections_total = stages.opened;
}

static const struct app app = {.name = "stages", .active = active, .statistics = statistics};

static bool turn(void) {
    stages.turn_tsc = plat_now_tsc();
    bool goes_on = app_turn(UINT64_MAX);
    if (stages.answered) {
        stages.now.kick_tsc = net_first_sent_tsc();
        stages.now.kicked_tsc = plat_now_tsc();
        stages.before = stages.now;
        stages.answered = false;
    }
    return goes_on;
}

int plat_main(int argc, char **argv) {
    int status = server_open(&app, on_accept, argc, argv);
    if (status)
        return status;
    while (turn()) {
    }
    return app_lost_nic() ? 1 : 0;
}
