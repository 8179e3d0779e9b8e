/*
 * Each call checks everything first: numbers, then pointers, and only then does something. What the
 * app gave as an address is never used as one (paging.h).
 */
#include "syscall.h"
#include "app.h"
#include "board.h"
#include "console.h"
#include "device.h"
#include "frames.h"
#include "paging.h"
#include "runtime/abi/start.h"
#include "runtime/abi/syscall.h"

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
    nk_app_end((uint8_t)(NOM_EXIT_BASE + status));
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
        resource = key < NOM_BOARD_RESOURCES_MAX ? nk_board_resource(key + 1) : NULL;
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

static int64_t acquire(struct nk_app *app, uint64_t id, uint64_t out) {
    struct nom_device device;
    if (!nk_paging_writable(app, out, sizeof device))
        return -NOM_EFAULT;
    int error = nk_device_acquire(app, id, &device);
    if (!error)
        nk_paging_put(app, out, &device, sizeof device);
    return error;
}

void nk_syscall(struct nk_frame *frame) {
    struct nk_app *app = nk_app_current();
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
    default:
        result = -NOM_EINVAL;
    }
    frame->rax = (uint64_t)result;
}
