/*
 * System calls: control plane only (spec K4). An application makes none while it serves.
 *
 * Registers: number in rax; arguments in rdi, rsi, rdx, r8; result in rax: 0 or more, or a negated
 * enum nom_error. rcx and r11 are lost; every other general register is kept. A call that may give
 * the core to others (WAIT, YIELD) loses vector and floating-point state and the FS and GS bases
 * too: whoever calls saves them (lib/, context.h).
 *
 * Entry: nom_start.syscall_entry says which instruction enters the kernel (not every KVM lets
 * ring 3 use `syscall`; the kernel tries it at boot):
 *   NOM_ENTRY_SYSCALL  the `syscall` instruction.
 *   NOM_ENTRY_FAULT    `ud2` with rcx = NOM_FAULT_CALL_MAGIC. Any other ud2 is an exception.
 *
 * Every pointer argument must lie in memory mapped into the caller, for writing where the kernel
 * writes; otherwise the call gives -NOM_EFAULT and does nothing. A call that fails changes nothing.
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
    NOM_SYS_EXIT = 0,  /* (status 0..NOM_EXIT_STATUS_MAX): ends the app; does not return */
    NOM_SYS_PRINT = 1, /* (text, bytes <= NOM_PRINT_MAX): whole lines to the serial console */
    NOM_SYS_QUERY = 2, /* (enum nom_query, key, out): see enum nom_query */

    /* (resource id, out): a device: out = struct nom_device. The prices: out = uint64_t, the
     * address at which the price page is mapped, for writing. A core: out = struct nom_core_start,
     * read by the kernel: what the app runs there; the result is the index of the new context.
     * -NOM_EBUSY if anybody has that core, the caller too. */
    NOM_SYS_ACQUIRE = 3,
    /* (resource id): a device (it is silenced and unmapped), the prices; or the core that the call
     * is made on, which does not return then; -NOM_EINVAL if it is the app's last. */
    NOM_SYS_RELEASE = 4,

    /* Frames (K9). A frame that an app owns is mapped once or not at all. */
    /* (bytes <= NOM_GRANT_BYTES_MAX, 0, struct nom_frames *out): zeroed, contiguous, not mapped yet
     */
    NOM_SYS_GRANT = 5,
    NOM_SYS_MAP = 6,   /* (address, physical, bytes, rights): frames of one's own, not mapped yet */
    NOM_SYS_UNMAP = 7, /* (address, bytes): the frames stay the app's */
    NOM_SYS_FREE = 8,  /* (physical, bytes): frames of one's own that are not mapped go back */
    NOM_SYS_PROTECT = 9, /* (address, bytes, rights): other rights for what is mapped */

    /* Events and cores (context.h). */
    NOM_SYS_WAIT = 10,   /* (events, timeout in ns, 0 none): until one of them is pending: its bits,
                            which are taken from `pending` */
    NOM_SYS_YIELD = 11,  /* (): others that share this core go first */
    NOM_SYS_RESUME = 12, /* (enum nom_resume): ends an upcall, as context.h says */

    NOM_SYS_NOTIFY = 13, /* (enum nom_notify, which): see enum nom_notify */
    /* (enum nom_channel_op, key, struct nom_channel *): memory shared with one other app. */
    NOM_SYS_CHANNEL = 14,
    /* (resource id, entry of the device's MSI-X table, enum nom_interrupt_op): a device's interrupt
     * becomes the event NOM_EVENT_INTERRUPT of the context that bound it. BIND's result is its bit
     * in nom_context.interrupts, 0..63. While the app has not taken the bit, further interrupts are
     * held back, and come once it has and calls WAIT, RESUME or UNMASK. */
    NOM_SYS_INTERRUPT = 15,
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
    NOM_EINVAL = 1, /* no such call, flag, size or address */
    NOM_EFAULT = 2, /* a pointer that is not the caller's */
    NOM_ENOENT = 3, /* no such resource, channel or app */
    NOM_EBUSY = 4,  /* another app owns it, or it is mapped already */
    NOM_ENOMEM = 5, /* nothing left to grant */
    NOM_EPERM = 6,  /* not the caller's */
};

#define NOM_PRINT_MAX       1024u
#define NOM_EXIT_STATUS_MAX 63u

enum nom_resource_kind {
    NOM_RESOURCE_CORE = 1,
    NOM_RESOURCE_MEMORY = 2,
    NOM_RESOURCE_PCI = 3,    /* any PCI function; a virtio NIC is vendor 0x1af4, device 0x1041 or
                                0x1000, a virtio disk 0x1042 or 0x1001 */
    NOM_RESOURCE_PRICES = 4, /* the right to publish prices */
};

enum nom_resource_flags {
    NOM_RESOURCE_GONE = 1u,    /* unplugged: the id is not used again, its place here may be */
    NOM_RESOURCE_LEAVING = 2u, /* about to be unplugged: its owner should release it */
    NOM_RESOURCE_IOMMU = 4u,   /* reaches its owner's memory only (K8), and by the owner's own
                                  addresses, not physical ones */
};

struct nom_resource {
    uint32_t id; /* for NOM_SYS_ACQUIRE; never 0 */
    uint32_t kind;
    uint32_t owner; /* app number from 1, or 0; of a core that several share: one of them */
    uint16_t pci_vendor, pci_device;
    uint16_t pci_bdf; /* bus << 8 | device << 3 | function */
    uint8_t pci_class, pci_subclass;
    uint32_t flags; /* enum nom_resource_flags */
    uint64_t bytes; /* of memory; capacity of a virtio disk; 0 for others */
};
_Static_assert(sizeof(struct nom_resource) == 32, "layout of struct nom_resource");

#define NOM_DEVICE_BARS 6

/* A device just acquired: bus mastering and memory decoding on, INTx off, its BARs mapped. Pages
 * that hold the device's MSI-X table are not mapped: the kernel writes it (NOM_SYS_INTERRUPT). */
struct nom_device {
    uint32_t resource_id;
    uint32_t interrupts; /* entries of its MSI-X table; 0: it has none */
    struct {
        uint64_t address; /* where the BAR is mapped in the app (uncached, writable), or 0. Of a
                             BAR of I/O ports the app may use the ports, which config names; 0
                             there: it may not (behind bridges) */
        uint64_t bytes;
    } bar[NOM_DEVICE_BARS];
    uint8_t config[256]; /* PCI configuration space as it was when acquired */
};
_Static_assert(sizeof(struct nom_device) == 8 + 96 + 256, "layout of struct nom_device");

/* What an app runs on a core that it acquires. */
struct nom_core_start {
    uint64_t entry;     /* first instruction: rdi = argument, rsi = address of struct nom_context */
    uint64_t stack_top; /* rsp */
    uint64_t argument;
};
_Static_assert(sizeof(struct nom_core_start) == 24, "layout of struct nom_core_start");

/* Frames granted: bytes is the request rounded up, to 4 KiB, or from NOM_FRAMES_LARGE on to 2 MiB;
 * those are mapped, unmapped and freed in units of 2 MiB, at such addresses. */
#define NOM_FRAME_BYTES       4096u
#define NOM_FRAME_BYTES_LARGE 0x200000u
#define NOM_FRAMES_LARGE      0x100000u
/* Of one grant, which is cleared while others wait for the kernel; more: -NOM_EINVAL. */
#define NOM_GRANT_BYTES_MAX   0x4000000u
struct nom_frames {
    uint64_t physical; /* guest-physical address of the first byte (trusted mode, K7) */
    uint64_t bytes;
};
_Static_assert(sizeof(struct nom_frames) == 16, "layout of struct nom_frames");

/* Reading is always allowed. Not both at once. */
enum nom_rights {
    NOM_RIGHT_WRITE = 1u,
    NOM_RIGHT_EXECUTE = 2u,
};

/* Where an app may map frames: NOM_MAP_START <= address, address + bytes <= NOM_MAP_END. */
#define NOM_MAP_START 0x100000000ULL
#define NOM_MAP_END   0x5000000000ULL

enum nom_notify {
    NOM_NOTIFY_PRICES = 1,  /* all apps: the price page has changed; for the prices' owner only */
    NOM_NOTIFY_CHANNEL = 2, /* the other side of a channel: which = its number */
    NOM_NOTIFY_CORE = 3,    /* another context of this app: which = its index */
};

enum nom_channel_op {
    NOM_CHANNEL_OFFER = 1,  /* key = the other app's number; in: bytes; out: all */
    NOM_CHANNEL_ACCEPT = 2, /* key = a channel that was offered to the caller; out: all */
    NOM_CHANNEL_CLOSE = 3,  /* key = a channel of the caller's: unmapped here; the other side keeps
                               its mapping until it closes too or ends */
};

#define NOM_CHANNELS_MAX      32u
#define NOM_CHANNEL_BYTES_MAX 0x400000u

/* A channel as one side sees it. Its frames belong to neither app. */
struct nom_channel {
    uint32_t number;         /* 0..NOM_CHANNELS_MAX - 1; also the bit in nom_context.channels */
    uint32_t peer;           /* app number */
    uint64_t address, bytes; /* mapped there, for writing, zeroed when offered */
};
_Static_assert(sizeof(struct nom_channel) == 24, "layout of struct nom_channel");

enum nom_interrupt_op {
    NOM_INTERRUPT_BIND = 1, /* to the calling context; unmasked */
    NOM_INTERRUPT_MASK = 2,
    NOM_INTERRUPT_UNMASK = 3,
    NOM_INTERRUPT_UNBIND = 4,
};

#endif
