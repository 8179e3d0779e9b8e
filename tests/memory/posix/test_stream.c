/*
 * Streams as a program sees them, with a client on another stack at the other end: bytes, ends and
 * resets.
 */
#include "tests/memory/posix/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static void alone(void (*body)(const void *in, void *out), const void *in) {
    assert_int_equal(world_alone(body, in, NULL, 0), 0);
}

static void echo(const void *in, void *out) {
    struct talk t;
    char buffer[100];
    (void)in;
    (void)out;
    program_start(world_plain(1));
    int listener = program_listen(PORT, SOCK_NONBLOCK);
    WORLD_CHECK(program.ready_port == PORT);
    WORLD_CHECK(posix_sys_accept4(listener, 0, 0, 0) == -EAGAIN);
    int fd = program_accept(listener, &t, PORT);
    WORLD_CHECK(p_read(fd, buffer, sizeof buffer) == -EAGAIN);
    talk_say(&t, "hello", 5);
    program_run_us(1000);
    WORLD_CHECK(p_read(fd, buffer, 2) == 2 && memcmp(buffer, "he", 2) == 0);
    WORLD_CHECK(p_read(fd, buffer, sizeof buffer) == 3 && memcmp(buffer, "llo", 3) == 0);
    WORLD_CHECK(p_write(fd, "world", 5) == 5);
    program_run_us(1000);
    WORLD_CHECK(t.bytes == 5 && memcmp(t.heard, "world", 5) == 0);
    WORLD_CHECK(p_close(fd) == 0);
    program_run_us(1000);
    WORLD_CHECK(t.ended && !t.failed);
    talk_close(&t);
    program_run_us(1000);
}

static void test_echo(void **state) {
    (void)state;
    alone(echo, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
