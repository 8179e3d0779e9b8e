/* eventfd, timerfd, setitimer, clocks, pipes: alone and between threads. */
#include "runtime/platform/platform.h"
#include "tests/posix/world.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static long read64(long fd, uint64_t *value) {
    return CALL(read, fd, (long)value, sizeof *value);
}

static long write64(long fd, uint64_t value) {
    return CALL(write, fd, (long)&value, sizeof value);
}

static uint32_t ready(long fd) {
    return posix_readiness(posix_file_of(fd));
}

static void an_eventfd_counts(void **state) {
    (void)state;
    uint64_t value;
    long fd = CALL(eventfd2, 3, EFD_NONBLOCK);
    assert_true(fd > 2);
    assert_int_equal(ready(fd), EPOLLIN | EPOLLOUT);
    assert_int_equal(write64(fd, 4), 8);
    assert_int_equal(read64(fd, &value), 8);
    assert_int_equal(value, 7);
    assert_int_equal(read64(fd, &value), -EAGAIN);
    assert_int_equal(write64(fd, UINT64_MAX), -EINVAL);
    assert_int_equal(write64(fd, UINT64_MAX - 1), 8);
    assert_int_equal(ready(fd), EPOLLIN);
    assert_int_equal(write64(fd, 1), -EAGAIN);
    assert_int_equal(CALL(read, fd, (long)&value, 4), -EINVAL);
    assert_int_equal(CALL(close, fd), 0);
    fd = CALL(eventfd2, 2, EFD_NONBLOCK | EFD_SEMAPHORE);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read64(fd, &value), 8);
        assert_int_equal(value, 1);
    }
    assert_int_equal(read64(fd, &value), -EAGAIN);
    CALL(close, fd);
    assert_int_equal(CALL(eventfd2, 0, 4), -EINVAL);
}

static void writes_five(void *fd) {
    assert_int_equal(write64(*(long *)fd, 5), 8);
}

static void a_reader_waits_for_another_thread(void **state) {
    (void)state;
    uint64_t value = 0;
    long fd = CALL(eventfd2, 0, 0);
    world_thread(writes_five, &fd);
    assert_int_equal(read64(fd, &value), 8);
    assert_int_equal(value, 5);
    CALL(close, fd);
}

static void a_pipe_carries_bytes_to_its_end(void **state) {
    (void)state;
    int fds[2], there;
    char text[32] = {0};
    assert_int_equal(CALL(pipe2, (long)fds, O_NONBLOCK), 0);
    assert_int_equal(CALL(read, fds[0], TEXT(text), 10), -EAGAIN);
    assert_int_equal(ready(fds[0]), 0);
    assert_int_equal(ready(fds[1]), EPOLLOUT);
    assert_int_equal(CALL(write, fds[1], TEXT("hello"), 5), 5);
    assert_int_equal(CALL(ioctl, fds[0], FIONREAD, (long)&there), 0);
    assert_int_equal(there, 5);
    assert_int_equal(CALL(write, fds[0], TEXT("x"), 1), -EBADF);
    assert_int_equal(CALL(read, fds[1], TEXT(text), 1), -EBADF);
    assert_int_equal(CALL(close, fds[1]), 0);
    assert_int_equal(ready(fds[0]), EPOLLIN | EPOLLHUP);
    assert_int_equal(CALL(read, fds[0], TEXT(text), 10), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(CALL(read, fds[0], TEXT(text), 10), 0);
    assert_int_equal(CALL(lseek, fds[0], 0, 0), -ESPIPE);
    CALL(close, fds[0]);
    assert_int_equal(CALL(pipe2, (long)fds, O_APPEND), -EINVAL);
}

static void a_full_pipe_has_room_again_for_a_whole_write(void **state) {
    (void)state;
    int fds[2];
    static char block[65536];
    CALL(pipe2, (long)fds, O_NONBLOCK);
    assert_int_equal(CALL(write, fds[1], (long)block, 65536), 65536);
    assert_int_equal(CALL(write, fds[1], (long)block, 1), -EAGAIN);
    assert_int_equal(ready(fds[1]), 0);
    assert_int_equal(CALL(read, fds[0], (long)block, 4095), 4095);
    assert_int_equal(ready(fds[1]), 0);
    assert_int_equal(CALL(write, fds[1], (long)block, 4096), -EAGAIN); /* whole or not at all */
    assert_int_equal(CALL(write, fds[1], (long)block, 5000), 4095);
    assert_int_equal(CALL(read, fds[0], (long)block, 4096), 4096);
    assert_int_equal(ready(fds[1]), EPOLLOUT);
    CALL(close, fds[0]);
    assert_true(ready(fds[1]) & EPOLLERR);
    CALL(close, fds[1]);
}

#define MANY (1l << 20)

static unsigned char nth(long i) {
    return (unsigned char)(i * 7 + i / 251);
}

static void writes_many(void *fd) {
    unsigned char *bytes = malloc(MANY);
    for (long i = 0; i < MANY; i++)
        bytes[i] = nth(i);
    assert_int_equal(CALL(write, *(int *)fd, (long)bytes, MANY), MANY);
    CALL(close, *(int *)fd);
    free(bytes);
}

static void a_pipe_between_threads_keeps_order(void **state) {
    (void)state;
    int fds[2];
    long at = 0, got;
    unsigned char bytes[7777];
    CALL(pipe2, (long)fds, 0);
    world_thread(writes_many, &fds[1]);
    while ((got = CALL(read, fds[0], (long)bytes, sizeof bytes)) > 0)
        for (long i = 0; i < got; i++, at++)
            assert_int_equal(bytes[i], nth(at));
    assert_int_equal(got, 0);
    assert_int_equal(at, MANY);
    CALL(close, fds[0]);
}

static void descriptors_come_back(void **state) {
    (void)state;
    int fds[2], first = 0;
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(CALL(pipe2, (long)fds, 0), 0);
        if (i == 0)
            first = fds[0];
        assert_int_equal(fds[0], first);
        CALL(close, fds[i & 1]);
        CALL(close, fds[~i & 1]);
    }
}

static struct timespec ms(long n) {
    return (struct timespec){n / 1000, n % 1000 * 1000000};
}

static void a_timer_comes_once_or_again(void **state) {
    (void)state;
    uint64_t value;
    struct itimerspec once = {{0, 0}, ms(5)}, each = {ms(2), ms(2)}, left;
    long fd = CALL(timerfd_create, CLOCK_MONOTONIC, 0);
    assert_int_equal(CALL(timerfd_settime, fd, 0, (long)&once, 0), 0);
    assert_int_equal(CALL(timerfd_gettime, fd, (long)&left), 0);
    assert_true(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0);
    assert_true(left.it_value.tv_nsec <= 5000000);
    uint64_t before_us = plat_now_us();
    assert_int_equal(read64(fd, &value), 8); /* waits */
    assert_int_equal(value, 1);
    assert_true(plat_now_us() - before_us >= 4000);
    CALL(timerfd_gettime, fd, (long)&left);
    assert_true(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    assert_int_equal(CALL(timerfd_settime, fd, 0, (long)&each, 0), 0);
    uint64_t sum = 0;
    before_us = plat_now_us();
    while (sum < 5) {
        assert_int_equal(read64(fd, &value), 8);
        sum += value;
    }
    assert_true(plat_now_us() - before_us >= sum * 2000 - 100);
    assert_int_equal(CALL(close, fd), 0);
    world_turn();
}

static void an_absolute_time_that_has_passed_comes_at_once(void **state) {
    (void)state;
    uint64_t value;
    struct itimerspec past = {{0, 0}, {0, 1}}, bad = {{0, 0}, {0, 1000000000}};
    long fd = CALL(timerfd_create, CLOCK_REALTIME, TFD_NONBLOCK);
    assert_int_equal(read64(fd, &value), -EAGAIN);
    assert_int_equal(CALL(timerfd_settime, fd, TFD_TIMER_ABSTIME, (long)&past, 0), 0);
    world_turn();
    assert_int_equal(read64(fd, &value), 8);
    assert_int_equal(CALL(timerfd_settime, fd, 0, (long)&bad, 0), -EINVAL);
    assert_int_equal(CALL(timerfd_settime, 1, 0, (long)&past, 0), -EINVAL);
    assert_int_equal(CALL(timerfd_settime, 999, 0, (long)&past, 0), -EBADF);
    CALL(close, fd);
}

static void clocks_go_forward(void **state) {
    (void)state;
    static const long clocks[] = {CLOCK_REALTIME,      CLOCK_MONOTONIC,
                                  CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE,
                                  CLOCK_BOOTTIME,      CLOCK_PROCESS_CPUTIME_ID};
    struct timespec a, b, real;
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        assert_int_equal(CALL(clock_gettime, clocks[i], (long)&a), 0);
        assert_int_equal(CALL(clock_gettime, clocks[i], (long)&b), 0);
        assert_true(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
    }
    CALL(clock_gettime, CLOCK_MONOTONIC, (long)&a);
    assert_true(a.tv_sec >= 5); /* libevent takes less for a clock that was never read */
    CALL(clock_gettime, CLOCK_REALTIME, (long)&a);
    clock_gettime(CLOCK_REALTIME, &real);
    assert_in_range(real.tv_sec - a.tv_sec, 0, 60);
    assert_int_equal(CALL(clock_gettime, 99, (long)&a), -EINVAL);
    assert_int_equal(CALL(clock_getres, CLOCK_MONOTONIC, (long)&a), 0);
    struct rusage usage;
    assert_int_equal(CALL(getrusage, RUSAGE_SELF, (long)&usage), 0);
    assert_true(usage.ru_utime.tv_sec > 0 || usage.ru_utime.tv_usec > 0);
}

static void sleep_lasts_as_long_as_it_should(void **state) {
    (void)state;
    struct timespec t = ms(3), until;
    uint64_t before_us = plat_now_us();
    assert_int_equal(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, 0), 0);
    assert_true(plat_now_us() - before_us >= 3000);
    CALL(clock_gettime, CLOCK_MONOTONIC, (long)&until);
    until.tv_nsec += 3000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    assert_int_equal(CALL(clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&until, 0), 0);
    CALL(clock_gettime, CLOCK_MONOTONIC, (long)&t);
    assert_true(t.tv_sec > until.tv_sec ||
                (t.tv_sec == until.tv_sec && t.tv_nsec >= until.tv_nsec));
    t.tv_nsec = -1;
    assert_int_equal(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, 0), -EINVAL);
}

static void random_bytes_differ(void **state) {
    (void)state;
    char a[1000], b[1000];
    assert_int_equal(CALL(getrandom, (long)a, sizeof a, 0), sizeof a);
    assert_int_equal(CALL(getrandom, (long)b, sizeof b, 0), sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    int set = 0;
    for (size_t i = 0; i < sizeof a; i++)
        set += __builtin_popcount((unsigned char)a[i]);
    assert_in_range(set, 3600, 4400);
}

int world_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_eventfd_counts),
        cmocka_unit_test(a_reader_waits_for_another_thread),
        cmocka_unit_test(a_pipe_carries_bytes_to_its_end),
        cmocka_unit_test(a_full_pipe_has_room_again_for_a_whole_write),
        cmocka_unit_test(a_pipe_between_threads_keeps_order),
        cmocka_unit_test(descriptors_come_back),
        cmocka_unit_test(a_timer_comes_once_or_again),
        cmocka_unit_test(an_absolute_time_that_has_passed_comes_at_once),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(sleep_lasts_as_long_as_it_should),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
