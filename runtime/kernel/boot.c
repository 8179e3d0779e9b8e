/*
 * The start information of the PVH boot protocol (Xen's hvm_start_info, version 1), believed only
 * where it points below NK_PHYSICAL_END.
 */
#include "boot.h"
#include "console.h"

#define START_MAGIC   0x336ec578u
#define MEMORY_USABLE 1u

struct start_info {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, command, rsdp, memory_map;
    uint32_t memory_entries, reserved;
};
_Static_assert(sizeof(struct start_info) == 56, "hvm_start_info");

struct module {
    uint64_t address, bytes, command, reserved;
};

struct memory_entry {
    uint64_t address, bytes;
    uint32_t type, reserved;
};

static const void *firmware(uint64_t physical, uint64_t bytes) {
    if (physical == 0 || physical > NK_PHYSICAL_END - bytes)
        nk_panic("start information points to %x", physical);
    return nk_direct(physical);
}

void nk_boot_read(uint64_t start_info, struct nk_boot *boot) {
    const struct start_info *info = firmware(start_info, sizeof *info);
    if (info->magic != START_MAGIC || info->version < 1 || info->memory_entries == 0)
        nk_panic("not started through PVH version 1");

    const struct memory_entry *map =
        firmware(info->memory_map, sizeof *map * (uint64_t)info->memory_entries);
    for (uint32_t i = 0; i < info->memory_entries && boot->memory_count < NK_MEMORY_RANGES_MAX; i++)
        if (map[i].type == MEMORY_USABLE)
            boot->memory[boot->memory_count++] = (struct nk_range){map[i].address, map[i].bytes};

    if (info->modules > 0) {
        const struct module *module = firmware(info->module_list, sizeof *module);
        if (module->bytes > 0) {
            firmware(module->address, module->bytes < NK_PHYSICAL_END ? module->bytes : 0);
            if (module->bytes < NK_PHYSICAL_END)
                boot->initrd = (struct nk_range){module->address, module->bytes};
        }
    }

    boot->rsdp = info->rsdp;

    if (info->command != 0) {
        const char *command = firmware(info->command, 1);
        unsigned n = 0;
        while (n < NK_COMMAND_BYTES_MAX - 1 && command[n]) {
            boot->command[n] = command[n];
            n++;
        }
        boot->command_cut = command[n] != 0;
    }
}
