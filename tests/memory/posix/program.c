/* program.h. What other parts of posix would do is stood in for here. */
#include "tests/memory/posix/program.h"
#include "lwip/def.h"
#include "runtime/app/loop.h"
#include "runtime/lib/thread.h"
#include "runtime/net/net.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/actions.h"
#include "runtime/posix/wait.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct program program;
const char *posix_name = "test";

static void count(int number) {
    program.signals++;
    program.signal = number;
}

void posix_app_ready(uint16_t port) {
    if (program.ready_port == 0)
        program.ready_port = port;
}

static struct app app = {.name = "test",
                         .active = posix_sockets_active,
                         .tick = posix_sockets_tick,
                         .serving = posix_sockets_serve,
                         .statistics = posix_sockets_statistics};

/* What was received is answered before the world goes on: a program takes no time. */
static bool turn(void *context) {
    static uint64_t batches;
    uint64_t now = world_counters().rx_batches;
    (void)context;
    WORLD_CHECK(plat_now_us() < program.give_up_us);
    if (now == batches)
        world_step();
    else
        memory_now_tsc += WORLD_POLL_NS;
    batches = now;
    return false;
}

void program_start(struct world_settings s) {
    struct app_options o;
    char why[200], delay[32];
    s.turn = turn;
    program.give_up_us = UINT64_MAX;
    world_start(&s);
    snprintf(delay, sizeof delay, "%g", s.delay_us);
    app_options_init(&o);
    WORLD_CHECK(app_option_set(&o, "--ip", "10.0.0.2/24") == APP_OPTION_TAKEN);
    WORLD_CHECK(app_option_set(&o, "--delay-us", delay) == APP_OPTION_TAKEN);
    WORLD_CHECK(app_open(&app, &o, why, sizeof why) == 0);
    WORLD_CHECK(posix_threads_start() == 0);
    posix_wait_start();
    posix_action_set(SIGPIPE, (struct posix_action){.handler = count});
    net_answers_later();
    program.give_up_us = plat_now_us() + 3600 * SECOND_US;
}

bool program_until(bool (*done)(void *context), void *context, uint64_t most_us) {
    uint64_t end_us = plat_now_us() + most_us;
    while (!done(context)) {
        if (plat_now_us() >= end_us)
            return false;
        posix_turn();
    }
    return true;
}

static bool never(void *context) {
    (void)context;
    return false;
}

void program_run_us(uint64_t us) {
    program_until(never, NULL, us);
}

/* ---- calls ---- */

struct sockaddr_in program_address(const char *text, uint16_t port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = lwip_htons(port)};
    uint32_t mask;
    WORLD_CHECK(net_parse_cidr(text, &a.sin_addr.s_addr, &mask) == 0);
    return a;
}

int program_socket(int type) {
    int fd = (int)posix_sys_socket(AF_INET, type, 0);
    WORLD_CHECK(fd >= 0);
    return fd;
}

int program_option(int fd, int level, int name) {
    int value = -1;
    socklen_t bytes = sizeof value;
    long error = posix_sys_getsockopt(fd, level, name, (long)&value, (long)&bytes);
    return error ? (int)error : value;
}

struct sockaddr_in program_name(int fd, bool peer) {
    struct sockaddr_in a = {0};
    socklen_t bytes = sizeof a;
    WORLD_CHECK(
        (peer ? posix_sys_getpeername : posix_sys_getsockname)(fd, (long)&a, (long)&bytes) == 0);
    WORLD_CHECK(bytes == sizeof a && a.sin_family == AF_INET);
    return a;
}

int program_listen(uint16_t port, int type_flags) {
    struct sockaddr_in a = program_address("0.0.0.0", port);
    int fd = program_socket(SOCK_STREAM | type_flags);
    WORLD_CHECK(posix_sys_bind(fd, (long)&a, sizeof a) == 0);
    WORLD_CHECK(posix_sys_listen(fd, 1024) == 0);
    return fd;
}

static bool is_open(void *context) {
    const struct talk *t = context;
    return t->connected || t->failed;
}

int program_accept(int listener, struct talk *t, uint16_t port) {
    talk_start(t, port);
    WORLD_CHECK(program_until(is_open, t, 10 * SECOND_US) && t->connected);
    program_run_us(1000);
    long fd = posix_sys_accept4(listener, 0, 0, SOCK_NONBLOCK);
    WORLD_CHECK(fd >= 0);
    return (int)fd;
}

long p_read(int fd, void *to, size_t bytes) {
    return posix_sys_read(fd, (long)to, (long)bytes);
}

long p_write(int fd, const void *from, size_t bytes) {
    return posix_sys_write(fd, (long)from, (long)bytes);
}

long p_close(int fd) {
    return posix_sys_close(fd);
}

long p_epoll_add(int epoll, int fd, uint32_t events) {
    struct epoll_event e = {.events = events, .data.fd = fd};
    return posix_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fd, (long)&e);
}

uint32_t p_event(int epoll, int fd, int timeout_ms) {
    struct epoll_event e[4];
    long n = posix_sys_epoll_pwait(epoll, (long)e, 4, timeout_ms, 0, 8);
    WORLD_CHECK(n >= 0 && n <= 1);
    WORLD_CHECK(n == 0 || e[0].data.fd == fd);
    return n == 0 ? 0 : e[0].events;
}
