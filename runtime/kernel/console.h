/*
 * The serial console (COM1), in whole lines. Formats know %s, %u (uint64_t, decimal), %x (uint64_t,
 * 0x and hexadecimal), %h (uint64_t, hexadecimal, at least as many digits as the next argument
 * says): every number is passed as uint64_t.
 */
#ifndef NK_CONSOLE_H
#define NK_CONSOLE_H

#include "machine.h"

void nk_console_start(void);

/* "nom: ", the text, a newline; cut at NK_LINE_BYTES_MAX. */
void nk_line(const char *format, ...);

/* An app's text as it is, but for control characters, which become '?'; a newline is added unless
 * it ends with one. The bytes must be readable by the kernel. */
void nk_console_text(const uint8_t *text, size_t bytes);

/* The kernel's own invariant is broken: one line, and the machine stops with NOM_EXIT_PANIC. */
_Noreturn void nk_panic(const char *format, ...);

/* Ends QEMU with this value (abi/start.h). */
_Noreturn void nk_power_off(uint8_t value);

#endif
