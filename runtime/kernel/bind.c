/*
 * Invariant: an entry of an owned device is unmasked exactly while it is bound, its owner has not
 * masked it, and it is not held.
 */
#include "bind.h"
#include "board.h"
#include "device.h"
#include "interrupt.h"
#include "msix.h"

static struct binding {
    struct nk_context *context; /* NULL: free */
    const struct nk_msix *msix;
    uint32_t id, entry;
    int vector;
    unsigned bit;
    bool masked, held;
} bindings[NK_BINDINGS_MAX];

static void arrived(uint64_t index) {
    struct binding *b = &bindings[index];
    if (!b->context)
        return;
    uint64_t bit = 1ULL << b->bit, *word = &b->context->shared->interrupts;
    if (__atomic_load_n(word, __ATOMIC_RELAXED) & bit) {
        if (!b->held) {
            nk_msix_mask(b->msix, b->entry, true);
            b->held = true;
            b->context->held++;
        }
    }
    nk_context_set(word, bit);
    nk_context_event(b->context, NOM_EVENT_INTERRUPT);
}

static void let_go(struct binding *b) {
    b->context->held -= b->held;
    b->held = false;
}

void nk_bind_settle(struct nk_context *context) {
    for (unsigned i = 0; context->held > 0 && i < NK_BINDINGS_MAX; i++) {
        struct binding *b = &bindings[i];
        if (b->context != context || !b->held ||
            (__atomic_load_n(&context->shared->interrupts, __ATOMIC_RELAXED) & 1ULL << b->bit))
            continue;
        let_go(b);
        if (!b->masked)
            nk_msix_mask(b->msix, b->entry, false);
    }
}

static struct binding *find(uint64_t id, uint64_t entry) {
    for (unsigned i = 0; i < NK_BINDINGS_MAX; i++)
        if (bindings[i].context && bindings[i].id == id && bindings[i].entry == entry)
            return &bindings[i];
    return NULL;
}

static int64_t bind(struct nk_context *context, const struct nom_resource *r, uint32_t entry) {
    struct binding *b = NULL;
    uint64_t bits = 0;
    unsigned count = 0; /* of the app's */
    for (unsigned i = 0; i < NK_BINDINGS_MAX; i++) {
        count += bindings[i].context && bindings[i].context->app == context->app;
        if (bindings[i].context == context)
            bits |= 1ULL << bindings[i].bit;
        else if (!bindings[i].context && !b)
            b = &bindings[i];
    }
    if (!b || bits == ~0ULL || count == NK_BINDINGS_APP_MAX)
        return -NOM_ENOMEM;
    int vector = nk_vector_take(arrived, (uint64_t)(b - bindings));
    if (!vector)
        return -NOM_ENOMEM;
    *b = (struct binding){.context = context,
                          .msix = nk_device_msix(r->id),
                          .id = r->id,
                          .entry = entry,
                          .vector = vector};
    while (bits >> b->bit & 1)
        b->bit++;
    __atomic_fetch_and(&context->shared->interrupts, ~(1ULL << b->bit), __ATOMIC_SEQ_CST);
    nk_msix_aim(b->msix, entry, nk_remap_allow(r->pci_bdf, context->core->apic_id, vector));
    nk_msix_enable(r->pci_bdf, b->msix);
    nk_msix_mask(b->msix, entry, false);
    return b->bit;
}

static void unbind(struct binding *b) {
    nk_msix_mask(b->msix, b->entry, true);
    nk_remap_end(b->vector);
    nk_vector_give(b->vector);
    let_go(b);
    b->context = NULL;
}

int64_t nk_call_interrupt(struct nk_context *context, uint64_t id, uint64_t entry, uint64_t op) {
    const struct nom_resource *r = nk_board_resource(id);
    if (!r || r->kind != NOM_RESOURCE_PCI)
        return -NOM_ENOENT;
    if (r->owner != context->app->number)
        return -NOM_EPERM;
    if (op < NOM_INTERRUPT_BIND || op > NOM_INTERRUPT_UNBIND ||
        entry >= nk_device_msix(r->id)->entries)
        return -NOM_EINVAL;
    struct binding *b = find(id, entry);
    if (op == NOM_INTERRUPT_BIND)
        return b ? -NOM_EBUSY : bind(context, r, (uint32_t)entry);
    if (!b)
        return -NOM_ENOENT;
    if (op == NOM_INTERRUPT_UNBIND) {
        unbind(b);
        return 0;
    }
    b->masked = op == NOM_INTERRUPT_MASK;
    let_go(b);
    nk_msix_mask(b->msix, b->entry, b->masked);
    return 0;
}

void nk_bind_end(uint32_t id) {
    for (unsigned i = 0; i < NK_BINDINGS_MAX; i++)
        if (bindings[i].context && bindings[i].id == id)
            unbind(&bindings[i]);
}

void nk_bind_context_end(const struct nk_context *context) {
    for (unsigned i = 0; i < NK_BINDINGS_MAX; i++)
        if (bindings[i].context == context)
            unbind(&bindings[i]);
}
