/*
 * User threads, as an app of the hosted floor: on one core, and on all that the process may use.
 * What a run does depends on no clock; where there is one core only, the others' tests use it
 * alone.
 */
#include "runtime/lib/thread.h"
#include "runtime/platform/platform.h"
#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY  64u
#define TURNS 2000u

static char said[MANY * 4];

static void say(void *what) {
    strcat(said, what);
}

static void say_thrice(void *what) {
    for (int i = 0; i < 3; i++) {
        say(what);
        thread_yield();
    }
}

static void threads_take_turns(void **state) {
    (void)state;
    said[0] = '\0';
    struct thread *a = thread_create(say_thrice, "a", 0), *b = thread_create(say_thrice, "b", 0);
    assert_string_equal(said, ""); /* not before this one gives way */
    thread_join(a);
    thread_join(b);
    assert_string_equal(said, "ababab");
}

static void join_waits_and_comes_late(void **state) {
    (void)state;
    said[0] = '\0';
    struct thread *t = thread_create(say, "x", 0);
    thread_yield();
    assert_string_equal(said, "x");
    thread_join(t); /* has ended long ago */
    t = thread_create(say, "y", 0);
    thread_join(t);
    assert_string_equal(said, "xy");
}

static void exits(void *what) {
    say(what);
    thread_exit();
}

static void a_detached_thread_ends_alone_and_its_stack_is_used_again(void **state) {
    (void)state;
    said[0] = '\0';
    struct thread *t = thread_create(exits, "d", 0);
    thread_detach(t);
    thread_yield();
    struct thread *again = thread_create(say, "e", 0);
    assert_ptr_equal(again, t);
    thread_join(again);
    again = thread_create(say, "f", 0);
    assert_ptr_equal(again, t);
    thread_yield();
    thread_detach(again); /* it has ended */
    again = thread_create(say, "g", 0);
    assert_ptr_equal(again, t);
    thread_join(again);
    assert_string_equal(said, "defg");
}

static void sleep_then_say(void *what) {
    const char *text = what;
    thread_sleep_us((uint64_t)(text[0] - '0') * 2000);
    say(what);
}

static void sleepers_wake_in_order_of_time(void **state) {
    (void)state;
    static char text[][2] = {"3", "1", "4", "2", "0"};
    struct thread *t[5];
    said[0] = '\0';
    uint64_t before_us = plat_now_us();
    for (int i = 0; i < 5; i++)
        t[i] = thread_create(sleep_then_say, text[i], 0);
    for (int i = 0; i < 5; i++)
        thread_join(t[i]);
    assert_string_equal(said, "01234");
    assert_true(plat_now_us() - before_us >= 8000);
}

static void round_up(void *done) {
    fesetround(FE_UPWARD);
    errno = 7;
    for (int i = 0; i < 10; i++) {
        volatile double third = 1.0;
        third /= 3.0;
        assert_true(third * 3.0 > 1.0 || fegetround() == FE_UPWARD);
        assert_int_equal(fegetround(), FE_UPWARD);
        assert_int_equal(errno, 7);
        thread_yield();
    }
    *(bool *)done = true;
}

static void rounding_and_errno_are_a_threads_own(void **state) {
    (void)state;
    bool done = false;
    struct thread *t = thread_create(round_up, &done, 0);
    errno = 3;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fegetround(), FE_TONEAREST);
        assert_int_equal(errno, 3);
        thread_yield();
    }
    thread_join(t);
    assert_true(done);
    assert_int_equal(fegetround(), FE_TONEAREST);
}

/* ---- on all cores ---- */

static struct thread_mutex mutex;
static uint64_t counted;
static uint32_t ran_on[PLAT_CORES_MAX];

static void count(void *unused) {
    (void)unused;
    for (unsigned i = 0; i < TURNS; i++) {
        thread_mutex_lock(&mutex);
        uint64_t before = counted;
        if (i % 16 == 0)
            thread_yield();
        counted = before + 1;
        thread_mutex_unlock(&mutex);
        if (i % 8 == 0)
            thread_yield();
    }
    __atomic_fetch_add(&ran_on[thread_core(thread_self())], 1, __ATOMIC_RELAXED);
}

static void a_mutex_excludes(void **state) {
    (void)state;
    struct thread *t[MANY];
    memset(ran_on, 0, sizeof ran_on);
    counted = 0;
    for (unsigned i = 0; i < MANY; i++)
        t[i] = thread_create(count, NULL, THREAD_ANY_CORE);
    for (unsigned i = 0; i < MANY; i++)
        thread_join(t[i]);
    assert_int_equal(counted, MANY * TURNS);
    for (unsigned i = 0; i < thread_cores(); i++)
        assert_in_range(ran_on[i], MANY / thread_cores(), MANY / thread_cores() + 1);
    assert_true(thread_mutex_try(&mutex));
    assert_false(thread_mutex_try(&mutex));
    thread_mutex_unlock(&mutex);
}

/* A queue of one place, between producers and consumers. */
static struct thread_condition filled, emptied;
static uint64_t place, sum;

static void produce(void *from) {
    for (uint64_t i = 0; i < TURNS; i++) {
        thread_mutex_lock(&mutex);
        while (place)
            thread_condition_wait(&emptied, &mutex);
        place = (uintptr_t)from + i;
        thread_condition_signal(&filled);
        thread_mutex_unlock(&mutex);
    }
}

static void consume(void *unused) {
    (void)unused;
    for (uint64_t i = 0; i < TURNS; i++) {
        thread_mutex_lock(&mutex);
        while (!place)
            thread_condition_wait_us(&filled, &mutex, i % 64); /* many time out */
        sum += place;
        place = 0;
        thread_condition_signal(&emptied);
        thread_mutex_unlock(&mutex);
    }
}

static void conditions_pass_everything_on_once(void **state) {
    (void)state;
    struct thread *t[8];
    sum = 0;
    for (unsigned i = 0; i < 8; i++)
        t[i] = thread_create(i % 2 ? produce : consume, (void *)(uintptr_t)(i * 1000 + 1),
                             THREAD_ANY_CORE);
    for (unsigned i = 0; i < 8; i++)
        thread_join(t[i]);
    uint64_t expected = 0;
    for (uint64_t i = 1; i < 8; i += 2)
        expected += TURNS * (i * 1000 + 1) + (uint64_t)TURNS * (TURNS - 1) / 2;
    assert_int_equal(sum, expected);
    assert_null(filled.waiting.first);
    assert_null(emptied.waiting.first);
}

static bool open_door;
static uint32_t through;

static void wait_at_the_door(void *unused) {
    (void)unused;
    thread_mutex_lock(&mutex);
    while (!open_door)
        thread_condition_wait(&filled, &mutex);
    through++;
    thread_mutex_unlock(&mutex);
}

static void a_broadcast_wakes_all(void **state) {
    (void)state;
    struct thread *t[MANY];
    open_door = false;
    through = 0;
    for (unsigned i = 0; i < MANY; i++)
        t[i] = thread_create(wait_at_the_door, NULL, THREAD_ANY_CORE);
    thread_sleep_us(1000);
    thread_mutex_lock(&mutex);
    assert_int_equal(through, 0);
    assert_false(thread_condition_wait_us(&emptied, &mutex, 100)); /* nobody signals that */
    open_door = true;
    thread_condition_broadcast(&filled);
    thread_mutex_unlock(&mutex);
    for (unsigned i = 0; i < MANY; i++)
        thread_join(t[i]);
    assert_int_equal(through, MANY);
}

static void make_and_join(void *depth) {
    uintptr_t left = (uintptr_t)depth;
    if (left == 0)
        return;
    struct thread *a = thread_create(make_and_join, (void *)(left - 1), THREAD_ANY_CORE);
    struct thread *b = thread_create(make_and_join, (void *)(left - 1), THREAD_ANY_CORE);
    if (left % 2) {
        thread_join(b);
        thread_join(a);
    } else {
        thread_join(a);
        thread_join(b);
    }
    __atomic_fetch_add(&through, 1, __ATOMIC_RELAXED);
}

static void threads_make_threads_on_any_core(void **state) {
    (void)state;
    through = 0;
    for (int i = 0; i < 5; i++)
        make_and_join((void *)8);
    assert_int_equal(through, 5 * 255);
}

/* ---- stacks ---- */

static void run_over(void *unused) {
    (void)unused;
    volatile char *at = __builtin_frame_address(0);
    for (;;) {
        at -= 512;
        *at = 1;
    }
}

/* In a process of its own, before there are other cores. */
static void a_stack_that_runs_over_faults(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        thread_join(thread_create(run_over, NULL, 0));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* ---- parking, idling, stacks of the caller's ---- */

static void parks(void *parked) {
    *(bool *)parked = thread_park(UINT64_MAX);
    say("p");
}

static void unpark_wakes_and_a_deadline_ends_a_park(void **state) {
    (void)state;
    bool unparked = false;
    said[0] = '\0';
    assert_false(thread_others());
    struct thread *t = thread_create(parks, &unparked, 0);
    assert_true(thread_others());
    thread_yield();
    assert_false(thread_others());
    assert_string_equal(said, "");
    thread_unpark(t);
    assert_true(thread_others());
    thread_join(t);
    assert_true(unparked);
    assert_string_equal(said, "p");
    thread_unpark(thread_self()); /* before it parks: counts once */
    assert_true(thread_park(UINT64_MAX));
    uint64_t until_tsc = plat_now_tsc() + plat_us_to_tsc(1000);
    assert_false(thread_park(until_tsc));
    assert_true(plat_now_tsc() >= until_tsc);
}

static unsigned idled;
static struct thread *to_unpark;

static void idle_once(uint64_t until_tsc) {
    assert_int_equal(until_tsc, UINT64_MAX);
    if (++idled == 3)
        thread_unpark(to_unpark);
}

static void an_idle_core_calls_its_hook(void **state) {
    (void)state;
    to_unpark = thread_self();
    thread_on_idle(idle_once);
    assert_true(thread_park(UINT64_MAX));
    thread_on_idle(NULL);
    assert_int_equal(idled, 3);
}

static void says_gone(void *what) {
    strcat(said, what);
    strcat(said, "-gone ");
}

static void a_thread_runs_on_the_callers_stack(void **state) {
    (void)state;
    static _Alignas(16) char stack[2][65536];
    said[0] = '\0';
    assert_null(thread_create_on(say, "0", stack[0], stack[0] + 1024, says_gone));
    for (int i = 0; i < 2; i++) {
        assert_non_null(
            thread_create_on(say, "1", stack[0], stack[0] + sizeof stack[0], says_gone));
        assert_non_null(
            thread_create_on(exits, "2", stack[1], stack[1] + sizeof stack[1], says_gone));
        for (int turn = 0; turn < 3; turn++)
            thread_yield();
        assert_string_equal(said, i == 0 ? "11-gone 22-gone " : "11-gone 22-gone 11-gone 22-gone ");
    }
}

static void other_cores_come(void **state) {
    (void)state;
    unsigned cores = thread_add_cores(3);
    assert_in_range(cores, 1, 4);
    assert_int_equal(thread_cores(), cores);
    if (cores == 1)
        skip();
}

#define ON_ALL_CORES(test)                                                                         \
    { "on all cores: " #test, test, NULL, NULL, NULL }

int plat_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(join_waits_and_comes_late),
        cmocka_unit_test(a_detached_thread_ends_alone_and_its_stack_is_used_again),
        cmocka_unit_test(sleepers_wake_in_order_of_time),
        cmocka_unit_test(rounding_and_errno_are_a_threads_own),
        cmocka_unit_test(a_mutex_excludes),
        cmocka_unit_test(conditions_pass_everything_on_once),
        cmocka_unit_test(a_broadcast_wakes_all),
        cmocka_unit_test(threads_make_threads_on_any_core),
        cmocka_unit_test(a_stack_that_runs_over_faults),
        cmocka_unit_test(unpark_wakes_and_a_deadline_ends_a_park),
        cmocka_unit_test(an_idle_core_calls_its_hook),
        cmocka_unit_test(a_thread_runs_on_the_callers_stack),
        cmocka_unit_test(other_cores_come),
        ON_ALL_CORES(a_mutex_excludes),
        ON_ALL_CORES(conditions_pass_everything_on_once),
        ON_ALL_CORES(a_broadcast_wakes_all),
        ON_ALL_CORES(threads_make_threads_on_any_core),
        ON_ALL_CORES(sleepers_wake_in_order_of_time),
    };
    if (thread_start() != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
