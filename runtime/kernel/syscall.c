/*
 * Each call checks everything first: numbers, then pointers, and only then does something. What the
 * app gave as an address is never used as one (paging.h).
 */
#include "syscall.h"
#include "app.h"
#include "bind.h"
#include "board.h"
#include "channel.h"
#include "console.h"
#include "device.h"
#include "frames.h"
#include "paging.h"
#include "runtime/abi/start.h"
#include "runtime/abi/syscall.h"
#include "upcall.h"

static bool by_fault;

void nk_syscall_start(uint32_t entry) {
    by_fault = entry == NOM_ENTRY_FAULT;
}

bool nk_syscall_by_fault(void) {
    return by_fault;
}

static int64_t end(struct nk_app *app, uint64_t status) {
    if (status > NOM_EXIT_STATUS_MAX)
        return -NOM_EINVAL;
    nk_line("app %s ended: exit status %u", app->name, status);
    nk_app_kill(app, (uint8_t)(NOM_EXIT_BASE + status));
    return 0;
}

static int64_t print(const struct nk_app *app, uint64_t text, uint64_t bytes) {
    static uint8_t copy[NOM_PRINT_MAX];
    if (bytes > NOM_PRINT_MAX)
        return -NOM_EINVAL;
    if (!nk_paging_get(app, copy, text, bytes))
        return -NOM_EFAULT;
    nk_console_text(copy, bytes);
    return 0;
}

static int64_t query(const struct nk_app *app, uint64_t what, uint64_t key, uint64_t out) {
    uint64_t rights, physical;
    const struct nom_resource *resource;
    switch (what) {
    case NOM_QUERY_RESOURCE:
        if (!nk_paging_writable(app, out, sizeof *resource))
            return -NOM_EFAULT;
        resource = nk_board_at(key);
        if (!resource)
            return -NOM_ENOENT;
        nk_paging_put(app, out, resource, sizeof *resource);
        return 0;
    case NOM_QUERY_PHYSICAL:
        physical = nk_paging_find(app, key, &rights);
        return physical && nk_paging_put(app, out, &physical, sizeof physical) ? 0 : -NOM_EFAULT;
    default:
        return -NOM_EINVAL;
    }
}

static int64_t acquire_device(struct nk_app *app, uint64_t id, uint64_t out) {
    struct nom_device device;
    if (!nk_paging_writable(app, out, sizeof device))
        return -NOM_EFAULT;
    int error = nk_device_acquire(app, id, &device);
    if (!error)
        nk_paging_put(app, out, &device, sizeof device);
    return error;
}

static int64_t acquire_core(struct nk_app *app, uint64_t id, uint64_t in) {
    struct nk_core *core = &nk_cores[id - 1];
    struct nom_core_start start;
    struct nk_context *context;
    if (!nk_paging_get(app, &start, in, sizeof start))
        return -NOM_EFAULT;
    if (start.entry >= NK_APP_END)
        return -NOM_EINVAL;
    if (core->context_count > 0)
        return -NOM_EBUSY;
    int error = nk_context_start(app, core, &start, &context);
    return error ? error : (int64_t)context->index;
}

static int64_t acquire_prices(struct nk_app *app, const struct nom_resource *prices, uint64_t out) {
    static const uint64_t address = NK_APP_PRICES_WRITE;
    if (!nk_paging_writable(app, out, sizeof address))
        return -NOM_EFAULT;
    if (prices->owner != 0)
        return -NOM_EBUSY;
    if (!nk_paging_map(app, address, nk_board_prices_physical(), NK_PAGE_BYTES,
                       NK_PAGE_WRITE | NK_PAGE_NO_EXECUTE))
        return -NOM_ENOMEM;
    nk_board_own(prices->id, app->number);
    nk_paging_put(app, out, &address, sizeof address);
    return 0;
}

static int64_t acquire(struct nk_app *app, uint64_t id, uint64_t out) {
    const struct nom_resource *resource = nk_board_resource(id);
    if (!resource)
        return -NOM_ENOENT;
    switch (resource->kind) {
    case NOM_RESOURCE_CORE:
        return acquire_core(app, id, out);
    case NOM_RESOURCE_PRICES:
        return acquire_prices(app, resource, out);
    case NOM_RESOURCE_PCI:
        return acquire_device(app, id, out);
    default:
        return -NOM_EINVAL;
    }
}

/* Of the core that the call is made on. */
static int64_t release_core(struct nk_context *context, uint64_t id) {
    unsigned others = 0;
    for (unsigned i = 0; i < NK_CORES_MAX; i++)
        others += i != context->index && context->app->contexts[i].state != NK_CONTEXT_FREE;
    if (id - 1 != context->core->index || others == 0)
        return -NOM_EINVAL;
    nk_context_end(context);
    return 0;
}

static int64_t release(struct nk_context *context, uint64_t id) {
    struct nk_app *app = context->app;
    const struct nom_resource *resource = nk_board_resource(id);
    if (!resource)
        return -NOM_ENOENT;
    if (resource->kind == NOM_RESOURCE_CORE)
        return release_core(context, id);
    if (resource->kind == NOM_RESOURCE_PCI)
        return nk_device_release(app, id);
    if (resource->kind != NOM_RESOURCE_PRICES)
        return -NOM_EINVAL;
    if (resource->owner != app->number)
        return -NOM_EPERM;
    nk_paging_unmap(app, NK_APP_PRICES_WRITE, NK_PAGE_BYTES);
    nk_board_own(resource->id, 0);
    return 0;
}

static int64_t notify_prices(const struct nk_app *app) {
    const struct nom_resource *resource;
    for (uint32_t i = 0; (resource = nk_board_at(i)); i++)
        if (resource->kind == NOM_RESOURCE_PRICES && resource->owner == app->number) {
            nk_apps_event(NOM_EVENT_PRICES);
            return 0;
        }
    return -NOM_EPERM;
}

static int64_t notify(struct nk_app *app, uint64_t how, uint64_t which) {
    switch (how) {
    case NOM_NOTIFY_PRICES:
        return notify_prices(app);
    case NOM_NOTIFY_CHANNEL:
        return nk_channel_notify(app, which);
    case NOM_NOTIFY_CORE:
        if (which >= NK_CORES_MAX || app->contexts[which].state == NK_CONTEXT_FREE)
            return -NOM_ENOENT;
        nk_context_event(&app->contexts[which], NOM_EVENT_CORE);
        return 0;
    default:
        return -NOM_EINVAL;
    }
}

void nk_syscall(struct nk_context *context) {
    struct nk_app *app = context->app;
    struct nk_frame *frame = &context->frame;
    int64_t result;
    switch (frame->rax) {
    case NOM_SYS_EXIT:
        result = end(app, frame->rdi);
        break;
    case NOM_SYS_PRINT:
        result = print(app, frame->rdi, frame->rsi);
        break;
    case NOM_SYS_QUERY:
        result = query(app, frame->rdi, frame->rsi, frame->rdx);
        break;
    case NOM_SYS_ACQUIRE:
        result = acquire(app, frame->rdi, frame->rsi);
        break;
    case NOM_SYS_RELEASE:
        result = release(context, frame->rdi);
        break;
    case NOM_SYS_GRANT:
        result = nk_call_grant(app, frame->rdi, frame->rsi, frame->rdx, frame->r8);
        break;
    case NOM_SYS_MAP:
        result = nk_call_map(app, frame->rdi, frame->rsi, frame->rdx, frame->r8);
        break;
    case NOM_SYS_UNMAP:
        result = nk_call_unmap(app, frame->rdi, frame->rsi, frame->rdx, frame->r8);
        break;
    case NOM_SYS_FREE:
        result = nk_call_free(app, frame->rdi, frame->rsi, frame->rdx, frame->r8);
        break;
    case NOM_SYS_PROTECT:
        result = nk_call_protect(app, frame->rdi, frame->rsi, frame->rdx, frame->r8);
        break;
    case NOM_SYS_WAIT:
        result = nk_context_wait(context, frame->rdi, frame->rsi);
        break;
    case NOM_SYS_YIELD:
        result = nk_context_yield(context);
        break;
    case NOM_SYS_RESUME:
        if (nk_upcall_resume(context, frame->rdi))
            return;
        result = -NOM_EINVAL;
        break;
    case NOM_SYS_INTERRUPT:
        result = nk_call_interrupt(context, frame->rdi, frame->rsi, frame->rdx);
        break;
    case NOM_SYS_NOTIFY:
        result = notify(app, frame->rdi, frame->rsi);
        break;
    case NOM_SYS_CHANNEL:
        result = nk_call_channel(app, frame->rdi, frame->rsi, frame->rdx);
        break;
    default:
        result = -NOM_EINVAL;
    }
    /* Of a context that has just been ended, the frame is nobody's. */
    frame->rax = (uint64_t)result;
}
