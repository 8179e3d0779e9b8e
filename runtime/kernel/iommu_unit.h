/*
 * The VT-d unit's registers, and its queue of orders to forget what it remembers. For iommu.c and
 * remap.c.
 */
#ifndef NK_IOMMU_UNIT_H
#define NK_IOMMU_UNIT_H

#include "machine.h"

#define NK_UNIT_CAPABILITY      0x08u
#define NK_UNIT_EXTENDED        0x10u
#define NK_UNIT_EXTENDED_QUEUE  (1ULL << 1)
#define NK_UNIT_EXTENDED_REMAPS (1ULL << 3)

/* Bits of the command register, and of the status register, which says what is so. */
#define NK_UNIT_ON          (1u << 31)
#define NK_UNIT_ROOT        (1u << 30)
#define NK_UNIT_QUEUE       (1u << 26)
#define NK_UNIT_REMAPS      (1u << 25)
#define NK_UNIT_REMAP_TABLE (1u << 24)
#define NK_UNIT_COMPATIBLE  (1u << 23) /* interrupts in the old format pass */

/* Orders, two words each; the second is 0 for all of these. */
#define NK_FORGET_CONTEXTS   0x11ULL /* all */
#define NK_FORGET_ALL        0xd2ULL /* translations; reads and writes under way end first */
#define NK_FORGET_DOMAIN(d)  (0xe2ULL | (uint64_t)(d) << 16)
#define NK_FORGET_INTERRUPTS 0x04ULL /* entries of the table, all */

/* The unit at this physical address, which is mapped. */
void nk_unit_use(uint64_t registers);
volatile uint32_t *nk_unit_32(uint64_t offset);
volatile uint64_t *nk_unit_64(uint64_t offset);

/* Sets or clears bits of the command register and waits until the status says so. Panics if it
 * never does: a unit that does not answer protects nobody. */
void nk_unit_command(uint32_t bit, bool on);
/* Asks for the bit and says whether it came: for what a unit need not have. */
bool nk_unit_try(uint32_t bit);

/* The queue, in a page of the kernel's. From then on nk_unit_forget works. */
void nk_unit_queue(uint64_t page);
/* Both orders, or one (second = 0), are carried out when it returns. */
void nk_unit_forget(uint64_t first, uint64_t second);

#endif
