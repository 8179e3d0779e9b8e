/*
 * A line is made in memory and then sent in bursts of the UART's 16-byte FIFO, since every access
 * to a port leaves the virtual machine. Nobody else writes to the port, so lines are never mixed.
 */
#include "console.h"
#include "runtime/abi/start.h"
#include "runtime/abi/syscall.h"
#include <stdarg.h>

#define PORT              0x3f8
#define FIFO_BYTES        16
#define LINE_STATUS_EMPTY 0x20

struct text {
    char bytes[NK_LINE_BYTES_MAX + 1];
    size_t used;
};

void nk_console_start(void) {
    nk_out8(PORT + 1, 0);    /* no interrupts */
    nk_out8(PORT + 3, 0x80); /* divisor: 115200 baud */
    nk_out8(PORT + 0, 1);
    nk_out8(PORT + 1, 0);
    nk_out8(PORT + 3, 0x03); /* 8 bits, no parity, 1 stop bit */
    nk_out8(PORT + 2, 0x07); /* FIFOs on and empty */
    nk_out8(PORT + 0, '\n'); /* firmware leaves a line open */
}

static void send(const void *bytes, size_t count) {
    while (count > 0) {
        size_t n = count < FIFO_BYTES ? count : FIFO_BYTES;
        count -= n;
        while (!(nk_in8(PORT + 5) & LINE_STATUS_EMPTY))
            ;
        __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(n) : "d"((uint16_t)PORT) : "memory");
    }
}

static void put(struct text *t, char c) {
    if (t->used < NK_LINE_BYTES_MAX)
        t->bytes[t->used++] = c;
}

static void put_number(struct text *t, uint64_t value, unsigned base, unsigned digits) {
    char reversed[20];
    unsigned n = 0;
    do {
        reversed[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    for (; digits > n; digits--)
        put(t, '0');
    while (n > 0)
        put(t, reversed[--n]);
}

static void put_string(struct text *t, const char *s) {
    for (; *s; s++)
        put(t, *s);
}

static void put_format(struct text *t, const char *format, va_list arguments) {
    for (; *format; format++) {
        if (*format != '%' || !format[1]) {
            put(t, *format);
            continue;
        }
        switch (*++format) {
        case 's':
            put_string(t, va_arg(arguments, const char *));
            break;
        case 'u':
            put_number(t, va_arg(arguments, uint64_t), 10, 1);
            break;
        case 'x':
            put_string(t, "0x");
            put_number(t, va_arg(arguments, uint64_t), 16, 1);
            break;
        case 'h': {
            uint64_t value = va_arg(arguments, uint64_t);
            put_number(t, value, 16, (unsigned)va_arg(arguments, uint64_t));
            break;
        }
        default:
            put(t, *format);
        }
    }
}

static void line(const char *prefix, const char *format, va_list arguments) {
    struct text t;
    t.used = 0;
    put_string(&t, prefix);
    put_format(&t, format, arguments);
    t.bytes[t.used++] = '\n';
    send(t.bytes, t.used);
}

void nk_line(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    line("nom: ", format, arguments);
    va_end(arguments);
}

/* No app speaks as the kernel, whose lines others believe: a line of its that begins as they do
 * begins otherwise. */
void nk_console_text(const uint8_t *text, size_t bytes) {
    static const uint8_t mine[] = {'n', 'o', 'm', ':'};
    static uint8_t clean[NOM_PRINT_MAX + 1];
    size_t n = bytes < NOM_PRINT_MAX ? bytes : NOM_PRINT_MAX, same = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        clean[i] = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : c;
        same = c == '\n' ? 0 : same < sizeof mine && c == mine[same] ? same + 1 : sizeof mine + 1;
        if (same == sizeof mine)
            clean[i] = '?';
    }
    if (n == 0)
        return;
    if (clean[n - 1] != '\n')
        clean[n++] = '\n';
    send(clean, n);
}

void nk_panic(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    line("nom: panic: ", format, arguments);
    va_end(arguments);
    nk_power_off(NOM_EXIT_PANIC);
}

void nk_power_off(uint8_t value) {
    nk_out8(NOM_EXIT_PORT, value);
    nk_line("no isa-debug-exit device at port %x: halted", (uint64_t)NOM_EXIT_PORT);
    nk_halt();
}
