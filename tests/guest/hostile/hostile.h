/*
 * The hostile app: what an app might try to get at what is not its own. Each part ends with a line
 * that counts, and gives an exit status: 0 if nothing succeeded.
 */
#ifndef TESTS_GUEST_HOSTILE_H
#define TESTS_GUEST_HOSTILE_H

#include "runtime/platform/event.h"
#include "runtime/platform/nom/call.h"
#include "runtime/platform/platform.h"
#include "tests/unit/seeded.h"

#define PAGE          4096ULL
#define LARGE         0x200000ULL
#define KERNEL_IMAGE  0xffffffff80100000ULL
#define KERNEL_DIRECT 0xffff800000000000ULL
#define NOT_CANONICAL 0x1234567890abcdefULL
#define HALF_END      0x0000800000000000ULL
#define DEVICES_START 0x7000000000ULL /* where the kernel maps an app's devices */
#define ERRORS        (NOM_EPERM + 1) /* of enum nom_error, and 0 */

/* attempts.S: each stub may use any register and any stack below it. It faults, or returns 0 if it
 * had no effect, or anything else if it succeeded. Each table ends with a stub NULL. */
struct hostile_attempt {
    uint64_t (*stub)(uint64_t a, uint64_t b);
    const char *name;
};
extern const struct hostile_attempt hostile_attempts[];
uint64_t hostile_read(uint64_t address, uint64_t b), hostile_write(uint64_t address, uint64_t b),
    hostile_jump(uint64_t address, uint64_t b), hostile_push(uint64_t rsp, uint64_t b),
    hostile_call_rsp(uint64_t rsp, uint64_t entry), hostile_flags(uint64_t a, uint64_t b);
/* Not where a hypervisor runs ring 3 on the host's own processor state and interprets the rest (the
 * call by fault tells it): there the first has effect, on the app alone, and the second ends it. */
extern const struct hostile_attempt hostile_natives[];
uint64_t hostile_wrpkru(uint64_t a, uint64_t b), hostile_iretq_data(uint64_t a, uint64_t b);
/* a = port, b = value. */
extern const struct hostile_attempt hostile_ports[];
/* a = selector. */
extern const struct hostile_attempt hostile_selectors[];
/* a = number of the MSR, b = value. */
uint64_t hostile_rdmsr(uint64_t a, uint64_t b), hostile_wrmsr(uint64_t a, uint64_t b);

/* Those of `int n`, for each n. */
#define HOSTILE_INTERRUPT_BYTES 16u
extern const uint8_t hostile_interrupts[];

/* Runs a stub: true if it faulted, and then *vector; else *result is what it gave. Needs
 * hostile_start. */
bool hostile_try(uint64_t (*stub)(uint64_t, uint64_t), uint64_t a, uint64_t b, uint64_t *result);
/* Faults come back from now on. */
void hostile_start(void);
/* Of the last fault. */
extern uint64_t hostile_vector, hostile_address;

/* The context that runs, which this app uses only on its first core. */
struct nom_context *hostile_context(void);
/* Until the neighbours have taken the NICs they want: at most some seconds. */
void hostile_wait_for_neighbours(void);
/* Physical address behind an address of the app, 0 where nothing is mapped. */
uint64_t hostile_behind(uint64_t address);
/* The resource as the board has it now, or NULL: no such id. */
const struct nom_resource *hostile_resource(uint64_t id);

int hostile_instructions(uint64_t seed);
/* More: "devices", mostly about those, until each call has succeeded; "lose", and one that it keeps
 * has been unplugged; "keep", mostly about devices, and ends with all that it has. */
int hostile_calls(uint64_t count, uint64_t seed, const char *more);
/* Has a device write where its owner may not: returns only if nothing stops it. */
int hostile_dma(uint64_t seed);
/* When it is the last app: says what is free. */
int hostile_left(void);
int hostile_starve(uint64_t seconds);
int hostile_devices(void);
/* What an app that owns things sees while others try to get at them: it ends when they have. */
int hostile_hold(void);
/* What an app that uses a device's registers sees while others take and give back theirs. */
int hostile_registers(void);
/* Takes devices and gives them back, so often in all. */
int hostile_pass(uint64_t count);
/* Ways of ending that the kernel must survive; returns only if it does not know `kind`, or 1 if the
 * app survived it. */
int hostile_end(const char *kind);

#endif
