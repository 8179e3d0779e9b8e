/*
 * What an application finds when it starts: its first instruction runs with rdi = address of a
 * read-only struct nom_start, rsp on a 16-byte boundary, every other register 0 (no FS base: the
 * start-up code of lib/ sets one with wrfsbase), SSE enabled, interrupts enabled.
 *
 * Also the status with which QEMU ends (isa-debug-exit at NOM_EXIT_PORT).
 */
#ifndef NOM_ABI_START_H
#define NOM_ABI_START_H

#include <stdint.h>

#define NOM_START_MAGIC   0x74726174736d6f6eULL /* "nomstart" */
#define NOM_START_VERSION 2u
#define NOM_ARGS_MAX      64u   /* arguments of one app, its name included */
#define NOM_ARG_BYTES_MAX 2048u /* of all arguments of one app together */
#define NOM_APPS_MAX      8u    /* apps on the kernel's command line, separated by "--" */

struct nom_start {
    uint64_t magic;
    uint32_t version;
    uint32_t syscall_entry; /* enum nom_syscall_entry */
    uint64_t tsc_hz;        /* time-stamp counter ticks a second */
    uint64_t board;         /* address of struct nom_board, read-only */
    uint64_t prices;        /* address of struct nom_prices, read-only */
    uint64_t contexts;      /* address of the app's first struct nom_context; that of index i lies i
                               pages above, once the app has it */
    uint32_t app;           /* its number, from 1 */
    uint32_t core;          /* where it starts */
    uint64_t initrd;        /* address of the initrd (cpio newc), read-only; 0 if none */
    uint64_t initrd_bytes;
    uint64_t initrd_physical; /* guest-physical address of its first byte; it is contiguous */
    uint64_t stack_top;
    uint64_t stack_bytes; /* a page that nothing is mapped at lies below */
    uint64_t argc;
    uint64_t argv[NOM_ARGS_MAX + 1]; /* addresses of NUL-terminated strings, then 0 */
    char arg_bytes[NOM_ARG_BYTES_MAX];
};
_Static_assert(sizeof(struct nom_start) <= 4096, "struct nom_start fits one page");

/*
 * When the last app has ended the kernel writes one byte v to port NOM_EXIT_PORT, and QEMU ends
 * with status (v << 1) | 1. v is NOM_EXIT_BASE + the app's exit status (of the last app that
 * ended badly, if any), or one of the values below. So QEMU's own statuses (0, 1) are none of
 * ours.
 */
#define NOM_EXIT_PORT           0xf4u
#define NOM_EXIT_BASE           0x40u /* + 0..NOM_EXIT_STATUS_MAX: the app called exit */
#define NOM_EXIT_APP_FAULT      0x3du /* an app was ended for an exception */
#define NOM_EXIT_BAD_COMMAND    0x3eu /* the command line names no app, or one that cannot run */
#define NOM_EXIT_PANIC          0x3fu /* the kernel found its own invariant broken */
#define NOM_EXIT_HOST_STATUS(v) (((v) << 1 | 1) & 0xff)

#endif
