/*
 * Interrupts in IOMMU mode. A device raises one by writing to 0xfeexxxxx, and nothing else keeps it
 * from writing there whatever it likes. Where the unit can, the message only names an entry of a
 * table of the kernel's, which says who may use it, and what comes of it; and messages of the old
 * format, which say themselves which vector of which core they want, are stopped.
 */
#ifndef NK_REMAP_H
#define NK_REMAP_H

#include "machine.h"

/* What a device must be told to write, and where, to raise an interrupt. */
struct nk_message {
    uint32_t address, data;
};

/* The unit is in use, and its queue. Says on the console what it can do. */
void nk_remap_start(void);

/* A device in IOMMU mode might raise any interrupt, for the unit does not stop it: what comes is
 * looked at twice (interrupt.h). */
bool nk_remap_forgeable(void);

/* This function may raise this vector on this core from now on, by this message. The vector is no
 * other's. */
struct nk_message nk_remap_allow(uint16_t bdf, uint32_t apic_id, int vector);
/* Nobody may raise it. */
void nk_remap_end(int vector);

/* The message of interrupts that are not remapped. */
struct nk_message nk_remap_plain(uint32_t apic_id, int vector);

#endif
