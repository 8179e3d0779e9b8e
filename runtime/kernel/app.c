/*
 * States of an app:
 *
 *   named on the command line --load()--> loaded --enter()--> running --nk_app_end()--> ended
 *              \--refuse(): the machine ends
 */
#include "app.h"
#include "board.h"
#include "command.h"
#include "console.h"
#include "device.h"
#include "elf.h"
#include "memory.h"
#include "paging.h"
#include "runtime/abi/cpio.h"
#include "trap.h"
#include "worker.h"

extern const uint8_t nk_tables_boot[];

static struct nk_app app; /* the one that runs */
static struct nk_app *current;

_Noreturn static void refuse(const char *name, const char *why) {
    nk_line("app %s cannot run: %s", name, why);
    nk_power_off(NOM_EXIT_BAD_COMMAND);
}

static bool same(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static void find(const struct nk_range *initrd, const char *name, struct nom_cpio_entry *entry) {
    uint64_t at = 0;
    if (initrd->bytes == 0)
        refuse(name, "there is no initrd to find it in");
    for (unsigned i = 0; i < NK_INITRD_FILES_MAX; i++) {
        int found = nom_cpio_next(nk_direct(initrd->start), initrd->bytes, &at, entry);
        if (found < 0)
            refuse(name, "the initrd is damaged, or no cpio archive (newc)");
        if (found == 0)
            break;
        if ((entry->mode & NOM_CPIO_TYPE_MASK) == NOM_CPIO_TYPE_FILE && same(entry->name, name))
            return;
    }
    refuse(name, "no file of this name in the initrd");
}

static void map(uint64_t address, uint64_t physical, uint64_t bytes, uint64_t rights) {
    if (!physical || !nk_paging_map(&app, address, physical, bytes, rights))
        refuse(app.name, "not enough memory");
}

/* Writes what the app is told (abi/start.h) and maps it, with everything else it may read. */
static void describe(const struct nk_range *initrd, uint32_t syscall_entry) {
    uint64_t page = nk_memory_pages(app.number, 1), board = nk_board_physical();
    map(NK_APP_START_PAGE, page, NK_PAGE_BYTES, NK_PAGE_NO_EXECUTE);
    map(NK_APP_BOARD_PAGE, board, NK_PAGE_BYTES, NK_PAGE_NO_EXECUTE);
    map(NK_APP_STACK_TOP - NK_APP_STACK_BYTES,
        nk_memory_pages(app.number, NK_APP_STACK_BYTES / NK_PAGE_BYTES), NK_APP_STACK_BYTES,
        NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE);

    /* At the same place within a block as in memory, so that large pages fit. */
    uint64_t first = initrd->start & ~(NK_PAGE_BYTES - 1), within = initrd->start - first;
    uint64_t whole = (within + initrd->bytes + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
    uint64_t address = NK_APP_INITRD + (first & (NK_BLOCK_BYTES - 1));
    map(address, first, whole, NK_PAGE_NO_EXECUTE);

    struct nom_start *start = nk_direct(page);
    start->magic = NOM_START_MAGIC;
    start->version = NOM_START_VERSION;
    start->syscall_entry = syscall_entry;
    start->tsc_hz = nk_board_tsc_hz();
    start->board = NK_APP_BOARD_PAGE;
    start->initrd = address + within;
    start->initrd_bytes = initrd->bytes;
    start->initrd_physical = initrd->start;
    start->stack_top = NK_APP_STACK_TOP;
    start->stack_bytes = NK_APP_STACK_BYTES;
    start->argc = app.argc;
    unsigned used = 0;
    for (uint32_t i = 0; i < app.argc; i++) {
        start->argv[i] = NK_APP_START_PAGE + offsetof(struct nom_start, arg_bytes) + used;
        for (const char *c = app.argv[i]; *c; c++)
            start->arg_bytes[used++] = *c;
        start->arg_bytes[used++] = 0;
    }
}

/* The processor's time is the app's from here on. */
_Noreturn static void enter(uint64_t entry) {
    struct nk_frame frame = {
        .rdi = NK_APP_START_PAGE,
        .rip = entry,
        .cs = NK_CS_USER,
        .rflags = NK_FLAGS_APP,
        .rsp = NK_APP_STACK_TOP,
        .ss = NK_SS_USER,
    };
    const struct nom_resource *r;
    for (uint32_t id = 1; (r = nk_board_resource(id)) && r->kind == NOM_RESOURCE_CORE; id++)
        if (id == 1)
            nk_board_own(id, app.number);
    current = &app;
    nk_worker_tables(app.tables_physical);
    nk_cr3_set(app.tables_physical);
    nk_frame_enter(&frame);
}

void nk_app_run(struct nk_boot *boot, uint32_t syscall_entry) {
    struct nom_cpio_entry file;
    uint64_t entry;
    const char *why = nk_command_parse(boot, &app);
    if (why) {
        nk_line("command line: %s", why);
        nk_power_off(NOM_EXIT_BAD_COMMAND);
    }
    app.number = 1;
    app.name = app.argv[0];
    app.device_next = NK_APP_DEVICES_START;
    find(&boot->initrd, app.name, &file);
    app.tables_physical = nk_paging_space(app.number);
    if (!app.tables_physical)
        refuse(app.name, "not enough memory");
    why = nk_elf_load(&app, file.data, file.bytes, &entry);
    if (why)
        refuse(app.name, why);
    describe(&boot->initrd, syscall_entry);
    enter(entry);
}

struct nk_app *nk_app_current(void) {
    return current;
}

void nk_app_end(uint8_t exit_value) {
    nk_cr3_set(nk_image_physical(nk_tables_boot));
    nk_worker_tables(0);
    nk_device_release(current->number);
    nk_memory_release(current->number);
    current = NULL;
    nk_power_off(exit_value);
}
