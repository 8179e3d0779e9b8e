/*
 * Page tables that hold from the first instruction to the last, built by the assembler because
 * ring 0 may be interpreted. What they say:
 *
 *   nk_tables_boot     the kernel's own: image, direct map, and until nk_paging_start the identity
 *                      map of the first 4 GiB
 *   nk_tables_worker   the same kernel half; its user half maps physical memory below 4 GiB one to
 *                      one, writable and not executable, and one page of worker code. Nothing but
 *                      worker.S ever runs there.
 *
 * The page directories of physical memory are shared by all three. They carry the user bit: who may
 * use them is decided one level up, where only the worker's tables carry it too.
 */
#include "limits.h"

#define P 0x001
#define W 0x002
#define U 0x004
#define UNCACHED 0x018
#define LARGE 0x080
#define NX 0x8000000000000000

#define PHYSICAL(symbol) (symbol - NK_IMAGE_BASE)

    .section .tables, "aw"
    .balign 4096
    .global nk_tables_boot, nk_tables_worker, nk_tables_image
nk_tables_boot:
    .quad PHYSICAL(direct_pdpt) + (P | W)
    .fill 255, 8, 0
    .quad PHYSICAL(direct_pdpt) + (NX + P + W)
    .fill 254, 8, 0
    .quad PHYSICAL(image_pdpt) + (P | W)

nk_tables_worker:
    .quad PHYSICAL(worker_pdpt) + (P | W | U)
    .fill 255, 8, 0
    .quad PHYSICAL(direct_pdpt) + (NX + P + W)
    .fill 254, 8, 0
    .quad PHYSICAL(image_pdpt) + (P | W)

direct_pdpt:
    .quad PHYSICAL(physical_pd) + (P | W)
    .quad PHYSICAL(physical_pd) + 0x1000 + (P | W)
    .quad PHYSICAL(physical_pd) + 0x2000 + (P | W)
    .quad PHYSICAL(physical_pd) + 0x3000 + (P | W)
    .fill 508, 8, 0

worker_pdpt:
    .quad PHYSICAL(physical_pd) + (NX + P + W + U)
    .quad PHYSICAL(physical_pd) + 0x1000 + (NX + P + W + U)
    .quad PHYSICAL(physical_pd) + 0x2000 + (NX + P + W + U)
    .quad 0
    .quad PHYSICAL(worker_pd) + (P | U)
    .fill 507, 8, 0

worker_pd:
    .quad PHYSICAL(worker_pt) + (P | U)
    .fill 511, 8, 0
worker_pt:
    .quad PHYSICAL(nk_worker_code_start) + (P | U)
    .fill 511, 8, 0

image_pdpt:
    .fill 510, 8, 0
    .quad PHYSICAL(image_pd) + (P | W)
    .quad 0
image_pd:
    .quad PHYSICAL(nk_tables_image) + (P | W)
    .fill 511, 8, 0
/* 4 KiB pages of the first 2 MiB; paging.c sets the rights of each. */
nk_tables_image:
    .set page, 0
    .rept 512
    .quad page + (P | W)
    .set page, page + 0x1000
    .endr

/* Memory in the first 3 GiB; devices in the fourth. */
physical_pd:
    .set page, 0
    .rept 1536
    .quad page + (P | W | U | LARGE)
    .set page, page + 0x200000
    .endr
    .rept 512
    .quad page + (P | W | U | LARGE | UNCACHED)
    .set page, page + 0x200000
    .endr

    .section .note.GNU-stack, "", @progbits
