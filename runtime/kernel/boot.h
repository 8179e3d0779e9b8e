/*
 * What the firmware says: memory, initrd, command line. Copied out of its memory at boot, so that
 * nothing else need be kept of it.
 */
#ifndef NK_BOOT_H
#define NK_BOOT_H

#include "machine.h"

struct nk_range {
    uint64_t start, bytes;
};

struct nk_boot {
    struct nk_range memory[NK_MEMORY_RANGES_MAX]; /* usable */
    unsigned memory_count;
    struct nk_range initrd; /* bytes = 0: none */
    uint64_t rsdp;          /* of the ACPI tables, 0: not told */
    char command[NK_COMMAND_BYTES_MAX];
    bool command_cut; /* it was longer */
};

/* start_info is the physical address that PVH hands over. Panics if it is not one. */
void nk_boot_read(uint64_t start_info, struct nk_boot *boot);

#endif
