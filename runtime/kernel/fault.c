/*
 * One line for each exception: its name, for a page fault what was tried on which kind of page
 * (from the app's own tables, not from the error code, whose bits differ between hypervisors), and
 * the instruction.
 */
#include "fault.h"
#include "app.h"
#include "console.h"
#include "paging.h"
#include "trap.h"
#include "upcall.h"

#define PAGE_ERROR_WRITE   2u
#define PAGE_ERROR_EXECUTE 16u

static const char *const names[] = {
    "divide error",
    "debug trap",
    "non-maskable interrupt",
    "breakpoint",
    "overflow trap",
    "bound range exceeded",
    "invalid instruction",
    "device not available",
    "double fault",
    "coprocessor overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection fault",
    "page fault",
    "reserved exception",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
    "virtualisation exception",
    "control protection fault",
};

const char *nk_fault_name(unsigned vector) {
    return vector < sizeof names / sizeof names[0] ? names[vector] : "exception";
}

static const char *page_kind(const struct nk_app *app, uint64_t address) {
    uint64_t rights;
    if (address >= NK_APP_END)
        return "a page that is not the app's";
    if (!nk_paging_find(app, address, &rights))
        return "an unmapped page";
    return rights & NK_PAGE_WRITE ? "a data page" : "a read-only page";
}

void nk_fault(struct nk_context *context, uint64_t address) {
    const struct nk_frame *frame = &context->frame;
    struct nom_context *shared = context->shared;
    context->fault.vector = frame->vector;
    context->fault.error = frame->error;
    context->fault.address = address;
    context->fault.rip = frame->rip;
    if (context->in_upcall || !nk_upcall_possible(context)) {
        nk_fault_end(context);
        return;
    }
    shared->fault_vector = frame->vector;
    shared->fault_error = frame->error;
    shared->fault_address = address;
    context->due |= NOM_EVENT_FAULT;
}

void nk_fault_end(struct nk_context *context) {
    struct nk_app *app = context->app;
    uint64_t error = context->fault.error, address = context->fault.address;
    uint64_t rip = context->fault.rip;
    const char *name = nk_fault_name((unsigned)context->fault.vector);
    if (context->fault.vector == NK_VECTOR_PAGE) {
        bool execute = (error & PAGE_ERROR_EXECUTE) || address == rip;
        const char *access = execute                    ? "execution of"
                             : error & PAGE_ERROR_WRITE ? "write to"
                                                        : "read of";
        nk_line("app %s ended: %s (%s %s) at address %x, instruction %x", app->name, name, access,
                page_kind(app, address), address, rip);
    } else if (error != 0) {
        nk_line("app %s ended: %s (selector or error %x), instruction %x", app->name, name, error,
                rip);
    } else {
        nk_line("app %s ended: %s, instruction %x", app->name, name, rip);
    }
    nk_app_kill(app, NOM_EXIT_APP_FAULT);
}
