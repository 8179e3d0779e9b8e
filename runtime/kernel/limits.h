/*
 * Every limit of the kernel, and the layout of addresses. What an app may rely on stands in abi/;
 * these may change with every build.
 */
#ifndef NK_LIMITS_H
#define NK_LIMITS_H

/* Addresses of the kernel. The image is linked at NK_IMAGE_BASE + its physical address; all of
 * memory below 4 GiB is mapped at NK_DIRECT_BASE, never executable. Neither is reachable from ring
 * 3. */
#define NK_IMAGE_BASE        0xffffffff80000000
#define NK_IMAGE_PHYSICAL    0x100000
#define NK_IMAGE_BYTES_MAX   0x100000 /* image and bss: up to the first block of memory */
#define NK_DIRECT_BASE       0xffff800000000000
#define NK_PHYSICAL_END      0x100000000 /* what lies above is not used */
#define NK_MEMORY_END        0xc0000000  /* memory lies below, and devices between the two */
#define NK_LOW_KEPT_BYTES    0x10000     /* start of memory, for the firmware and starting cores */
#define NK_WORKER_ADDRESS    0x100000000 /* of the worker's code, in its own address space */
/* Of each core: a page that nothing is mapped at, the stack, those of traps that may come at any
 * instruction (NMI, debug, double fault, machine check). The first core's lie in the image, the
 * others' are memory found at boot, mapped below it. */
#define NK_STACKS_BASE       NK_IMAGE_BASE
#define NK_STACK_GUARD_BYTES 4096
#define NK_STACK_BYTES       16384
#define NK_FAULT_STACKS      4
#define NK_FAULT_STACK_BYTES 2048
#define NK_CORE_STACKS_BYTES 28672 /* of all these */
#define NK_XSAVE_BYTES_MAX   16384
#define NK_TRAMPOLINE        0x8000 /* physical: where other cores start */
/* Physical: where a core goes that has a system management interrupt, and the page into which it
 * saves its state, unless the firmware has said otherwise. */
#define NK_SMM_ENTRY         0x38000
#define NK_SMM_STATE         0x3f000

/* Addresses of an app: all in the first 512 GiB. */
#define NK_APP_IMAGE_START   0x10000ULL /* so that a null pointer and its neighbours fault */
#define NK_APP_IMAGE_END     0x40000000ULL
#define NK_APP_INITRD        0x5000000000ULL
#define NK_APP_START_PAGE    0x6000000000ULL
#define NK_APP_BOARD_PAGE    0x6000002000ULL
#define NK_APP_PRICES_PAGE   0x6000004000ULL
#define NK_APP_PRICES_WRITE  0x6000006000ULL /* the same for its owner */
#define NK_APP_CONTEXTS      0x6000010000ULL /* a page each, NK_CORES_MAX of them */
#define NK_APP_STACK_TOP     0x6000200000ULL /* a hole lies below the stack */
#define NK_APP_STACK_BYTES   0x40000ULL
#define NK_APP_DEVICES_START 0x7000000000ULL
#define NK_APP_DEVICES_END   0x7100000000ULL
#define NK_APP_CHANNELS      0x7200000000ULL /* NOM_CHANNEL_BYTES_MAX for each */
#define NK_APP_END           0x8000000000ULL

/* Memory is owned in blocks of 2 MiB, or pages. */
#define NK_PAGE_BYTES  4096ULL
#define NK_BLOCK_BYTES 0x200000ULL
#define NK_BLOCKS_MAX  1536 /* NK_MEMORY_END / NK_BLOCK_BYTES */

/* Time on a core that several contexts share, and for its notices (spec K10). */
#define NK_CORES_MAX   8
#define NK_SLICE_US    10000            /* of a context, while others are ready */
#define NK_CUT_US      2000             /* to answer NOM_EVENT_PREEMPT in */
#define NK_LEND_PAUSES 16               /* that the lock stays free where it is lent (core.h) */
#define NK_WAIT_NS_MAX 1000000000000000 /* longer waits are for ever: 11 days */

/* Boot information and files. */
#define NK_COMMAND_BYTES_MAX 4096
#define NK_MEMORY_RANGES_MAX 64
#define NK_INITRD_FILES_MAX  65536 /* looked at before an app counts as not found */
#define NK_ELF_SEGMENTS_MAX  16
#define NK_LINE_BYTES_MAX    240 /* one line of the kernel's own */
#define NK_ACPI_TABLES_MAX   64
#define NK_ACPI_BYTES_MAX    0x10000 /* of one table that is used */

#define NK_BINDINGS_MAX     128 /* interrupts of devices bound to apps, and to one of them */
#define NK_BINDINGS_APP_MAX (NK_BINDINGS_MAX / 8)
#define NK_PORTS_MAX        16     /* that devices can be plugged into */
#define NK_LEAVE_MS         5000   /* for an app to release a device that is to be unplugged */
#define NK_IOMMU_POLLS_MAX  100000 /* of a register, before the unit counts as broken */
#define NK_IOMMU_TRIES      100    /* of the same, for what a unit need not have */
#define NK_IOMMU_ROUNDS     64     /* through the records of faults, at one interrupt */

/* Channels that one app may have offered at once, so that it leaves others theirs. */
#define NK_CHANNELS_OFFERED_MAX 4u

/* Devices. BARs are placed by the kernel, from a window below 4 GiB that no firmware we know
 * uses; each takes whole pages of its own. */
#define NK_PCI_FUNCTIONS_MAX 48
#define NK_PCI_BUSES_MAX     32          /* numbered from 0 */
#define NK_PCI_DEPTH_MAX     4           /* of bridges behind bridges */
#define NK_PCI_BRIDGE_BYTES  0x800000ULL /* window of a bridge on the first bus; 1 MiB deeper */
#define NK_IO_START          0x1000u     /* ports of I/O BARs, on the first bus only */
#define NK_IO_END            0x1800u
#define NK_IO_WORDS          ((NK_IO_END - NK_IO_START) / 64) /* a bit a port */
#define NK_PCI_WINDOW_START  0xd0000000ULL
#define NK_PCI_WINDOW_END    0xe0000000ULL

#endif
