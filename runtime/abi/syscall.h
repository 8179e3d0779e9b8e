/*
 * System calls: control plane only (spec K4). An application makes none while it serves.
 *
 * Registers: number in rax; arguments in rdi, rsi, rdx; result in rax: 0 or more, or a negated
 * enum nom_error. rcx and r11 are lost; every other register is kept.
 *
 * Entry: nom_start.syscall_entry says which instruction enters the kernel (not every KVM lets
 * ring 3 use `syscall`; the kernel tries it at boot):
 *   NOM_ENTRY_SYSCALL  the `syscall` instruction.
 *   NOM_ENTRY_FAULT    `ud2` with rcx = NOM_FAULT_CALL_MAGIC. Any other ud2 is an exception.
 *
 * Every pointer argument must lie in memory mapped into the caller, for writing where the kernel
 * writes; otherwise the call gives -NOM_EFAULT and does nothing.
 */
#ifndef NOM_ABI_SYSCALL_H
#define NOM_ABI_SYSCALL_H

#include <stdint.h>

#define NOM_FAULT_CALL_MAGIC 0x6c6c61636d6f6eULL /* "nomcall" */

enum nom_syscall_entry {
    NOM_ENTRY_SYSCALL = 1,
    NOM_ENTRY_FAULT = 2,
};

enum nom_syscall {
    NOM_SYS_EXIT = 0,    /* (status 0..NOM_EXIT_STATUS_MAX): ends the app; does not return */
    NOM_SYS_PRINT = 1,   /* (text, bytes <= NOM_PRINT_MAX): whole lines to the serial console */
    NOM_SYS_QUERY = 2,   /* (enum nom_query, key, out): what exists; see enum nom_query */
    NOM_SYS_ACQUIRE = 3, /* (resource id, struct nom_device *out): own a device, BARs mapped */
    NOM_SYS_MAP = 4,     /* (bytes, flags 0, struct nom_mapping *out): zeroed memory of one's own */
    NOM_SYS_COUNT
};

enum nom_query {
    /* key = index 0..; out = struct nom_resource. -NOM_ENOENT past the last. */
    NOM_QUERY_RESOURCE = 1,
    /* key = an address of the caller; out = uint64_t guest-physical address (trusted mode, K7).
     * -NOM_EFAULT where nothing is mapped. */
    NOM_QUERY_PHYSICAL = 2,
};

enum nom_error {
    NOM_EINVAL = 1, /* no such call, flag or size */
    NOM_EFAULT = 2, /* a pointer that is not the caller's */
    NOM_ENOENT = 3, /* no such resource */
    NOM_EBUSY = 4,  /* another app owns it */
    NOM_ENOMEM = 5, /* no memory left to grant */
};

#define NOM_PRINT_MAX       1024u
#define NOM_EXIT_STATUS_MAX 63u

enum nom_resource_kind {
    NOM_RESOURCE_CORE = 1,
    NOM_RESOURCE_MEMORY = 2,
    NOM_RESOURCE_PCI =
        3, /* any PCI function; a virtio NIC is vendor 0x1af4, device 0x1041 or 0x1000 */
};

struct nom_resource {
    uint32_t id; /* for NOM_SYS_ACQUIRE; never 0 */
    uint32_t kind;
    uint32_t owner; /* app number from 1, or 0 */
    uint16_t pci_vendor, pci_device;
    uint16_t pci_bdf; /* bus << 8 | device << 3 | function */
    uint8_t pci_class, pci_subclass;
    uint32_t reserved;
    uint64_t bytes; /* of memory; 0 for others */
};
_Static_assert(sizeof(struct nom_resource) == 32, "layout of struct nom_resource");

#define NOM_DEVICE_BARS 6

/* A device just acquired: bus mastering and memory decoding on, INTx off, its BARs mapped. */
struct nom_device {
    uint32_t resource_id;
    uint32_t reserved;
    struct {
        uint64_t address; /* where the BAR is mapped in the app (uncached, writable), or 0 */
        uint64_t bytes;
    } bar[NOM_DEVICE_BARS];
    uint8_t config[256]; /* PCI configuration space as it was when acquired */
};
_Static_assert(sizeof(struct nom_device) == 8 + 96 + 256, "layout of struct nom_device");

/* Memory granted by NOM_SYS_MAP: physically contiguous, zeroed, readable and writable, not
 * executable; bytes is the request rounded up to the page size used. */
struct nom_mapping {
    uint64_t address;
    uint64_t bytes;
    uint64_t physical; /* guest-physical address of the first byte (trusted mode, K7) */
};
_Static_assert(sizeof(struct nom_mapping) == 24, "layout of struct nom_mapping");

#endif
