/*
 * epoll, poll and select: what they report, when, and what they refuse; how the answers to a batch
 * leave.
 */
#include "runtime/net/net.h"
#include "runtime/net/pool.h"
#include "runtime/platform/platform.h"
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define MANY 40

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static int listener, epoll, fds[MANY];
static struct talk talks[MANY];
static char buffer[100];

static void start(unsigned connections, double delay_us) {
    struct world_settings s = world_plain(1);
    s.delay_us = delay_us;
    program_start(s);
    listener = program_listen(PORT, SOCK_NONBLOCK);
    for (unsigned i = 0; i < connections; i++)
        fds[i] = program_accept(listener, &talks[i], PORT);
    epoll = (int)posix_sys_epoll_create1(EPOLL_CLOEXEC);
    WORLD_CHECK(epoll >= 0);
}

static void say(unsigned i, const char *text) {
    talk_say(&talks[i], text, strlen(text));
    program_run_us(1000);
}

/* ---- epoll ---- */

static void level(const void *in, void *out) {
    (void)in;
    (void)out;
    start(1, 0);
    WORLD_CHECK(p_epoll_add(epoll, fds[0], EPOLLIN) == 0 && p_event(epoll, fds[0], 0) == 0);
    uint64_t before_us = plat_now_us();
    WORLD_CHECK(p_event(epoll, fds[0], 20) == 0);
    WORLD_CHECK(plat_now_us() >= before_us + 20000 && plat_now_us() < before_us + 23000);
    say(0, "ab");
    for (int i = 0; i < 3; i++)
        WORLD_CHECK(p_event(epoll, fds[0], -1) == EPOLLIN);
    WORLD_CHECK(p_read(fds[0], buffer, 1) == 1 && p_event(epoll, fds[0], 0) == EPOLLIN);
    WORLD_CHECK(p_read(fds[0], buffer, 1) == 1 && p_event(epoll, fds[0], 0) == 0);
    /* Read and come anew between two calls. */
    say(0, "c");
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN && p_read(fds[0], buffer, 9) == 1);
    say(0, "d");
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN);
}

static void edge(const void *in, void *out) {
    (void)in;
    (void)out;
    start(1, 0);
    say(0, "before");
    WORLD_CHECK(p_epoll_add(epoll, fds[0], EPOLLIN | EPOLLET) == 0);
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN && p_event(epoll, fds[0], 0) == 0);
    say(0, "more"); /* unread bytes are there, and new ones count */
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN && p_event(epoll, fds[0], 0) == 0);
    say(0, "read by nobody's event");
    WORLD_CHECK(p_read(fds[0], buffer, sizeof buffer) == 32 && p_event(epoll, fds[0], 0) == 0);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fds[0]};
    WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_MOD, fds[0], (long)&e) == 0);
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLOUT && p_event(epoll, fds[0], 0) == 0);
}

static void oneshot(const void *in, void *out) {
    struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
    (void)in;
    (void)out;
    start(1, 0);
    e.data.fd = fds[0];
    say(0, "a");
    WORLD_CHECK(p_epoll_add(epoll, fds[0], e.events) == 0);
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN && p_event(epoll, fds[0], 0) == 0);
    say(0, "b");
    WORLD_CHECK(p_event(epoll, fds[0], 0) == 0);
    WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_MOD, fds[0], (long)&e) == 0);
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN && p_event(epoll, fds[0], 0) == 0);
    client_abort(talks[0].stream);
    WORLD_CHECK(p_event(epoll, fds[0], 5) == 0); /* not even that */
}

static void refusals(const void *in, void *out) {
    struct epoll_event e = {.events = EPOLLIN};
    (void)in;
    (void)out;
    start(1, 0);
    int fd = fds[0], other = (int)posix_sys_epoll_create1(0);
    WORLD_CHECK(posix_sys_epoll_create1(1) == -EINVAL);
    WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_MOD, fd, (long)&e) == -ENOENT);
    WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0) == -ENOENT);
    WORLD_CHECK(p_epoll_add(epoll, 999, EPOLLIN) == -EBADF && p_epoll_add(999, fd, 0) == -EBADF);
    WORLD_CHECK(p_epoll_add(fd, listener, EPOLLIN) == -EINVAL);
    WORLD_CHECK(p_epoll_add(epoll, epoll, EPOLLIN) == -EINVAL);
    WORLD_CHECK(p_epoll_add(epoll, other, EPOLLIN) == -ELOOP);
    WORLD_CHECK(p_epoll_add(epoll, fd, EPOLLEXCLUSIVE | EPOLLONESHOT) == -EINVAL);
    WORLD_CHECK(p_epoll_add(epoll, listener, EPOLLIN | EPOLLEXCLUSIVE) == 0);
    WORLD_CHECK(p_epoll_add(epoll, fd, EPOLLIN) == 0 && p_epoll_add(epoll, fd, 0) == -EEXIST);
    WORLD_CHECK(posix_sys_epoll_ctl(epoll, 9, fd, (long)&e) == -EINVAL);
    WORLD_CHECK(posix_sys_epoll_pwait(epoll, (long)&e, 0, 0, 0, 8) == -EINVAL);
    WORLD_CHECK(posix_sys_epoll_pwait(fd, (long)&e, 1, 0, 0, 8) == -EINVAL);
    WORLD_CHECK(posix_sys_epoll_pwait(999, (long)&e, 1, 0, 0, 8) == -EBADF);
    say(0, "x");
    WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0) == 0);
    WORLD_CHECK(p_event(epoll, fd, 0) == 0);
    /* Sets themselves can be polled; a closed descriptor leaves them. */
    struct pollfd p = {.fd = epoll, .events = POLLIN};
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) == 0);
    size_t taken = net_pool_taken();
    WORLD_CHECK(p_epoll_add(epoll, fd, EPOLLIN) == 0);
    WORLD_CHECK(posix_sys_poll((long)&p, 1, 0) == 1 && p.revents == POLLIN);
    WORLD_CHECK(net_pool_taken() == taken + 1);
    WORLD_CHECK(p_close(fd) == 0 && p_event(epoll, fd, 0) == 0);
    program_run_us(10 * SECOND_US);
    WORLD_CHECK(p_close(other) == 0 && p_close(epoll) == 0 && p_close(listener) == 0);
}

/* Fewer events than are ready: all get their turn. */
static void few_at_a_time(const void *in, void *out) {
    unsigned seen[MANY] = {0};
    (void)in;
    (void)out;
    start(MANY, 0);
    for (unsigned i = 0; i < MANY; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
        WORLD_CHECK(posix_sys_epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], (long)&e) == 0);
        talk_say(&talks[i], "x", 1);
    }
    program_run_us(1000);
    for (unsigned i = 0; i < MANY / 4 * 3; i++) {
        struct epoll_event e[4];
        WORLD_CHECK(posix_sys_epoll_pwait(epoll, (long)e, 4, -1, 0, 8) == 4);
        for (int k = 0; k < 4; k++)
            seen[e[k].data.u32]++;
    }
    for (unsigned i = 0; i < MANY; i++)
        WORLD_CHECK(seen[i] == 3);
}

/* What was reported and is ready still is reported again at once, without a look at the network, a
 * few times: whoever takes one connection a call is not held up by each. Then others have their
 * turn. */
static void ready_still(const void *in, void *out) {
    enum { AT_ONCE = 8, CALLS_MAX = 10000 };
    struct epoll_event e[2];
    long n = 1;
    (void)in;
    (void)out;
    start(2, 0);
    WORLD_CHECK(p_epoll_add(epoll, fds[0], EPOLLIN) == 0);
    WORLD_CHECK(p_epoll_add(epoll, fds[1], EPOLLIN) == 0);
    say(0, "a");
    WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN);
    talk_say(&talks[1], "b", 1);
    uint64_t arrived = world.link.counters.arrived;
    for (int i = 0; i < AT_ONCE; i++)
        WORLD_CHECK(p_event(epoll, fds[0], 0) == EPOLLIN);
    WORLD_CHECK(world.link.counters.arrived == arrived);
    for (int calls = 0; n < 2; calls++) {
        n = posix_sys_epoll_pwait(epoll, (long)e, 2, 0, 0, 8);
        WORLD_CHECK(n > 0 && calls < CALLS_MAX);
    }
}

/* ---- the answers to a batch ---- */

/* All that came together is answered together: one kick, though epoll_wait gave it in parts. */
static void answers_together(const void *in, void *out) {
    const double *delay_us = in;
    unsigned answered = 0, calls = 0;
    (void)out;
    start(MANY, *delay_us);
    for (unsigned i = 0; i < MANY; i++)
        WORLD_CHECK(p_epoll_add(epoll, fds[i], EPOLLIN) == 0);
    program_run_us(100000);
    for (unsigned i = 0; i < MANY; i++)
        talk_say(&talks[i], "x", 1);
    if (*delay_us == 0) /* all are there when it looks */
        world_run_us(1000);
    uint64_t kicks = world.server->counters.tx_kicks, frames = world.server->counters.tx_frames;
    while (answered < MANY) {
        struct epoll_event e[16];
        long n = posix_sys_epoll_pwait(epoll, (long)e, 16, -1, 0, 8);
        WORLD_CHECK(n > 0);
        calls++;
        for (long i = 0; i < n; i++) {
            WORLD_CHECK(p_read(e[i].data.fd, buffer, 10) == 1);
            WORLD_CHECK(p_write(e[i].data.fd, "y", 1) == 1);
        }
        answered += (unsigned)n;
    }
    WORLD_CHECK(calls == (MANY + 15) / 16);
    WORLD_CHECK(world.server->counters.tx_kicks == kicks);
    WORLD_CHECK(p_event(epoll, fds[0], 0) == 0);
    WORLD_CHECK(world.server->counters.tx_kicks == kicks + 1);
    program_run_us(1000);
    WORLD_CHECK(world.server->counters.tx_frames == frames + MANY);
    for (unsigned i = 0; i < MANY; i++)
        WORLD_CHECK(talks[i].bytes == 1);
}

/* A request is answered W after it came, not 2 W. */
static void w_is_spent_once(const void *in, void *out) {
    (void)in;
    (void)out;
    start(1, 500);
    WORLD_CHECK(p_epoll_add(epoll, fds[0], EPOLLIN) == 0);
    for (int i = 0; i < 3; i++) {
        talk_forget(&talks[0]);
        uint64_t start_us = plat_now_us();
        talk_say(&talks[0], "x", 1);
        WORLD_CHECK(p_event(epoll, fds[0], 1000) == EPOLLIN);
        WORLD_CHECK(p_read(fds[0], buffer, 10) == 1 && p_write(fds[0], "y", 1) == 1);
        WORLD_CHECK(p_event(epoll, fds[0], 100) == 0 && talks[0].bytes == 1);
        uint64_t took_us = talks[0].heard_us - start_us;
        WORLD_CHECK(took_us >= 540 && took_us <= 546);
    }
}

/* ---- poll and select ---- */

static void polls(const void *in, void *out) {
    struct pollfd p[MANY + 2] = {{.fd = -1, .events = POLLIN, .revents = 7},
                                 {.fd = 999, .events = POLLIN}};
    (void)in;
    (void)out;
    start(MANY, 0);
    WORLD_CHECK(posix_sys_poll((long)p, 2, -1) == 1);
    WORLD_CHECK(p[0].revents == 0 && p[1].revents == POLLNVAL);
    p[1].fd = -1;
    for (unsigned i = 0; i < MANY; i++)
        p[i + 2] = (struct pollfd){.fd = fds[i], .events = i % 2 ? POLLIN : POLLRDNORM};
    size_t taken = net_pool_taken();
    struct timespec twenty_ms = {.tv_nsec = 20000000};
    uint64_t before_us = plat_now_us();
    WORLD_CHECK(posix_sys_ppoll((long)p, MANY + 2, (long)&twenty_ms, 0, 8) == 0);
    WORLD_CHECK(plat_now_us() >= before_us + 20000 && net_pool_taken() == taken);
    talk_say(&talks[MANY - 2], "x", 1);
    WORLD_CHECK(posix_sys_poll((long)p, MANY + 2, -1) == 1);
    WORLD_CHECK(p[MANY].revents == POLLRDNORM);
    WORLD_CHECK(p_read(fds[MANY - 2], buffer, 9) == 1);
    client_abort(talks[3].stream);
    WORLD_CHECK(posix_sys_poll((long)p, MANY + 2, 1000) == 1);
    WORLD_CHECK(p[5].revents == (POLLIN | POLLERR | POLLHUP));
    WORLD_CHECK(posix_sys_poll((long)p, -1, 0) == -EINVAL);
}

static void selects(const void *in, void *out) {
    fd_set read, write;
    struct timeval none = {0}, wrong = {.tv_sec = -1};
    (void)in;
    (void)out;
    start(2, 0);
    FD_ZERO(&read);
    FD_ZERO(&write);
    FD_SET(fds[0], &read);
    FD_SET(fds[1], &read);
    FD_SET(fds[0], &write);
    WORLD_CHECK(posix_sys_select(64, (long)&read, (long)&write, 0, (long)&none) == 1);
    WORLD_CHECK(!FD_ISSET(fds[0], &read) && FD_ISSET(fds[0], &write));
    FD_ZERO(&write);
    FD_SET(fds[1], &read);
    talk_say(&talks[1], "x", 1);
    WORLD_CHECK(posix_sys_pselect6(64, (long)&read, (long)&write, 0, 0, 0) == 1);
    WORLD_CHECK(FD_ISSET(fds[1], &read) && !FD_ISSET(fds[0], &read));
    FD_SET(63, &read);
    WORLD_CHECK(posix_sys_select(64, (long)&read, 0, 0, 0) == -EBADF);
    WORLD_CHECK(posix_sys_select(64, (long)&read, 0, 0, (long)&wrong) == -EINVAL);
    WORLD_CHECK(posix_sys_select(-1, 0, 0, 0, (long)&none) == -EINVAL);
    WORLD_CHECK(posix_sys_select(0, 0, 0, 0, (long)&none) == 0);
}

static void test_modes(void **state) {
    (void)state;
    alone(level, NULL);
    alone(edge, NULL);
    alone(oneshot, NULL);
}

static void test_refusals(void **state) {
    (void)state;
    alone(refusals, NULL);
}

static void test_few_at_a_time(void **state) {
    (void)state;
    alone(few_at_a_time, NULL);
    alone(ready_still, NULL);
}

static void test_answers(void **state) {
    static const double delays_us[] = {0, 200};
    (void)state;
    for (int i = 0; i < 2; i++)
        alone(answers_together, &delays_us[i]);
    alone(w_is_spent_once, NULL);
}

static void test_poll_and_select(void **state) {
    (void)state;
    alone(polls, NULL);
    alone(selects, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_few_at_a_time),   cmocka_unit_test(test_answers),
        cmocka_unit_test(test_poll_and_select),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
