/*
 * The world of the tests here: the calls of ported programs on the hosted floor, without a network.
 * Each test program is a program's first thread, and calls what the C library would.
 */
#ifndef TESTS_POSIX_WORLD_H
#define TESTS_POSIX_WORLD_H

#include "runtime/posix/calls.h"
#include "runtime/posix/posix.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CALL(name, ...) posix_sys_##name(__VA_ARGS__)
#define TEXT(text)      (long)(text)

/* Runs other threads, timers and signals, as a program does that looks whether something has come.
 */
void world_turn(void);
/* Runs a function as a thread of the program does. */
void world_thread(void (*function)(void *argument), void *argument);

/* Runs the function in a child process, whose standard output it gives back: up to bytes - 1 of
 * them, and a NUL. The child's status as waitpid gives it. */
int world_child(void (*function)(void), char *output, size_t bytes);

/* Given by each test program: its tests; and if it likes, what comes before the program starts. */
int world_tests(void);
void world_prepare(void);

#endif
