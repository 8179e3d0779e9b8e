/* Programs as children: found, run to their end or ended, heard, and given no more than they were
 * meant to have. */
#include "profiler/internal.h"
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_SECONDS 30.0

static char text[64], why[256];

static int run(const char *script, double timeout_seconds) {
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const struct profiler_spawn s = {.argv = argv, .core = -1};

    text[0] = why[0] = '\0';
    int result = profiler_run(&s, timeout_seconds, text, sizeof text, why, sizeof why);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return result;
}

static void test_run(void **state) {
    (void)state;
    assert_int_equal(run("echo out; echo err >&2", LONG_SECONDS), 0);
    assert_string_equal(text, "out\nerr\n");
    assert_int_equal(run("exit 3", LONG_SECONDS), -1);
    assert_string_equal(why, "/bin/sh: failed");
    assert_int_equal(run("echo no such thing; echo more; exit 1", LONG_SECONDS), -1);
    assert_string_equal(why, "/bin/sh: no such thing");
    assert_int_equal(run("kill -9 $$", LONG_SECONDS), -1);
    /* More than a pipe holds, and more than there is room for. */
    assert_int_equal(run("head -c 200000 /dev/zero | tr '\\0' x", LONG_SECONDS), 0);
    assert_int_equal(strlen(text), sizeof text - 1);
    assert_int_equal(run("exec sleep 60", 0.2), -1);
    assert_string_equal(why, "/bin/sh did not end within 0.2 s");
    const char *argv[] = {"/nonexistent/tool", NULL};
    const struct profiler_spawn s = {.argv = argv, .core = -1};
    assert_int_equal(profiler_run(&s, 1, text, sizeof text, why, sizeof why), -1);
    assert_string_equal(why, "/nonexistent/tool cannot be started: No such file or directory");
}

/* The standard three, and what it was given under the same number. */
static void test_descriptors(void **state) {
    int open_one = open("/dev/null", O_RDONLY), kept = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    char expected[64];
    const char *argv[] = {"/bin/sh", "-c", "for f in /proc/$$/fd/*; do readlink $f; done", NULL};
    const struct profiler_spawn s = {.argv = argv, .core = -1, .keep = {kept, -1}};

    (void)state;
    assert_true(open_one > STDERR_FILENO && kept > open_one);
    assert_int_equal(profiler_run(&s, LONG_SECONDS, text, sizeof text, why, sizeof why), 0);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    snprintf(expected, sizeof expected, "/dev/null\npipe:");
    assert_memory_equal(text, expected, strlen(expected));
    assert_non_null(strstr(text, "/dev/zero"));
    assert_null(strstr(text + 1, "/dev/null"));
    assert_int_equal(lines, 4);
    close(open_one);
    close(kept);
}

static void test_group_and_core(void **state) {
    const char *argv[] = {"/bin/sleep", "60", NULL};
    struct profiler_spawn s = {.argv = argv, .core = -1};
    cpu_set_t mine, its;
    int output;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    for (int core = 0; core < CPU_SETSIZE && s.core < 0; core++)
        if (CPU_ISSET((size_t)core, &mine))
            s.core = core;
    pid_t pid = profiler_spawn(&s, &output, why, sizeof why);
    assert_true(pid > 0);
    assert_int_equal(getpgid(pid), pid);
    assert_int_equal(getsid(pid), getsid(0));
    assert_int_equal(sched_getaffinity(pid, sizeof its, &its), 0);
    assert_true(CPU_COUNT(&its) == 1 && CPU_ISSET((size_t)s.core, &its));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(output);
}

static void test_find_tool(void **state) {
    char path[64];

    (void)state;
    assert_int_equal(setenv("PATH", "/nonexistent::/proc/self", 1), 0);
    assert_true(profiler_find_tool("sh", "", path, sizeof path) < 0);
    assert_int_equal(profiler_find_tool("sh", "/nonexistent:/bin", path, sizeof path), 0);
    assert_string_equal(path, "/bin/sh");
    assert_int_equal(setenv("PATH", "/bin", 1), 0);
    assert_int_equal(profiler_find_tool("sh", "", path, sizeof path), 0);
    char small[4];
    assert_true(profiler_find_tool("sh", "", small, sizeof small) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_group_and_core),
        cmocka_unit_test(test_find_tool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
