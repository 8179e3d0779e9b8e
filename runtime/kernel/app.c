/*
 * States of an app:
 *
 *   named on the command line --load()--> runs --nk_app_kill()--> ended
 *              \--refuse(): the machine ends
 */
#include "app.h"
#include "board.h"
#include "channel.h"
#include "command.h"
#include "console.h"
#include "device.h"
#include "elf.h"
#include "memory.h"
#include "paging.h"
#include "runtime/abi/cpio.h"

static struct nk_app apps[NOM_APPS_MAX];  /* by number - 1 */
static unsigned running;                  /* of them */
static uint8_t last_exit = NOM_EXIT_BASE; /* of the last that ended badly, if any */

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

static void map(struct nk_app *app, uint64_t address, uint64_t physical, uint64_t bytes,
                uint64_t rights) {
    if (!physical || !nk_paging_map(app, address, physical, bytes, rights))
        refuse(app->name, "not enough memory");
}

/* Writes what the app is told (abi/start.h) and maps it, with everything else it may read. */
static void describe(struct nk_app *app, uint32_t core, const struct nk_range *initrd,
                     uint32_t syscall_entry) {
    uint64_t page = nk_memory_pages(app->number, 1);
    map(app, NK_APP_START_PAGE, page, NK_PAGE_BYTES, NK_PAGE_NO_EXECUTE);
    map(app, NK_APP_BOARD_PAGE, nk_board_physical(), NK_PAGE_BYTES, NK_PAGE_NO_EXECUTE);
    map(app, NK_APP_PRICES_PAGE, nk_board_prices_physical(), NK_PAGE_BYTES, NK_PAGE_NO_EXECUTE);
    map(app, NK_APP_STACK_TOP - NK_APP_STACK_BYTES,
        nk_memory_pages(app->number, NK_APP_STACK_BYTES / NK_PAGE_BYTES), NK_APP_STACK_BYTES,
        NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE);

    /* At the same place within a block as in memory, so that large pages fit. */
    uint64_t first = initrd->start & ~(NK_PAGE_BYTES - 1), within = initrd->start - first;
    uint64_t whole = (within + initrd->bytes + NK_PAGE_BYTES - 1) & ~(NK_PAGE_BYTES - 1);
    uint64_t address = NK_APP_INITRD + (first & (NK_BLOCK_BYTES - 1));
    map(app, address, first, whole, NK_PAGE_NO_EXECUTE);

    struct nom_start *start = nk_direct(page);
    start->magic = NOM_START_MAGIC;
    start->version = NOM_START_VERSION;
    start->syscall_entry = syscall_entry;
    start->tsc_hz = nk_board_tsc_hz();
    start->board = NK_APP_BOARD_PAGE;
    start->prices = NK_APP_PRICES_PAGE;
    start->contexts = NK_APP_CONTEXTS;
    start->app = app->number;
    start->core = core;
    start->initrd = address + within;
    start->initrd_bytes = initrd->bytes;
    start->initrd_physical = initrd->start;
    start->stack_top = NK_APP_STACK_TOP;
    start->stack_bytes = NK_APP_STACK_BYTES;
    start->argc = app->argc;
    unsigned used = 0;
    for (uint32_t i = 0; i < app->argc; i++) {
        start->argv[i] = NK_APP_START_PAGE + offsetof(struct nom_start, arg_bytes) + used;
        for (const char *c = app->argv[i]; *c; c++)
            start->arg_bytes[used++] = *c;
        start->arg_bytes[used++] = 0;
    }
}

static void load(struct nk_app *app, struct nk_core *core, const struct nk_range *initrd,
                 uint32_t syscall_entry) {
    struct nom_cpio_entry file;
    struct nom_core_start start = {
        .stack_top = NK_APP_STACK_TOP,
        .argument = NK_APP_START_PAGE,
    };
    struct nk_context *context;
    find(initrd, app->name, &file);
    app->tables_physical = nk_paging_space(app->number);
    if (!app->tables_physical)
        refuse(app->name, "not enough memory");
    const char *why = nk_elf_load(app, file.data, file.bytes, &start.entry);
    if (why)
        refuse(app->name, why);
    describe(app, core->index, initrd, syscall_entry);
    app->runs = true;
    if (nk_context_start(app, core, &start, &context) < 0)
        refuse(app->name, "not enough memory");
    context->frame.rsi = 0;
    nk_board_app(app->number, app->name, NOM_APP_RUNS, 0);
}

void nk_app_start(struct nk_boot *boot, uint32_t syscall_entry) {
    const char *why = nk_command_parse(boot, apps, &running);
    if (why) {
        nk_line("command line: %s", why);
        nk_power_off(NOM_EXIT_BAD_COMMAND);
    }
    for (unsigned i = 0; i < running; i++) {
        apps[i].number = i + 1;
        load(&apps[i], &nk_cores[i % nk_core_count], &boot->initrd, syscall_entry);
    }
}

struct nk_app *nk_app_by_number(uint64_t number) {
    return number >= 1 && number <= NOM_APPS_MAX && apps[number - 1].runs ? &apps[number - 1]
                                                                          : NULL;
}

static void release_prices(const struct nk_app *app) {
    const struct nom_resource *r;
    for (uint32_t i = 0; (r = nk_board_at(i)); i++)
        if (r->owner == app->number && r->kind == NOM_RESOURCE_PRICES)
            nk_board_own(r->id, 0);
}

void nk_app_kill(struct nk_app *app, uint8_t exit_value) {
    uint64_t cores = 0;
    app->runs = false; /* no event is for it any more */
    nk_core_flush(app);
    for (unsigned i = 0; i < NK_CORES_MAX; i++) {
        if (app->contexts[i].state == NK_CONTEXT_FREE)
            continue;
        nk_context_end(&app->contexts[i]);
        cores++;
    }
    nk_core_tables(nk_core_here(), 0);
    uint64_t device_count = nk_device_release_all(app);
    release_prices(app);
    nk_channel_end(app);
    nk_line("app %s gave back: %u KiB, %u devices, %u cores", app->name,
            nk_memory_release(app->number) / 1024, device_count, cores);
    nk_board_app(app->number, app->name, NOM_APP_ENDED, exit_value);
    if (exit_value != NOM_EXIT_BASE)
        last_exit = exit_value;
    if (--running == 0)
        nk_power_off(last_exit);
    nk_apps_event(NOM_EVENT_RESOURCES);
}
