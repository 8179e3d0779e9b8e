/* In the network's stead: nothing ever comes from there. */
#include "tests/posix/world.h"
#include "runtime/app/loop.h"
#include "runtime/lib/thread.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/program.h"
#include "runtime/posix/wait.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLEEP_US_MAX 100000
#define STACK_BYTES  262144

const char *posix_name = "test";

bool app_turn(uint64_t until_tsc) {
    uint64_t now_tsc = plat_now_tsc(), most_us = SLEEP_US_MAX;
    if (until_tsc > now_tsc) {
        uint64_t left_us = plat_tsc_to_ns(until_tsc - now_tsc) / 1000;
        plat_wait((uint32_t)(until_tsc != UINT64_MAX && left_us < most_us ? left_us : most_us));
    }
    return true;
}

bool app_lost_nic(void) {
    return false;
}

uint64_t app_slept_tsc(void) {
    return 0;
}

void posix_app_ready(uint16_t port) {
    (void)port;
}

void world_turn(void) {
    posix_turn();
}

struct start {
    void (*function)(void *argument);
    void *argument;
};

static int run(void *argument) {
    struct start s = *(struct start *)argument;
    free(argument);
    s.function(s.argument);
    return 0;
}

void world_thread(void (*function)(void *argument), void *argument) {
    struct start *s = malloc(sizeof *s);
    char *stack = (char *)CALL(mmap, 0, STACK_BYTES, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_non_null(s);
    assert_true((long)stack > 0);
    *s = (struct start){function, argument};
    int tid;
    assert_true(posix_thread_start(run, s, stack, stack + STACK_BYTES, NULL, &tid, NULL) > 0);
}

int world_child(void (*function)(void), char *output, size_t bytes) {
    int ends[2], status = -1;
    size_t used = 0;
    fflush(NULL);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        dup2(ends[1], STDOUT_FILENO);
        function();
        _exit(99);
    }
    close(ends[1]);
    for (ssize_t n = 1; n > 0 && used < bytes - 1; used += (size_t)(n > 0 ? n : 0))
        n = read(ends[0], output + used, bytes - 1 - used);
    output[used] = '\0';
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

__attribute__((weak)) void world_prepare(void) {}

int plat_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    world_prepare();
    if (posix_memory_start() != 0 || posix_files_start() != 0 || posix_threads_start() != 0)
        return 1;
    posix_wait_start();
    return world_tests();
}
