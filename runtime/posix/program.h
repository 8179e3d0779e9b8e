/*
 * Where a ported program meets the library that carries it, beside the calls of calls.h. The
 * program, its libraries and musl are one object whose names are all its own; what stands here and
 * in calls.h is all that passes between it and us. Both sides include this, so it names no type of
 * any C library.
 */
#ifndef POSIX_PROGRAM_H
#define POSIX_PROGRAM_H

/* The running thread's block of the C library: what the psABI would keep in the FS base. FS is the
 * floor's own. */
extern void *posix_thread_pointer;

/* The program's start: sets the C library up in posix_thread_pointer's stead, then runs main and
 * exit. random: 16 bytes that others cannot guess. Comes back only by posix_sys_exit_group. */
_Noreturn void posix_program_start(int argc, char **argv, char **environment, const void *random);

/* A thread that runs function(argument) on the given stack with the given thread pointer, once the
 * caller gives way. Its number is stored in *tid first; when it ends 0 is stored in *clear_tid and
 * one that waits for that word is woken. The number, or -ENOMEM. */
long posix_thread_start(int (*function)(void *argument), void *argument, void *stack_bottom,
                        void *stack_top, void *thread_pointer, int *tid, int *clear_tid);
/* Ends the caller. Its stack (if stack_bytes is not 0) is unmapped once it is off it. */
_Noreturn void posix_thread_end(void *stack_bottom, unsigned long stack_bytes);

#endif
