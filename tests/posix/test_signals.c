/* Signals: handlers, masks, what waits, and what ends a program. */
#include "runtime/lib/thread.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/actions.h"
#include "runtime/posix/pages.h"
#include "tests/posix/world.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static int ran[POSIX_SIGNALS_MAX + 1];
static int order[8], ordered;
static uint64_t blocked_inside;
static long thread_inside;

static uint64_t blocked(void) {
    uint64_t set;
    assert_int_equal(CALL(rt_sigprocmask, SIG_BLOCK, 0, (long)&set, 8), 0);
    return set;
}

static void handler(int number) {
    ran[number]++;
    order[ordered++ % 8] = number;
    blocked_inside = blocked();
    thread_inside = CALL(gettid);
}

static void act(int number, void (*function)(int), unsigned long flags, uint64_t mask) {
    struct posix_action a = {function, flags, NULL, mask};
    assert_int_equal(CALL(rt_sigaction, number, (long)&a, 0, 8), 0);
}

static void block(int how, uint64_t set) {
    assert_int_equal(CALL(rt_sigprocmask, how, (long)&set, 0, 8), 0);
}

static int reset(void **state) {
    (void)state;
    for (int i = 1; i <= POSIX_SIGNALS_MAX; i++) {
        ran[i] = 0;
        if (i != SIGKILL && i != SIGSTOP) {
            act(i, SIG_IGN, 0, 0);
            act(i, SIG_DFL, 0, 0);
        }
    }
    ordered = 0;
    block(SIG_SETMASK, 0);
    return 0;
}

static void a_handler_runs_at_once_when_one_sends_to_oneself(void **state) {
    (void)state;
    act(SIGUSR1, handler, 0, posix_signal_bit(SIGUSR2));
    assert_int_equal(CALL(kill, CALL(getpid), SIGUSR1), 0);
    assert_int_equal(ran[SIGUSR1], 1);
    assert_int_equal(blocked_inside, posix_signal_bit(SIGUSR1) | posix_signal_bit(SIGUSR2));
    assert_int_equal(blocked(), 0);
    assert_int_equal(CALL(tkill, CALL(gettid), SIGUSR1), 0);
    assert_int_equal(ran[SIGUSR1], 2);
    assert_int_equal(CALL(kill, 4711, SIGUSR1), -ESRCH);
    assert_int_equal(CALL(kill, CALL(getpid), 0), 0);
    assert_int_equal(CALL(kill, CALL(getpid), 65), -EINVAL);
    assert_int_equal(CALL(tkill, 4711, SIGUSR1), -ESRCH);
}

static void what_is_blocked_waits(void **state) {
    (void)state;
    uint64_t pending = 0;
    act(SIGUSR1, handler, 0, 0);
    act(SIGUSR2, handler, 0, 0);
    block(SIG_BLOCK, posix_signal_bit(SIGUSR1) | posix_signal_bit(SIGUSR2));
    CALL(kill, 0, SIGUSR2);
    CALL(kill, 0, SIGUSR1);
    CALL(kill, 0, SIGUSR1);
    world_turn();
    assert_int_equal(ordered, 0);
    assert_int_equal(CALL(rt_sigpending, (long)&pending, 8), 0);
    assert_int_equal(pending, posix_signal_bit(SIGUSR1) | posix_signal_bit(SIGUSR2));
    block(SIG_UNBLOCK, UINT64_MAX);
    assert_int_equal(ordered, 2); /* one of each */
    assert_int_equal(order[0], SIGUSR1);
    block(SIG_SETMASK, UINT64_MAX);
    assert_int_equal(blocked() & (posix_signal_bit(SIGKILL) | posix_signal_bit(SIGSTOP)), 0);
}

static void flags_of_an_action(void **state) {
    (void)state;
    struct posix_action a;
    act(SIGUSR1, handler, SA_RESETHAND | SA_NODEFER, 0);
    CALL(kill, 0, SIGUSR1);
    assert_int_equal(blocked_inside, 0);
    assert_int_equal(CALL(rt_sigaction, SIGUSR1, 0, (long)&a, 8), 0);
    assert_true(a.handler == SIG_DFL);
    assert_int_equal(CALL(rt_sigaction, SIGKILL, (long)&a, 0, 8), -EINVAL);
    assert_int_equal(CALL(rt_sigaction, 65, 0, (long)&a, 8), -EINVAL);
    assert_int_equal(CALL(rt_sigaction, SIGUSR1, 0, (long)&a, 16), -EINVAL);
}

static int told;

static void with_info(int number, siginfo_t *info, void *context) {
    assert_non_null(context);
    assert_int_equal(info->si_signo, number);
    told = number;
}

static void a_handler_may_ask_for_more(void **state) {
    (void)state;
    struct posix_action a = {.flags = SA_SIGINFO};
    void (*function)(int, siginfo_t *, void *) = with_info;
    memcpy(&a.handler, &function, sizeof function);
    CALL(rt_sigaction, SIGUSR2, (long)&a, 0, 8);
    CALL(kill, 0, SIGUSR2);
    assert_int_equal(told, SIGUSR2);
}

static void sends_usr1(void *unused) {
    (void)unused;
    struct timespec t = {0, 2000000};
    CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, 0);
    CALL(kill, 0, SIGUSR1);
}

static void writes_then(void *fd) {
    sends_usr1(NULL);
    struct timespec t = {0, 2000000};
    CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, 0);
    CALL(write, *(int *)fd, TEXT("x"), 1);
}

static void a_wait_is_interrupted_or_goes_on(void **state) {
    (void)state;
    struct timespec t = {100, 0}, left;
    int fds[2];
    char c;
    act(SIGUSR1, handler, 0, 0);
    world_thread(sends_usr1, NULL);
    assert_int_equal(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, (long)&left), -EINTR);
    assert_true(left.tv_sec >= 1 && left.tv_sec < 100);
    assert_int_equal(thread_inside, CALL(gettid)); /* the first thread's, though another sent it */
    CALL(pipe2, (long)fds, 0);
    world_thread(writes_then, &fds[1]);
    assert_int_equal(CALL(read, fds[0], (long)&c, 1), -EINTR);
    assert_int_equal(CALL(read, fds[0], (long)&c, 1), 1);
    act(SIGUSR1, handler, SA_RESTART, 0);
    world_thread(writes_then, &fds[1]);
    assert_int_equal(CALL(read, fds[0], (long)&c, 1), 1);
    assert_int_equal(ran[SIGUSR1], 3);
    CALL(close, fds[0]);
    CALL(close, fds[1]);
}

static void suspend_and_timed_wait(void **state) {
    (void)state;
    uint64_t none = 0, usr1 = posix_signal_bit(SIGUSR1);
    struct timespec little = {0, 1000000}, much = {100, 0};
    siginfo_t info;
    act(SIGUSR1, handler, 0, 0);
    block(SIG_BLOCK, usr1);
    world_thread(sends_usr1, NULL);
    assert_int_equal(CALL(rt_sigsuspend, (long)&none, 8), -EINTR);
    assert_int_equal(ran[SIGUSR1], 1);
    assert_int_equal(blocked(), usr1);
    assert_int_equal(CALL(rt_sigtimedwait, (long)&usr1, 0, (long)&little, 8), -EAGAIN);
    world_thread(sends_usr1, NULL);
    assert_int_equal(CALL(rt_sigtimedwait, (long)&usr1, (long)&info, (long)&much, 8), SIGUSR1);
    assert_int_equal(info.si_signo, SIGUSR1);
    assert_int_equal(ran[SIGUSR1], 1); /* taken, not handled */
}

static void a_wait_with_a_mask_of_its_own_is_ended_by_what_that_lets_through(void **state) {
    (void)state;
    uint64_t none = 0, usr1 = posix_signal_bit(SIGUSR1);
    struct epoll_event event;
    long set = CALL(epoll_create1, 0);
    act(SIGUSR1, handler, 0, 0);
    block(SIG_BLOCK, usr1);
    CALL(kill, 0, SIGUSR1);
    assert_int_equal(CALL(ppoll, 0, 0, 0, (long)&none, 8), -EINTR);
    assert_int_equal(ran[SIGUSR1], 1);
    CALL(kill, 0, SIGUSR1);
    assert_int_equal(CALL(epoll_pwait, set, (long)&event, 1, -1, (long)&none, 8), -EINTR);
    assert_int_equal(ran[SIGUSR1], 2);
    assert_int_equal(blocked(), usr1);
    assert_int_equal(CALL(ppoll, 0, 0, 0, (long)&none, 16), -EINVAL);
    CALL(close, set);
}

static void an_alarm_comes(void **state) {
    (void)state;
    struct itimerval in = {{0, 0}, {0, 3000}}, each = {{0, 1000}, {0, 1000}}, off = {0}, left;
    struct timespec t = {100, 0};
    act(SIGALRM, handler, 0, 0);
    assert_int_equal(CALL(setitimer, ITIMER_REAL, (long)&in, 0), 0);
    assert_int_equal(CALL(getitimer, ITIMER_REAL, (long)&left), 0);
    assert_true(left.it_value.tv_usec > 0 && left.it_value.tv_usec <= 3000);
    assert_int_equal(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, 0), -EINTR);
    assert_int_equal(ran[SIGALRM], 1);
    CALL(setitimer, ITIMER_REAL, (long)&each, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&t, 0), -EINTR);
    assert_int_equal(CALL(setitimer, ITIMER_REAL, (long)&off, (long)&left), 0);
    assert_int_equal(left.it_interval.tv_usec, 1000);
    assert_int_equal(ran[SIGALRM], 4);
}

static void a_broken_pipe_tells_twice(void **state) {
    (void)state;
    int fds[2];
    CALL(pipe2, (long)fds, 0);
    CALL(close, fds[0]);
    act(SIGPIPE, SIG_IGN, 0, 0);
    assert_int_equal(CALL(write, fds[1], TEXT("x"), 1), -EPIPE);
    act(SIGPIPE, handler, 0, 0);
    assert_int_equal(CALL(write, fds[1], TEXT("x"), 1), -EPIPE);
    assert_int_equal(ran[SIGPIPE], 1);
    CALL(close, fds[1]);
}

/* ---- in a child, which ends ---- */

static void ends_by_term(void) {
    CALL(write, 1, TEXT("no newline"), 10);
    CALL(kill, 0, SIGCHLD); /* nobody minds */
    CALL(kill, 0, SIGTERM);
}

static void ends_by_abort(void) {
    act(SIGABRT, SIG_IGN, 0, 0);
    CALL(tkill, CALL(gettid), SIGABRT);
    act(SIGABRT, SIG_DFL, 0, 0);
    CALL(tkill, CALL(gettid), SIGABRT);
}

static void asks_for_what_is_missing(void) {
    posix_sys_missing(SYS_inotify_init1);
    posix_sys_missing(SYS_inotify_init1);
    posix_sys_missing(SYS_timer_create);
    if (posix_sys_missing(99999) == -ENOSYS)
        CALL(exit_group, 3);
}

static void writes_lines(void) {
    char long_line[2500];
    memset(long_line, 'a', sizeof long_line);
    struct iovec parts[] = {{"one\ntw", 6}, {"o\n\nfour", 7}};
    CALL(writev, 1, (long)parts, 2);
    CALL(write, 2, TEXT("other\n"), 6);
    CALL(write, 1, TEXT("\n"), 1);
    CALL(write, 1, (long)long_line, sizeof long_line);
    CALL(write, 1, TEXT("\nlast"), 5);
    CALL(exit_group, 0);
}

static void the_default_action_ends_the_program(void **state) {
    (void)state;
    char said[1000];
    int status = world_child(ends_by_term, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 63);
    assert_string_equal(said, "no newline\ntest: ended by signal 15 (SIGTERM)\n"
                              "test: exit status 143, told as 63\n");
    status = world_child(ends_by_abort, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 63);
    assert_string_equal(said, "test: ended by signal 6 (SIGABRT)\n"
                              "test: exit status 134, told as 63\n");
}

static void missing_calls_are_named(void **state) {
    (void)state;
    char said[1000];
    int status = world_child(asks_for_what_is_missing, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    assert_string_equal(said, "test: not supported: inotify_init1\n"
                              "test: not supported: timer_create\n"
                              "test: not supported: a call of no known number\n"
                              "test: not supported: timer_create (1), inotify_init1 (2), "
                              "a call of no known number (1)\n");
}

static void the_console_has_whole_lines(void **state) {
    (void)state;
    char said[4000], expected[4000];
    int status = world_child(writes_lines, said, sizeof said);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char a[1000];
    memset(a, 'a', 999);
    a[999] = '\0';
    snprintf(expected, sizeof expected, "one\ntwo\n\nother\nfour\n%s\n%s\n%.502s\nlast\n", a, a, a);
    assert_string_equal(said, expected);
}

#define TEST(f) cmocka_unit_test_setup(f, reset)

int world_tests(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_handler_runs_at_once_when_one_sends_to_oneself),
        TEST(what_is_blocked_waits),
        TEST(flags_of_an_action),
        TEST(a_handler_may_ask_for_more),
        TEST(a_wait_is_interrupted_or_goes_on),
        TEST(suspend_and_timed_wait),
        TEST(a_wait_with_a_mask_of_its_own_is_ended_by_what_that_lets_through),
        TEST(an_alarm_comes),
        TEST(a_broken_pipe_tells_twice),
        TEST(the_default_action_ends_the_program),
        TEST(missing_calls_are_named),
        TEST(the_console_has_whole_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
