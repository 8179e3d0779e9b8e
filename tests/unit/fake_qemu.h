/*
 * A program in QEMU's place, or in that of an app that is a process, for tests of what the profiler
 * does when a target misbehaves: a copy of a test's own executable, reached through a script named
 * qemu-system-x86_64 in a folder that is put first in PATH, or named hosted/nhttpd or
 * sockets/nhttpd. It speaks on its console like a guest, and serves HTTP and control on the
 * loopback ports that QEMU's user network would forward, or at the address it is given; told of an
 * interface as well, it gives that the address first, having no stack of its own. In the place of
 * hosted/priced it asks the provider it is told of, and puts the price on the board, in a form of
 * its own; a fake nhttpd with a board reports it.
 */
#ifndef TESTS_FAKE_QEMU_H
#define TESTS_FAKE_QEMU_H

/* First in every such test's main: if this process is to be the fake, becomes it. */
void fake_qemu_hook(int argc, char **argv);

/* Puts a fake of that behaviour in the place of QEMU and of hosted/nhttpd and sockets/nhttpd, and
 * an empty kernel, initrd and nhttpd.elf in NOM_HOME; anyone may run it all. Behaviours: serve,
 * serve-503, serve-500   ready; answers every request with that status dies-N     as serve, but is
 * ended as for an exception after N requests deaf       ready; takes connections, never answers
 *   mute       never says a word
 *   talks      prints without end, is never ready
 *   gives-up   what QEMU prints when KVM cannot go on
 *   exit-N     prints "fake: last words", ends with status N
 *   says-TEXT  prints TEXT and a newline, then waits
 *   ends-APP   of a guest: ready; then the kernel's line that this app has ended, and goes on
 * A guest that is ready first prints its QEMU command line. */
void fake_qemu_install(const char *behaviour);
/* One of that behaviour in the place of hosted/priced; "serve" asks the provider without end. After
 * fake_qemu_install. */
void fake_qemu_install_priced(const char *behaviour);
/* No QEMU at all in PATH. */
void fake_qemu_remove(void);
/* No hosted/nhttpd and sockets/nhttpd any more. */
void fake_qemu_remove_processes(void);
void fake_qemu_clean(void);

#endif
