/*
 * Each vector of a device has one handler, or none: then its interrupt is only counted. Interrupts
 * do little here; what follows from them is decided once, in nk_schedule.
 *
 * Any vector may come at any time, as often as a device likes, where devices can forge interrupts
 * (remap.h). So no handler believes that what it is told of has happened: it looks. And whatever
 * the local controller holds to be in service is acknowledged: a vector that was not would keep all
 * those below it from coming.
 */
#include "interrupt.h"
#include "board.h"
#include "console.h"
#include "core.h"
#include "lapic.h"
#include "remap.h"
#include "trap.h"

#define PIC1      0x20
#define PIC2      0xa0
#define PIC_LINES 16

static struct {
    void (*handler)(uint64_t argument);
    uint64_t argument;
} devices[NK_VECTOR_DEVICES_END - NK_VECTOR_DEVICES];

int nk_vector_take(void (*handler)(uint64_t argument), uint64_t argument) {
    for (int i = 0; i < NK_VECTOR_DEVICES_END - NK_VECTOR_DEVICES; i++) {
        if (devices[i].handler)
            continue;
        devices[i].handler = handler;
        devices[i].argument = argument;
        return NK_VECTOR_DEVICES + i;
    }
    return 0;
}

void nk_vector_give(int vector) {
    devices[vector - NK_VECTOR_DEVICES].handler = NULL;
}

/* Masked sources can still fire once, around the masking or as the PIC's spurious lines 7 and 15.
 * Each line is acknowledged by number, which does nothing where it was spurious. */
static void old_controller(unsigned line) {
    nk_board_count(line == 0 ? NK_COUNT_TIMER : NK_COUNT_DEVICE);
    if (line >= 8)
        nk_out8(PIC2, 0x60 | (line & 7));
    nk_out8(PIC1, 0x60 | (line >= 8 ? 2 : line));
}

bool nk_interrupt_forged(unsigned vector) {
    static bool said;
    bool forged = nk_remap_forgeable() && nk_lapic_serves(vector);
    if (forged && !said)
        nk_line("interrupt %u was forged by a device: ignored, and those that follow", vector);
    said |= forged;
    return forged;
}

static void acknowledge(unsigned vector) {
    if (vector >= NK_VECTOR_DEVICES && vector != NK_VECTOR_SPURIOUS)
        nk_lapic_acknowledge();
    else /* mostly nothing to acknowledge; else the highest is, which may be one left by a forged 2
          */
        for (unsigned i = 0; i < NK_VECTOR_DEVICES && nk_lapic_serves(vector); i++)
            nk_lapic_acknowledge();
}

static void act(unsigned vector) {
    struct nk_core *core = nk_core_here();
    if (vector < NK_VECTOR_INTERRUPT) {
        nk_board_count(NK_COUNT_DEVICE);
    } else if (vector < NK_VECTOR_DEVICES) {
        old_controller(vector - NK_VECTOR_INTERRUPT);
    } else if (vector < NK_VECTOR_DEVICES_END) {
        nk_board_count(NK_COUNT_DEVICE);
        if (devices[vector - NK_VECTOR_DEVICES].handler)
            devices[vector - NK_VECTOR_DEVICES].handler(
                devices[vector - NK_VECTOR_DEVICES].argument);
    } else if (vector == NK_VECTOR_TIMER) {
        nk_board_count(NK_COUNT_TIMER);
        core->timer_tsc = 0;
    } else if (vector == NK_VECTOR_CORE) {
        nk_board_count(NK_COUNT_CORE);
    }
}

void nk_interrupt(unsigned vector) {
    acknowledge(vector);
    act(vector);
}

void nk_interrupt_defer(unsigned vector) {
    struct nk_core *core = nk_core_here();
    acknowledge(vector);
    for (unsigned i = 0; i < core->deferred_count; i++)
        if (core->deferred[i] == vector)
            return;
    core->deferred[core->deferred_count++] = (uint8_t)vector;
}

void nk_interrupt_deferred(void) {
    struct nk_core *core = nk_core_here();
    while (core->deferred_count > 0)
        act(core->deferred[--core->deferred_count]);
}
